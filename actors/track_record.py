"""What an account's trades came to, kept as they close, and read from the ledger at every start.

The ledger's closed trades are the whole truth of it; the journal adds what no row has: at what the trades stood that
were held over the day's end, that a day was lost, and that a person had a drawdown forgotten. So whoever reads it again
knows what whoever kept it knew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from persistence.journal import DRAWDOWN_FORGIVEN
from persistence.ledger import Ledger
from trading.market import Instant
from trading.standing import ClosedTrade, Standing, account_day, results_of
from trading.trade import Trade, TradeState

# The kinds of the journal's lines.
RISK_DAY = "risk_day"  # what the trades held over the day's end stood at
DAILY_LOSS = "daily_loss"
LOSSES_IN_A_ROW = "losses_in_a_row"
DRAWDOWN = "drawdown"  # more or less risk than before


class TrackRecord:
    """One account's record. It says nothing of itself; `actors.risk_watch` does."""

    def __init__(self) -> None:
        self.standing = Standing()
        self.day_begins: Instant = 0
        self.day_ends: Instant = 0
        self.is_day_begun = False  # what is carried over the day's end is known
        self.told_pause_until: Instant | None = None  # by the newest line about losses in a row
        self.told_risk_factor = 1.0  # by the newest line about the drawdown
        self._worst_factor = 1.0  # that was told since the peak was reached
        self._worst_since_peak = 0.0
        self.forgiven_at: Instant | None = None
        self._today: dict[int, ClosedTrade] = {}

    def read(self, ledger: Ledger, platform: str, now: Instant) -> None:
        """Everything again. Raises what the ledger raises, and then nothing has changed."""
        closed = ledger.trades.closed_results(platform)
        lines = {kind: _newest(ledger, platform, kind) for kind in _REMEMBERED}
        day_begins, day_ends = account_day(now)
        day = lines[RISK_DAY]
        halted_until = lines[DAILY_LOSS].get("until", 0)
        self.forgiven_at = lines[DRAWDOWN_FORGIVEN].get("at")
        self.told_pause_until = lines[LOSSES_IN_A_ROW].get("until")
        self.told_risk_factor = lines[DRAWDOWN].get("factor_after", 1.0)
        self._worst_factor = lines[DRAWDOWN].get("worst_factor", 1.0)
        self._worst_since_peak = lines[DRAWDOWN].get("peak", 0.0)
        self.is_day_begun = day.get("day_begins") == day_begins
        carried = day["floating"] if self.is_day_begun else {}
        self.standing = Standing(
            results=results_of(closed, self.forgiven_at),
            carried={int(trade_id): floating for trade_id, floating in carried.items()},
            halted_until=halted_until if halted_until > now else None,
        )
        self._today = {trade.trade_id: trade for trade in closed}
        self._set_day(day_begins, day_ends)

    def note(self, trade: Trade) -> bool:
        """A trade was closed or corrected. Answers False where only reading everything again gives the right sums.

        That is where it closed before the newest of the others: a correction, or a deal that came late.
        """
        if trade.state is not TradeState.CLOSED or trade.closed_at is None or trade.profit is None:
            return True
        closed = ClosedTrade(trade.closed_at, trade.trade_id, trade.profit)
        last = self.standing.results.last
        if last is not None and not closed > last:
            return False
        if closed.closed_at >= self.day_begins:
            self._today[closed.trade_id] = closed
        results = self.standing.results.including(closed, self.forgiven_at)
        self.standing = replace(self.standing, results=results)
        self._add_up_today()
        return True

    def begin_day(self, now: Instant, carried: Mapping[int, float]) -> None:
        """The trading day of ``now`` begins; ``carried``: what each trade held over its beginning stands at."""
        day_begins, day_ends = account_day(now)
        halted_until = self.standing.halted_until
        if halted_until is not None and halted_until <= now:
            halted_until = None
        self.standing = replace(self.standing, carried=dict(carried), halted_until=halted_until)
        self.is_day_begun = True
        self._set_day(day_begins, day_ends)

    def is_worse_than_told(self, factor: float) -> bool:
        """Whether the risk was never told to be so small since the results were at their peak; remembers it."""
        if self._worst_since_peak != self.standing.results.peak:
            self._worst_since_peak, self._worst_factor = self.standing.results.peak, 1.0
        is_worse = factor < self._worst_factor
        self._worst_factor = min(factor, self._worst_factor)
        return is_worse

    def worst_told(self) -> dict[str, float]:
        """What the journal keeps of that."""
        return {"worst_factor": self._worst_factor, "peak": self._worst_since_peak}

    def lose_day(self) -> None:
        """Nothing more is opened until the day ends."""
        self.standing = replace(self.standing, halted_until=self.day_ends)

    def _set_day(self, begins: Instant, ends: Instant) -> None:
        self.day_begins, self.day_ends = begins, ends
        self._today = {trade.trade_id: trade for trade in self._today.values() if trade.closed_at >= begins}
        self._add_up_today()

    def _add_up_today(self) -> None:
        carried = self.standing.carried
        brought = (trade.profit - carried.get(trade.trade_id, 0.0) for trade in self._today.values())
        self.standing = replace(self.standing, realised_today=math.fsum(brought))


_REMEMBERED = (RISK_DAY, DAILY_LOSS, LOSSES_IN_A_ROW, DRAWDOWN, DRAWDOWN_FORGIVEN)


def _newest(ledger: Ledger, platform: str, kind: str) -> Mapping[str, Any]:
    """The detail of the newest line of this kind, with its instant as ``at``; empty where there is none."""
    lines = ledger.journal.list(kind=kind, platform=platform, limit=1)
    return {**lines[0].detail, "at": lines[0].at} if lines else {}
