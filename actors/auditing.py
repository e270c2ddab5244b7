"""Auditing what is over: the broker may still add deals to a closed trade, or show deals of an order that was given up.

A swap, a commission or a correction that comes after the close changes what the trade brought; a fill that came and
went between two scans leaves nothing but deals. Both show in the history alone. So it is read again: on the first scan
of a post, on each scan in the minutes after a trade ended, and from then on every few minutes of market time, for the
trades that ended within the last days. Where there are none, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actors.desk import ENDED_FOR, Desk
from actors.lookup import Findings, came_late, closed_by_deals, history_start, profit_of
from actors.system.context import Context
from trading.market import MINUTE, Deal, Position
from trading.trade import CloseReason, Trade, TradeState

CLOSELY_FOR = 2 * MINUTE  # after a trade ended, every scan looks
SELDOM = 5 * MINUTE


def deals_to_audit(desk: Desk, context: Context) -> Sequence[Deal] | None:
    """The history of what ended not long ago; None where no audit is due. Raises `ConnectorError`."""
    now = context.now()
    is_close = desk.last_end_at is not None and now - desk.last_end_at <= CLOSELY_FOR
    # An audit that is due later than any is ever put off was put off by a clock that has been set back since.
    if desk.audit_at - SELDOM <= now < desk.audit_at and not is_close:
        return None
    for trade in list(desk.ended.values()):
        if now - (trade.closed_at or trade.submitted_at) > ENDED_FOR:
            del desk.ended[trade.trade_id]
    if desk.ended:
        since = min(map(history_start, desk.ended.values()))
        history = desk.connector.deals(since, desk.deadline)
    else:
        history = ()
    desk.audit_at = now + SELDOM
    return history


def audit(desk: Desk, positions: Sequence[Position], history: Sequence[Deal] | None, context: Context) -> None:
    """Correct the trades whose deals tell another story than their rows."""
    if not history:
        return
    found = Findings(positions, (), history, desk.connector.capabilities.netting)
    executed = {deal.magic for deal in history}
    for trade in list(desk.ended.values()):
        if trade.state is TradeState.CLOSED:
            _correct(desk, trade, found, context)
        elif trade.magic in executed:
            _resurrect(desk, trade, found, context)


def _correct(desk: Desk, trade: Trade, found: Findings, context: Context) -> None:
    share = found.share_of(trade)
    if not share.is_over:
        return  # a history that lags behind, or begins too late, corrects nothing
    profit = profit_of(share.deals)
    if profit == trade.profit:
        return
    said = {"profit_before": trade.profit, "profit_after": profit, "deals": len(share.deals)}
    line = desk.entry("profit_corrected", "the broker's deals say so", context, trade, detail=said)
    desk.advance(trade, replace(trade, profit=profit), context, line)


def _resurrect(desk: Desk, trade: Trade, found: Findings, context: Context) -> None:
    """An order that was given up, and was executed all the same."""
    share, position = found.share_of(trade), found.position_of(trade)
    if position is not None:
        came_late(desk, trade, position, context)  # merged into a position that shows a stranger's number
    if not share.is_over:
        return
    context.alert("late", f"{trade.resource}: order {trade.magic} was executed and closed after it was given up")
    ended = closed_by_deals(trade, share.deals, CloseReason.LATE)
    late = desk.advance(trade, replace(ended, state=TradeState.LATE, close_reason=None, profit=None), context)
    desk.advance(late, replace(ended, account_token=late.account_token), context)
