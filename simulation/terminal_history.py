"""A simulated account's orders as a MetaTrader broker keeps them; the symbol's name is to be filled in."""

from __future__ import annotations

from connectors.back_office import BY_PROGRAM
from connectors.base import CloseOrder
from connectors.mt5 import facts
from connectors.mt5.simulated_orders import BrokerOrder
from simulation.broker_floor import Delivery
from trading.market import Order


def at_work(delivery: Delivery) -> BrokerOrder:
    """An order that waits at the broker, and has its number already."""
    order, number = delivery.attempt.order, delivery.number
    assert number is not None, "what is shown has one"
    closes = isinstance(order, CloseOrder)
    return BrokerOrder(
        ticket=number,
        symbol="",
        side=order.side.opposite if closes else order.side,
        volume_lots=order.volume_lots,
        magic=order.magic,
        comment="" if isinstance(order, CloseOrder) else order.comment,
        filling=facts.ORDER_FILLING_IOC,
        position=order.ticket if isinstance(order, CloseOrder) else 0,
        reason=BY_PROGRAM,
        placed=delivery.attempt.at,
        price=order.expected_price,
        left_lots=order.volume_lots,
    )


def ended(order: Order, position_id: int) -> BrokerOrder:
    """An order of the history, and the position that it went into; 0: none."""
    return BrokerOrder(
        ticket=order.order,
        symbol="",
        side=order.side,
        volume_lots=order.volume_lots,
        magic=order.magic,
        comment="",
        filling=facts.ORDER_FILLING_IOC,
        position=0,
        reason=order.reason if order.accepted else BY_PROGRAM,
        placed=order.time,
        price=0.0,
        state=facts.ORDER_STATE_FILLED if order.accepted else facts.ORDER_STATE_REJECTED,
        left_lots=0.0 if order.accepted else order.volume_lots,
        position_id=position_id,
        done=order.time,
    )
