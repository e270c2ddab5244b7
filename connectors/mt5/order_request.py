"""The one kind of request that a worker sends: a market order without stop and target, in the types the package takes.

The package refuses a whole number in the place of a price, and the other way round, before anything leaves; it refuses
None as well, so what is not given is left out.
"""

from __future__ import annotations

from typing import Any

from connectors.mt5.calls import SendOrder
from connectors.mt5.facts import ORDER_TIME_GTC, TRADE_ACTION_DEAL


def order_request(order: SendOrder, magic: int, filling: int) -> dict[str, Any]:
    """The fields of TradeRequest for the order, filled in the way of ``filling`` (ORDER_FILLING_*)."""
    request: dict[str, Any] = {
        "action": TRADE_ACTION_DEAL,
        "symbol": order.symbol,
        "volume": float(order.volume_lots),
        "type": int(order.order_type),
        "price": float(order.price),
        "deviation": int(order.deviation_points),
        "magic": int(magic),
        "comment": order.comment,
        "type_time": ORDER_TIME_GTC,
        "type_filling": int(filling),
    }
    if order.position is not None:
        # Without it a hedging account would open the opposite position beside the one that was to be closed.
        request["position"] = int(order.position)
    return request
