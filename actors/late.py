"""A LATE trade: its order was given up, and then the broker executed it after all. One pass decides what it becomes."""

from __future__ import annotations

from actors.closing import is_due, send_close
from actors.desk import Desk
from actors.lookup import Findings, closed_by_deals, opened_by
from actors.system.context import Context
from trading.market import SECOND
from trading.trade import CloseReason, Trade


def settle_late(desk: Desk, trade: Trade, found: Findings, context: Context) -> Trade:
    """OPEN when its slot is free and it is still wanted; otherwise closed, and LATE until the broker confirms it.

    Wanted means: the order is not older than an analysis may be, nobody has tried to close it yet, and its analysis,
    heard again after the order was given up, has not led to another trade.
    """
    position = found.position_of(trade)
    if position is None:
        share = found.share_of(trade)
        if not share.is_over:
            return trade
        return desk.advance(trade, closed_by_deals(trade, share.deals, CloseReason.LATE), context)
    age_seconds = (context.now() - trade.submitted_at) / SECOND
    is_wanted = age_seconds <= desk.settings.analysis_max_age_seconds and trade.trade_id not in desk.attempts
    if is_wanted and trade.commodity not in desk.trades and not desk.ledger.trades.has_twin(trade):
        return desk.advance(trade, opened_by(trade, position), context)
    quote = desk.quotes.get(trade.commodity)
    if quote is None or not is_due(desk, trade, context):
        return trade
    price = quote.closing_price(trade.side)
    return send_close(desk, trade, price, context, held=position, reason=CloseReason.LATE)
