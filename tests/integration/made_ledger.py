"""Ledgers with an account that is held, and trades to put into them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from persistence import migrate
from persistence.database import Database
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.reservations import Fence, account_resource
from persistence.trades import NewTrade
from trading.analysis import Regime, Strategy
from trading.market import Side
from trading.trade import CloseReason, Trade, TradeState, resource

NOON = 1_772_625_600_000  # 2026-03-04T12:00Z
TTL_SECONDS = 60.0


class Clock:
    """A lease clock that stands still until it is moved."""

    def __init__(self, at: int = 1_000_000) -> None:
        """``at``: epoch milliseconds."""
        self.at = at

    def __call__(self) -> int:
        """What the lease clock shows."""
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        """Let time go by."""
        self.at += round(seconds * 1_000)


@contextmanager
def a_ledger(url: str = "sqlite://", **options: Any) -> Iterator[Ledger]:
    """A ledger that is closed again."""
    ledger = Ledger.open(url, **{"writer": "test", **options})
    try:
        yield ledger
    finally:
        ledger.close()


def make_with_scripts(url: str, revision: str, *statements: str) -> None:
    """Tables as the migrations' scripts make them, up to this revision, and what an older program put into them."""
    with closing(Database(url)) as database, database.writing() as connection:
        migrate.upgrade(connection, revision)
        for statement in statements:
            connection.exec_driver_sql(statement)


def a_new_trade(**changes: Any) -> NewTrade:
    """An order for EURUSD on alpha, with changes."""
    return replace(
        NewTrade(
            platform="alpha",
            commodity="EURUSD",
            side=Side.BUY,
            strategy=Strategy.DAY,
            regime=Regime.TREND,
            analysis_id="analysis-1",
            confidence=72.5,
            volume_lots=0.3,
            expected_price=1.1,
            stop_distance=0.005,
            target_distance=0.01,
            trailing_distance=None,
            stop_price=1.095,
            target_price=1.11,
            daily_volatility=0.006,
            submitted_at=NOON,
            time_stop_at=NOON + 86_400_000,
            closes_at_day_end=True,
        ),
        **changes,
    )


def a_line(kind: str = "transition", reason: str = "because", **changes: Any) -> JournalEntry:
    """A journal entry at noon, with changes."""
    return replace(JournalEntry(at=NOON, kind=kind, reason=reason), **changes)


@dataclass(frozen=True, slots=True)
class Holder:
    """A ledger together with what one process holds in it."""

    ledger: Ledger
    owner: str = "me"

    def hold(self, name: str) -> Fence:
        """The fence of a resource that this owner takes now, or holds."""
        reservations = self.ledger.reservations
        held = reservations.holder(name) or reservations.reserve_resource(name, self.owner, TTL_SECONDS)
        assert held is not None
        assert held.owner == self.owner
        return held.fence

    def account(self, platform: str = "alpha") -> Fence:
        """The fence of an account, which is registered where it was not."""
        self.ledger.trades.register_account(platform)
        return self.hold(account_resource(platform))

    def submit(self, *entries: JournalEntry, **changes: Any) -> Trade:
        """An order that is about to leave."""
        new = a_new_trade(**changes)
        slot = self.hold(resource(new.platform, new.commodity))
        return self.ledger.trades.submit(new, self.account(new.platform), slot, *entries)

    def advance(self, before: Trade, state: TradeState, *entries: JournalEntry, **changes: Any) -> Trade:
        """The trade, taken to another state."""
        after = replace(before, state=state, **changes)
        return self.ledger.trades.advance(before, after, self.account(before.platform), *entries)

    def open(self, **changes: Any) -> Trade:
        """A trade whose position the broker holds."""
        return self.advance(
            self.submit(**changes), TradeState.OPEN, ticket=1, position_id=1, entry_price=1.1, opened_at=NOON + 40
        )

    def close(self, trade: Trade, profit: float = 12.5) -> Trade:
        """The trade, closed in the regular way."""
        closing = self.advance(trade, TradeState.CLOSING, close_reason=CloseReason.TARGET)
        return self.advance(closing, TradeState.CLOSED, exit_price=1.11, closed_at=NOON + 90, profit=profit)

    def fail(self, trade: Trade) -> Trade:
        """The order, definitely refused."""
        return self.advance(trade, TradeState.FAILED, detail="no money")
