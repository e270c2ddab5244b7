"""A real ledger on a real file with a little history in it, written as the actors write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.configuration import Configuration, load
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.reservations import Fence, account_resource, crew_resource
from persistence.trades import NewTrade
from trading.analysis import Regime, Strategy
from trading.market import HOUR, MINUTE, Instant, Side, instant
from trading.trade import CloseReason, Trade, TradeState, arrow, resource

NOON = instant(datetime(2026, 3, 4, 12, tzinfo=UTC))  # a Wednesday
OWNER = "host:123:abc"
TTL_SECONDS = 3_600.0


def configuration_of(directory: Path, **environment: str) -> Configuration:
    """The default settings, with their ledger in this directory."""
    url = f"sqlite:///{(directory / 'ledger.sqlite').as_posix()}"
    return load(None, {"WATCHBILL__DATABASE_URL": url, **environment})


def pillar(score: float, weight: float, *, absent: bool = False) -> dict[str, object]:
    return {"score": score, "weight": weight, "contribution": 100 * score * weight, "absent": absent}


def decision(
    reason: str, at: Instant, analysis_id: str, gate_changes: Mapping[str, object] | None = None, **detail: Any
) -> JournalEntry:
    """A decision with its numbers, as the TraderActor writes it."""
    analysis = {
        "id": analysis_id,
        "commodity": "EURUSD",
        "side": "buy",
        "strategy": "mean_reversion",
        "regime": "high_volatility",
        "confidence": 64.25,
        "daily_volatility": 0.005,
        "made_by": "analyst",
        "pillars": {},
    }
    gate = {
        "passed": False,
        "reasons": ["confidence 64.25 is below the threshold 72 (high_volatility)"],
        "confidence": 64.25,
        "threshold": 72.0,
        "shortfall": 7.75,
        "pillars": {
            "base": pillar(0.91, 0.5),
            "trend": pillar(0.25, 0.1),
            "volatility": pillar(0.4, 0.3),
            "sentiment": pillar(0.5, 0.1, absent=True),
        },
        **(gate_changes or {}),
    }
    told = {"analysis": analysis, "gate": gate, **detail}
    return JournalEntry(at, "decision", reason, commodity="EURUSD", analysis_id=analysis_id, detail=told)


CANDIDATES = [
    {
        "platform": "alpha",
        "eligible": True,
        "reason": None,
        "cost": 0.0312,
        "headroom": 1.0,
        "spread": 0.0001,
        "volume_lots": 0.42,
    },
    {
        "platform": "beta",
        "eligible": False,
        "reason": "inside the pre-close window",
        "cost": None,
        "headroom": None,
        "spread": None,
        "volume_lots": None,
    },
]


class History:
    """Writes a history into a new ledger."""

    def __init__(self, configuration: Configuration) -> None:
        self.ledger = Ledger.open(configuration.database_url, writer=OWNER)
        self.account = self._held(account_resource("alpha"))
        self._held(crew_resource("default"))
        self.ledger.trades.register_account("alpha")

    def close(self) -> None:
        self.ledger.close()

    def refuse(self, at: Instant = NOON, analysis_id: str = "a-1") -> None:
        """A decision that the gate refused."""
        self.ledger.journal.append(decision("refused:confidence", at, analysis_id))

    def nothing(self, at: Instant = NOON, times: int = 3) -> None:
        """Bars on which there was nothing to trade, folded into one line."""
        for index in range(times):
            entry = JournalEntry(
                at + index * HOUR, "decision", "refused:no strategy fits", commodity="EURUSD", detail={"adx": 17.5}
            )
            self.ledger.journal.append(entry, fold=True)

    def open(self, at: Instant = NOON, analysis_id: str = "a-2") -> Trade:
        """A decision that led to an open trade on alpha."""
        passed = {"passed": True, "reasons": [], "confidence": 81.0, "threshold": 72.0, "shortfall": 0.0}
        chosen: dict[str, Any] = {"candidates": CANDIDATES, "chosen": "alpha", "decided_by": "only"}
        self.ledger.journal.append(decision("open_told", at, analysis_id, passed, **chosen))
        commodity = self._held(resource("alpha", "EURUSD"))
        new = NewTrade(
            platform="alpha",
            commodity="EURUSD",
            side=Side.BUY,
            strategy=Strategy.MEAN_REVERSION,
            regime=Regime.HIGH_VOLATILITY,
            analysis_id=analysis_id,
            confidence=81.0,
            volume_lots=0.42,
            expected_price=1.1182,
            stop_distance=0.003,
            target_distance=None,
            trailing_distance=None,
            stop_price=1.1152,
            target_price=1.1251,
            daily_volatility=0.005,
            submitted_at=at,
            time_stop_at=at + 48 * HOUR,
            closes_at_day_end=True,
        )
        detail = {"after": "submitted", "stop_price": 1.1152}
        line = JournalEntry(at, "transition", "submitted", "alpha", "EURUSD", None, analysis_id, detail)
        submitted = self.ledger.trades.submit(new, self.account, commodity, line)
        opened = replace(submitted, state=TradeState.OPEN, position_id=7, ticket=7, entry_price=1.11823, opened_at=at)
        trade = self.advance(submitted, opened, at, entry_price=1.11823)
        self.ledger.reservations.release_resource(commodity)
        self.ledger.journal.append(
            JournalEntry(at, "open_result", "open", "alpha", "EURUSD", trade.trade_id, analysis_id, {"said": "open"})
        )
        return trade

    def adjust(self, trade: Trade, at: Instant) -> Trade:
        """The stop follows the price."""
        line = JournalEntry(
            at,
            "adjustment",
            "trailing",
            "alpha",
            "EURUSD",
            trade.trade_id,
            trade.analysis_id,
            {"stop_before": trade.stop_price, "stop_after": 1.1171, "target_before": 1.1251, "target_after": 1.1251},
        )
        return self.advance(trade, replace(trade, stop_price=1.1171), at, line, stop_price=1.1171)

    def finish(self, trade: Trade, at: Instant) -> Trade:
        """The stop is hit, and the position closed with a loss."""
        stopped = replace(trade, state=TradeState.CLOSING, close_reason=CloseReason.STOP)
        closing = self.advance(trade, stopped, at, close_reason="stop")
        closed = replace(closing, state=TradeState.CLOSED, exit_price=1.1152, closed_at=at + MINUTE, profit=-131.46)
        return self.advance(closing, closed, at + MINUTE, exit_price=1.1152, profit=-131.46)

    def advance(self, before: Trade, after: Trade, at: Instant, *entries: JournalEntry, **changes: object) -> Trade:
        reason = arrow(before.state, after.state)
        detail: dict[str, Any] = {"before": before.state.value, "after": after.state.value, **changes}
        line = JournalEntry(at, "transition", reason, "alpha", "EURUSD", before.trade_id, before.analysis_id, detail)
        return self.ledger.trades.advance(before, after, self.account, line, *entries)

    def _held(self, name: str) -> Fence:
        reservation = self.ledger.reservations.reserve_resource(name, OWNER, TTL_SECONDS)
        assert reservation is not None, name
        return reservation.fence
