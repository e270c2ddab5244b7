"""Follows a market whose time is kept by another process: a broker's, or a simulated terminal's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from actors.names import MARKET_AWAY, MARKET_BACK, platform_actor
from connectors.base import ConnectorError
from connectors.gateway_protocol import MarketFacts
from connectors.remote_market import RemoteMarket
from console.venue import say_ended
from trading.market import Instant, iso

RETRY_SECONDS = 0.5  # between two attempts to reach a market that is away
STANDS_STILL = "market time stands still until it answers again, and nobody guards what is open"

Alert: TypeAlias = Callable[[str, str, str], None]
"""Takes an actor, a reason and what there is to say; `System.alert`."""


class MarketFollower:
    """One such market. Ticks that pass while this process is busy are skipped, as in a live market."""

    def __init__(self, place: str, connect: Callable[[], RemoteMarket], accounts: Iterable[str]) -> None:
        """``connect``: asked again after every failure, since a process that comes back may listen elsewhere.
        ``accounts``: those that live by this market's time.
        """
        self._place = place
        self._connect = connect
        self._accounts = tuple(accounts)
        self.facts: MarketFacts | None = None  # the newest
        self._followed: RemoteMarket | None = None

    def ask(self) -> MarketFacts:
        """The market now. Raises `ConnectorError` when it does not answer."""
        market = self._connect()
        try:
            self.facts = market.facts()
        finally:
            market.close()
        return self.facts

    def stands_at(self, at: Instant) -> bool:
        """Whether the market that is being followed has not gone on from there. Only for what `follow` calls."""
        try:
            return self._followed is not None and self._followed.facts().now <= at
        except ConnectorError:
            return False  # `follow` will find it away, and says so

    def follow(
        self, start: Instant, move_to: Callable[[Instant], None], is_over: Callable[[float], bool], alert: Alert
    ) -> None:
        """Call ``move_to`` with each instant that the market has reached, until ``is_over(seconds)``, which waits.

        While the market is away, or stands before what was seen of it, time stands still: nothing is opened, and nobody
        judges a stop. So each account is told of it, for no timer of the actors does.
        """
        is_away = has_ended = is_behind = False
        seen = start
        try:
            while not is_over(RETRY_SECONDS if is_away else 0.0):
                try:
                    self._followed = self._followed or self._connect()
                    facts = self._followed.beyond(seen)
                except ConnectorError as error:
                    self._followed = None
                    if not is_away:
                        self._tell(alert, MARKET_AWAY, f"does not answer: {error}; {STANDS_STILL}")
                    is_away, is_behind = True, False
                    continue
                if facts.now < seen and not is_behind:
                    before = f"stands at {iso(facts.now)}, before {iso(seen)}, which was seen"
                    self._tell(alert, MARKET_AWAY, f"{before}; {STANDS_STILL}")
                elif facts.now >= seen and (is_away or is_behind):
                    self._tell(alert, MARKET_BACK, f"answers again, market time {iso(facts.now)}")
                is_away, is_behind = False, facts.now < seen
                self.facts = facts
                if facts.now > seen and not is_over(0.0):
                    seen = facts.now
                    move_to(seen)
                if facts.now >= facts.last and not has_ended:
                    has_ended = True
                    say_ended(facts.source, facts.last)
        finally:
            if self._followed is not None:
                self._followed.close()
                self._followed = None

    def _tell(self, alert: Alert, reason: str, said: str) -> None:
        for account in self._accounts:
            alert(platform_actor(account), reason, f"{account}: {self._place} {said}")
