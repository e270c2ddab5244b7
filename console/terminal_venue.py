"""MetaTrader 5 accounts at the simulated terminals of `run.py terminal`: its market time is followed.

One account that waits for its broker must not hold up the others. So after each tick this process waits for its actors
to come to rest, but not for long; a little longer where the terminal's clock has not gone on either, as before a day's
end, at which it waits for those who follow it.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.system.runtime_threads import ThreadedRuntime
from connectors.base import Clock
from console.arguments import Serve
from console.configuration import Configuration
from console.errors import CommandError
from console.followed_venue import FollowedVenue
from console.metatrader_venue import metatrader_connectors
from console.terminal_place import terminal_market
from console.venue import Accounts
from persistence.owner import owner_name
from trading.market import SECOND, Instant

PATIENCE_SECONDS = 0.25
LONGEST_PATIENCE_SECONDS = 4.0  # while the market stands: longer than a terminal waits for anybody


class TerminalVenue(FollowedVenue):
    """The accounts of one `run.py terminal`, and its market."""

    def __init__(self, arguments: Serve, configuration: Configuration) -> None:
        """Raises `CommandError` for an option that is the terminal's to decide."""
        for name in arguments.market_options:
            raise CommandError(f"{name}: the market is that of run.py terminal, which takes {name} itself")
        client = f"{owner_name()}/market"
        names = [account.name for account in configuration.settings.accounts if account.enabled]
        place = f"the simulated terminal of {', '.join(names)}"
        super().__init__(place, lambda: terminal_market(configuration, client), names)
        self._configuration = configuration

    def accounts(self, clock: Clock, client: str) -> Accounts:
        """A connector and a worker each, none of them started."""
        return Accounts(metatrader_connectors(self._configuration, clock, lambda: clock.now() / SECOND))

    def walk(self, runtime: ThreadedRuntime, start: Instant, is_over: Callable[[float], bool]) -> None:
        """Follow the terminal's clock, whatever a single account is waiting for."""

        def move_on_to(at: Instant) -> None:
            runtime.move_on_to(at, PATIENCE_SECONDS)
            until = runtime.elapsed() + LONGEST_PATIENCE_SECONDS
            while not (runtime.rests_within(0.0) or runtime.elapsed() >= until or is_over(0.0)):
                if not self.follower.stands_at(at):
                    break
                runtime.rests_within(PATIENCE_SECONDS)

        self.follower.follow(start, move_on_to, is_over, runtime.alert)
