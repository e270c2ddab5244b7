"""MetaTrader 5 accounts at real brokers: the market is the world's, and its time is this computer's clock."""

from __future__ import annotations

from collections.abc import Callable

from actors.system.clocks import WallClock
from actors.system.runtime_threads import ThreadedRuntime
from connectors.base import Clock, Connector
from connectors.mt5.connector import MetaTraderConnector
from console.arguments import Serve
from console.configuration import Configuration
from console.errors import CommandError
from console.venue import Accounts
from console.workers import channel_of, require_terminals
from trading.market import DAY, Instant

CALENDAR_DAYS = 366  # from now; `market_for` adds a margin to it, so a process may run for two years
LOOK_SECONDS = 1.0  # at whether the term is over


class MetaTraderVenue:
    """Nothing here is walked through or waited for: each account lives by itself."""

    def __init__(self, arguments: Serve, configuration: Configuration) -> None:
        """Raises `CommandError` for an account without a way to its terminal, and for options that make no sense."""
        require_terminals(configuration.settings)
        for name in arguments.market_options:
            raise CommandError(f"{name}: the accounts are at brokers, whose market is that of the present")
        self._configuration = configuration
        self._clock = WallClock()

    @property
    def source(self) -> str:
        """Whose market it is."""
        servers = {a.server for a in self._configuration.settings.accounts if a.enabled}
        return f"the market of {', '.join(sorted(filter(None, servers)))}"

    @property
    def speed(self) -> float:
        """That of life."""
        return 1.0

    def span(self) -> tuple[Instant, Instant]:
        """From now on."""
        now = self._clock.now()
        return now, now + CALENDAR_DAYS * DAY

    def clock(self, first: Instant) -> WallClock:
        """This computer's."""
        return self._clock

    def accounts(self, clock: Clock, client: str) -> Accounts:
        """A connector and a worker each. None is started here: a terminal that is away holds up no other account."""
        return Accounts(metatrader_connectors(self._configuration, clock))

    def begin(self, runtime: ThreadedRuntime, accounts: Accounts) -> Instant:
        """The present."""
        return runtime.now()

    def walk(self, runtime: ThreadedRuntime, start: Instant, is_over: Callable[[float], bool]) -> None:
        """Time passes by itself."""
        while not is_over(LOOK_SECONDS):
            pass

    def progress(self, now: Instant) -> tuple[int | None, int | None]:
        """The future is not known."""
        return None, None

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """Always: the calendar says when the market is shut."""
        return True


def metatrader_connectors(
    configuration: Configuration, clock: Clock, steady_seconds: Callable[[], float] | None = None
) -> dict[str, Connector]:
    """The enabled accounts, not connected yet. Raises `CommandError` for one that cannot be.

    ``steady_seconds``: a clock at the market's pace that never goes back; None: elapsed time is one.
    """
    return {
        account.name: MetaTraderConnector(
            account.name, account, channel_of(account, configuration), clock, steady_seconds=steady_seconds
        )
        for account in configuration.settings.accounts
        if account.enabled
    }
