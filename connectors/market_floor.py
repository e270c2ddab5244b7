"""Accounts over one market clock, of which the clients of another process ask: what all such have in common.

One lock for everything: a call sees one instant, and the market moves between two calls, never within one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from connectors.base import DeadlinePassed
from connectors.gateway_protocol import MarketFacts
from trading.market import Instant

Held = TypeVar("Held")
ClockT = TypeVar("ClockT", bound="MovingClock")


class MovingClock(Protocol):
    """A market clock that the floor reads."""

    def now(self) -> Instant:
        """Market time."""
        ...


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

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts, by name."""
        return tuple(sorted(self._accounts))

    def facts(self) -> MarketFacts:
        """The market now."""
        with self._changed:
            return MarketFacts(self._clock.now(), self._first, self._last, self._source, self._speed, self.names)

    def wait_beyond(self, seen: Instant, seconds: float) -> MarketFacts:
        """The market as soon as its time is beyond ``seen``, and after ``seconds`` in any case."""
        with self._changed:
            self._changed.wait_for(lambda: self._clock.now() > seen, seconds)
            return self.facts()

    def _require_in_time(self, account: str, call: str, expires: float, is_wanted: Callable[[], bool]) -> None:
        """Raise `DeadlinePassed` for a call that must not be carried out any more."""
        if time.monotonic() >= expires or not is_wanted():
            raise DeadlinePassed(f"account {account!r}: {call} came too late, and nothing was done")
