"""One account at a simulated broker: its book, its orders, its time.

Money is counted by the same back office as a paper account's; symbols stand where that has commodities. Nothing happens
here between two calls: what was due by then happens in `settle`, each thing at its own instant, in the order of these.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from connectors import accounting
from connectors.account_book import AccountBook, Change, Holding
from connectors.back_office import STOP_OUT, BackOffice
from connectors.base import ConnectorError, Rejected
from connectors.mt5 import facts
from connectors.mt5.simulated_clock import ServerClock, Zone
from connectors.mt5.simulated_market import Market
from connectors.mt5.simulated_orders import BrokerOrder
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.simulated_truth import Event, Executed, Happened, Refused
from connectors.settlement import Execution
from trading.attention import NEVER
from trading.market import Deal, Instant, Instrument, Quote, Side

FIRST_TICKET = 50_000_001
EPSILON_STEPS = 1e-9  # a volume so near to a whole step is that step


class SimulatedAccount:
    """What a trade server keeps of one account, whoever is connected."""

    def __init__(
        self, terms: AccountTerms, symbols: Mapping[str, SymbolTerms], market: Market, at: Instant, zone: Zone
    ) -> None:
        """``symbols``: everything that the broker has, by its own names; those that only convert a currency are among
        them. ``at``: the market time of now.

        Raises `ConnectorError` where a profit currency cannot be converted into the account's.
        """
        self.terms = terms
        self.symbols = dict(symbols)
        self.market = market
        self.clock = ServerClock(zone)
        self.at = at  # as far as everything has happened
        self.book = AccountBook(terms.paper.balance)
        self.instruments: dict[str, Instrument] = {
            name: symbol.instrument(name, terms.paper) for name, symbol in symbols.items()
        }
        self.office = BackOffice(
            str(terms.login),
            terms.paper.currency,
            self.instruments,
            {name: symbol.commodity for name, symbol in symbols.items()},
            self.book,
            self.market.quote,
            netting=terms.netting,
        )
        self.opened_at = at
        self.deposit = FIRST_TICKET  # the number of the deal that brought the opening balance
        self.book.next_number = FIRST_TICKET + 1
        self.working: dict[int, BrokerOrder] = {}
        self.history: list[BrokerOrder] = []  # in the order in which they were done
        self.comments: dict[int, str] = {}  # by deal
        self.touched: dict[int, Instant] = {}  # by position_id, when a deal last changed it
        self.reasons: dict[int, str] = {}  # by position_id, why it was opened
        self.events: list[Event] = []
        self._three_nights_on = {name: symbol.commodity.books_three_nights_on for name, symbol in symbols.items()}
        self._agenda: list[tuple[Instant, int, Callable[[], None]]] = []
        self._places = 0
        self._rollover = accounting.next_rollover(at)
        self.market.follow(at, self._held_before)

    # ------------------------------------------------------------ time

    def settle(self, now: Instant) -> None:
        """Let everything happen that is due by ``now``. Time does not go back: an earlier instant changes nothing."""
        while (due := self._due()) <= now:
            self._go_to(max(due, self.at))
        self._go_to(max(now, self.at))  # at the same instant, too: somebody may have set another price

    def later(self, after: int, happen: Callable[[], None]) -> None:
        """Let something happen so many milliseconds from now."""
        self._places += 1
        heapq.heappush(self._agenda, (self.at + after, self._places, happen))

    def _due(self) -> Instant:
        """When the next thing happens by itself. Ticks and nights matter only to what is held."""
        wanted = self._agenda[0][0] if self._agenda else NEVER
        return min(wanted, self.market.until, self._rollover) if self.book.holdings else wanted

    def _go_to(self, at: Instant) -> None:
        self.at = at
        while self._rollover <= at:
            self.office.charge_nights(self._rollover, self._three_nights_on)
            self._rollover = accounting.next_rollover(self._rollover if self.book.holdings else at)
        moved = self.market.follow(at, self._held_before)
        while self._agenda and self._agenda[0][0] <= at:
            heapq.heappop(self._agenda)[2]()
        if moved:
            self._stop_out()

    def _stop_out(self) -> None:
        """Close the worst position, again and again, while equity is no more than its part of the margin in use."""
        while self.book.holdings:
            account = self.office.account(self.at)
            if account.equity > self.terms.stop_out_percent / 100 * account.margin_used:
                return
            worst = self.office.worst(self.market.is_open)
            if worst is None or self.close_whole(worst, STOP_OUT) is None:
                return  # what is held is not traded now: the next tick tries again

    def _held_before(self, symbol: str, before: Instant) -> Side | None:
        lots = self.book.net_volume(symbol, before)
        if abs(lots) <= accounting.SAME_VOLUME_LOTS:
            return None
        return Side.BUY if lots > 0 else Side.SELL

    # ------------------------------------------------------------ orders

    def placed(
        self,
        symbol: str,
        side: Side,
        volume_lots: float,
        reason: str,
        *,
        magic: int = 0,
        comment: str = "",
        filling: int = facts.ORDER_FILLING_FOK,
        position: int = 0,
        price: float = 0.0,
    ) -> BrokerOrder:
        """A new order, at work."""
        ticket = self._number()
        order = BrokerOrder(
            ticket, symbol, side, volume_lots, magic, comment, filling, position, reason, self.at, price
        )
        order.left_lots = volume_lots
        met = self.met(order)
        order.position_id = 0 if met is None else met.position_id
        self.working[ticket] = order
        return order

    def execute(self, order: BrokerOrder, volume_lots: float, price: float) -> Deal | Rejected:
        """Make a deal for so much of an order that is at work."""
        execution = Execution(
            order.ticket,
            order.magic,
            order.side,
            volume_lots,
            price,
            self.at,
            order.comment,
            order.reason,
            self._number(),  # of now, not of when the order was placed: the numbers of deals rise with their times
        )
        answer = self.office.execute(self.met(order), order.symbol, execution, 0)
        if isinstance(answer, Rejected):
            return answer
        deal = self.book.deals[-1]
        order.deals += 1
        order.left_lots = round(order.left_lots - deal.volume_lots, 8)
        order.position_id = deal.position_id
        self.comments[deal.deal] = order.comment
        self.touched[deal.position_id] = self.at
        self.reasons.setdefault(deal.position_id, order.reason)
        self.events.append(
            Executed(
                self.at,
                order.ticket,
                deal.deal,
                deal.position_id,
                order.magic,
                order.symbol,
                deal.volume_lots,
                price,
                order.reason,
            )
        )
        return deal

    def finish(self, order: BrokerOrder, state: int) -> None:
        """The order is done, and goes into the history."""
        order.state, order.done = state, self.at
        del self.working[order.ticket]
        self.history.append(order)

    def refuse(self, order: BrokerOrder, state: int, code: int) -> None:
        """Nothing comes of an order, or nothing more."""
        self.finish(order, state)
        self.events.append(Refused(self.at, order.ticket, order.magic, code))

    def close_whole(self, holding: Holding, reason: str, volume_lots: float | None = None) -> Deal | None:
        """Close a position, or a part of it, whatever the program does; None where nobody deals."""
        price = self.price(holding.commodity, holding.side.opposite)
        if price is None:
            return None
        lots = holding.volume_lots if volume_lots is None else volume_lots
        order = self.placed(holding.commodity, holding.side.opposite, lots, reason, position=holding.ticket)
        return self._filled(order, price)

    def open_whole(self, symbol: str, side: Side, volume_lots: float, reason: str) -> Deal | None:
        """Open a position without a magic; None where nobody deals, or the money is not there."""
        price = self.price(symbol, side)
        return None if price is None else self._filled(self.placed(symbol, side, volume_lots, reason), price)

    def _filled(self, order: BrokerOrder, price: float) -> Deal | None:
        deal = self.execute(order, order.volume_lots, price)
        if isinstance(deal, Rejected):
            self.refuse(order, facts.ORDER_STATE_REJECTED, facts.TRADE_RETCODE_NO_MONEY)
            return None
        self.finish(order, facts.ORDER_STATE_FILLED)
        return deal

    def renumber(self, ticket: int) -> int:
        """Give a position another ticket; its identifier stays. Raises ``KeyError`` for one that there is not."""
        holding = self.book.holdings[ticket]
        new = self._number()
        self.book.record(Change(self.at, held=(replace(holding, ticket=new),), gone=(ticket,)))
        self.happened(f"position {ticket} has become {new}")
        return new

    def happened(self, what: str) -> None:
        """Note what no client asked for."""
        self.events.append(Happened(self.at, what))

    # ------------------------------------------------------------ what others ask

    def met(self, order: BrokerOrder) -> Holding | None:
        """The position that an order meets. On a netting account a ticket selects nothing."""
        if self.terms.netting:
            return self.book.holding_in(order.symbol)
        return self.book.holdings.get(order.ticket if order.deals and not order.position else order.position)

    def quote(self, symbol: str) -> Quote | None:
        """The market's."""
        return self.market.quote(symbol)

    def price(self, symbol: str, side: Side) -> float | None:
        """What dealing this side costs now, slippage included; None where nobody deals, or there is no price."""
        quote = self.market.quote(symbol)
        if quote is None or not self.market.is_open(symbol):
            return None
        terms = self.instruments[symbol]
        slippage = math.ceil(self.terms.paper.slippage_points) * side.sign
        return round(quote.opening_price(side) + slippage * terms.point, terms.digits)

    def can_value(self, symbol: str) -> bool:
        """Whether there is a price, and one to convert its profits with."""
        try:
            self.office.rate(symbol)
        except ConnectorError:
            return False
        return self.market.quote(symbol) is not None

    def floored(self, symbol: str, volume_lots: float) -> float:
        """The volume in whole steps, and at least the smallest."""
        terms = self.instruments[symbol]
        steps = math.floor(volume_lots / terms.volume_step_lots + EPSILON_STEPS)
        return max(terms.volume_min_lots, round(steps * terms.volume_step_lots, 8))

    def change_symbol(self, name: str, terms: SymbolTerms) -> None:
        """Other terms from now on. Raises ``KeyError`` for a symbol that the broker does not have."""
        if name not in self.symbols:
            raise KeyError(name)
        self.symbols[name] = terms
        self.instruments[name] = terms.instrument(name, self.terms.paper)

    def _number(self) -> int:
        """The next number, for an order, a deal or a ticket."""
        number = self.book.next_number
        self.book.next_number += 1
        return number
