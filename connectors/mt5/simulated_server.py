"""A trade server and a terminal in memory: the broker behind the package's double.

    market = HandMarket()
    market.price("EURUSD", 1.1000, 1.1001)
    server = SimulatedTradeServer(AccountTerms(1001, "Sim-Demo"), {"EURUSD": SymbolTerms(eurusd)}, market, clock)
    server.script.next("order_send", code=-10002, is_done=True)  # the next order is executed, and its answer lost
    server.hands.open("EURUSD", Side.BUY, 0.1)                   # a person trades
    server.events                                                # what really happened

Left alone it is a well-behaved broker that executes every order at once. Every call may come from any thread; one
at a time is carried out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from connectors import accounting
from connectors.base import ConnectorError
from connectors.mt5 import facts, simulated_records
from connectors.mt5.simulated_account import SimulatedAccount
from connectors.mt5.simulated_admission import SIDES
from connectors.mt5.simulated_block import hold_the_interpreter
from connectors.mt5.simulated_clock import Zone, new_york_close
from connectors.mt5.simulated_dealing import Dealing
from connectors.mt5.simulated_hands import Hands
from connectors.mt5.simulated_market import Market
from connectors.mt5.simulated_rates import bars_needed, frame_seconds, rates
from connectors.mt5.simulated_screen import Screen
from connectors.mt5.simulated_script import NO_TROUBLE, ORDER_SEND, Script, Trouble
from connectors.mt5.simulated_terminal import SimulatedTerminal
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.simulated_truth import Event, Received, request_of
from connectors.mt5.trade_server import PackageError, Record
from trading.market import Instant

TIMEFRAMES = frozenset(value for name, value in facts.CONSTANTS.items() if name.startswith("TIMEFRAME_"))

Answered = TypeVar("Answered")


class MarketClock(Protocol):
    """What tells the market's time."""

    def now(self) -> Instant:
        """Market time."""
        ...


class Troubles(Protocol):
    """What befalls calls by itself."""

    def draw(self, call: str) -> Trouble | None:
        """Of the next call of this name."""
        ...


class SimulatedTradeServer:
    """One account at one broker, and the terminal through which it is seen: a `TradeServer`."""

    def __init__(
        self,
        terms: AccountTerms,
        symbols: Mapping[str, SymbolTerms],
        market: Market,
        clock: MarketClock,
        *,
        zone: Zone = new_york_close,
        block: Callable[[float], None] = hold_the_interpreter,
    ) -> None:
        """``symbols``: everything that the broker has, by its own names. ``block(seconds)``: how a call is held up.

        Raises `ConnectorError` where a profit currency cannot be converted into the account's.
        """
        self.script = Script()
        self.troubles: Troubles | None = None  # besides the script, which comes first
        self._clock = clock
        self._block = block
        self._lock = threading.RLock()
        self.account = SimulatedAccount(terms, symbols, market, clock.now(), zone)
        self._dealing = Dealing(self.account)
        self.terminal = SimulatedTerminal(self.account)
        self._screen = Screen(self.account, self.terminal)
        self.terminal.knows_by(self._screen.everything)
        self.hands = Hands(self.account, self.terminal, self.at_once)

    @property
    def terms(self) -> AccountTerms:
        """Who may log in, and how the account is kept."""
        return self.account.terms

    @property
    def events(self) -> list[Event]:
        """What really happened, in order."""
        return self.account.events

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        self.at_once(lambda: None)

    # ------------------------------------------------------------ the terminal

    def log_in(self, login: int, password: str | None, server: str | None) -> None:
        """Be this account from now on."""
        self._answered("log_in", lambda: self.terminal.log_in(login, password, server))

    def log_out(self) -> None:
        """The terminal stays as it is."""

    def terminal_info(self) -> Record:
        """A record of TerminalInfo."""
        return self._answered("terminal_info", self._screen.terminal)

    def account_info(self) -> Record:
        """A record of AccountInfo."""
        return self._answered("account_info", lambda: self.terminal.seen("account_info", self._screen.account))

    # ------------------------------------------------------------ symbols

    def symbols(self) -> Sequence[Record]:
        """A record of SymbolInfo for every symbol, by name."""
        return self._answered("symbols", lambda: [self._screen.symbol(name) for name in sorted(self.account.symbols)])

    def symbol_info(self, symbol: str) -> Record:
        """A record of SymbolInfo."""
        return self._answered("symbol_info", lambda: self._screen.symbol(self._known(symbol)))

    def symbol_select(self, symbol: str, enable: bool) -> None:
        """Show it in Market Watch, or no more: that is refused while a position is held in it."""
        self._answered("symbol_select", lambda: self._select(self._known(symbol), enable))

    def symbol_info_tick(self, symbol: str) -> Record:
        """A record of Tick; prices are 0 before the first one, and while the symbol is not in Market Watch."""
        return self._answered("symbol_info_tick", lambda: self._screen.tick(self._known(symbol)))

    def rates(self, symbol: str, timeframe: int, start: int, count: int) -> Sequence[tuple[Any, ...]]:
        """Bars of bids, in the server's clock. There are none shorter than the market's own."""
        return self._answered("rates", lambda: self._rates(self._known(symbol), timeframe, start, count))

    # ------------------------------------------------------------ what is held, and what was

    def positions(self) -> Sequence[Record]:
        """Records of TradePosition, by ticket."""
        return self._answered("positions", lambda: self.terminal.seen("positions", self._screen.positions))

    def orders(self) -> Sequence[Record]:
        """Records of TradeOrder: those placed and not executed yet."""
        return self._answered("orders", lambda: self.terminal.seen("orders", self._screen.orders))

    def history_orders(self) -> Sequence[Record]:
        """Records of TradeOrder: those that are done."""
        return self._answered(
            "history_orders", lambda: self.terminal.seen("history_orders", self._screen.history_orders)
        )

    def history_deals(self) -> Sequence[Record]:
        """Records of TradeDeal; the first brought the opening balance."""
        return self._answered("history_deals", lambda: self.terminal.seen("history_deals", self._screen.history_deals))

    # ------------------------------------------------------------ orders

    def order_calc_margin(self, order_type: int, symbol: str, volume_lots: float, price: float) -> float:
        """In account currency."""
        return self._answered(
            "order_calc_margin", lambda: self._dealing.margin(self._known(symbol), volume_lots, price)
        )

    def order_calc_profit(
        self, order_type: int, symbol: str, volume_lots: float, price_open: float, price_close: float
    ) -> float:
        """In account currency."""

        def calculated() -> float:
            instrument = self.account.instruments[self._known(symbol)]
            if order_type not in SIDES:
                raise _error(facts.RES_E_INVALID_PARAMS)
            gain = accounting.profit(instrument, SIDES[order_type], volume_lots, price_open, price_close)
            return accounting.cents(gain * self.account.office.rate(symbol))

        return self._answered("order_calc_profit", calculated)

    def order_check(self, request: Record) -> Record:
        """A record of OrderCheckResult without `request`."""

        def checked() -> Record:
            asked = request_of(request)
            code = self.terminal.refusal(asked) or self._dealing.check(asked)
            return simulated_records.check_result(code, self._screen.account())

        return self._answered("order_check", checked)

    def order_send(self, request: Record) -> Record:
        """A record of OrderSendResult without `request`."""
        return self._answered_with_trouble(ORDER_SEND, lambda trouble: self._sent(request, trouble))

    # ------------------------------------------------------------ how a call is answered

    def at_once(self, act: Callable[[], Answered]) -> Answered:
        """Let everything happen that is due, and do something with nothing in between."""
        with self._lock:
            self.account.settle(self._clock.now())
            return act()

    def _answered(self, call: str, act: Callable[[], Answered]) -> Answered:
        return self._answered_with_trouble(call, lambda trouble: act())

    def _answered_with_trouble(self, call: str, act: Callable[[Trouble], Answered]) -> Answered:
        """Carry out a call, or not, as its trouble says; a call that is held up holds up nobody else's."""
        with self._lock:
            self.account.settle(self._clock.now())
            trouble = self._trouble(call)
            code = trouble.code
            is_lost = code is not None and code < 0
            try:
                if is_lost and not trouble.is_done:
                    raise _error(code or 0)
                answer = act(trouble)
                if is_lost:
                    raise _error(code or 0)
            except PackageError as error:
                failed: PackageError | None = error
            except ConnectorError as error:
                failed = PackageError(facts.RES_E_FAIL, str(error))
            else:
                failed = None
        if trouble.blocks_seconds > 0:
            self._block(trouble.blocks_seconds)
        if failed is not None:
            raise failed
        return answer

    def _trouble(self, call: str) -> Trouble:
        scripted = self.script.taken(call)
        if scripted is not None:
            return scripted
        drawn = None if self.troubles is None else self.troubles.draw(call)
        return NO_TROUBLE if drawn is None else drawn

    def _sent(self, request: Record, trouble: Trouble) -> Record:
        asked = request_of(request)
        if self.terminal.tradeapi_disabled:
            raise _error(facts.RES_E_AUTO_TRADING_DISABLED)
        refused = self.terminal.refusal(asked)
        if refused is not None:
            return self._dealing.refused(asked, refused)
        if not self.terminal.is_ours:
            self.account.events.append(Received(self.account.at, self.terminal.identity, asked))
            return self._dealing.refused(asked, facts.TRADE_RETCODE_NO_MONEY)
        return self._dealing.send(asked, trouble, self.terminal.identity)

    def _known(self, symbol: str) -> str:
        if symbol not in self.account.symbols:
            raise _error(facts.RES_E_NOT_FOUND)
        return symbol

    def _select(self, symbol: str, enable: bool) -> None:
        if enable:
            self.terminal.selected.add(symbol)
        elif any(holding.commodity == symbol for holding in self.account.book.holdings.values()):
            raise _error(facts.RES_E_FAIL)
        else:
            self.terminal.selected.discard(symbol)

    def _rates(self, symbol: str, timeframe: int, start: int, count: int) -> Sequence[tuple[Any, ...]]:
        if timeframe not in TIMEFRAMES:
            raise _error(facts.RES_E_INVALID_PARAMS)
        newest = self.account.market.bars(symbol, 1)
        if newest is None:
            return []
        if frame_seconds(timeframe) < newest.bar_seconds:
            raise _error(facts.RES_E_FAIL)
        needed = bars_needed(newest.bar_seconds, timeframe, start, count)
        bars = self.account.market.bars(symbol, needed)
        assert bars is not None, "there are bars, for there was a newest one"
        digits = self.account.instruments[symbol].digits
        return rates(bars, timeframe, start, count, digits, self.account.clock.seconds)


def _error(code: int) -> PackageError:
    return PackageError(code, facts.ERRORS.get(code, "Terminal: Call failed"))
