"""Writing a new stop and a new target to the ledger. Neither is ever sent to a broker."""

from __future__ import annotations

import math
from dataclasses import replace

from actors.desk import Desk
from actors.messages import Adjust
from actors.system.context import Context
from trading.exits import tightened
from trading.trade import TradeState


def adjust(desk: Desk, message: Adjust, context: Context) -> None:
    """Write the levels that differ. The stop only tightens, whoever asks; a target that is no number is not taken."""
    trade = desk.trades.get(message.commodity)
    if trade is None or trade.trade_id != message.trade_id or trade.state is not TradeState.OPEN:
        return
    stop, target = tightened(trade, message.stop_price), message.target_price
    if target is not None and not math.isfinite(target):
        target = trade.target_price
    if stop == trade.stop_price and target == trade.target_price:
        return
    said = {
        "stop_before": trade.stop_price,
        "stop_after": stop,
        "target_before": trade.target_price,
        "target_after": target,
    }
    line = desk.entry("adjustment", message.reason, context, trade, detail=said)
    desk.advance(trade, replace(trade, stop_price=stop, target_price=target), context, line)
