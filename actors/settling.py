"""After a clean scan: every trade of the account is taken as far as what was seen allows."""

from __future__ import annotations

from dataclasses import replace

from actors.closing import continue_closing
from actors.desk import Desk
from actors.late import settle_late
from actors.lookup import Findings, compare_open, find_strangers, resolve_unknown
from actors.system.context import Context
from trading.trade import TradeState

UNSETTLED = frozenset({TradeState.SUBMITTED, TradeState.UNKNOWN, TradeState.CLOSING})


def settle_all(desk: Desk, found: Findings, context: Context) -> None:
    """Idempotent: only what differs from the broker is written, and what was left undone is done the next time."""
    find_strangers(desk, found, context)
    for trade in list(desk.trades.values()):
        match trade.state:
            case TradeState.SUBMITTED:
                # No order of this account is in flight while a message is handled: the outcome was not written.
                unknown = replace(trade, state=TradeState.UNKNOWN, detail="its outcome was not written")
                resolve_unknown(desk, desk.advance(trade, unknown, context), found, context)
            case TradeState.UNKNOWN:
                resolve_unknown(desk, trade, found, context)
            case TradeState.OPEN:
                compare_open(desk, trade, found, context)
            case TradeState.CLOSING:
                continue_closing(desk, trade, found, context)
    for trade in list(desk.late.values()):
        settle_late(desk, trade, found, context)


def is_settled(desk: Desk) -> bool:
    """True when no trade waits for what the next scan sees."""
    waiting = any(trade.state in UNSETTLED for trade in desk.trades.values())
    return not (waiting or desk.late or desk.absences or desk.unwritten)
