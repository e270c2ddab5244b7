"""A process's connection to a simulated broker, with those who look on: the referee, and the faults of the process.

Whatever a process sends or hears passes here. The faults may strike before a call leaves and after its answer has come;
what the broker itself does wrong is its own affair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from connectors.base import Capabilities, CloseOrder, Connector, ConnectorError, OpenOrder, Outcome
from trading.bars import BarSeries
from trading.market import Account, Deal, Instant, Instrument, Order, Position, Quote

Answer = TypeVar("Answer")


class Line(Protocol):
    """What listens on the connection of one process to one account."""

    def before_call(self, call: str) -> float:
        """A call is about to leave; answers how many seconds the process was stopped right then."""

    def after_call(self, call: str) -> None:
        """The answer has come."""

    def sending(self, order: OpenOrder | CloseOrder, token: int) -> None:
        """This order leaves now."""

    def answered(self, order: OpenOrder | CloseOrder, token: int, outcome: Outcome) -> None:
        """The broker's answer to it, before the process has heard it."""

    def fenced(self, token: int) -> None:
        """The broker's side has accepted this token as the lowest."""

    def looked(self, positions: Sequence[Position]) -> None:
        """The process is shown these positions."""

    def quoted(self, quotes: Sequence[Quote]) -> None:
        """The process is shown these quotes."""

    def unanswered(self, call: str, error: ConnectorError) -> None:
        """A question got no answer."""


class WatchedConnection:
    """A `Connector` that passes everything on, and lets a `Line` listen."""

    def __init__(self, inner: Connector, line: Line) -> None:
        self._inner = inner
        self._line = line

    @property
    def platform(self) -> str:
        """The account's name."""
        return self._inner.platform

    @property
    def capabilities(self) -> Capabilities:
        """Those of the broker."""
        return self._inner.capabilities

    def connect(self, deadline: float) -> None:
        """Connect."""
        self._ask("connect", lambda: self._inner.connect(deadline))

    def disconnect(self) -> None:
        """Let go."""
        self._inner.disconnect()

    def fence(self, token: int, deadline: float) -> None:
        """Raise the lowest token."""
        self._ask("fence", lambda: self._inner.fence(token, deadline), lambda _: self._line.fenced(token))

    def instruments(self, deadline: float) -> Mapping[str, Instrument]:
        """The terms."""
        return self._ask("instruments", lambda: self._inner.instruments(deadline))

    def account(self, deadline: float) -> Account:
        """Balance, equity and margin."""
        return self._ask("account", lambda: self._inner.account(deadline))

    def quotes(self, deadline: float) -> Sequence[Quote]:
        """The latest quotes."""
        return self._ask("quotes", lambda: self._inner.quotes(deadline), self._line.quoted)

    def bars(self, commodity: str, count: int, deadline: float) -> BarSeries:
        """Completed bars."""
        return self._ask("bars", lambda: self._inner.bars(commodity, count, deadline))

    def positions(self, deadline: float) -> Sequence[Position]:
        """Every live position."""
        return self._ask("positions", lambda: self._inner.positions(deadline), self._line.looked)

    def orders(self, since: Instant, deadline: float) -> Sequence[Order]:
        """The order history."""
        return self._ask("orders", lambda: self._inner.orders(since, deadline))

    def deals(self, since: Instant, deadline: float) -> Sequence[Deal]:
        """The deals."""
        return self._ask("deals", lambda: self._inner.deals(since, deadline))

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """Send an order to open."""
        return self._send(order, token, lambda stopped: self._inner.open(order, token, deadline + stopped))

    def close(self, order: CloseOrder, token: int, deadline: float) -> Outcome:
        """Send an order to close."""
        return self._send(order, token, lambda stopped: self._inner.close(order, token, deadline + stopped))

    def _ask(self, call: str, question: Callable[[], Answer], hear: Callable[[Answer], None] | None = None) -> Answer:
        self._line.before_call(call)
        try:
            answer = question()
        except ConnectorError as error:
            self._line.unanswered(call, error)
            raise
        if hear is not None:
            hear(answer)
        self._line.after_call(call)
        return answer

    def _send(self, order: OpenOrder | CloseOrder, token: int, send: Callable[[float], Outcome]) -> Outcome:
        call = "open" if isinstance(order, OpenOrder) else "close"
        # A process that is stopped right here has looked at its deadline already, and does not look again.
        stopped_seconds = self._line.before_call(call)
        self._line.sending(order, token)
        outcome = send(stopped_seconds)
        self._line.answered(order, token, outcome)
        self._line.after_call(call)
        return outcome
