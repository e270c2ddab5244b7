"""A package MetaTrader5 that does what a test says, for the tests of the worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from connectors.mt5.calls import SendOrder, WorkerTerms
from connectors.mt5.package_face import Package
from connectors.mt5.structures import (
    AccountInfo,
    OrderSendResult,
    Structure,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeRequest,
    blank,
    from_record,
)

LOGIN, SERVER, DEMO = 5_001, "Made-Demo", 0
DONE, INVALID_FILL = 10_009, 10_030
SYMBOLS = ("EURUSD", "GOLD")

ORDER = SendOrder("EURUSD", 0, 0.1, 1.1, 20, "wb-1", None, (0, 1), LOGIN, SERVER, DEMO)
"""An order that opens."""


def terms(floor_directory: object = "nowhere", **other: Any) -> WorkerTerms:
    """Those of the account that `ScriptedPackage` shows."""
    return WorkerTerms(
        **{
            "package": "MetaTrader5",
            "terminal": "terminal64.exe",
            "portable": False,
            "login": LOGIN,
            "password": None,
            "server": SERVER,
            "symbols": SYMBOLS,
            "floor_directory": str(floor_directory),
            "initialize_seconds": 60.0,
            **other,
        }
    )


def made(structure: type[Structure], **fields: Any) -> Structure:
    """A structure with these fields, and nothing in the others."""
    return from_record(structure, blank(structure) | fields)


def result(retcode: int, **fields: Any) -> Structure:
    """A result of `order_send`."""
    filled = blank(OrderSendResult) | {"retcode": retcode, **fields}
    return from_record(OrderSendResult, filled, request=made(TradeRequest))


class ScriptedPackage:
    """Well and logged in, unless told otherwise. ``answers``: by function, what it gives, or what is called for it."""

    __version__ = "5.0.6231"

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.error = (1, "Success")
        self.account = {"login": LOGIN, "server": SERVER, "trade_mode": DEMO, "margin_mode": 2}
        self.account |= {"trade_allowed": True, "trade_expert": True}
        self.terminal = {"connected": True, "trade_allowed": True, "tradeapi_disabled": False}
        self.answers: dict[str, Any] = {
            "initialize": True,
            "shutdown": None,
            "account_info": lambda: made(AccountInfo, **self.account),
            "terminal_info": lambda: made(TerminalInfo, **self.terminal),
            "symbol_select": True,
            "symbol_info": lambda name: made(SymbolInfo, name=name, digits=5),
            "symbol_info_tick": lambda name: made(Tick, bid=1.1, ask=1.1001, time=1_700_000_000),
            "order_calc_margin": 3_666.7,
            "positions_get": (),
            "orders_get": (),
            "history_orders_get": (),
            "history_deals_get": (),
            "order_send": result(DONE, order=11, deal=12, volume=0.1, price=1.1001),
        }

    @property
    def face(self) -> Package:
        """As the worker has it."""
        return cast(Package, self)

    def last_error(self) -> tuple[int, str]:
        """What the test has said."""
        return self.error

    def __getattr__(self, function: str) -> Callable[..., Any]:
        if function not in self.__dict__.get("answers", {}):
            raise AttributeError(function)

        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((function, arguments, named))
            answer = self.answers[function]
            return answer(*arguments, **named) if callable(answer) else answer

        return call

    def asked(self, *but_not: str) -> list[str]:
        """The functions that were called, in order."""
        return [function for function, _, _ in self.calls if function not in but_not]

    def requests(self) -> list[Mapping[str, Any]]:
        """What `order_send` was given."""
        return [arguments[0] for function, arguments, _ in self.calls if function == "order_send"]
