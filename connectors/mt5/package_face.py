"""What a worker uses of the MetaTrader5 package, and how it asks: every answer with the error that goes with it."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple, Protocol

from connectors.mt5.facts import RES_E_FAIL, RES_S_OK

log = logging.getLogger("watchbill.mt5")


class Package(Protocol):
    """The functions of MetaTrader5, or of its double, that a worker calls: no others."""

    __version__: str

    def initialize(self, *arguments: Any, **named: Any) -> Any:
        """True; or False."""
        ...

    def shutdown(self, *arguments: Any, **named: Any) -> Any:
        """Nothing of interest."""
        ...

    def last_error(self, *arguments: Any, **named: Any) -> Any:
        """The code and the message of the last call; 1 is success."""
        ...

    def terminal_info(self, *arguments: Any, **named: Any) -> Any:
        """A structure TerminalInfo; or None."""
        ...

    def account_info(self, *arguments: Any, **named: Any) -> Any:
        """A structure AccountInfo; or None."""
        ...

    def symbol_select(self, *arguments: Any, **named: Any) -> Any:
        """True; or False."""
        ...

    def symbol_info(self, *arguments: Any, **named: Any) -> Any:
        """A structure SymbolInfo; or None."""
        ...

    def symbol_info_tick(self, *arguments: Any, **named: Any) -> Any:
        """A structure Tick; or None."""
        ...

    def copy_rates_from_pos(self, *arguments: Any, **named: Any) -> Any:
        """An array of bars; or None."""
        ...

    def positions_get(self, *arguments: Any, **named: Any) -> Any:
        """Structures TradePosition; or None."""
        ...

    def orders_get(self, *arguments: Any, **named: Any) -> Any:
        """Structures TradeOrder; or None."""
        ...

    def history_orders_get(self, *arguments: Any, **named: Any) -> Any:
        """Structures TradeOrder; or None."""
        ...

    def history_deals_get(self, *arguments: Any, **named: Any) -> Any:
        """Structures TradeDeal; or None."""
        ...

    def order_calc_margin(self, *arguments: Any, **named: Any) -> Any:
        """A number; or None."""
        ...

    def order_send(self, *arguments: Any, **named: Any) -> Any:
        """A structure OrderSendResult; or None."""
        ...


class Answer(NamedTuple):
    """What the package gave, and its last error right after that."""

    value: Any
    code: int
    message: str


def ask(package: Package, function: str, *arguments: Any, **named: Any) -> Answer:
    """Call the function.

    One that raises, as some do over arguments of a wrong kind, gave None and RES_E_FAIL: a code that says of an order
    that its fate is unknown.
    """
    try:
        value = getattr(package, function)(*arguments, **named)
    except Exception as error:
        log.exception("%s raised", function)
        # Not its repr: of text that cannot be encoded that holds the whole, which may be a password.
        return Answer(None, RES_E_FAIL, f"{function} raised {type(error).__name__}: {error}")
    code, message = package.last_error()
    return Answer(value, int(code), str(message))


def first_failure(*answers: Answer) -> Answer:
    """The first that gave nothing; the last one where all gave something."""
    failures = [answer for answer in answers if answer.value is None]
    return (failures or answers[-1:] or [Answer(None, RES_S_OK, "Success")])[0]
