"""A histogram with fixed bounds: what a measure keeps of many observations.

It is no more than numbers. Who observes from several threads guards it with a lock of their own; with one thread that
observes, any other may read: it sees each figure as it was a moment ago.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

LATENCY_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
"""From a message inside the process to a broker that uses up its deadline."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram held at one moment."""

    bounds: tuple[float, ...]  # upper ones, each included; above the last there is one more bucket without a bound
    cumulative: tuple[int, ...]  # observations up to each bound, then all of them
    total: float  # of the observed values

    @property
    def count(self) -> int:
        """How many were observed."""
        return self.cumulative[-1]


class Histogram:
    """Counts observations by size."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: Sequence[float] = LATENCY_SECONDS) -> None:
        """``bounds``: the buckets' upper bounds, rising. Raises ``ValueError`` for others."""
        self._bounds = tuple(bounds)
        if not self._bounds or any(low >= high for low, high in zip(self._bounds, self._bounds[1:], strict=False)):
            raise ValueError(f"bounds must rise, and there must be one at least, not {self._bounds}")
        self._counts = [0] * (len(self._bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        """One more."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def distribution(self) -> Distribution:
        """What was observed so far."""
        return Distribution(self._bounds, tuple(accumulate(self._counts)), self._total)
