"""Auditing what is over: the broker may still add deals to a closed trade, or show deals of an order that was given up.

A swap, a commission or a correction that comes after the close changes what the trade brought; a fill that came and
went between two scans leaves nothing but deals. Both show in the history alone. So it is read again: on each scan in
the minutes after a trade ended, and from then on every few minutes of market time, for the trades that ended within the
last three days. For those of the last ten it is read every hour, and on the first clean scan after a start or a
trouble: a long history costs the broker, and what is booked so late is in no hurry. Where there are none, nothing is
asked; nor of closed trades where the broker settles at once, when all was looked through. An order that was given up
may have been executed there, too: that it was not may be what a connection said that broke.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from actors.desk import ENDED_FOR, Desk
from actors.lookup import Findings, came_late, closed_by_deals, history_start, profit_of
from actors.system.context import Context
from trading.market import DAY, HOUR, MINUTE, Deal, Instant, Position
from trading.trade import CloseReason, Trade, TradeState

CLOSELY_FOR = 2 * MINUTE  # after a trade ended, every scan looks
SELDOM = 5 * MINUTE
LATELY = 3 * DAY  # what ended before is looked at more seldom still
ALL_SELDOM = HOUR


@dataclass(frozen=True, slots=True)
class History:
    """The broker's deals from an instant on."""

    since: Instant
    deals: Sequence[Deal]


def deals_to_audit(desk: Desk, context: Context) -> History | None:
    """The history of what ended not long ago; None where no audit is due, or none needed. Raises `ConnectorError`."""
    now = context.now()
    is_close = desk.last_end_at is not None and now - desk.last_end_at <= CLOSELY_FOR
    if desk.surveyed and not is_close and not _is_due(now, desk.audit_at, SELDOM):
        return None
    is_of_all = not desk.surveyed or _is_due(now, desk.audit_all_at, ALL_SELDOM)
    for trade in list(desk.ended.values()):
        if _age(trade, now) > ENDED_FOR:
            del desk.ended[trade.trade_id]
    is_final = desk.surveyed and desk.connector.capabilities.settles_at_once
    asked = [
        trade
        for trade in desk.ended.values()
        if (is_of_all or _age(trade, now) <= LATELY) and not (is_final and trade.state is TradeState.CLOSED)
    ]
    history = None
    if asked:
        since = min(map(history_start, asked))
        history = History(since, desk.connector.deals(since, desk.deadline))
    desk.audit_at = now + SELDOM
    if is_of_all:
        desk.audit_all_at = now + ALL_SELDOM
    return history


def _is_due(now: Instant, at: Instant, put_off_by: int) -> bool:
    """What is due later than it is ever put off was put off by a clock that has been set back since."""
    return not at - put_off_by <= now < at


def _age(trade: Trade, now: Instant) -> int:
    """Milliseconds since it ended; of an order that was given up, since it was sent."""
    return now - (trade.closed_at or trade.submitted_at)


def audit(desk: Desk, positions: Sequence[Position], history: History | None, context: Context) -> None:
    """Correct the trades whose deals tell another story than their rows. Half a trade's history tells nothing."""
    if history is None or not history.deals:
        return
    found = Findings(positions, (), history.deals, desk.connector.capabilities.netting)
    executed = {deal.magic for deal in history.deals}
    sums = {} if found.netting else _sums(history.deals)
    for trade in list(desk.ended.values()):
        if history_start(trade) < history.since:
            continue
        if trade.state is TradeState.CLOSED:
            if trade.profit is not None and sums.get(trade.position_id) == trade.profit:
                continue  # as nearly always: then it need not be told which of the deals are the trade's
            _correct(desk, trade, found, context)
        elif trade.magic in executed:
            _resurrect(desk, trade, found, context)


def _sums(deals: Sequence[Deal]) -> dict[int | None, float]:
    """What the deals of each position brought together."""
    by_position: dict[int, list[Deal]] = defaultdict(list)
    for deal in deals:
        by_position[deal.position_id].append(deal)
    return {position_id: profit_of(its) for position_id, its in by_position.items()}


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
