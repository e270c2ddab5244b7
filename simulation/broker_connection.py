"""One process's connection to a simulated account: it passes calls on, and may do to each what its dice say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias, TypeVar

from connectors.base import (
    Capabilities,
    Clock,
    CloseOrder,
    ConnectorError,
    DeadlinePassed,
    NotConnected,
    OpenOrder,
    Outcome,
    Rejected,
    Unknown,
)
from simulation import broker_faults as faults
from simulation.broker_faults import Dice
from simulation.broker_floor import Delivery, Floor
from simulation.broker_truth import Attempt
from trading.bars import BarSeries
from trading.market import SECOND, Account, Deal, Instant, Instrument, Order, Position, Quote

Answer = TypeVar("Answer")
Dated = TypeVar("Dated", Order, Deal)
Phase: TypeAlias = Literal["before", "after"]
OnCall: TypeAlias = Callable[[str, Phase], None]

LONGEST_WAIT_SECONDS = 60.0  # for an answer that never comes, where the caller has no deadline
LATE_ARRIVAL_SECONDS = (1.0, 80.0)  # with the longest absence of the broker still within the quarantine
LATE_EXECUTION_SECONDS = (1.0, 80.0)
VERY_LATE_SECONDS = (120.0, 400.0)  # beyond the quarantine
VERY_LATE_SHARE = 0.15
LATEST_ANSWER_SECONDS = 2.0  # after the deadline
LEAST_PART, MOST_PART = 0.1, 0.9
REFUSALS = {
    faults.REQUOTE: Rejected("requote", "the price is another", requote=True),
    faults.PRICE_CHANGED: Rejected("price_changed", "the price has moved on", requote=True),
    faults.REJECTED: Rejected("rejected", "the dealer says no"),
    faults.LOST_REJECTION: Rejected("rejected", "the dealer says no"),
    faults.REFUSED_CLOSE: Rejected("trade_disabled", "trading is disabled"),
}
REWRITTEN_COMMENT = "[broker]"


def unwatched(call: str, phase: Phase) -> None:
    """Nobody looks on."""


class SimulatedConnection:
    """A `Connector` to a `SimulatedBroker`."""

    def __init__(self, floor: Floor, dice: Dice, clock: Clock, on_call: OnCall, process: str) -> None:
        self.cut_until: Instant = 0
        self._floor = floor
        self._dice = dice
        self._clock = clock
        self._on_call = on_call
        self._process = process
        self._epoch: int | None = None  # the broker's when this was connected; None: it is not

    @property
    def platform(self) -> str:
        """The account's name."""
        return self._floor.platform

    @property
    def capabilities(self) -> Capabilities:
        """Those of the account."""
        return self._floor.capabilities

    def connect(self, deadline: float) -> None:
        """Connect. Raises `ConnectorError`, of the kind `NotConnected` while the broker or the network is away."""
        self._on_call("connect", "before")
        self._epoch = self._floor.epoch
        try:
            self._attended("connect", deadline)
        except ConnectorError:
            self._epoch = None
            self._on_call("connect", "after")
            raise
        self._on_call("connect", "after")

    def disconnect(self) -> None:
        """Let go of the broker, which goes on without us."""
        self._epoch = None

    def fence(self, token: int, deadline: float) -> None:
        """Refuse lower tokens from now on. Raises `StaleToken` when a higher one was seen."""
        self._ask("fence", deadline, lambda now: self._raise_token(token, now))

    # ------------------------------------------------------------ questions

    def instruments(self, deadline: float) -> Mapping[str, Instrument]:
        """The terms of every commodity of this account."""
        return self._ask("instruments", deadline, lambda now: self._floor.office.instruments)

    def account(self, deadline: float) -> Account:
        """Balance, equity and margin now."""
        return self._ask("account", deadline, self._floor.office.account)

    def quotes(self, deadline: float) -> Sequence[Quote]:
        """The latest quote of every commodity, by name; one may be nonsense."""
        return self._ask("quotes", deadline, self._quotes)

    def bars(self, commodity: str, count: int, deadline: float) -> BarSeries:
        """The last ``count`` complete hours since the account began. Raises `ConnectorError` for what it lacks."""
        if commodity not in self._floor.symbols:
            raise ConnectorError(f"account {self.platform!r}: it has no symbol for {commodity!r}")
        return self._ask("bars", deadline, lambda now: self._floor.market.bars(commodity, count, now))

    def positions(self, deadline: float) -> Sequence[Position]:
        """Every live position, by ticket."""
        return self._ask("positions", deadline, lambda now: self._floor.office.positions())

    def orders(self, since: Instant, deadline: float) -> Sequence[Order]:
        """The orders from ``since`` on, as far as they can be seen."""
        return self._ask("orders", deadline, lambda now: self._visible(self._floor.book.orders_since(since), now))

    def deals(self, since: Instant, deadline: float) -> Sequence[Deal]:
        """The deals from ``since`` on, as far as they can be seen."""
        return self._ask("deals", deadline, lambda now: self._visible(self._floor.book.deals_since(since), now))

    # ------------------------------------------------------------ orders

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """Send an order to open."""
        return self._send("open", order, token, deadline)

    def close(self, order: CloseOrder, token: int, deadline: float) -> Outcome:
        """Send an order to close."""
        return self._send("close", order, token, deadline)

    def _send(
        self, call: Literal["open", "close"], order: OpenOrder | CloseOrder, token: int, deadline: float
    ) -> Outcome:
        self._on_call(call, "before")
        attempt = Attempt(self._floor.settle(), self._process, call, order, token)
        self._floor.truth.note(attempt)
        outcome = self._unsent(attempt.at, deadline) or self._sent(Delivery(attempt), deadline)
        self._on_call(call, "after")
        return outcome

    def _unsent(self, now: Instant, deadline: float) -> Rejected | None:
        try:
            self._require_connection(now)
        except NotConnected as error:
            return Rejected("not_connected", str(error))
        if self._clock.elapsed() >= deadline:
            return Rejected("deadline_passed", "the deadline had passed before anything was sent")
        return None

    def _sent(self, delivery: Delivery, deadline: float) -> Outcome:
        """Send the order, come what may."""
        floor, dice = self._floor, self._dice
        fault = dice.of_call(delivery.attempt.call)
        if fault is None:
            floor.arrive(delivery)
            return _heard(delivery)
        if fault in REFUSALS:
            floor.refuse(delivery, REFUSALS[fault])
            return self._lost(deadline) if fault == faults.LOST_REJECTION else _heard(delivery)
        if fault == faults.LATE_ARRIVAL:
            after = dice.milliseconds(*LATE_ARRIVAL_SECONDS)
            floor.arrive_later(delivery, after)
            return self._awaited(delivery, after, deadline)
        if fault == faults.LATE_EXECUTION:
            if not floor.accept(delivery):
                return _heard(delivery)
            after = self._delay(delivery)
            floor.execute_later(delivery, after)
            return self._awaited(delivery, after, deadline)
        if fault == faults.LOST_REQUEST:
            return self._lost(deadline)
        if fault in (faults.PARTIAL_FILL, faults.PARTIAL_CLOSE):
            delivery.fraction = LEAST_PART + dice.seconds(MOST_PART - LEAST_PART)
        if fault == faults.COMMENT_REWRITTEN:
            delivery.comment = REWRITTEN_COMMENT
        floor.arrive(delivery)
        if fault == faults.DUPLICATE_DELIVERY:
            floor.arrive(Delivery(delivery.attempt))
        if fault == faults.LOST_REPLY:
            return self._lost(deadline)
        if fault == faults.SLOW_ORDER:
            self._wait(dice.seconds(self._remaining(deadline)), deadline)
        if fault == faults.LATE_ANSWER:
            self._clock.sleep(self._remaining(deadline) + dice.seconds(LATEST_ANSWER_SECONDS))
        return _heard(delivery)

    def _delay(self, delivery: Delivery) -> int:
        """Until an accepted order is executed.

        On a netting account, where orders are merged and nobody could tell what came of which, a close is never so
        late that it meets another position, and an open that is gives way.
        """
        is_close = delivery.attempt.call == "close"
        if (is_close and self._floor.netting) or self._dice.seconds(1.0) >= VERY_LATE_SHARE:
            return self._dice.milliseconds(*LATE_EXECUTION_SECONDS)
        delivery.yields = self._floor.netting
        return self._dice.milliseconds(*VERY_LATE_SECONDS)

    def _lost(self, deadline: float) -> Unknown:
        """No answer: the caller hears of it at once, or waits in vain."""
        if self._dice.coin():
            return Unknown("the connection broke")
        self._clock.sleep(self._remaining(deadline))
        return Unknown("no answer within the deadline")

    def _awaited(self, delivery: Delivery, after: int, deadline: float) -> Outcome:
        """Wait for what will happen then, but not beyond the deadline."""
        epoch = self._floor.epoch
        in_time = self._wait(after / SECOND, deadline)
        self._floor.settle()
        if not in_time or delivery.answer is None:
            return Unknown("no answer within the deadline")
        return _heard(delivery) if self._floor.epoch == epoch else Unknown("the connection broke")

    # ------------------------------------------------------------ how

    def _ask(self, call: str, deadline: float, answer: Callable[[Instant], Answer]) -> Answer:
        self._on_call(call, "before")
        try:
            given = answer(self._attended(call, deadline))
        except ConnectorError:
            self._on_call(call, "after")
            raise
        self._on_call(call, "after")
        return given

    def _attended(self, call: str, deadline: float) -> Instant:
        """Be asked, and do to the question what the dice say; the instant is the one at which it is answered."""
        self._require_connection(self._floor.settle())
        if self._clock.elapsed() >= deadline:
            raise DeadlinePassed(f"{call}: the deadline had passed when the call came")
        fault = self._dice.of_call("question")
        if fault is None:
            return self._floor.at
        if fault == faults.FAILED_QUESTION:
            raise ConnectorError(f"{call}: the broker could not say")
        if fault == faults.HUNG_QUESTION:
            self._clock.sleep(self._remaining(deadline))
            raise DeadlinePassed(f"{call}: no answer within the deadline")
        self._wait(self._dice.seconds(self._remaining(deadline)), deadline)
        now = self._floor.settle()
        self._require_connection(now)
        return now

    def _raise_token(self, token: int, now: Instant) -> None:
        self._floor.office.fence(token, now)
        if self._dice.of_call("fence") == faults.LOST_FENCE:
            raise ConnectorError("fence: no answer")

    def _quotes(self, now: Instant) -> Sequence[Quote]:
        quotes = [self._floor.market.shown(commodity, now) for commodity in self._floor.symbols]
        if self._dice.of_call("quotes") == faults.BAD_QUOTE:
            place = self._dice.rng.randrange(len(quotes))
            quotes[place] = self._nonsense(quotes[place])
        return tuple(quotes)

    def _nonsense(self, quote: Quote) -> Quote:
        return self._dice.rng.choice(
            (
                replace(quote, bid=quote.ask * 1.01),
                replace(quote, bid=math.nan),
                replace(quote, ask=math.inf),
                replace(quote, bid=0.0),
                replace(quote, bid=-quote.bid),
                replace(quote, bid=math.nan, ask=math.nan),
            )
        )

    def _visible(self, history: Sequence[Dated], now: Instant) -> Sequence[Dated]:
        if now >= self._floor.hidden_until:
            return history
        return tuple(record for record in history if record.time < self._floor.hidden_from)

    def _require_connection(self, now: Instant) -> None:
        if self._epoch is None:
            raise NotConnected(f"account {self.platform!r} is not connected")
        if self._epoch != self._floor.epoch or now < self._floor.down_until or now < self.cut_until:
            self._epoch = None
            raise NotConnected(f"account {self.platform!r}: the connection was cut")

    def _remaining(self, deadline: float) -> float:
        return max(0.0, min(deadline - self._clock.elapsed(), LONGEST_WAIT_SECONDS))

    def _wait(self, seconds: float, deadline: float) -> bool:
        """Sleep so long, or to the deadline; True when the deadline was not reached."""
        remaining = self._remaining(deadline)
        self._clock.sleep(min(seconds, remaining))
        return seconds < remaining


def _heard(delivery: Delivery) -> Outcome:
    return Unknown("no answer") if delivery.answer is None else delivery.answer
