"""What really happened at a simulated broker, for those who judge it: nothing here passes a faulty connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from connectors.account_book import AccountBook, Holding
from connectors.base import CloseOrder, Done, OpenOrder, Rejected
from trading.market import Account, Deal, Instant, Order, Position, Quote


@dataclass(frozen=True, slots=True)
class Attempt:
    """An order that a process sent, or tried to send."""

    at: Instant
    process: str
    call: Literal["open", "close"]
    order: OpenOrder | CloseOrder
    token: int

    @property
    def magic(self) -> int:
        """The order's number of ours."""
        return self.order.magic


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that the place beside the broker let through."""

    attempt: Attempt
    at: Instant
    lowest_token: int  # that had to be reached; above the order's own where fencing is switched off


@dataclass(frozen=True, slots=True)
class Executed:
    """An order's end at the broker itself."""

    attempt: Attempt
    at: Instant
    met: Holding | None  # what it met: the position of its ticket, or, on a netting account, of its commodity
    outcome: Done | Rejected


@dataclass(slots=True)
class Truth:
    """Everything that happened, and everything that is, up to now."""

    _settle: Callable[[], Instant]
    _book: AccountBook
    _positions: Callable[[], tuple[Position, ...]]
    _account: Callable[[], Account]
    _quote: Callable[[str], Quote]
    _deals_now: Callable[[str], bool]
    _waiting: Callable[[], Sequence[Attempt]]
    _attempts: list[Attempt] = field(default_factory=list)
    _accepted: list[Accepted] = field(default_factory=list)
    _executed: list[Executed] = field(default_factory=list)

    def note(self, record: Attempt | Accepted | Executed) -> None:
        """Remember what has happened just now."""
        match record:
            case Attempt():
                self._attempts.append(record)
            case Accepted():
                self._accepted.append(record)
            case Executed():
                self._executed.append(record)

    @property
    def attempts(self) -> Sequence[Attempt]:
        """Every order that a process sent or tried to send, in order."""
        return self._attempts

    @property
    def accepted(self) -> Sequence[Accepted]:
        """Every order that was let through, in order. One that arrives late is not among them before it arrives."""
        self._settle()
        return self._accepted

    @property
    def executed(self) -> Sequence[Executed]:
        """Every order's end at the broker, in order; refusals too."""
        self._settle()
        return self._executed

    @property
    def positions(self) -> tuple[Position, ...]:
        """Every live position, by ticket."""
        self._settle()
        return self._positions()

    @property
    def account(self) -> Account:
        """Balance, equity and margin."""
        self._settle()
        return self._account()

    @property
    def orders(self) -> Sequence[Order]:
        """The whole order history, oldest first."""
        self._settle()
        return self._book.orders

    @property
    def deals(self) -> Sequence[Deal]:
        """All deals, oldest first."""
        self._settle()
        return self._book.deals

    @property
    def token(self) -> int:
        """The lowest token that is accepted."""
        return self._book.token

    @property
    def magics(self) -> frozenset[int]:
        """Every number that was ever accepted with an open."""
        return frozenset(self._book.magics)

    @property
    def waiting(self) -> Sequence[Attempt]:
        """Orders that are still to arrive or to be executed, in the order in which that happens."""
        self._settle()
        return self._waiting()

    def quote(self, commodity: str) -> Quote:
        """What the market really quotes now, whatever is shown of it."""
        self._settle()
        return self._quote(commodity)

    def is_open(self, commodity: str) -> bool:
        """Whether the commodity is dealt now."""
        self._settle()
        return self._deals_now(commodity)
