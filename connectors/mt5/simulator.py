"""A module with the face of MetaTrader5 (names, constants, structures, refusals) over a trade server of our own.

`Package` is the whole of it as an object; this module's own functions are those of one such object for the whole
process, as the real module has one connection for the whole process. Several accounts in one process take a `Package`
each, and either can stand wherever the real module does.

Like the real one it never raises for what goes wrong: a function gives None (or False) and `last_error` says why. What
it refuses before asking anybody is told in `argument_checks.py`. A call whose answer is lost breaks the connection:
from then on everything gives -10004 until `initialize` is called again; an answer to another call (-10000) leaves the
connection out of step, and everything gives -10000 until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from connectors.mt5 import call_forms, copies
from connectors.mt5.argument_checks import INVALID, LONGEST_NAME, Refused, parsed, text, trade_request
from connectors.mt5.connection import Connection, Opener, answering
from connectors.mt5.facts import (
    AUTHOR,
    CONSTANTS,
    ERRORS,
    RES_E_INTERNAL_FAIL_INIT,
    RES_E_UNSUPPORTED,
    VERSION,
)
from connectors.mt5.selections import Structures, live, past, symbols, within
from connectors.mt5.structures import (
    STRUCTURE_TYPES,
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    Structure,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
    from_record,
    rates_array,
    ticks_array,
)
from connectors.mt5.trade_server import PackageError, TradeServer

Array: TypeAlias = np.ndarray[Any, np.dtype[np.void]]

VERSION_NUMBER = 500  # of MetaTrader 5
BUILD_DATE = "12 Sep 2025"


def open_terminal_file(path: str, timeout_seconds: float) -> TradeServer:
    """The account of a simulated terminal in another process, found through the file that it writes when it starts.

    Raises `PackageError` (-10003) when there is no such file, or nobody where it points.
    """
    if not path:
        raise PackageError(RES_E_INTERNAL_FAIL_INIT, ERRORS[RES_E_INTERNAL_FAIL_INIT])
    if not Path(path).is_file():
        raise PackageError(RES_E_INTERNAL_FAIL_INIT, f"IPC initialize failed, Process create failed '{path}'")
    # Only here, because a package over a trade server in its own process needs no socket.
    from connectors.mt5.terminal_link import open_terminal

    return open_terminal(path, timeout_seconds)


class Package:
    """The package, connected to whatever trade server ``opener`` finds for a path."""

    __version__ = VERSION
    __author__ = AUTHOR

    def __init__(self, opener: Opener = open_terminal_file) -> None:
        self.connection = Connection(opener)

    # ------------------------------------------------------------ the connection

    @answering(False)
    def initialize(self, *arguments: object, **keywords: object) -> bool:
        """initialize([path], [login], [password], [server], [timeout], [portable])"""
        self.connection.close()
        self.connection.open(*call_forms.initialize(arguments, keywords))
        return True

    @answering(False)
    def login(self, *arguments: object, **keywords: object) -> bool:
        """login(login, [password], [server], [timeout])"""
        self.connection.log_in(call_forms.login(arguments, keywords))
        return True

    @answering(False)
    def shutdown(self) -> bool:
        """Let go of the terminal."""
        self.connection.close()
        return True

    def last_error(self) -> tuple[int, str]:
        """How the last call went: a code, and what it says."""
        return self.connection.last_error

    @answering((0, 0, ""))
    def version(self) -> tuple[int, int, str]:
        """The terminal's version, its build, and the date of that."""
        return VERSION_NUMBER, int(self.connection.server().terminal_info()["build"]), BUILD_DATE

    @answering(None)
    def terminal_info(self) -> Structure:
        """A TerminalInfo."""
        return from_record(TerminalInfo, self.connection.server().terminal_info())

    @answering(None)
    def account_info(self) -> Structure:
        """An AccountInfo."""
        return from_record(AccountInfo, self.connection.server().account_info())

    # ------------------------------------------------------------ symbols

    @answering(None)
    def symbols_total(self) -> int:
        """How many symbols the broker has."""
        return len(self.connection.versioned_server().symbols())

    @answering(None, refused=False)
    def symbols_get(self, *arguments: object, **keywords: object) -> Structures:
        """symbols_get([group]): a SymbolInfo each."""
        group = call_forms.symbols_group(arguments, keywords)
        return symbols(self.connection.versioned_server().symbols(), group)

    @answering(None)
    def symbol_info(self, *arguments: object) -> Structure:
        """symbol_info(symbol): a SymbolInfo."""
        symbol = _only_symbol(arguments)
        return from_record(SymbolInfo, self.connection.server().symbol_info(symbol))

    @answering(None)
    def symbol_info_tick(self, *arguments: object) -> Structure:
        """symbol_info_tick(symbol): a Tick."""
        symbol = _only_symbol(arguments)
        return from_record(Tick, self.connection.server().symbol_info_tick(symbol))

    @answering(False)
    def symbol_select(self, *arguments: object) -> bool:
        """symbol_select(symbol, [enable])"""
        symbol, enable = parsed("Op", arguments if len(arguments) != 1 else (*arguments, True))
        symbol = _symbol(symbol)
        self.connection.server().symbol_select(symbol, enable)
        return True

    @answering(None)
    def market_book_add(self, *arguments: object) -> bool:
        """market_book_add(symbol): False, for there is no depth of market here; the real one sets no error either."""
        _only_symbol(arguments)
        return False

    @answering(None)
    def market_book_release(self, *arguments: object) -> bool:
        """market_book_release(symbol): False, as for `market_book_add`."""
        _only_symbol(arguments)
        return False

    @answering(None)
    def market_book_get(self, *arguments: object) -> Structures:
        """market_book_get(symbol): None, as for `market_book_add`."""
        symbol = _only_symbol(arguments)
        self.connection.server().symbol_info(symbol)
        raise PackageError(RES_E_UNSUPPORTED, ERRORS[RES_E_UNSUPPORTED])

    # ------------------------------------------------------------ bars and ticks

    @answering(None)
    def copy_rates_from_pos(self, *arguments: object) -> Array:
        """copy_rates_from_pos(symbol, timeframe, start_pos, count)"""
        symbol, timeframe, start, count = parsed("Oiii", arguments)
        symbol = _symbol(symbol)
        return rates_array(copies.rates_from_position(self.connection.server(), symbol, timeframe, start, count))

    @answering(None)
    def copy_rates_from(self, *arguments: object) -> Array:
        """copy_rates_from(symbol, timeframe, date_from, count)"""
        symbol, timeframe, until, count = parsed("OiOi", arguments)
        symbol, until = _symbol(symbol), self.connection.moment(until)
        return rates_array(copies.rates_from_time(self.connection.server(), symbol, timeframe, until, count))

    @answering(None)
    def copy_rates_range(self, *arguments: object) -> Array:
        """copy_rates_range(symbol, timeframe, date_from, date_to)"""
        symbol, timeframe, since, until = parsed("OiOO", arguments)
        symbol, since, until = _symbol(symbol), self.connection.moment(since), self.connection.moment(until)
        return rates_array(copies.rates_between(self.connection.server(), symbol, timeframe, since, until))

    @answering(None)
    def copy_ticks_from(self, *arguments: object) -> Array:
        """copy_ticks_from(symbol, date_from, count, flags)"""
        symbol, since, count, flags = parsed("OOii", arguments)
        symbol, since = _symbol(symbol), self.connection.moment(since)
        return ticks_array(copies.ticks_from(self.connection.server(), symbol, since, count, flags))

    @answering(None)
    def copy_ticks_range(self, *arguments: object) -> Array:
        """copy_ticks_range(symbol, date_from, date_to, flags)"""
        symbol, since, until, flags = parsed("OOOi", arguments)
        symbol, since, until = _symbol(symbol), self.connection.moment(since), self.connection.moment(until)
        return ticks_array(copies.ticks_between(self.connection.server(), symbol, since, until, flags))

    # ------------------------------------------------------------ positions, orders and history

    @answering(None)
    def positions_total(self) -> int:
        """How many positions are open."""
        return len(self.connection.server().positions())

    @answering(None)
    def positions_get(self, *arguments: object, **keywords: object) -> Structures:
        """positions_get([symbol], [ticket], [group]): a TradePosition each."""
        selection = call_forms.live_selection(arguments, keywords)
        return live(TradePosition, self.connection.server().positions(), selection)

    @answering(None)
    def orders_total(self) -> int:
        """How many orders are at work."""
        return len(self.connection.server().orders())

    @answering(None)
    def orders_get(self, *arguments: object, **keywords: object) -> Structures:
        """orders_get([symbol], [ticket], [group]): a TradeOrder each."""
        selection = call_forms.live_selection(arguments, keywords)
        return live(TradeOrder, self.connection.server().orders(), selection)

    @answering(None)
    def history_orders_total(self, *arguments: object) -> int:
        """history_orders_total(date_from, date_to)"""
        since, until = call_forms.period(arguments, self.connection.moment)
        return len(within(self.connection.server().history_orders(), "time_setup", since, until))

    @answering(None)
    def history_orders_get(self, *arguments: object, **keywords: object) -> Structures:
        """history_orders_get([date_from, date_to, [group]], [ticket], [position]): a TradeOrder each."""
        selection = call_forms.history_selection(arguments, keywords, self.connection.moment)
        return past(TradeOrder, self.connection.server().history_orders(), "time_setup", selection)

    @answering(None)
    def history_deals_total(self, *arguments: object) -> int:
        """history_deals_total(date_from, date_to)"""
        since, until = call_forms.period(arguments, self.connection.moment)
        return len(within(self.connection.server().history_deals(), "time", since, until))

    @answering(None)
    def history_deals_get(self, *arguments: object, **keywords: object) -> Structures:
        """history_deals_get([date_from, date_to, [group]], [ticket], [position]): a TradeDeal each.

        ``ticket`` is the deal's own: the package reads one deal at most for it.
        """
        selection = call_forms.history_selection(arguments, keywords, self.connection.moment)
        return past(TradeDeal, self.connection.server().history_deals(), "time", selection)

    # ------------------------------------------------------------ trading

    @answering(None)
    def order_calc_margin(self, *arguments: object) -> float:
        """order_calc_margin(action, symbol, volume, price): in account currency."""
        order_type, symbol, volume_lots, price = parsed("kOdd", arguments)
        symbol = _symbol(symbol)
        return float(self.connection.server().order_calc_margin(order_type, symbol, volume_lots, price))

    @answering(None)
    def order_calc_profit(self, *arguments: object) -> float:
        """order_calc_profit(action, symbol, volume, price_open, price_close): in account currency."""
        order_type, symbol, volume_lots, price_open, price_close = parsed("kOddd", arguments)
        symbol = _symbol(symbol)
        server = self.connection.server()
        return float(server.order_calc_profit(order_type, symbol, volume_lots, price_open, price_close))

    @answering(None)
    def order_check(self, *arguments: object, **keywords: object) -> Structure:
        """order_check(request): an OrderCheckResult."""
        request = trade_request(arguments, keywords)
        record = self.connection.server().order_check(request)
        return from_record(OrderCheckResult, record, request=from_record(TradeRequest, request))

    @answering(None)
    def order_send(self, *arguments: object, **keywords: object) -> Structure:
        """order_send(request): an OrderSendResult."""
        request = trade_request(arguments, keywords)
        record = self.connection.server().order_send(request)
        return from_record(OrderSendResult, record, request=from_record(TradeRequest, request))


def _only_symbol(arguments: Sequence[object]) -> str:
    if len(arguments) != 1:
        raise Refused(INVALID)
    return _symbol(arguments[0])


def _symbol(value: object) -> str:
    return text(value, LONGEST_NAME, INVALID)


for _name, _value in {**CONSTANTS, **STRUCTURE_TYPES}.items():
    setattr(Package, _name, _value)
globals().update(CONSTANTS)
globals().update(STRUCTURE_TYPES)

__version__ = VERSION
__author__ = AUTHOR

PACKAGE = Package()
"""The one whose functions are this module's."""

connect_with = PACKAGE.connection.connect_with
initialize, login, shutdown = PACKAGE.initialize, PACKAGE.login, PACKAGE.shutdown
last_error, version = PACKAGE.last_error, PACKAGE.version
terminal_info, account_info = PACKAGE.terminal_info, PACKAGE.account_info
symbols_total, symbols_get = PACKAGE.symbols_total, PACKAGE.symbols_get
symbol_info, symbol_info_tick, symbol_select = PACKAGE.symbol_info, PACKAGE.symbol_info_tick, PACKAGE.symbol_select
market_book_add, market_book_get = PACKAGE.market_book_add, PACKAGE.market_book_get
market_book_release = PACKAGE.market_book_release
copy_rates_from, copy_rates_from_pos = PACKAGE.copy_rates_from, PACKAGE.copy_rates_from_pos
copy_rates_range = PACKAGE.copy_rates_range
copy_ticks_from, copy_ticks_range = PACKAGE.copy_ticks_from, PACKAGE.copy_ticks_range
positions_total, positions_get = PACKAGE.positions_total, PACKAGE.positions_get
orders_total, orders_get = PACKAGE.orders_total, PACKAGE.orders_get
history_orders_total, history_orders_get = PACKAGE.history_orders_total, PACKAGE.history_orders_get
history_deals_total, history_deals_get = PACKAGE.history_deals_total, PACKAGE.history_deals_get
order_calc_margin, order_calc_profit = PACKAGE.order_calc_margin, PACKAGE.order_calc_profit
order_check, order_send = PACKAGE.order_check, PACKAGE.order_send
