"""What the rules have changed of a trade, as its journal lines have it."""

from __future__ import annotations

from typing import Any

from persistence.journal import JournalEntry, JournalLine
from persistence.ledger import Ledger
from trading.exit_memory import TRAILING, PastAdjustment
from trading.trade import Trade

ADJUSTMENT = "adjustment"  # the kind of the journal's lines about it


def read_past(ledger: Ledger, trade: Trade) -> tuple[PastAdjustment, ...]:
    """What the journal says was changed of this trade, the oldest first. Raises `LedgerUnavailable`."""
    lines = ledger.journal.list(kind=ADJUSTMENT, trade_id=trade.trade_id, newest_first=False)
    return tuple(past_adjustment(line) for line in lines if is_remembered(line))


def is_remembered(line: JournalEntry | JournalLine) -> bool:
    """Whether the line is of a change that the rules remember: a stop that trails may move at every pass."""
    return line.kind == ADJUSTMENT and line.reason != TRAILING


def past_adjustment(line: JournalEntry | JournalLine) -> PastAdjustment:
    """The line of an adjustment as the rules remember it; what an older program did not write is not known."""
    detail: dict[str, Any] = dict(line.detail)
    valued = detail.get("valuation_after") or {}
    return PastAdjustment(
        at=line.at,
        rule=line.reason,
        target_before=detail.get("target_before"),
        target_after=detail.get("target_after"),
        strategy_changed=detail.get("strategy_after") is not None,
        sigma=valued.get("sigma"),
        horizon_at=valued.get("horizon_at"),
    )
