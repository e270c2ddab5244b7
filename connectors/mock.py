"""A scripted broker for test harnesses: say what it answers, see what it was asked.

Left alone it is a well-behaved broker, hedging, or netting with ``capabilities=NETTING``: every order is executed at
once at the bid or the ask that the test has set, and money is counted by the same back office as a paper account's.
`script` makes it misbehave, call by call:

    mock = MockConnector("alpha", commodities, clock)
    mock.price("EURUSD", 1.1000, 1.1001)
    mock.script(open=[lost_reply(executed=True), as_usual()], positions=[fail()])

It never really waits: delays and hanging calls sleep on the given `Clock`, up to the call's deadline and not beyond. It
books no swap, and closes nothing by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.account_book import AccountBook
from connectors.back_office import BY_HAND, STOP_OUT, BackOffice
from connectors.base import (
    Capabilities,
    Clock,
    CloseOrder,
    ConnectorError,
    DeadlinePassed,
    Done,
    NotConnected,
    OpenOrder,
    Outcome,
    Rejected,
    Unknown,
)
from connectors.mock_market import MockMarket, PriceSource
from connectors.mock_script import (
    AsUsual,
    Delay,
    Duplicate,
    Fail,
    FillsLater,
    Hang,
    LostReply,
    Partly,
    Reject,
    Script,
    Step,
    fail,
)
from trading.bars import BarSeries
from trading.commodities import Commodity
from trading.market import SECOND, Account, Deal, Instant, Instrument, Order, Position, Quote, Side
from trading.settings_accounts import PaperSettings

HEDGING = Capabilities(
    dedupes_open=True, finds_by_client_id=True, closes_by_ticket=True, expires_requests=False, netting=False
)
NETTING = Capabilities(
    dedupes_open=True, finds_by_client_id=True, closes_by_ticket=False, expires_requests=False, netting=True
)
FREE_OF_CHARGE = PaperSettings(slippage_points=0, commission_per_lot=0)


@dataclass(frozen=True, slots=True)
class Request:
    """One call that the connector received, refused ones included."""

    call: str
    arguments: tuple[object, ...]  # without the deadline
    now: Instant


class MockConnector:
    """One scripted account."""

    def __init__(
        self,
        platform: str,
        commodities: Mapping[str, Commodity],
        clock: Clock,
        *,
        symbols: Mapping[str, str] | None = None,
        settings: PaperSettings = FREE_OF_CHARGE,
        capabilities: Capabilities = HEDGING,
    ) -> None:
        """``symbols``: what the account trades; without them, every commodity under its own name.

        ``slippage_points`` is not used. Raises ``ValueError`` for ``netting`` with ``closes_by_ticket``.
        """
        if capabilities.netting and capabilities.closes_by_ticket:
            raise ValueError(
                "capabilities.closes_by_ticket is True with netting; expected False: "
                "on a netting account a repeated close reverses the position"
            )
        symbols = symbols if symbols is not None else {name: name for name in commodities}
        self.requests: list[Request] = []
        self._platform = platform
        self._capabilities = capabilities
        self._clock = clock
        self._connected = False
        self._market = MockMarket()
        self._script = Script()
        self._due: list[tuple[Instant, Callable[[Instant], object]]] = []
        self._book = AccountBook(settings.balance)
        instruments = {name: commodities[name].instrument(symbol, settings) for name, symbol in symbols.items()}
        self._office = BackOffice(
            platform,
            settings.currency,
            instruments,
            commodities,
            self._book,
            lambda commodity: self._market.quote(commodity, self._clock.now()),
            netting=capabilities.netting,
        )

    # ------------------------------------------------------------ what a test sets

    def price(self, commodity: str, bid: float, ask: float) -> None:
        """From now on the market quotes these prices, afresh at every instant."""
        self.price_by(commodity, lambda at: (bid, ask))

    def price_by(self, commodity: str, source: PriceSource) -> None:
        """From now on the market quotes what this function says for the instant."""
        self._market.price_by(commodity, source)

    def freeze(self, commodity: str) -> None:
        """No further ticks: the quote keeps its price and its time until the next `price` or `price_by`."""
        self._market.freeze(commodity, self._clock.now())

    def shut(self, commodity: str) -> None:
        """Close the market of a commodity: orders are refused, and the quote grows old."""
        self._market.shut(commodity, self._clock.now())

    def reopen(self, commodity: str) -> None:
        """Open the market of a commodity again."""
        self._market.reopen(commodity)

    def history(self, series: BarSeries) -> None:
        """The recording from which `bars` answers for this commodity; the clock says which are complete."""
        self._market.history(series)

    def script(self, **calls: Sequence[Step]) -> None:
        """What to do with the next calls, in order: ``script(open=[requote(), as_usual()], quotes=[hang()])``.

        What is not scripted goes as usual. Raises ``ValueError`` for a call that there is not, and for a step that a
        question cannot take.
        """
        for call, steps in calls.items():
            self._script.add(call, steps)

    def fail(self, call: str, times: int = 1, error: ConnectorError | None = None) -> None:
        """Let the next calls of this name raise."""
        self.script(**{call: [fail(error)] * times})

    def drop(self) -> None:
        """Cut the connection: every call but `connect` fails until that is called again."""
        self._connected = False

    def asked(self, call: str) -> list[Request]:
        """The requests of one name, in order."""
        return [request for request in self.requests if request.call == call]

    def open_by_hand(self, commodity: str, side: Side, volume_lots: float) -> Done | Rejected:
        """Open a position as a person does in the broker's own terminal: without a magic, past every script.

        On a netting account it is merged with what the account holds.
        """
        order = OpenOrder(commodity, side, volume_lots, magic=0, comment="", expected_price=math.nan)
        now = self._settled()
        price = self._market.fill(commodity, side, now)
        return self._office.fill_open(order, self._book.token, price, now, BY_HAND)

    def close_by_hand(self, ticket: int) -> Done | Rejected:
        """Close a whole position as a person does in the broker's own terminal."""
        return self._close_whole(ticket, BY_HAND)

    def stop_out(self, ticket: int) -> Done | Rejected:
        """Let the broker close a position for want of margin."""
        return self._close_whole(ticket, STOP_OUT)

    def adjust(
        self, position_id: int, *, profit: float = 0.0, swap: float = 0.0, commission: float = 0.0, fee: float = 0.0
    ) -> Deal:
        """Let the broker book money on a position, live or long closed: a deal without volume, reason "correction".

        Raises ``ValueError`` for a position that has no deals.
        """
        now = self._settled()
        return self._office.adjust(position_id, now, profit=profit, swap=swap, commission=commission, fee=fee)

    # ------------------------------------------------------------ the protocol

    @property
    def platform(self) -> str:
        """The account's name."""
        return self._platform

    @property
    def capabilities(self) -> Capabilities:
        """As given: without ``dedupes_open`` repeats are executed, with ``expires_requests`` late orders are not."""
        return self._capabilities

    def connect(self, deadline: float) -> None:
        """Connect; the account is as it was left."""
        self._question("connect", deadline=deadline)
        self._connected = True

    def disconnect(self) -> None:
        """Let go of the broker, which goes on without us."""
        self._connected = False

    def fence(self, token: int, deadline: float) -> None:
        """Refuse lower tokens from now on. Raises `StaleToken` when a higher one was seen."""
        self._office.fence(token, self._question("fence", token, deadline=deadline))

    def instruments(self, deadline: float) -> Mapping[str, Instrument]:
        """The terms of every commodity of this account."""
        self._question("instruments", deadline=deadline)
        return self._office.instruments

    def account(self, deadline: float) -> Account:
        """Balance, equity and margin now."""
        return self._office.account(self._question("account", deadline=deadline))

    def quotes(self, deadline: float) -> Sequence[Quote]:
        """The latest quote of every commodity that was given a price, by name."""
        now = self._question("quotes", deadline=deadline)
        quotes = (self._market.quote(commodity, now) for commodity in sorted(self._office.instruments))
        return tuple(quote for quote in quotes if quote is not None)

    def bars(self, commodity: str, count: int, deadline: float) -> BarSeries:
        """The last completed bars of the recording; no bars where the test gave none."""
        now = self._question("bars", commodity, count, deadline=deadline)
        if commodity not in self._office.instruments:
            raise ConnectorError(f"account {self._platform!r}: it has no symbol for {commodity!r}")
        if count < 0:
            raise ConnectorError(f"account {self._platform!r}: count of bars is {count}; expected 0 or more")
        return self._market.bars(commodity, count, now)

    def positions(self, deadline: float) -> Sequence[Position]:
        """Every live position, by ticket."""
        self._question("positions", deadline=deadline)
        return self._office.positions()

    def orders(self, since: Instant, deadline: float) -> Sequence[Order]:
        """The orders from ``since`` on, oldest first; refused opens included."""
        self._question("orders", since, deadline=deadline)
        return self._book.orders_since(since)

    def deals(self, since: Instant, deadline: float) -> Sequence[Deal]:
        """The deals from ``since`` on, oldest first. A deal out of a buy is a sell."""
        self._question("deals", since, deadline=deadline)
        return self._book.deals_since(since)

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """Open a position, or do what the script says."""

        def fill(at: Instant, fraction: float = 1.0) -> Done | Rejected:
            lots = self._floored(order.commodity, order.volume_lots, fraction)
            price = self._market.fill(order.commodity, order.side, at)
            return self._office.fill_open(replace(order, volume_lots=lots), token, price, at)

        def refuse(answer: Rejected) -> None:
            self._office.refuse(order, token, answer, self._clock.now())

        magic = order.magic if self._capabilities.dedupes_open else None
        refusal = self._refusal("open", order, token, magic, deadline)
        if refusal is not None:
            return refusal
        step = self._script.next_step("open")
        if not isinstance(step, Fail):
            self._office.accept(order, token, self._clock.now())
        return self._play(step, fill, refuse, deadline)

    def close(self, order: CloseOrder, token: int, deadline: float) -> Outcome:
        """Close a position or a part of it, or do what the script says."""

        def fill(at: Instant, fraction: float = 1.0) -> Done | Rejected:
            lots = self._floored(order.commodity, order.volume_lots, fraction)
            price = self._market.fill(order.commodity, order.side.opposite, at)
            return self._office.fill_close(replace(order, volume_lots=lots), token, price, at)

        refusal = self._refusal("close", order, token, None, deadline)
        return refusal or self._play(self._script.next_step("close"), fill, lambda answer: None, deadline)

    # ------------------------------------------------------------ playing the script

    def _question(self, call: str, *arguments: object, deadline: float) -> Instant:
        """Receive a question, wait and fail as the script says, and give the instant at which it is answered."""
        self.requests.append(Request(call, arguments, self._clock.now()))
        self._require_connection(call, deadline)
        match self._script.next_step(call):
            case Fail(error):
                raise error
            case Hang():
                self._wait(math.inf, deadline)
                raise DeadlinePassed(f"{call}: no answer")
            case Delay(seconds) if not self._wait(seconds, deadline):
                raise DeadlinePassed(f"{call}: no answer within the deadline")
        return self._settled()

    def _refusal(
        self, call: str, order: OpenOrder | CloseOrder, token: int, magic: int | None, deadline: float
    ) -> Rejected | None:
        """Receive an order; what is refused before it leaves uses up no step of the script."""
        self.requests.append(Request(call, (order, token), self._clock.now()))
        try:
            self._require_connection(call, deadline)
        except NotConnected as error:
            return Rejected("not_connected", str(error))
        except DeadlinePassed as error:
            return Rejected("deadline_passed", str(error))
        self._settled()
        return self._office.refusal(token, magic)

    def _play(
        self,
        step: Step,
        fill: Callable[..., Done | Rejected],
        refuse: Callable[[Rejected], None],
        deadline: float,
    ) -> Outcome:
        now = self._clock.now()
        match step:
            case Done() | Rejected() | Unknown():
                return step
            case AsUsual():
                return fill(now)
            case Reject(answer):
                refuse(answer)
                return answer
            case Partly(fraction):
                return fill(now, fraction)
            case Duplicate():
                first = fill(now)
                fill(now)
                return first
            case LostReply(executed, rejected):
                if executed:
                    fill(now)
                elif rejected is not None:
                    refuse(rejected)
                return Unknown("the reply was lost")
            case FillsLater(seconds):
                self._due.append((now + round(seconds * SECOND), fill))
                return Unknown("the order was placed, but not filled")
            case Delay(seconds):
                remaining = seconds - max(0.0, deadline - self._clock.elapsed())
                if self._wait(seconds, deadline):
                    return fill(self._settled())
                if not self._capabilities.expires_requests:
                    self._due.append((self._clock.now() + round(remaining * SECOND), fill))
                return Unknown("no answer within the deadline")
            case Hang():
                self._wait(math.inf, deadline)
                return Unknown("no answer")
            case Fail(error):
                raise error

    def _require_connection(self, call: str, deadline: float) -> None:
        if not self._connected and call != "connect":
            raise NotConnected(f"account {self._platform!r} is not connected")
        if self._clock.elapsed() >= deadline:
            raise DeadlinePassed(f"{call}: the deadline had passed when the call came")

    def _wait(self, seconds: float, deadline: float) -> bool:
        """Sleep so long, or to the deadline; True when the deadline was not reached."""
        remaining = deadline - self._clock.elapsed()
        self._clock.sleep(max(0.0, min(seconds, remaining)))
        return seconds < remaining

    def _settled(self) -> Instant:
        """Execute the late orders that are due by now, in their order, and give the present instant."""
        now = self._clock.now()
        for due in sorted((due for due in self._due if due[0] <= now), key=lambda due: due[0]):
            self._due.remove(due)
            at, fill = due
            fill(at)
        return now

    def _floored(self, commodity: str, volume_lots: float, fraction: float) -> float:
        """A fraction of a volume, floored to the volume step; the volume itself is left as it is."""
        if fraction == 1 or commodity not in self._office.instruments:
            return volume_lots
        step = self._office.instruments[commodity].volume_step_lots
        return round(math.floor(volume_lots * fraction / step + 1e-9) * step, 8)

    def _close_whole(self, ticket: int, reason: str) -> Done | Rejected:
        now = self._settled()
        holding = self._book.holdings.get(ticket)
        if holding is None:
            return Rejected("no_position", f"no live position has the ticket {ticket}")
        order = CloseOrder(ticket, holding.commodity, holding.side, holding.volume_lots, 0, math.nan)
        price = self._market.fill(holding.commodity, holding.side.opposite, now)
        return self._office.fill_close(order, self._book.token, price, now, reason)
