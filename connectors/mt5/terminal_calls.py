"""The calls of a `TradeServer` as they travel to a terminal process, each with its arguments strictly read.

Beside them, for tests of whole processes, what a person or a broker does at a simulated terminal: `behave`, `trouble`,
`open_by_hand`, `close_by_hand`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Protocol

from connectors import wire
from connectors.mt5.simulated_faults import RandomFaults
from connectors.mt5.simulated_script import Trouble
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_truth import Request
from connectors.wire import BadMessage, Json
from trading.market import Side

MOST_BARS = 100_000  # of one answer

ARGUMENTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "log_in": {"login": int, "password": str | None, "server": str | None},
        "terminal_info": {},
        "account_info": {},
        "symbols": {},
        "symbol_info": {"symbol": str},
        "symbol_select": {"symbol": str, "enable": bool},
        "symbol_info_tick": {"symbol": str},
        "rates": {"symbol": str, "timeframe": int, "start": int, "count": int},
        "positions": {},
        "orders": {},
        "history_orders": {},
        "history_deals": {},
        "order_calc_margin": {"order_type": int, "symbol": str, "volume_lots": float, "price": float},
        "order_calc_profit": {
            "order_type": int,
            "symbol": str,
            "volume_lots": float,
            "price_open": float,
            "price_close": float,
        },
        "order_check": {"request": Request},
        "order_send": {"request": Request},
        "behave": {},
        "trouble": {"of": str, "times": int, "trouble": Trouble},
        "open_by_hand": {"symbol": str, "side": Side, "volume_lots": float},
        "close_by_hand": {"ticket": int},
    }
)
"""What each call takes, by name and type."""

BY_HAND = frozenset({"behave", "trouble", "open_by_hand", "close_by_hand"})


class Hosted(Protocol):
    """One account of a terminal process."""

    @property
    def server(self) -> SimulatedTradeServer:
        """Its trade server."""
        ...

    @property
    def faults(self) -> RandomFaults | None:
        """What makes it misbehave; None: nothing does."""
        ...


def prepared(call: str, arguments: Mapping[str, Json]) -> Callable[[Hosted], Json]:
    """The call with its arguments read. Raises `BadMessage` naming what is wrong."""
    try:
        given = wire.arguments_of(call, arguments, ARGUMENTS)
    except ValueError as error:  # what a trouble says of itself among them
        raise BadMessage(str(error)) from error
    if call == "rates" and not (given["start"] >= 0 and 0 <= given["count"] <= MOST_BARS):
        raise BadMessage(f"rates: start is {given['start']} and count is {given['count']}; expected 0 to {MOST_BARS}")
    return lambda hosted: wire.encode(_done(call, hosted, given))


def _done(call: str, hosted: Hosted, given: Mapping[str, Any]) -> Any:
    if call in BY_HAND:
        try:
            return _by_hand(call, hosted, given)
        except KeyError as error:
            raise BadMessage(f"{call}: there is no {error.args[0]!r}") from error
        except ValueError as error:
            raise BadMessage(str(error)) from error
    if "request" in given:
        given = {"request": asdict(given["request"])}
    return getattr(hosted.server, call)(**given)


def _by_hand(call: str, hosted: Hosted, given: Mapping[str, Any]) -> Any:
    hands = hosted.server.hands
    match call:
        case "behave":
            hosted.server.script.clear()
            if hosted.faults is not None:
                hosted.faults.end()
        case "trouble":
            hosted.server.script.add(given["of"], given["trouble"], given["times"])
        case "open_by_hand":
            deal = hands.open(given["symbol"], given["side"], given["volume_lots"])
            return None if deal is None else deal.position_id
        case _:
            deal = hands.close(given["ticket"])
            return None if deal is None else deal.position_id
    return None
