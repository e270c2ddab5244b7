"""Accounts over one market clock, of which the clients of another process ask: what all such have in common.

One lock for everything: a call sees one instant, and the market moves between two calls, never within one.

Clients follow the market: each time they ask for what comes after an instant, they are done with that instant. Whoever
moves the market may wait for that (`MarketFloor.wait_for_followers`), as before a day's end, whose last tick nobody
would see otherwise. No follower holds up the market for longer than one such wait, and none that is gone does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from connectors.base import DeadlinePassed
from connectors.gateway_protocol import NOTHING_SEEN, MarketFacts
from trading.market import Instant, iso

Held = TypeVar("Held")
ClockT = TypeVar("ClockT", bound="MovingClock")

log = logging.getLogger("watchbill.market")


class MovingClock(Protocol):
    """A market clock that the floor reads."""

    def now(self) -> Instant:
        """Market time."""
        ...


class Follower(Protocol):
    """A client's connection, by which it follows the market. Two are never equal."""

    @property
    def client(self) -> str:
        """Whose it is, for people."""
        ...

    def __hash__(self) -> int: ...


class MarketFloor(Generic[Held, ClockT]):
    """The market. What an account is, and how it is asked, is the rest of a `gateway_server.Answering`."""

    def __init__(
        self,
        accounts: Mapping[str, Held],
        clock: ClockT,
        *,
        first: Instant,
        last: Instant,
        source: str,
        speed: float,
    ) -> None:
        """``first``, ``last``: of the recording. ``source``: what it is, for people. ``speed``: how fast it is walked
        through.
        """
        self._accounts = dict(accounts)
        self._clock = clock
        self._first, self._last, self._source, self._speed = first, last, source, speed
        self._changed = threading.Condition(threading.RLock())  # guards everything, and tells of every move
        self._followers: dict[Follower, Instant] = {}  # up to where each is done with the market

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts, by name."""
        return tuple(sorted(self._accounts))

    def facts(self) -> MarketFacts:
        """The market now."""
        with self._changed:
            return MarketFacts(self._clock.now(), self._first, self._last, self._source, self._speed, self.names)

    def wait_beyond(self, seen: Instant, seconds: float, follower: Follower | None = None) -> MarketFacts:
        """The market as soon as its time is beyond ``seen``, and after ``seconds`` in any case.

        ``follower``: who asks, and is done with ``seen`` by that; None: nobody who is to be waited for.
        """
        with self._changed:
            if follower is not None and seen > NOTHING_SEEN:
                self._followers[follower] = seen
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._clock.now() > seen, seconds)
            return self.facts()

    def forget(self, follower: Follower) -> None:
        """It is gone. Harmless to repeat, and for one that was never there."""
        with self._changed:
            if self._followers.pop(follower, None) is not None:
                self._changed.notify_all()

    def wait_for_followers(self, seconds: float) -> None:
        """Wait until all who follow the market are done with the instant where it stands, at most ``seconds``.

        Who is not by then, being stopped or slow, is not waited for again before it has asked for the market again.
        """
        with self._changed:
            at = self._clock.now()
            self._changed.wait_for(lambda: all(seen >= at for seen in self._followers.values()), seconds)
            for late in [follower for follower, seen in self._followers.items() if seen < at]:
                del self._followers[late]
                log.info("the market goes on from %s without %s, which is not done with it", iso(at), late.client)

    def _require_in_time(self, account: str, call: str, expires: float, is_wanted: Callable[[], bool]) -> None:
        """Raise `DeadlinePassed` for a call that must not be carried out any more."""
        if time.monotonic() >= expires or not is_wanted():
            raise DeadlinePassed(f"account {account!r}: {call} came too late, and nothing was done")
