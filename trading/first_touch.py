"""When prices first touch a level, for many levels at once.

A table holds the extreme of every run of 1, 2, 4, 8... bars (a sparse table: Bender and Farach-Colton, "The LCA problem
revisited", 2000). A search goes through it from the longest run to the shortest and skips every run that keeps clear of
its level, so that a search over a thousand bars takes ten steps, all searches together.
"""

from __future__ import annotations

import numpy as np

from trading.bars import Floats, Instants


class Lows:
    """The lows of n bars, ready to be searched. For highs, negate both the highs and the levels."""

    def __init__(self, lows: Floats, longest: int) -> None:
        """``longest``: how many bars a search spans at most. Raises ``ValueError`` where that is below one."""
        if longest < 1:
            raise ValueError(f"longest is {longest}; expected at least 1 bar")
        self._lowest = [np.ascontiguousarray(lows, dtype=np.float64)]
        for power in range(1, min(longest, max(len(lows), 1)).bit_length()):
            shorter, half = self._lowest[-1], 1 << (power - 1)
            self._lowest.append(np.minimum(shorter[:-half], shorter[half:]))

    def first_at_or_below(self, start: Instants, stop: Instants, level: Floats) -> Instants:
        """The first bar from ``start`` on, before ``stop``, whose low is at or below ``level``; ``stop`` for none.

        All three are (m,), and ``stop`` is at most n. A NaN level is never touched, nor is anything in an empty span.
        """
        at = np.array(start, dtype=np.int64)
        for power in reversed(range(len(self._lowest))):
            lowest, length = self._lowest[power], 1 << power
            fits = at + length <= stop
            clear = fits & ~(lowest[np.where(fits, at, 0)] <= level)
            at += np.where(clear, length, 0)
        return at
