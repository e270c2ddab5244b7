"""What every broker must offer: the `Connector` protocol, its capabilities, its outcomes and its errors.

A connector only opens and closes. It has no parameter for a stop or a target: both live in the application, and a
conformance test reads the signatures to keep it so. Every call takes a deadline (on the `Clock`'s elapsed scale) that
the connector itself enforces.

Questions (`quotes`, `positions`, ...) answer or raise `ConnectorError`; a scan counts as *clean* only when nothing was
raised. Orders never raise for their fate: they answer `Done`, `Rejected` or `Unknown`, and `Unknown` is the answer to
everything that is not provably one of the other two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from trading.attention import Band
from trading.bars import BarSeries
from trading.market import Account, Deal, Instant, Instrument, Order, Position, Quote, Side


class ConnectorError(Exception):
    """The broker gave no usable answer."""


class NotConnected(ConnectorError):
    """There is no connection to the broker."""


class DeadlinePassed(ConnectorError):
    """The broker did not answer in time."""


class StaleToken(ConnectorError):
    """The place beside the broker has seen a higher fencing token: another process leads this account."""


class Clock(Protocol):
    """The three things about time that a connector may know."""

    def now(self) -> Instant:
        """Market time."""
        ...

    def elapsed(self) -> float:
        """Monotonic seconds of this process; the scale of every deadline."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait on the elapsed scale (virtually, in virtual time)."""
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a broker can do. The actors read these, and never ask which broker it is."""

    dedupes_open: bool  # a repeated magic is refused beside the broker
    finds_by_client_id: bool  # positions and deals carry our magic
    closes_by_ticket: bool  # repeating a close is harmless
    expires_requests: bool  # a late request is dropped by the broker itself
    netting: bool  # one position per symbol
    settles_at_once: bool = False  # once a position is closed, nothing is ever added to its deals


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A market order that opens a position. There is no stop and no target in it."""

    commodity: str
    side: Side
    volume_lots: float
    magic: int
    comment: str  # ASCII, at most 26 characters; a second witness that nothing depends on
    expected_price: float  # the price seen when the open was decided


@dataclass(frozen=True, slots=True)
class CloseOrder:
    """A market order that closes a position, or a part of it, by its ticket."""

    ticket: int
    commodity: str
    side: Side  # the position's side
    volume_lots: float
    magic: int
    expected_price: float  # the price at which the close was decided


@dataclass(frozen=True, slots=True)
class Done:
    """The broker executed the order. The volume may be less than was asked for."""

    order: int
    position_id: int
    ticket: int
    volume_lots: float
    price: float
    time: Instant


@dataclass(frozen=True, slots=True)
class Rejected:
    """A definite no: nothing came of the order and nothing will."""

    code: str
    reason: str
    requote: bool = False  # the price moved; a new order with a new number may be tried


@dataclass(frozen=True, slots=True)
class Unknown:
    """The order may or may not have been executed. Look it up; never send it again."""

    reason: str


Outcome: TypeAlias = Done | Rejected | Unknown


@runtime_checkable
class Foreseeing(Protocol):
    """A connector that knows what is to come, because its market was recorded."""

    def undisturbed_until(self, bands: Sequence[Band], limit: Instant) -> Instant:
        """The first instant after now, and at most ``limit``, at which a price leaves its band or the broker may act.

        It may answer too early, but never too late.
        """
        ...

    def equities(self, instants: Sequence[Instant]) -> list[float]:
        """The equity at each of these instants, which lie after now and before the first that may be disturbed."""
        ...


class Connector(Protocol):
    """One account at one broker. Called by one actor, one call at a time."""

    @property
    def platform(self) -> str:
        """The account's name in `<platform>:<commodity>`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this broker can do."""
        ...

    def connect(self, deadline: float) -> None:
        """Connect, or raise `ConnectorError`. Connecting twice is harmless."""
        ...

    def disconnect(self) -> None:
        """Let go of the broker. Never raises."""
        ...

    def fence(self, token: int, deadline: float) -> None:
        """Refuse lower tokens from now on, durably. Raises `StaleToken` when a higher one was seen."""
        ...

    def instruments(self, deadline: float) -> Mapping[str, Instrument]:
        """The terms of every commodity of this account, by commodity."""
        ...

    def account(self, deadline: float) -> Account:
        """Balance, equity and margin now."""
        ...

    def quotes(self, deadline: float) -> Sequence[Quote]:
        """The latest quote of every commodity that has one, in one call. Stale ones keep their old time."""
        ...

    def bars(self, commodity: str, count: int, deadline: float) -> BarSeries:
        """The last ``count`` *completed* bars (fewer where there are not so many), oldest first."""
        ...

    def positions(self, deadline: float) -> Sequence[Position]:
        """Every live position of the account, ours or not."""
        ...

    def orders(self, since: Instant, deadline: float) -> Sequence[Order]:
        """The orders in the broker's history from ``since`` on, rejected ones included."""
        ...

    def deals(self, since: Instant, deadline: float) -> Sequence[Deal]:
        """The deals in the broker's history from ``since`` on."""
        ...

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """Send a market order. A token below the highest one seen is `Rejected` beside the broker."""
        ...

    def close(self, order: CloseOrder, token: int, deadline: float) -> Outcome:
        """Close a position by ticket, wholly or partly."""
        ...
