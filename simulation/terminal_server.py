"""A terminal of a simulated account: a `TradeServer` for the package's double, over the account's floor.

One worker uses it. What the broker has is the floor's, and shared by all; what a terminal may get wrong is its own:
the link to the broker, the account that is logged in, the switch for algorithmic trading.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from connectors import accounting
from connectors.back_office import BY_HAND, BY_PROGRAM
from connectors.base import Clock
from connectors.mt5 import facts
from connectors.mt5 import simulated_records as records
from connectors.mt5.simulated_orders import BrokerOrder
from connectors.mt5.simulated_rates import rates
from connectors.mt5.simulated_terms import Identity
from connectors.mt5.trade_server import PackageError, Record
from simulation import broker_faults as faults
from simulation.broker_connection import LONGEST_WAIT_SECONDS
from simulation.terminal_account import Errand, TerminalAccount
from simulation.terminal_faults import ALGO_TRADING_OFF, HISTORY_FETCHED, OTHER_ACCOUNT, POSITIONS_BEHIND
from simulation.terminal_history import at_work, ended
from simulation.terminal_orders import OrderDesk
from trading.market import Account, Instant, Instrument, Position, Quote, Side

OTHER_LOGIN_OFFSET = 1  # another account's login is the next number
SIDES = {facts.ORDER_TYPE_BUY: Side.BUY, facts.ORDER_TYPE_SELL: Side.SELL}
NO_CONNECTION = "No IPC connection"
OTHER_ACCOUNT_SECONDS = (2.0, 40.0)
ALGO_TRADING_OFF_SECONDS = (2.0, 60.0)
FETCHING_SECONDS = (1.0, 9.0)  # of a history
BEHIND_SECONDS = (0.1, 5.0)  # of positions
DEPOSIT, FIRST_DEAL = 1, 2  # deals have numbers of their own, in the order in which they are booked
BEYOND_SECONDS = 1e-6  # what comes so late is too late, however times are rounded


class SimulatedTerminal:
    """A `TradeServer`."""

    def __init__(self, account: TerminalAccount, clock: Clock, process: str, stray: Callable[[str], None]) -> None:
        """``clock``: the world's. ``process``: whose worker uses it. ``stray``: told of an order that reaches another
        account than its own.
        """
        self.cut_until: Instant = 0  # no link to the broker before this
        self.other_account_until: Instant = 0  # somebody else's account is shown before this
        self.algo_trading_off_until: Instant = 0
        self.errand = Errand(expires=clock.elapsed())  # what the worker was asked last
        self._account = account
        self._floor, self._dice = account.floor, account.dice
        self._clock = clock
        self._orders = OrderDesk(account, clock, process, self._hang)
        self._stray = stray
        self._is_attached = False  # the package, to this terminal
        self._epoch = account.floor.epoch
        self._fetching: tuple[Instant, Instant] = (0, 0)  # from when to when it fetches the history
        self._behind_until: Instant = 0  # it shows older positions before this: ...
        self._older: Sequence[Position] = ()  # ... these

    # ------------------------------------------------------------ people

    def touched_by(self, fault: str | None) -> None:
        """A person does at this terminal, or does not, what these faults are, and leaves it so for a while."""
        now = self._floor.at
        if fault == OTHER_ACCOUNT:
            self.other_account_until = now + self._dice.milliseconds(*OTHER_ACCOUNT_SECONDS)
        elif fault == ALGO_TRADING_OFF:
            self.algo_trading_off_until = now + self._dice.milliseconds(*ALGO_TRADING_OFF_SECONDS)

    def behave(self) -> None:
        """What people did is undone, and everything is shown as it is."""
        self.other_account_until = self.algo_trading_off_until = 0
        self._fetching = (0, 0)
        self._behind_until = 0

    # ------------------------------------------------------------ connections

    def attach(self) -> None:
        """The package connects to the terminal, which is started where it was not there."""
        self._epoch, self._is_attached = self._floor.epoch, True

    def detach(self) -> None:
        """The package, or the terminal, is gone."""
        self._is_attached = False

    def log_in(self, login: int, password: str | None, server: str | None) -> None:
        """As `TradeServer.log_in`; it takes a link to the broker."""
        now = self._now()
        terms = self._account.terms
        if (login, server) != (terms.login, terms.server):
            raise PackageError(facts.RES_E_AUTH_FAILED, "Terminal: Authorization failed")
        if not self._is_linked(now):
            raise PackageError(facts.RES_E_INTERNAL_FAIL_TIMEOUT, "IPC timeout")
        self.other_account_until = min(self.other_account_until, now)
        if self._dice.of_call("log_in") == HISTORY_FETCHED:
            self._fetching = (now, now + self._dice.milliseconds(*FETCHING_SECONDS))

    def log_out(self) -> None:
        """As `TradeServer.log_out`."""
        self.detach()

    # ------------------------------------------------------------ the terminal and the account

    def terminal_info(self) -> Record:
        """As `TradeServer.terminal_info`."""
        now = self._now()
        return records.terminal(
            self._account.terms.company,
            connected=self._is_linked(now),
            trade_allowed=now >= self.algo_trading_off_until,
            tradeapi_disabled=False,
        )

    def account_info(self) -> Record:
        """As `TradeServer.account_info`."""
        now, terms = self._now(), self._account.terms
        if self._shows_another(now):
            theirs = Account("another", "EUR", 0.0, 0.0, 0.0, now)
            another = Identity(terms.login + OTHER_LOGIN_OFFSET, terms.server, terms.trade_mode)
            return records.account_info(terms, another, theirs)
        ours = Identity(terms.login, terms.server, terms.trade_mode)
        return records.account_info(terms, ours, self._floor.office.account(now))

    # ------------------------------------------------------------ symbols and prices

    def symbols(self) -> Sequence[Record]:
        """As `TradeServer.symbols`."""
        self._now()
        return [self._symbol(terms) for terms in self._instruments().values()]

    def symbol_info(self, symbol: str) -> Record:
        """As `TradeServer.symbol_info`."""
        self._now()
        return self._symbol(self._terms(symbol))

    def symbol_select(self, symbol: str, enable: bool) -> None:
        """As `TradeServer.symbol_select`: every symbol is always shown."""
        self._now()
        self._terms(symbol)

    def symbol_info_tick(self, symbol: str) -> Record:
        """As `TradeServer.symbol_info_tick`; it may be nonsense."""
        now = self._now()
        quote = self._floor.market.shown(self._terms(symbol).commodity, now)
        tick = records.tick(quote, self._account.clock)
        return {**tick, **self._nonsense(quote)} if symbol == self.errand.bad_symbol else tick

    def rates(self, symbol: str, timeframe: int, start: int, count: int) -> Sequence[tuple[Any, ...]]:
        """As `TradeServer.rates`: as far back as this world goes."""
        now, terms = self._now(), self._terms(symbol)
        bars = self._floor.market.minutes(terms.commodity, now)
        return rates(bars, timeframe, start, count, terms.digits, self._account.clock.seconds)

    # ------------------------------------------------------------ positions and history

    def positions(self) -> Sequence[Record]:
        """As `TradeServer.positions`."""
        now = self._now()
        if self._shows_another(now):
            return []
        quotes = {name: self._floor.market.quote(name, now) for name in self._instruments()}
        return [
            records.position(
                held,
                self._account.symbol(held.commodity),
                quotes[held.commodity],
                self._account.clock,
                updated=held.open_time,
                reason=BY_PROGRAM if held.magic else BY_HAND,
            )
            for held in (self._older if now < self._behind_until else self._floor.office.positions())
        ]

    def orders(self) -> Sequence[Record]:
        """As `TradeServer.orders`: not every order that waits at the broker is shown."""
        now = self._now()
        if self._shows_another(now):
            return []
        return [self._order(at_work(delivery), delivery.attempt.order.commodity) for delivery in self._floor.working()]

    def history_orders(self) -> Sequence[Record]:
        """As `TradeServer.history_orders`."""
        now, book = self._now(), self._floor.book
        if self._shows_another(now):
            return []
        positions = {deal.order: deal.position_id for deal in book.deals}
        orders = [
            self._order(ended(order, positions.get(order.order, 0)), order.commodity)
            for order in book.orders
            if self._is_visible(order.time, now)
        ]
        return self._fetched(orders, now)

    def history_deals(self) -> Sequence[Record]:
        """As `TradeServer.history_deals`."""
        now, account = self._now(), self._account
        if self._shows_another(now):
            return []
        deposit = records.deposit(DEPOSIT, account.terms.paper.balance, account.opened_at, account.clock)
        deals = [
            records.deal(replace(deal, deal=number), account.symbol(deal.commodity), account.clock, order=deal.order)
            for number, deal in enumerate(self._floor.book.deals, FIRST_DEAL)
            if self._is_visible(deal.time, now)
        ]
        return self._fetched([deposit, *deals], now)

    # ------------------------------------------------------------ orders

    def order_calc_margin(self, order_type: int, symbol: str, volume_lots: float, price: float) -> float:
        """As `TradeServer.order_calc_margin`."""
        self._now()
        terms = self._terms(symbol)
        return accounting.cents(accounting.margin(terms, volume_lots, price) * self._floor.office.rate(terms.commodity))

    def order_calc_profit(
        self, order_type: int, symbol: str, volume_lots: float, price_open: float, price_close: float
    ) -> float:
        """As `TradeServer.order_calc_profit`."""
        self._now()
        terms = self._terms(symbol)
        gain = accounting.profit(terms, SIDES[order_type], volume_lots, price_open, price_close)
        return accounting.cents(gain * self._floor.office.rate(terms.commodity))

    def order_check(self, request: Mapping[str, Any]) -> Record:
        """As `TradeServer.order_check`: whether the money would do."""
        now, office, terms = self._now(), self._floor.office, self._terms(request["symbol"])
        ours = office.account(now)
        needed = accounting.margin(terms, request["volume"], request["price"]) * office.rate(terms.commodity)
        is_enough = bool(request["position"]) or needed <= ours.margin_free
        return records.check_result(0 if is_enough else facts.TRADE_RETCODE_NO_MONEY, self.account_info())

    def order_send(self, request: Mapping[str, Any]) -> Record:
        """As `TradeServer.order_send`."""
        now = self._now(is_order=True)
        if self._shows_another(now):
            self._stray(f"an order for {request['volume']:g} {request['symbol']} reached another account")
            return records.send_result(facts.TRADE_RETCODE_TRADE_DISABLED, None)
        if now < self.algo_trading_off_until:
            return records.send_result(facts.TRADE_RETCODE_CLIENT_DISABLES_AT, None)
        before = self._floor.office.positions()
        answer = self._orders.send(request, self.errand, is_connected=self._is_linked(now))
        if self._dice.of_call("sent") == POSITIONS_BEHIND:
            self._older = before
            self._behind_until = self._floor.at + self._dice.milliseconds(*BEHIND_SECONDS)
        return answer

    # ------------------------------------------------------------ what goes wrong

    def _now(self, *, is_order: bool = False) -> Instant:
        """The instant at which the package is answered, after whatever befalls its question. Raises `PackageError`."""
        self._require_attachment()
        if not is_order and self._befallen():
            self._require_attachment()
        return self._floor.at

    def _require_attachment(self) -> None:
        """A broker that restarts takes some of the terminals with it."""
        self._floor.settle()
        if self._epoch != self._floor.epoch:
            self._epoch = self._floor.epoch
            self._is_attached = self._is_attached and self._dice.coin()
        if not self._is_attached:
            raise PackageError(facts.RES_E_INTERNAL_FAIL_CONNECT, NO_CONNECTION)

    def _befallen(self) -> bool:
        """Let the question fail, or never end; True when it took time."""
        errand = self.errand
        errand.asked += 1
        if errand.asked != errand.strikes_at:
            return False
        if errand.fault == faults.FAILED_QUESTION:
            if self._dice.coin():
                raise PackageError(facts.RES_E_FAIL, "Generic fail")
            raise PackageError(facts.RES_E_INTERNAL_FAIL_RECEIVE, "IPC recv failed")
        if errand.fault == faults.HUNG_QUESTION:
            self._hang(errand)
        if errand.fault == faults.SLOW_QUESTION:
            self._clock.sleep(self._dice.seconds(self._remaining(errand)))
            return True
        return False

    def _hang(self, errand: Errand) -> NoReturn:
        """Never answer: whoever asked ends the worker when the time is over."""
        self._clock.sleep(self._remaining(errand) + BEYOND_SECONDS)
        self.detach()
        raise PackageError(facts.RES_E_INTERNAL_FAIL_RECEIVE, "IPC recv failed")

    def _remaining(self, errand: Errand) -> float:
        return max(0.0, min(errand.expires - self._clock.elapsed(), LONGEST_WAIT_SECONDS))

    def _nonsense(self, quote: Quote) -> Record:
        return self._dice.rng.choice(
            (
                {"bid": quote.ask * 1.01},
                {"bid": math.nan},
                {"ask": math.inf},
                {"bid": 0.0},
                {"bid": -quote.bid},
                {"bid": math.nan, "ask": math.nan},
            )
        )

    # ------------------------------------------------------------ how

    def _is_linked(self, now: Instant) -> bool:
        return now >= self._floor.down_until and now >= self.cut_until

    def _shows_another(self, now: Instant) -> bool:
        return now < self.other_account_until

    def _is_visible(self, at: Instant, now: Instant) -> bool:
        return now >= self._floor.hidden_until or at < self._floor.hidden_from

    def _fetched(self, history: Sequence[Record], now: Instant) -> Sequence[Record]:
        """So much of the history as the terminal has by now, the oldest first."""
        began, ends = self._fetching
        return history if now >= ends else history[: len(history) * (now - began) // (ends - began)]

    def _instruments(self) -> Mapping[str, Instrument]:
        return self._floor.office.instruments

    def _terms(self, symbol: str) -> Instrument:
        commodity = self._account.commodities.get(symbol)
        if commodity is None:
            raise PackageError(facts.RES_E_NOT_FOUND, "Terminal: Not found")
        return self._instruments()[commodity]

    def _symbol(self, terms: Instrument) -> Record:
        return records.symbol_info(
            self._account.symbols[terms.symbol],
            terms,
            self._floor.market.shown(terms.commodity, self._floor.at),
            self._account.clock,
            rate=self._floor.office.rate(terms.commodity),
        )

    def _order(self, order: BrokerOrder, commodity: str) -> Record:
        named = replace(order, symbol=self._account.symbol(commodity))
        return records.order(named, self._floor.market.quote(commodity, self._floor.at), self._account.clock)
