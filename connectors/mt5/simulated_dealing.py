"""What a simulated trade server does with an order, and what it answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from connectors import accounting
from connectors.back_office import BY_PROGRAM
from connectors.base import Rejected
from connectors.mt5 import facts, simulated_records
from connectors.mt5.simulated_account import EPSILON_STEPS, SimulatedAccount
from connectors.mt5.simulated_admission import SIDES, closed_by, refusal
from connectors.mt5.simulated_orders import BrokerOrder
from connectors.mt5.simulated_script import Trouble
from connectors.mt5.simulated_terms import Identity
from connectors.mt5.simulated_truth import Received, Refused, Request
from connectors.mt5.trade_server import Record
from trading.market import SECOND, Deal


@dataclass(slots=True)
class Answer:
    """The parts of OrderSendResult that depend on what happened."""

    code: int
    order: int = 0
    deal: int = 0
    volume_lots: float = 0.0
    price: float = 0.0


class Dealing:
    """The dealing desk of one account."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self._requests = 0

    def check(self, request: Request) -> int:
        """The return code of a check: 0 where the order would be taken up."""
        code = refusal(self._account, request)
        if code is None and not self._is_affordable(request):
            code = facts.TRADE_RETCODE_NO_MONEY
        return 0 if code is None else code

    def send(self, request: Request, trouble: Trouble, identity: Identity) -> Record:
        """Take up an order that reached the server, and answer."""
        self._account.events.append(Received(self._account.at, identity, request))
        answer = self._dealt(request, trouble)
        if trouble.code is not None and trouble.code >= 0 and trouble.is_done:
            answer = Answer(trouble.code)
        return self.result(request, answer)

    def refused(self, request: Request, code: int) -> Record:
        """Answer an order that did not leave the terminal."""
        return self.result(request, Answer(code))

    def result(self, request: Request, answer: Answer) -> Record:
        """A record of OrderSendResult."""
        self._requests += 1
        quote = self._account.quote(request.symbol) if request.symbol in self._account.symbols else None
        return simulated_records.send_result(
            answer.code,
            quote,
            order=answer.order,
            deal=answer.deal,
            volume_lots=answer.volume_lots,
            price=answer.price,
            request_id=self._requests,
        )

    # ------------------------------------------------------------ what is done

    def _dealt(self, request: Request, trouble: Trouble) -> Answer:
        account = self._account
        if not trouble.is_carried_out:
            return self._turned_down(request, trouble)
        code = refusal(account, request)
        if code is not None:
            account.events.append(Refused(account.at, 0, request.magic, code))
            return Answer(code)
        order = self._placed(request, trouble)
        if trouble.fills_after_seconds is not None:
            account.later(round(trouble.fills_after_seconds * SECOND), lambda: self._fill_late(order, trouble))
            code = facts.TRADE_RETCODE_PLACED if trouble.code is None else trouble.code
            return Answer(code, order.ticket, volume_lots=order.volume_lots)
        answer = self._filled(order, trouble)
        if trouble.code == facts.TRADE_RETCODE_PLACED and answer.deal:
            answer = Answer(trouble.code, order.ticket, volume_lots=order.volume_lots)  # done, and not said yet
        for _ in range(trouble.repeats):
            if refusal(account, request) is None:
                self._filled(self._placed(request, trouble), trouble)
        return answer

    def _turned_down(self, request: Request, trouble: Trouble) -> Answer:
        """The server says no; now and then that stands in the history."""
        account, code = self._account, trouble.code
        assert code is not None, "only an answer with a code is a refusal"
        if not (trouble.in_history and request.symbol in account.symbols and request.type in SIDES):
            account.events.append(Refused(account.at, 0, request.magic, code))
            return Answer(code)
        order = self._placed(request, trouble)
        account.refuse(order, facts.ORDER_STATE_REJECTED, code)
        return Answer(code, order.ticket)

    def _placed(self, request: Request, trouble: Trouble) -> BrokerOrder:
        return self._account.placed(
            request.symbol,
            SIDES[request.type],
            request.volume,
            BY_PROGRAM,
            magic=request.magic,
            comment=request.comment if trouble.comment is None else trouble.comment,
            filling=request.type_filling,
            position=request.position,
            price=request.price,
        )

    def _fill_late(self, order: BrokerOrder, trouble: Trouble) -> None:
        """Execute an order that was placed before, on the account as it is by now."""
        account = self._account
        if not account.market.is_open(order.symbol):
            account.refuse(order, facts.ORDER_STATE_CANCELED, facts.TRADE_RETCODE_MARKET_CLOSED)
            return
        most_lots = math.inf
        if order.position and not account.terms.netting:
            held = account.met(order)
            if held is None:
                account.refuse(order, facts.ORDER_STATE_CANCELED, facts.TRADE_RETCODE_POSITION_CLOSED)
                return
            most_lots = held.volume_lots
        self._filled(order, trouble, most_lots)

    def _filled(self, order: BrokerOrder, trouble: Trouble, most_lots: float = math.inf) -> Answer:
        """Execute what is to be executed of an order, in so many deals, and be done with it."""
        account = self._account
        price = account.price(order.symbol, order.side)
        assert price is not None, "the market is open, or the order was refused"
        lots = min(order.left_lots, most_lots)
        if trouble.share < 1:
            lots = min(lots, account.floored(order.symbol, lots * trouble.share))
        deals: list[Deal] = []
        for part in self._parts(order.symbol, lots, trouble.pieces):
            deal = account.execute(order, part, price)
            if isinstance(deal, Rejected):
                break
            deals.append(deal)
        if not deals:
            account.refuse(order, facts.ORDER_STATE_REJECTED, facts.TRADE_RETCODE_NO_MONEY)
            return Answer(facts.TRADE_RETCODE_NO_MONEY, order.ticket)
        is_whole = order.left_lots <= 0
        account.finish(order, facts.ORDER_STATE_FILLED if is_whole else facts.ORDER_STATE_CANCELED)
        self._renumber(order, trouble)
        done = round(sum(deal.volume_lots for deal in deals), 8)
        code = facts.TRADE_RETCODE_DONE if is_whole else facts.TRADE_RETCODE_DONE_PARTIAL
        return Answer(code, order.ticket, deals[0].deal, done, price)

    def _parts(self, symbol: str, lots: float, pieces: int) -> list[float]:
        """The volume in so many parts, or in fewer where it cannot be had in so many."""
        least = self._account.instruments[symbol].volume_min_lots
        part = self._account.floored(symbol, lots / pieces)
        count = min(pieces, max(1, math.floor(lots / least + EPSILON_STEPS)))
        first = [part] * (count - 1)
        return [*first, round(lots - sum(first), 8)]

    def _renumber(self, order: BrokerOrder, trouble: Trouble) -> None:
        if not trouble.renumbers:
            return
        held = self._account.book.holdings.values()
        found = next((holding.ticket for holding in held if holding.position_id == order.position_id), None)
        if found is not None:
            self._account.renumber(found)

    def _is_affordable(self, request: Request) -> bool:
        if closed_by(self._account, request) is not None:
            return True
        needed = self.margin(request.symbol, request.volume, request.price)
        return needed <= self._account.office.account(self._account.at).margin_free

    def margin(self, symbol: str, volume_lots: float, price: float) -> float:
        """What a position would tie up, in account currency."""
        instrument = self._account.instruments[symbol]
        tied = accounting.margin(instrument, volume_lots, price)
        return accounting.cents(tied * self._account.office.rate(symbol))
