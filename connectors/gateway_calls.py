"""The calls that a client may make on an account, each with its arguments strictly read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from connectors import wire
from connectors.base import CloseOrder, OpenOrder
from connectors.paper import PaperConnector
from connectors.wire import BadMessage, Json

Act: TypeAlias = Callable[[PaperConnector, float], Json]
"""``act(account, deadline)``: do it, and answer as it travels."""

ORDERS = frozenset({"open", "close"})

ARGUMENTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "fence": {"token": int},
        "instruments": {},
        "account": {},
        "quotes": {},
        "bars": {"commodity": str, "count": int},
        "positions": {},
        "orders": {"since": int},
        "deals": {"since": int},
        "book": {},
        "open": {"order": OpenOrder, "token": int},
        "close": {"order": CloseOrder, "token": int},
    }
)
"""What each call takes, by name and type."""


def prepared(call: str, arguments: Mapping[str, Json]) -> Act:
    """The call with its arguments read. Raises `BadMessage` naming what is wrong."""
    given = wire.arguments_of(call, arguments, ARGUMENTS)
    return lambda account, deadline: _done(call, account, given, deadline)


def _done(call: str, account: PaperConnector, given: Mapping[str, Any], deadline: float) -> Json:
    match call:
        case "open":
            return wire.encode_outcome(account.open(given["order"], given["token"], deadline))
        case "close":
            return wire.encode_outcome(account.close(given["order"], given["token"], deadline))
        case "bars":
            return wire.encode_bars(account.bars(given["commodity"], given["count"], deadline))
        case "book":
            book = account.book_as_written()
            return wire.encode(
                {
                    "token": book.token,
                    "balance": book.balance,
                    "last_seen": book.last_seen,
                    "holdings": list(book.holdings.values()),
                    "deals": book.deals,
                }
            )
        case "fence":
            account.fence(given["token"], deadline)
            return None
        case "orders":
            return wire.encode(account.orders(given["since"], deadline))
        case "deals":
            return wire.encode(account.deals(given["since"], deadline))
        case "instruments":
            return wire.encode(account.instruments(deadline))
        case "account":
            return wire.encode(account.account(deadline))
        case "quotes":
            return wire.encode(account.quotes(deadline))
        case "positions":
            return wire.encode(account.positions(deadline))
        case _:
            raise BadMessage(f"call is {call!r}, which is not carried out")
