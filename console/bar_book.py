"""The newest bars of every account and commodity, for those who look: a bounded number of them, however many markets.

A history of fifteen thousand hours comes with the first bars of each market. The tail of it that is kept is copied, so
that nothing holds on to the rest.
"""

from __future__ import annotations

import numpy as np

from actors.live_bars import joined
from trading.bars import BarSeries

MOST_BARS_OF_ONE = 2_000  # of hours: four months of a market that rests at week-ends
MOST_BARS_OF_ALL = 100_000  # of 48 bytes each: 5 MB
COLUMNS = ("time", "open", "high", "low", "close", "spread")


class BarBook:
    """Bars by account and commodity. Owned by one actor."""

    def __init__(self, most_of_one: int = MOST_BARS_OF_ONE, most_of_all: int = MOST_BARS_OF_ALL) -> None:
        """``most_of_one``: bars of a market; fewer where all of them together would be more than ``most_of_all``."""
        self._most_of_one = most_of_one
        self._most_of_all = most_of_all
        self._kept: dict[tuple[str, str], BarSeries] = {}

    def take(self, platform: str, series: BarSeries) -> None:
        """Keep the bars that are new, and let go of the oldest."""
        slot = platform, series.commodity
        before = self._kept.get(slot)
        if before is None and self._most_with(len(self._kept) + 1) < self._most_with(len(self._kept)):
            self._make_room(self._most_with(len(self._kept) + 1))
        most = self._most_with(len(self._kept) + (before is None))
        self._kept[slot] = _tail(series if before is None else joined(before, series), most)

    def of(self, platform: str, commodity: str) -> BarSeries | None:
        """What is kept of a market, oldest first; None where no bar has come."""
        return self._kept.get((platform, commodity))

    def __len__(self) -> int:
        """How many bars are kept in all."""
        return sum(len(series) for series in self._kept.values())

    def _most_with(self, markets: int) -> int:
        return max(min(self._most_of_one, self._most_of_all // max(markets, 1)), 1)

    def _make_room(self, most: int) -> None:
        for slot, series in self._kept.items():
            if len(series) > most:
                self._kept[slot] = _tail(series, most)


def _tail(series: BarSeries, most: int) -> BarSeries:
    """A copy of the newest bars."""
    time, *prices = (np.array(getattr(series, name)[-most:]) for name in COLUMNS)
    return BarSeries(series.commodity, series.bar_seconds, time, *prices)
