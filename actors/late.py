"""A LATE trade: its order was given up, and then the broker executed it after all. One pass decides what it becomes."""

from __future__ import annotations

from dataclasses import replace

from actors.closing import send_close
from actors.desk import Desk, as_open
from actors.lookup import Findings, closed_by_deals, is_flat
from actors.system.context import Context
from trading.market import SECOND
from trading.trade import CloseReason, Trade


def settle_late(desk: Desk, trade: Trade, found: Findings, context: Context) -> Trade:
    """OPEN when its slot is free and it is still wanted; otherwise closed, and LATE until the broker confirms it.

    Wanted means: the analysis that it was opened for is not older than an analysis may be.
    """
    position = found.position_of(trade)
    if position is None:
        deals = found.deals_of(trade)
        if not is_flat(deals):
            return trade
        return desk.advance(trade, closed_by_deals(trade, deals, CloseReason.LATE), context)
    age_seconds = (context.now() - trade.submitted_at) / SECOND
    if trade.commodity not in desk.trades and age_seconds <= desk.settings.analysis_max_age_seconds:
        opened = as_open(
            trade,
            position_id=position.position_id,
            ticket=position.ticket,
            price=position.open_price,
            volume_lots=position.volume_lots,
            at=position.open_time,
        )
        return desk.advance(trade, opened, context)
    quote = desk.quotes.get(trade.commodity)
    if quote is None:
        return trade
    current = replace(trade, ticket=position.ticket, volume_lots=position.volume_lots)
    return send_close(desk, current, quote.closing_price(trade.side), context, CloseReason.LATE)
