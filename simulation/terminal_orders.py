"""What becomes of an order at a simulated terminal: it goes to the account's floor, or it does not, as the dice say.

The worker has judged it already, and written its number down: a broker knows neither tokens nor numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from connectors.base import Clock, CloseOrder, Done, OpenOrder, Rejected
from connectors.mt5 import facts
from connectors.mt5.simulated_records import send_result
from connectors.mt5.simulated_terms import FOK, IOC
from connectors.mt5.trade_server import PackageError, Record
from simulation import broker_faults as faults
from simulation.broker_connection import (
    LATE_ARRIVAL_SECONDS,
    LATE_EXECUTION_SECONDS,
    LEAST_PART,
    MOST_PART,
    REFUSALS,
    REWRITTEN_COMMENT,
    VERY_LATE_SECONDS,
    VERY_LATE_SHARE,
)
from simulation.broker_floor import Delivery
from simulation.broker_truth import Attempt
from simulation.terminal_account import Errand, TerminalAccount
from trading.market import SECOND, Side

CODES: Mapping[str, int] = {
    "requote": facts.TRADE_RETCODE_REQUOTE,
    "price_changed": facts.TRADE_RETCODE_PRICE_CHANGED,
    "rejected": facts.TRADE_RETCODE_REJECT,
    "trade_disabled": facts.TRADE_RETCODE_TRADE_DISABLED,
    "market_closed": facts.TRADE_RETCODE_MARKET_CLOSED,
    "no_money": facts.TRADE_RETCODE_NO_MONEY,
    "no_position": facts.TRADE_RETCODE_POSITION_CLOSED,
    "invalid_volume": facts.TRADE_RETCODE_INVALID_VOLUME,
    "invalid_request": facts.TRADE_RETCODE_INVALID,
    "unknown_commodity": facts.TRADE_RETCODE_INVALID,
}
"""Of each refusal of the floor, the return code that a client sees."""

DOUBTFUL_CODES = (facts.TRADE_RETCODE_ERROR, facts.TRADE_RETCODE_TIMEOUT, facts.TRADE_RETCODE_CONNECTION, 0)
DOUBTFUL_ERRORS = (
    facts.RES_E_FAIL,
    facts.RES_E_INTERNAL_FAIL,
    facts.RES_E_INTERNAL_FAIL_SEND,
    facts.RES_E_INTERNAL_FAIL_RECEIVE,
    facts.RES_E_INTERNAL_FAIL_TIMEOUT,
)
"""What a client sees where nobody can tell what became of its order."""

BIT_OF_FILLING = {facts.ORDER_FILLING_FOK: FOK, facts.ORDER_FILLING_IOC: IOC}
BARE_SHARE = 0.3  # of good answers that name neither a deal nor a price: those are looked up
LATE_FAULTS = (faults.LATE_ARRIVAL, faults.LATE_EXECUTION)
LOST_FAULTS = (faults.LOST_REPLY, faults.LOST_REJECTION, faults.LOST_REQUEST)


class OrderDesk:
    """Carries the orders of one terminal to the broker, and the answers back."""

    def __init__(
        self, account: TerminalAccount, clock: Clock, process: str, hang: Callable[[Errand], NoReturn]
    ) -> None:
        """``clock``: the world's. ``process``: whose orders these are. ``hang``: never answers."""
        self._account = account
        self._floor, self._dice = account.floor, account.dice
        self._clock = clock
        self._process = process
        self._hang = hang

    def send(self, request: Mapping[str, Any], errand: Errand, *, is_connected: bool) -> Record:
        """The record of OrderSendResult. Raises `PackageError`."""
        order = self._order(request)
        attempt = Attempt(
            self._floor.at, self._process, "open" if isinstance(order, OpenOrder) else "close", order, errand.token
        )
        self._floor.truth.note(attempt)
        if not is_connected:
            return self._result(facts.TRADE_RETCODE_CONNECTION, order)
        filling = BIT_OF_FILLING.get(request["type_filling"], 0)
        if not filling & self._account.symbols[request["symbol"]].filling_mode:
            return self._result(facts.TRADE_RETCODE_INVALID_FILL, order)
        return self._sent(Delivery(attempt), errand, fills_whole=request["type_filling"] == facts.ORDER_FILLING_FOK)

    # ------------------------------------------------------------ what the dice say

    def _sent(self, delivery: Delivery, errand: Errand, *, fills_whole: bool) -> Record:
        floor, fault, order = self._floor, errand.fault, delivery.attempt.order
        if fault == faults.LOST_REQUEST:
            return self._lost(order, errand)
        floor.admit(delivery, self._account.order_floor.highest_token)
        if fault in LATE_FAULTS:
            return self._late(delivery, errand, travels=fault == faults.LATE_ARRIVAL)
        if fault in REFUSALS:
            floor.refuse(delivery, REFUSALS[fault])
        else:
            if fault in (faults.PARTIAL_FILL, faults.PARTIAL_CLOSE) and not fills_whole:
                delivery.fraction = LEAST_PART + self._dice.seconds(MOST_PART - LEAST_PART)
            if fault == faults.COMMENT_REWRITTEN:
                delivery.comment = REWRITTEN_COMMENT
            floor.arrive(delivery)
        if fault in LOST_FAULTS:
            return self._lost(order, errand)
        if fault == faults.SLOW_ORDER:
            self._clock.sleep(self._dice.seconds(self._remaining(errand)))
        if fault == faults.LATE_ANSWER:
            self._hang(errand)
        return self._heard(delivery)

    def _late(self, delivery: Delivery, errand: Errand, *, travels: bool) -> Record:
        """The order has a number, and nothing has come of it yet; the client hears so, or waits, or is cut off."""
        delivery.number = self._floor.reserve()
        delivery.is_shown = self._dice.coin()
        after = self._dice.milliseconds(*LATE_ARRIVAL_SECONDS) if travels else self._delay(delivery)
        if travels:
            self._floor.arrive_later(delivery, after)
        else:
            self._floor.execute_later(delivery, after)
        order = delivery.attempt.order
        match self._dice.rng.randrange(4):
            case 0:
                return self._result(facts.TRADE_RETCODE_PLACED, order, number=delivery.number)
            case 1:
                return self._result(facts.TRADE_RETCODE_DONE, order, number=delivery.number)
            case 2:
                return self._lost(order, errand)
            case _:
                return self._awaited(delivery, after, errand)

    def _awaited(self, delivery: Delivery, after: int, errand: Errand) -> Record:
        """The client waits for what will happen then, but not beyond its time."""
        epoch = self._floor.epoch
        if after / SECOND >= self._remaining(errand):
            self._hang(errand)
        self._clock.sleep(after / SECOND)
        self._floor.settle()
        if delivery.answer is None or self._floor.epoch != epoch:
            return self._lost(delivery.attempt.order, errand)
        return self._heard(delivery)

    def _delay(self, delivery: Delivery) -> int:
        """Until an accepted order is executed, as on any connection to this floor."""
        is_close = delivery.attempt.call == "close"
        if (is_close and self._floor.netting) or self._dice.seconds(1.0) >= VERY_LATE_SHARE:
            return self._dice.milliseconds(*LATE_EXECUTION_SECONDS)
        delivery.yields = self._floor.netting
        return self._dice.milliseconds(*VERY_LATE_SECONDS)

    def _lost(self, order: OpenOrder | CloseOrder, errand: Errand) -> Record:
        """No answer, or one that says nothing; or none until the worker's time is over."""
        way = self._dice.rng.randrange(3)
        if way == 0:
            raise PackageError(self._dice.rng.choice(DOUBTFUL_ERRORS), "the answer was lost")
        if way == 1:
            self._hang(errand)
        return self._result(self._dice.rng.choice(DOUBTFUL_CODES), order)

    # ------------------------------------------------------------ answers

    def _heard(self, delivery: Delivery) -> Record:
        order, answer = delivery.attempt.order, delivery.answer
        assert answer is not None, "the floor has executed it, or refused it"
        if isinstance(answer, Rejected):
            return self._result(CODES[answer.code], order)
        is_whole = answer.volume_lots >= order.volume_lots
        code = facts.TRADE_RETCODE_DONE if is_whole else facts.TRADE_RETCODE_DONE_PARTIAL
        if self._dice.seconds(1.0) < BARE_SHARE:
            return self._result(code, order, number=answer.order)
        return self._result(code, order, number=answer.order, done=answer)

    def _result(self, code: int, order: OpenOrder | CloseOrder, *, number: int = 0, done: Done | None = None) -> Record:
        quote = self._floor.market.quote(order.commodity, self._floor.at)
        if done is None:
            return send_result(code, quote, order=number)
        return send_result(code, quote, order=number, volume_lots=done.volume_lots, price=done.price)

    # ------------------------------------------------------------ how

    def _order(self, request: Mapping[str, Any]) -> OpenOrder | CloseOrder:
        """The order that a request for a deal asks for."""
        commodity = self._account.commodities[request["symbol"]]
        side = Side.BUY if request["type"] == facts.ORDER_TYPE_BUY else Side.SELL
        lots, price, magic = request["volume"], request["price"], request["magic"]
        if request["position"]:
            return CloseOrder(request["position"], commodity, side.opposite, lots, magic, price)
        return OpenOrder(commodity, side, lots, magic, request["comment"], price)

    def _remaining(self, errand: Errand) -> float:
        return max(0.0, errand.expires - self._clock.elapsed())
