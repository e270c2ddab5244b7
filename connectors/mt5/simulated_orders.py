"""An order as a simulated broker keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.mt5 import facts
from trading.market import Instant, Side


@dataclass(slots=True, eq=False)
class BrokerOrder:
    """An order as the broker keeps it, from the moment it has a number."""

    ticket: int
    symbol: str
    side: Side
    volume_lots: float
    magic: int
    comment: str
    filling: int  # ORDER_FILLING_*
    position: int  # the ticket that it names; 0: none
    reason: str  # a word of the back office
    placed: Instant
    price: float  # that it asked for
    state: int = facts.ORDER_STATE_PLACED
    left_lots: float = 0.0  # not executed
    position_id: int = 0
    done: Instant | None = None  # None: it is at work
    deals: int = 0
