"""The arguments of the calls of `calls.py`, strictly read: by a gateway before they reach a worker, and by the worker.

What comes out of here is of the types, and within the bounds, that the package takes: it crashes over a negative magic,
and refuses a whole number in the place of a price.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from connectors import wire
from connectors.mt5.calls import SendOrder
from connectors.wire import BadMessage, Json

Names = tuple[str, ...]

ARGUMENTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "initialize": {},
        "look": {},
        "symbols": {"names": Names},
        "ticks": {"names": Names},
        "rates": {"symbol": str, "timeframe": int, "start": int, "count": int},
        "positions": {},
        "orders": {},
        "history_orders": {"since": int, "until": int},
        "history_deals": {"since": int, "until": int},
        "token": {},
        "try_floor": {},
        "fence": {"token": int},
        "send": {"order": SendOrder, "token": int, "magic": int},
    }
)
"""What each call takes, by name and type."""

LONGEST_TEXT = 29  # UTF-16 units, of a symbol or a comment: the package refuses more
MOST_NAMES = 1_000
MOST_BARS = 100_000
HIGHEST = 2**63 - 1  # of a whole number in the package
LAST_SECOND = 2**31 - 1  # January 2038: the package keeps dates in 32 bits, and raises over a later one
FILLINGS = range(4)  # ORDER_FILLING_FOK, _IOC, _RETURN, _BOC
MARKET_ORDERS = (0, 1)  # ORDER_TYPE_BUY, ORDER_TYPE_SELL: no pending order


def read_arguments(call: str, arguments: Mapping[str, Json], symbols: Collection[str]) -> dict[str, Any]:
    """The arguments of ``call``, each of its type and within its bounds; ``symbols``: the only ones that may be named.

    Raises `BadMessage`, which names what is wrong.
    """
    given = wire.arguments_of(call, arguments, ARGUMENTS)
    for name, value in given.items():
        CHECKS[name](name, value, symbols)
    return given


# ------------------------------------------------------------ bounds


def _is_from(lowest: int, highest: int) -> Callable[[str, int, Collection[str]], None]:
    def check(where: str, value: int, symbols: Collection[str]) -> None:
        _require(lowest <= value <= highest, where, value, f"{lowest} to {highest}")

    return check


def _is_symbol(where: str, value: str, symbols: Collection[str]) -> None:
    _require(value in symbols, where, value, f"one of {', '.join(symbols)}")


def _are_symbols(where: str, value: Names, symbols: Collection[str]) -> None:
    _require(len(value) <= MOST_NAMES, where, f"{len(value)} names", f"at most {MOST_NAMES}")
    for index, name in enumerate(value):
        _is_symbol(f"{where}[{index}]", name, symbols)


def _is_order(where: str, order: SendOrder, symbols: Collection[str]) -> None:
    _is_symbol(f"{where}.symbol", order.symbol, symbols)
    _require(order.order_type in MARKET_ORDERS, f"{where}.order_type", order.order_type, "0 (buy) or 1 (sell)")
    _require(0 < order.volume_lots < math.inf, f"{where}.volume_lots", order.volume_lots, "a number above 0")
    _require(math.isfinite(order.price), f"{where}.price", order.price, "a number")  # oil has been below 0
    _is_from(0, 2**31 - 1)(f"{where}.deviation_points", order.deviation_points, symbols)
    units = len(order.comment.encode("utf-16-le", "surrogatepass")) // 2
    _require(units <= LONGEST_TEXT, f"{where}.comment", order.comment, f"at most {LONGEST_TEXT} UTF-16 units")
    if order.position is not None:
        _is_from(1, HIGHEST)(f"{where}.position", order.position, symbols)
    is_choice = bool(order.fillings) and set(order.fillings) <= set(FILLINGS)
    _require(is_choice, f"{where}.fillings", order.fillings, "one or more of 0, 1, 2 and 3")
    _require(
        len(set(order.fillings)) == len(order.fillings), f"{where}.fillings", order.fillings, "each of them only once"
    )
    _is_from(1, HIGHEST)(f"{where}.login", order.login, symbols)


CHECKS: Mapping[str, Callable[[str, Any, Collection[str]], None]] = MappingProxyType(
    {
        "names": _are_symbols,
        "symbol": _is_symbol,
        "timeframe": _is_from(1, 2**31 - 1),
        "start": _is_from(0, MOST_BARS),
        "count": _is_from(1, MOST_BARS),
        "since": _is_from(0, LAST_SECOND),
        "until": _is_from(0, LAST_SECOND),
        "order": _is_order,
        "token": _is_from(0, HIGHEST),
        "magic": _is_from(0, HIGHEST),
    }
)
"""What each argument may be, by its name."""


def _require(holds: bool, where: str, value: object, expected: str) -> None:
    if not holds:
        raise BadMessage(f"{where} is {value!r}; expected {expected}")
