"""How long ago each open trade was last judged on a usable quote: the figure that says whether stops are guarded.

A trade that nobody has judged yet counts from the moment at which it began to be watched. Only time in which its market
was open counts, so the first minute after a weekend is a minute and not two days.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from actors.accounts import Market
from trading.market import SECOND, Instant
from trading.trade import Trade

Moment: TypeAlias = tuple[Instant, float]
"""Market time, and elapsed seconds."""


class WatchedTrades:
    """The open trades, and when each was judged last."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._judged: dict[int, Moment] = {}
        self._slots: dict[int, tuple[str, str]] = {}  # account and commodity, by trade

    def begin(self, trade: Trade, at: Moment) -> None:
        """It is watched from now on."""
        self._slots[trade.trade_id] = trade.platform, trade.commodity
        self._judged[trade.trade_id] = at

    def judged(self, trades: Iterable[Trade], at: Moment) -> None:
        """These were judged on a usable quote. Only trades that are watched may be named."""
        for trade in trades:
            self._judged[trade.trade_id] = at

    def end(self, trade_id: int) -> None:
        """It is open no more."""
        self._judged.pop(trade_id, None)
        self._slots.pop(trade_id, None)

    def ages(self, now: Instant, elapsed: float) -> dict[int, float]:
        """Seconds by trade, without trades whose market is shut now."""
        found = {}
        for trade_id, (judged_at, judged_at_elapsed) in self._judged.items():
            times = self._market.times.of(*self._slots[trade_id])
            if times.is_open(now):
                open_for = sum(end - start for start, end in times.spans(min(judged_at, now), now)) / SECOND
                # A recording may run faster than the clock on the wall, and a clock that is set right may jump.
                found[trade_id] = min(elapsed - judged_at_elapsed, open_for) if judged_at <= now else 0.0
        return found
