"""What really happened at a simulated trade server, whatever its clients were told: for tests and for referees."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeAlias

from connectors.mt5.simulated_terms import Identity
from connectors.mt5.trade_server import Record
from trading.market import Instant


@dataclass(frozen=True, slots=True)
class Request:
    """Every field of TradeRequest."""

    action: int
    magic: int
    order: int
    symbol: str
    volume: float
    price: float
    stoplimit: float
    sl: float
    tp: float
    deviation: int
    type: int
    type_filling: int
    type_time: int
    expiration: int
    comment: str
    position: int
    position_by: int


REQUEST_FIELDS = tuple(field.name for field in fields(Request))


def request_of(record: Record) -> Request:
    """The request in a record. Raises ``ValueError`` for a field that is missing, or is none."""
    missing = [name for name in REQUEST_FIELDS if name not in record]
    unknown = [name for name in record if name not in REQUEST_FIELDS]
    if missing or unknown:
        wrong = f"{missing[0]} is missing" if missing else f"{unknown[0]!r} is not a field"
        raise ValueError(f"request: {wrong}; expected {', '.join(REQUEST_FIELDS)}")
    return Request(**record)


@dataclass(frozen=True, slots=True)
class Received:
    """An order reached the trade server."""

    at: Instant
    identity: Identity  # of the account that it reached, which may be another than was meant
    request: Request


@dataclass(frozen=True, slots=True)
class Executed:
    """A deal was made."""

    at: Instant
    order: int
    deal: int
    position_id: int
    magic: int
    symbol: str
    volume_lots: float
    price: float
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing came of an order, or nothing more will."""

    at: Instant
    order: int  # 0: it got no number
    magic: int
    code: int


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that no client asked for."""

    at: Instant
    what: str


Event: TypeAlias = Received | Executed | Refused | Happened
