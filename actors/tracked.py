"""One open trade as the monitor watches it, and what the rules must know of it beyond its row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Self

from trading.calendars import TradingTimes
from trading.exit_memory import ExitMemory, PastAdjustment
from trading.horizon import horizon
from trading.market import Instant
from trading.reading import MarketReading
from trading.settings import Settings
from trading.trade import Trade

NOT_YET: Instant = -1

_stamps = count(1)


@dataclass(slots=True)
class Tracked:
    """An OPEN trade. Everything besides the row can be made again: from its past, or from the next bar."""

    trade: Trade
    memory: ExitMemory = field(default_factory=ExitMemory)
    changes: int = 0  # how many changes by rules the memory holds
    valued_at: Instant = NOT_YET  # the end of the bar at which it was valued last
    cost: float = 0.0  # round trip's commission in price units
    costed_at: Instant = NOT_YET  # the end of the bar at which that was worked out
    stamp: int = field(default_factory=lambda: next(_stamps))  # another one whenever something of the above changes
    _horizon_at: Instant = NOT_YET

    @classmethod
    def of(cls, trade: Trade, past: Sequence[PastAdjustment]) -> Self:
        """A trade that is watched from now on, with what the rules have changed of it so far."""
        return cls(trade, ExitMemory.from_adjustments(past), len(past))

    def is_now(self, trade: Trade, past: Sequence[PastAdjustment]) -> None:
        """Take the row and its past as they were written, whatever was asked for."""
        for change in past[self.changes :]:
            self.memory = self.memory.noting(change)
        self.changes = len(past)
        self.trade = trade
        self._horizon_at = NOT_YET
        self.stamp = next(_stamps)

    def has_read(self, reading: MarketReading, horizon_at: Instant, variance: float | None) -> None:
        """Keep what is to be remembered of the newest bar. Twice is as good as once."""
        memory = self.memory.at_reading(self.trade, reading, horizon_at=horizon_at, variance=variance)
        if memory is not self.memory:
            self.memory = memory
            self.stamp = next(_stamps)

    def costs(self, cost: float, at: Instant) -> None:
        """What a round trip costs, in price units, as worked out at the bar that ended at ``at``."""
        self.costed_at = at
        if cost != self.cost:
            self.cost = cost
            self.stamp = next(_stamps)

    def horizon_at(self, times: TradingTimes, settings: Settings, now: Instant) -> Instant:
        """When it will be closed whatever the price does: worked out again once that has passed, or the row changed.

        The calendar's own end is the latest: what lies beyond it decides nothing today.
        """
        if now >= self._horizon_at:
            self._horizon_at = min(horizon(self.trade, times, settings, now), times.last)
        return self._horizon_at
