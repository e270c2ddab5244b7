"""The market of a scripted broker: prices that a test sets, or a function of market time; ticks that stop; bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from trading.bars import BarSeries
from trading.market import HOUR, SECOND, Instant, Quote, Side

PriceSource: TypeAlias = Callable[[Instant], tuple[float, float]]
"""Bid and ask at a market instant."""


class MockMarket:
    """What a test lets the market do. `MockConnector` hands its own methods of the same names through to here."""

    def __init__(self) -> None:
        self._sources: dict[str, PriceSource] = {}
        self._frozen: dict[str, Instant] = {}
        self._shut: set[str] = set()
        self._series: dict[str, BarSeries] = {}

    def price_by(self, commodity: str, source: PriceSource) -> None:
        """Quote what the function says, afresh at every instant."""
        self._sources[commodity] = source
        self._frozen.pop(commodity, None)

    def freeze(self, commodity: str, now: Instant) -> None:
        """Let the quote keep its price and its time."""
        self._frozen.setdefault(commodity, now)

    def shut(self, commodity: str, now: Instant) -> None:
        """Freeze it, and deal no more."""
        self.freeze(commodity, now)
        self._shut.add(commodity)

    def reopen(self, commodity: str) -> None:
        """Quote and deal again."""
        self._frozen.pop(commodity, None)
        self._shut.discard(commodity)

    def is_shut(self, commodity: str) -> bool:
        """Whether nobody deals."""
        return commodity in self._shut

    def history(self, series: BarSeries) -> None:
        """Take this recording for the bars of its commodity."""
        self._series[series.commodity] = series

    def quote(self, commodity: str, at: Instant) -> Quote | None:
        """The quote at an instant; None where no price was ever set."""
        source = self._sources.get(commodity)
        if source is None:
            return None
        ticked = min(at, self._frozen.get(commodity, at))
        bid, ask = source(ticked)
        return Quote(commodity, bid, ask, ticked)

    def fill(self, commodity: str, side: Side, at: Instant) -> float | None:
        """What dealing this side costs at an instant; None without a price, or in a shut market."""
        quote = self.quote(commodity, at)
        return None if quote is None or commodity in self._shut else quote.opening_price(side)

    def bars(self, commodity: str, count: int, now: Instant) -> BarSeries:
        """The last ``count`` bars that are complete at ``now``; none where there is no recording."""
        series = self._series.get(commodity)
        if series is None:
            none = np.empty(0, dtype=np.float64)
            return BarSeries(commodity, HOUR // SECOND, np.empty(0, dtype=np.int64), none, none, none, none, none)
        complete = series.completed(now)
        return series.window(max(0, complete - count), complete)
