"""A market that another process keeps the time of: what `serve` does the same wherever that process is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from actors.system.clocks import TickClock
from actors.system.runtime_threads import ThreadedRuntime
from connectors.remote_market import RemoteMarket
from console.market_follower import MarketFollower
from console.venue import Accounts
from trading.market import Instant


class FollowedVenue:
    """The part of a venue that is its market. Its accounts, and how long to wait for them, are the rest."""

    def __init__(self, place: str, connect: Callable[[], RemoteMarket], accounts: Iterable[str]) -> None:
        """``place``: what to call the other process. The rest is as for a `MarketFollower`."""
        self._place = place
        self.follower = MarketFollower(place, connect, accounts)

    @property
    def source(self) -> str:
        """What the other process says that its prices are."""
        facts = self.follower.facts
        return f"the market of {self._place}" if facts is None else f"{facts.source} at {self._place}"

    @property
    def speed(self) -> float:
        """Of the other process."""
        facts = self.follower.facts
        return 1.0 if facts is None else facts.speed

    def span(self) -> tuple[Instant, Instant]:
        """Of the other process's recording."""
        facts = self.follower.ask()
        return facts.first, facts.last

    def clock(self, first: Instant) -> TickClock:
        """One that follows the other process's."""
        return TickClock(first)

    def begin(self, runtime: ThreadedRuntime, accounts: Accounts) -> Instant:
        """The time there."""
        start = self.follower.ask().now
        runtime.advance_to(start)
        return start

    def progress(self, now: Instant) -> tuple[int | None, int | None]:
        """The other process does not say."""
        return None, None

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """Until the recording's end."""
        facts = self.follower.facts
        return facts is not None and now < facts.last
