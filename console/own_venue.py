"""Paper accounts of this process, over a recording that it walks through itself."""

from __future__ import annotations

from collections.abc import Callable

from actors.system.clocks import TickClock
from actors.system.runtime_threads import ThreadedRuntime
from connectors.base import Clock
from console.arguments import DEFAULT_SPEED, Serve
from console.books import book_path
from console.configuration import Configuration
from console.market_walk import paced, start_of
from console.recorded import market_recording, paper
from console.venue import Accounts, advance, say_ended
from trading.market import Instant


class OwnVenue:
    """Paper accounts in this process: where they were left is in their books."""

    def __init__(self, arguments: Serve, configuration: Configuration) -> None:
        """Raises `CommandError` for accounts that trade what the recording does not have."""
        self._arguments = arguments
        self._configuration = configuration
        self._recording = market_recording(arguments.seed or 0, arguments.data, configuration)

    @property
    def source(self) -> str:
        """What the prices are."""
        return self._recording.source

    @property
    def speed(self) -> float:
        """As the command says; otherwise the usual one."""
        return DEFAULT_SPEED if self._arguments.speed is None else self._arguments.speed

    def span(self) -> tuple[Instant, Instant]:
        """The recording's."""
        return self._recording.first, self._recording.last

    def clock(self, first: Instant) -> TickClock:
        """One that this process drives."""
        return TickClock(first)

    def accounts(self, clock: Clock, client: str) -> Accounts:
        """The paper accounts. Raises `BookUnavailable` while a book cannot be used."""
        made = {
            account.name: paper(
                account, self._recording, self._configuration, book_path(self._configuration, account.name)
            )(clock)
            for account in self._configuration.settings.accounts
            if account.enabled
        }
        return Accounts(made, made)

    def begin(self, runtime: ThreadedRuntime, accounts: Accounts) -> Instant:
        """As `start_of` has it."""
        seen = [connector.book_as_written().last_seen for connector in accounts.books.values()]
        start = start_of(self._recording, self._arguments.start, seen)
        runtime.advance_to(start)
        return start

    def walk(self, runtime: ThreadedRuntime, start: Instant, is_over: Callable[[float], bool]) -> None:
        """From tick to tick, each once all that follows from the one before has been done."""
        poll_seconds = self._configuration.settings.price_poll_seconds
        instants = self._recording.instants(start, self._recording.last, poll_seconds).tolist()
        for at in paced(instants, start, self.speed, is_over):
            advance(runtime, at, is_over)
        if not is_over(0.0):
            say_ended(self._recording.source, self._recording.last)

    def progress(self, now: Instant) -> tuple[int | None, int | None]:
        """In bars of the recording."""
        return self._recording.bars_until(now), self._recording.bars

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """Until the last bar's end."""
        series = self._recording.series.get(commodity)
        return series is not None and now < series.end(len(series) - 1)
