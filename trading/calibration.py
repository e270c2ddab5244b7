"""Were the probabilities true? Scores of claims of the form "with probability p it happens" against what happened.

A forecast is *calibrated* when of all that it gave 70 % some 70 % happen, and *skilful* when it tells the likely from
the unlikely better than the one average rate would. A constant is calibrated without skill, so both are measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from trading.bars import Floats

Flags: TypeAlias = NDArray[np.bool_]
Outcomes: TypeAlias = Flags | Floats
"""Whether it happened; or the probability of that, where the end itself is not known."""

BINS = 20
CONFIDENT_95 = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a share may truly lie, with 95 % confidence."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """All claims between two probabilities, and what came of them."""

    low: float  # of the bin; the claims in it are at or above this
    high: float  # and below this, but the last bin has 1 in it
    count: int
    claimed: float  # mean of the claims
    happened: float  # share of them that happened
    interval: Interval  # of that share, by Wilson

    @property
    def bias(self) -> float:
        """How much too high the claims were; negative: too low."""
        return self.claimed - self.happened


@dataclass(frozen=True, slots=True)
class Score:
    """Claims against what happened, in a few numbers. None where a number has no meaning."""

    count: int
    claimed: float | None  # mean of the claims
    happened: float | None  # the base rate: share that happened
    calibration_error: float | None
    brier: float | None
    brier_skill: float | None

    @property
    def bias(self) -> float | None:
        """How much too high the claims were on average; negative: too low."""
        return None if self.claimed is None or self.happened is None else self.claimed - self.happened

    def as_detail(self) -> dict[str, object]:
        """The same in JSON's types."""
        return {**asdict(self), "bias": self.bias}


@dataclass(frozen=True, slots=True)
class Murphy:
    """The Brier score of binned claims in three parts: reliability - resolution + uncertainty."""

    reliability: float  # mean squared distance of claims from what happened; 0 is best
    resolution: float  # how far what happened in the bins lies from the base rate; more is better
    uncertainty: float  # of the matter itself: base rate x (1 - base rate)


def score(claimed: Floats, happened: Flags) -> Score:
    """All scores of (n,) claims. Raises ``ValueError`` as `reliability` does."""
    bins = reliability(claimed, happened)
    if not len(claimed):
        return Score(0, None, None, None, None, None)
    return Score(
        count=len(claimed),
        claimed=float(claimed.mean()),
        happened=float(happened.mean()),
        calibration_error=calibration_error(bins),
        brier=brier_score(claimed, happened),
        brier_skill=brier_skill(claimed, happened),
    )


def reliability(claimed: Floats, happened: Outcomes, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """The claims in ``bins`` bins of equal width, empty ones left out.

    Raises ``ValueError`` for columns of unequal length, and for a claim that is not a probability.
    """
    if claimed.shape != happened.shape:
        raise ValueError(f"there are {claimed.shape} claims and {happened.shape} outcomes; expected as many")
    outside = ~((claimed >= 0) & (claimed <= 1))
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(f"claim {row} is {claimed[row]}; expected a probability from 0 to 1")
    places = np.minimum((claimed * bins).astype(np.int64), bins - 1)
    counts = np.bincount(places, minlength=bins)
    sums = np.bincount(places, weights=claimed, minlength=bins)
    hits = np.bincount(places, weights=happened, minlength=bins)
    return tuple(
        ReliabilityBin(
            low=place / bins,
            high=(place + 1) / bins,
            count=int(counts[place]),
            claimed=float(sums[place] / counts[place]),
            happened=float(hits[place] / counts[place]),
            interval=wilson_interval(round(float(hits[place])), int(counts[place])),
        )
        for place in np.flatnonzero(counts).tolist()
    )


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """The expected calibration error: the mean distance of claimed from happened, over bins weighted by their counts.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    return math.fsum(each.count * abs(each.bias) for each in bins) / sum(each.count for each in bins)


def brier_score(claimed: Floats, happened: Flags) -> float:
    """The mean squared distance of claims from what happened (0 or 1); 0 is best.

    Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78 (1950).
    """
    return float(np.mean((claimed - happened) ** 2))


def brier_skill(claimed: Floats, happened: Flags) -> float | None:
    """1 - Brier score / that of always claiming the base rate: 1 is best, 0 is no better than the rate.

    The base rate is that of these very outcomes, which no forecaster knew: the harder comparison. None where all or
    none happened.
    """
    rate = float(happened.mean())
    uncertainty = rate * (1 - rate)
    return 1 - brier_score(claimed, happened) / uncertainty if uncertainty > 0 else None


def murphy(bins: Sequence[ReliabilityBin]) -> Murphy:
    """The parts of the Brier score, claims within a bin taken for their mean.

    Murphy, "A new vector partition of the probability score", Journal of Applied Meteorology 12 (1973).
    """
    count = sum(each.count for each in bins)
    rate = math.fsum(each.count * each.happened for each in bins) / count
    return Murphy(
        reliability=math.fsum(each.count * each.bias**2 for each in bins) / count,
        resolution=math.fsum(each.count * (each.happened - rate) ** 2 for each in bins) / count,
        uncertainty=rate * (1 - rate),
    )


def wilson_interval(happened: float, count: float, z: float = CONFIDENT_95) -> Interval:
    """The interval of a share, good also for few and for none. Raises ``ValueError`` for a count that is not positive.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). It takes the cases
    for independent of each other.
    """
    if not count > 0 or not 0 <= happened <= count:
        raise ValueError(f"{happened:g} of {count:g} happened; expected a count above 0, and no more than it")
    share = happened / count
    widening = z * z / count
    middle = (share + widening / 2) / (1 + widening)
    half = z / (1 + widening) * math.sqrt(share * (1 - share) / count + widening / (4 * count))
    # The share is within; at 0 and 1 it is the limit itself, up to rounding.
    return Interval(min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share))


def quantile_groups(values: Floats, groups: int) -> list[tuple[float, float, Flags]]:
    """The values, (n,), in groups of nearly equal counts: the least and the greatest value of each, and who is in it.

    Equal values stay together, so there may be fewer groups.
    """
    edges = np.quantile(values, np.arange(1, groups) / groups) if len(values) else np.zeros(0)
    places = np.searchsorted(edges, values, side="right")
    found = []
    for place in range(groups):
        inside = places == place
        if inside.any():
            found.append((float(values[inside].min()), float(values[inside].max()), inside))
    return found
