"""What `serve` needs of a place to trade at: a market with its time, and the accounts in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from actors.system.clocks import TickClock, WallClock
from actors.system.errors import NotQuiet
from actors.system.runtime_threads import ThreadedRuntime
from connectors.account_book import AccountBook
from connectors.base import Clock, Connector, DeadlinePassed, NotConnected
from trading.market import Instant, iso

QUIET_SECONDS = 60.0
GRACE_SECONDS = 2.0

AWAY = (NotConnected, DeadlinePassed)
"""What is said of a broker that is not there at the moment; any other error needs a person."""

log = logging.getLogger("watchbill.serve")


class OnTheBooks(Connector, Protocol):
    """A connector that can show its account's book before it is connected."""

    def book_as_written(self) -> AccountBook:
        """The book as it is now. Raises `ConnectorError`."""
        ...


@dataclass(frozen=True, slots=True)
class Accounts:
    """The enabled accounts by name, not connected yet."""

    connectors: Mapping[str, Connector]
    books: Mapping[str, OnTheBooks] = field(default_factory=dict)  # those of them whose book is ours to read


class Venue(Protocol):
    """A market with accounts in it."""

    @property
    def source(self) -> str:
        """What the prices are, in words."""
        ...

    @property
    def speed(self) -> float:
        """Market seconds in one second."""
        ...

    def span(self) -> tuple[Instant, Instant]:
        """The first and the last instant of the market. Raises `ConnectorError` when it cannot be asked."""
        ...

    def clock(self, first: Instant) -> TickClock | WallClock:
        """A clock of market time; one that is driven stands at ``first``."""
        ...

    def accounts(self, clock: Clock, client: str) -> Accounts:
        """The enabled accounts. ``client``: the name of this process.

        Raises `CommandError` for an account that cannot be, and `ConnectorError` for one that cannot be now.
        """
        ...

    def begin(self, runtime: ThreadedRuntime, accounts: Accounts) -> Instant:
        """Bring market time to where it stands, or goes on; answers that. Raises `CommandError`, `ConnectorError`."""
        ...

    def walk(self, runtime: ThreadedRuntime, start: Instant, is_over: Callable[[float], bool]) -> None:
        """Move market time until the market's end. ``is_over(seconds)`` waits so long, or until the term is over."""
        ...

    def progress(self, now: Instant) -> tuple[int | None, int | None]:
        """How many bars have begun, and how many there are; None where that is not known."""
        ...

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """False once the market has no more prices of this commodity."""
        ...


def advance(runtime: ThreadedRuntime, at: Instant, is_over: Callable[[float], bool]) -> None:
    """Move market time; raises `NotQuiet` when the actors do not come to rest, and the term is not over either."""
    try:
        runtime.advance_to(at, QUIET_SECONDS)
    except NotQuiet:
        # A process that was stopped for long finds its time gone, and is told a little later that it was deposed.
        if not is_over(GRACE_SECONDS):
            raise


def say_ended(source: str, last: Instant) -> None:
    """Tell the operator that a recording is over."""
    log.warning(
        "%s ended at %s: the market is shut; open trades stay open, and nothing more happens until Ctrl-C",
        source,
        iso(last),
    )
