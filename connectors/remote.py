"""A paper account in a broker process of its own (`run.py broker`), reached over a socket.

What the account owes, it owes here too, and the connection adds this: no call outlives its deadline, whatever the
broker does; an order that was not sent is a definite no, and one that was sent and not answered is unknown. A broken
connection stays broken until `connect`, as with any broker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from connectors import wire
from connectors.account_book import AccountBook, Holding
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
from connectors.gateway_link import Link, NotUnderstood
from connectors.paper import CAPABILITIES
from connectors.wire import BadMessage, Json
from trading.bars import BarSeries
from trading.market import Account, Deal, Instant, Instrument, Order, Position, Quote

LONGEST_CALL_SECONDS = 60.0  # whatever the deadline
LOOK_SECONDS = 10.0


class RemoteConnector:
    """One account at a broker process."""

    def __init__(
        self, platform: str, address: tuple[str, int], secret: Callable[[], str], clock: Clock, client: str
    ) -> None:
        """``secret``: read anew for every connection, since a broker may make it later; may raise `ConnectorError`.
        ``client``: this process, by a name that no other has.
        """
        self._platform = platform
        self._address = address
        self._secret = secret
        self._clock = clock
        self._client = client
        self._link: Link | None = None

    @property
    def platform(self) -> str:
        """The account's name."""
        return self._platform

    @property
    def capabilities(self) -> Capabilities:
        """Those of a paper account."""
        return CAPABILITIES

    def connect(self, deadline: float) -> None:
        """Connect anew: what was sent before and not answered is void at the broker from now on."""
        until = self._until(deadline)
        self.disconnect()
        self._link = Link(self._address, self._secret(), self._client, self._platform, until)

    def disconnect(self) -> None:
        """Hang up."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def fence(self, token: int, deadline: float) -> None:
        """Refuse lower tokens from now on, durably. Raises `StaleToken` when a higher one was seen."""
        self._ask("fence", {"token": token}, deadline)

    def book_as_written(self) -> AccountBook:
        """What the broker has in its book, but for its orders and magics, for a look before `connect`."""
        until = time.monotonic() + LOOK_SECONDS
        link = Link(self._address, self._secret(), f"{self._client}/book", self._platform, until)
        try:
            given = wire.mapping(link.ask("book", {}, until), "book")
            book = AccountBook(wire.read(float, given.get("balance"), "book.balance"))
            book.last_seen = wire.read(int | None, given.get("last_seen"), "book.last_seen")
            book.token = wire.read(int, given.get("token"), "book.token")
            holdings = wire.decode_all(Holding, given.get("holdings"), "book.holdings")
            book.holdings = {holding.ticket: holding for holding in holdings}
            book.deals = list(wire.decode_all(Deal, given.get("deals"), "book.deals"))
        except BadMessage as error:
            raise ConnectorError(f"account {self._platform!r}: {error}") from error
        finally:
            link.close()
        return book

    # ------------------------------------------------------------ questions

    def instruments(self, deadline: float) -> Mapping[str, Instrument]:
        """The terms of every commodity of this account."""
        answer = self._ask("instruments", {}, deadline)
        return self._read(lambda: {k: wire.decode(Instrument, v, k) for k, v in wire.mapping(answer, "answer").items()})

    def account(self, deadline: float) -> Account:
        """Balance, equity and margin now."""
        answer = self._ask("account", {}, deadline)
        return self._read(lambda: wire.decode(Account, answer, "answer"))

    def quotes(self, deadline: float) -> Sequence[Quote]:
        """The latest quote of every commodity that has one."""
        answer = self._ask("quotes", {}, deadline)
        return self._read(lambda: wire.decode_all(Quote, answer, "answer"))

    def bars(self, commodity: str, count: int, deadline: float) -> BarSeries:
        """The last ``count`` bars that are complete by the broker's clock."""
        answer = self._ask("bars", {"commodity": commodity, "count": count}, deadline)
        return self._read(lambda: wire.decode_bars(answer, "answer"))

    def positions(self, deadline: float) -> Sequence[Position]:
        """Every live position, by ticket."""
        answer = self._ask("positions", {}, deadline)
        return self._read(lambda: wire.decode_all(Position, answer, "answer"))

    def orders(self, since: Instant, deadline: float) -> Sequence[Order]:
        """The orders from ``since`` on, oldest first."""
        answer = self._ask("orders", {"since": since}, deadline)
        return self._read(lambda: wire.decode_all(Order, answer, "answer"))

    def deals(self, since: Instant, deadline: float) -> Sequence[Deal]:
        """The deals from ``since`` on, oldest first."""
        answer = self._ask("deals", {"since": since}, deadline)
        return self._read(lambda: wire.decode_all(Deal, answer, "answer"))

    # ------------------------------------------------------------ orders

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """Open a position. The broker drops the order by itself when it gets to it only after the deadline."""
        return self._order("open", order, token, deadline)

    def close(self, order: CloseOrder, token: int, deadline: float) -> Outcome:
        """Close a position or a part of it; as for `open`."""
        return self._order("close", order, token, deadline)

    def _order(self, call: str, order: OpenOrder | CloseOrder, token: int, deadline: float) -> Outcome:
        try:
            link, until = self._connected(), self._until(deadline)
            number = link.send(call, {"order": wire.encode(order), "token": token}, until)
        except DeadlinePassed as error:
            return Rejected("deadline_passed", f"nothing was sent: {error}")
        except ConnectorError as error:
            return Rejected("not_connected", f"nothing was sent: {error}")
        try:
            return wire.decode_outcome(link.receive(number, until), "answer")
        except NotUnderstood as error:
            return Rejected("invalid_request", str(error))
        except (ConnectorError, BadMessage) as error:
            return Unknown(f"{type(error).__name__}: {error}")

    # ------------------------------------------------------------ how

    def _ask(self, call: str, arguments: Mapping[str, Json], deadline: float) -> Json:
        link = self._connected()
        return link.ask(call, arguments, self._until(deadline))

    def _connected(self) -> Link:
        if self._link is None or not self._link.is_open:
            raise NotConnected(f"account {self._platform!r} is not connected")
        return self._link

    def _until(self, deadline: float) -> float:
        """The deadline on ``time.monotonic``, which sockets keep."""
        left = min(deadline - self._clock.elapsed(), LONGEST_CALL_SECONDS)
        if left <= 0:
            raise DeadlinePassed(f"account {self._platform!r}: the deadline had passed when the call came")
        return time.monotonic() + left

    def _read(self, reading: Callable[[], wire.Value]) -> wire.Value:
        try:
            return reading()
        except BadMessage as error:
            raise ConnectorError(f"account {self._platform!r}: the broker's answer cannot be used: {error}") from error
