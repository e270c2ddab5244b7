"""Where the orders of a simulated account arrive, wait, are judged and executed: its one book, its queue, its time.

Nothing happens here between two calls. What was due by then happens in `settle`, each thing at its own instant, in the
order of these. The clock of the account begins with market time and goes on with elapsed time, so that nobody sets it.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from connectors.account_book import AccountBook, Holding
from connectors.back_office import BackOffice
from connectors.base import Capabilities, Clock, CloseOrder, Done, OpenOrder, Rejected
from connectors.mock import HEDGING, NETTING
from simulation.broker_prices import SimulatedMarket
from simulation.broker_truth import Accepted, Attempt, Executed, Truth
from trading.commodities import Commodity
from trading.market import SECOND, Instant
from trading.settings_accounts import PaperSettings

EPSILON_MILLISECONDS = 1e-6  # an elapsed time so near to a whole millisecond is that one
EPSILON_STEPS = 1e-9  # a volume so near to a whole step is that step


@dataclass(slots=True, eq=False)
class Delivery:
    """An order on its way, and what has become of it."""

    attempt: Attempt
    fraction: float = 1.0  # of the volume, that will be executed
    comment: str | None = None  # instead of the order's own
    yields: bool = False  # it is lost where, by the time it is due, its commodity is held or awaited already
    number: int | None = None  # the order's, given to it before it is executed
    is_admitted: bool = False  # it was let through already, before it set out
    is_shown: bool = False  # the broker shows that it is at work
    answer: Done | Rejected | None = None


class Floor:
    """One account, as it is whoever is connected to it."""

    def __init__(
        self,
        platform: str,
        commodities: Mapping[str, Commodity],
        symbols: Mapping[str, str],
        clock: Clock,
        rng: random.Random,
        settings: PaperSettings,
        hourly_volatility: float,
        *,
        netting: bool,
        dedupes_open: bool,
        is_fenced: bool,
    ) -> None:
        for name in symbols:
            if name not in commodities:
                raise ValueError(
                    f"symbols: {name!r} is no commodity; expected some of {', '.join(sorted(commodities))}"
                )
        self.platform = platform
        self.capabilities: Capabilities = replace(NETTING if netting else HEDGING, dedupes_open=dedupes_open)
        self.symbols = tuple(sorted(symbols))
        self.netting = netting
        self.epoch = 0  # how often all connections were cut
        self.down_until: Instant = 0
        self.hidden_from: Instant = 0  # orders and deals from here on are not to be seen ...
        self.hidden_until: Instant = 0  # ... before this
        self._is_fenced = is_fenced
        self._clock = clock
        self._origin, self._elapsed_at_origin = clock.now(), clock.elapsed()
        self.at = self._origin  # as far as everything has happened
        self._agenda: list[tuple[Instant, int, Callable[[], None]]] = []
        self._places = 0
        self._queue: dict[int, Delivery] = {}  # accepted, to be executed later, by their places in the agenda
        self._travelling: dict[int, Delivery] = {}  # sent, to arrive later, by their places
        self.market = SimulatedMarket(commodities, rng, self._origin, hourly_volatility)
        self.book = AccountBook(settings.balance)
        instruments = {name: commodities[name].instrument(symbol, settings) for name, symbol in symbols.items()}
        self.office = BackOffice(
            platform,
            settings.currency,
            instruments,
            commodities,
            self.book,
            lambda commodity: self.market.quote(commodity, self.at),
            netting=netting,
        )
        self.truth = Truth(
            self.settle,
            self.book,
            self.office.positions,
            lambda: self.office.account(self.at),
            lambda commodity: self.market.quote(commodity, self.at),
            lambda commodity: self.market.deals(commodity, self.at),
            self.waiting,
        )

    @property
    def is_down(self) -> bool:
        """Whether the broker is away, and nothing is dealt."""
        return self.at < self.down_until

    # ------------------------------------------------------------ time

    def settle(self) -> Instant:
        """Let everything happen that is due, and give the time. Not to be called by what happens."""
        elapsed_seconds = self._clock.elapsed() - self._elapsed_at_origin
        now = self._origin + int(elapsed_seconds * SECOND + EPSILON_MILLISECONDS)
        agenda = self._agenda
        while agenda and agenda[0][0] <= now:
            at, _, happen = heapq.heappop(agenda)
            self.at = at
            happen()
        self.at = now
        return now

    def later(self, after: int, happen: Callable[[], None]) -> int:
        """Let something happen so many milliseconds from now; the answer is its place in the agenda."""
        self._places += 1
        heapq.heappush(self._agenda, (self.at + after, self._places, happen))
        return self._places

    # ------------------------------------------------------------ orders

    def arrive(self, delivery: Delivery) -> None:
        """An order reaches the broker's side, and goes straight through."""
        if self.accept(delivery):
            self.execute(delivery)

    def arrive_later(self, delivery: Delivery, after: int) -> None:
        """An order is on its way for so many milliseconds, and lost where it finds the broker away."""

        def reach() -> None:
            del self._travelling[place]
            if not self.is_down:
                self.arrive(delivery)

        place = self.later(after, reach)
        self._travelling[place] = delivery

    def accept(self, delivery: Delivery) -> bool:
        """Judge an order beside the broker: its token, and whether its number was sent before."""
        if delivery.is_admitted:
            return True
        attempt = delivery.attempt
        lowest = self.book.token
        token = attempt.token if self._is_fenced else max(attempt.token, lowest)
        dedupes = isinstance(attempt.order, OpenOrder) and self.capabilities.dedupes_open
        delivery.answer = self.office.refusal(token, attempt.magic if dedupes else None)
        if delivery.answer is not None:
            return False
        self.admit(delivery, lowest)
        return True

    def admit(self, delivery: Delivery, lowest_token: int) -> None:
        """Take an order that was judged, against this token, and let through."""
        attempt = delivery.attempt
        delivery.is_admitted = True
        if isinstance(attempt.order, OpenOrder):
            self.office.accept(attempt.order, attempt.token, self.at)
        self.truth.note(Accepted(attempt, self.at, lowest_token))

    def reserve(self) -> int:
        """The number of an order that will be executed later, or of anything else that takes one of the book's."""
        number = self.book.next_number
        self.book.next_number += 2
        return number

    def execute_later(self, delivery: Delivery, after: int) -> None:
        """An accepted order waits here for so many milliseconds, or until the broker is back, unless it is lost."""
        place = self.later(after, lambda: self._execute_waiting(place))
        self._queue[place] = delivery

    def execute(self, delivery: Delivery) -> None:
        """Fill an accepted order at the price of now, or say why not."""
        attempt, order = delivery.attempt, delivery.attempt.order
        met, price = self._met(order), self.price(order)
        lots = self._part(order, delivery.fraction)
        with self._numbered(delivery):
            if isinstance(order, OpenOrder):
                comment = order.comment if delivery.comment is None else delivery.comment
                sent = replace(order, volume_lots=lots, comment=comment)
                delivery.answer = self.office.fill_open(sent, attempt.token, price, self.at)
            else:
                sent_close = replace(order, volume_lots=lots)
                delivery.answer = self.office.fill_close(sent_close, attempt.token, price, self.at)
        self.truth.note(Executed(attempt, self.at, met, delivery.answer))

    def refuse(self, delivery: Delivery, why: Rejected) -> None:
        """An order arrives, and is refused by the broker itself; an open stands in the history."""
        if not self.accept(delivery):
            return
        order = delivery.attempt.order
        delivery.answer = why
        met = self._met(order)
        if isinstance(order, OpenOrder):
            self.office.refuse(order, delivery.attempt.token, why, self.at)
        self.truth.note(Executed(delivery.attempt, self.at, met, why))

    def waiting(self) -> list[Attempt]:
        """The orders that are still to arrive or to be executed, in the order in which that happens."""
        due = {**self._queue, **self._travelling}
        return [due[place].attempt for _, place, _ in sorted(self._agenda) if place in due]

    def working(self) -> list[Delivery]:
        """The orders that wait here, and that the broker shows, by number."""
        shown = [delivery for delivery in self._queue.values() if delivery.is_shown]
        return sorted(shown, key=lambda delivery: delivery.number or 0)

    def awaits(self, commodity: str) -> bool:
        """Whether an order in this commodity is still to arrive or to be executed."""
        due = (*self._queue.values(), *self._travelling.values())
        return any(delivery.attempt.order.commodity == commodity for delivery in due)

    def lose(self, is_lost: Callable[[], bool]) -> None:
        """Ask of each order that waits whether it is lost."""
        for place in list(self._queue):
            if is_lost():
                del self._queue[place]

    def price(self, order: OpenOrder | CloseOrder) -> float | None:
        """What this order costs now; None where it cannot be dealt."""
        if order.commodity not in self.office.instruments:
            return None
        side = order.side if isinstance(order, OpenOrder) else order.side.opposite
        return self.market.fill(order.commodity, side, self.at)

    # ------------------------------------------------------------ how

    @contextmanager
    def _numbered(self, delivery: Delivery) -> Iterator[None]:
        """Let what is booked now have the number that was given to the order before, if any was."""
        book, last = self.book, self.book.next_number
        book.next_number = last if delivery.number is None else delivery.number
        yield
        book.next_number = max(last, book.next_number)

    def _execute_waiting(self, place: int) -> None:
        delivery = self._queue.pop(place, None)
        if delivery is None:
            return
        if self.is_down:
            self.execute_later(delivery, self.down_until - self.at)
            return
        commodity = delivery.attempt.order.commodity
        if not (delivery.yields and (self.book.holding_in(commodity) is not None or self.awaits(commodity))):
            self.execute(delivery)

    def _met(self, order: OpenOrder | CloseOrder) -> Holding | None:
        if self.netting:
            return self.book.holding_in(order.commodity)
        return self.book.holdings.get(order.ticket) if isinstance(order, CloseOrder) else None

    def _part(self, order: OpenOrder | CloseOrder, fraction: float) -> float:
        """A fraction of the order's volume in whole steps, at least the smallest volume; or the volume as it is."""
        if fraction == 1 or order.commodity not in self.office.instruments:
            return order.volume_lots
        terms = self.office.instruments[order.commodity]
        steps = math.floor(order.volume_lots * fraction / terms.volume_step_lots + EPSILON_STEPS)
        return min(order.volume_lots, max(terms.volume_min_lots, round(steps * terms.volume_step_lots, 8)))
