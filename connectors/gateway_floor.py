"""The accounts and the market of a broker process: what its clients ask of, one call at a time.

One lock for everything: a call sees one instant, and the market moves between two calls, never within one.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from connectors import gateway_calls
from connectors.base import ConnectorError, DeadlinePassed
from connectors.gateway_protocol import MarketFacts
from connectors.paper import PaperConnector
from connectors.wire import Json
from trading.market import Instant

log = logging.getLogger("watchbill.broker")

AT_ONCE = math.inf  # a request's own time limit is judged here, and the account has none besides


class MovingClock(Protocol):
    """A market clock that the floor reads."""

    def now(self) -> Instant:
        """Market time."""
        ...


class Floor:
    """Connected paper accounts over one market clock."""

    def __init__(
        self,
        accounts: Mapping[str, PaperConnector],
        clock: MovingClock,
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
        self._failing: set[str] = set()  # accounts that cannot be settled
        self._changed = threading.Condition(threading.RLock())  # guards everything, and tells of every move

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts, by name."""
        return tuple(sorted(self._accounts))

    def facts(self) -> MarketFacts:
        """The market now."""
        with self._changed:
            return MarketFacts(self._clock.now(), self._first, self._last, self._source, self._speed, self.names)

    def move(self, step: Callable[[], None]) -> None:
        """Let ``step`` move the clock, and then every account do what happens by itself: nights, stop-outs.

        An account whose book cannot be written now catches up as soon as it can; its clients are told.
        """
        with self._changed:
            step()
            for name, connector in self._accounts.items():
                self._settle(name, connector)
            self._changed.notify_all()

    def _settle(self, name: str, connector: PaperConnector) -> None:
        try:
            connector.quotes(AT_ONCE)
        except ConnectorError as error:
            if name not in self._failing:
                self._failing.add(name)
                log.error("account %s stands still: %s", name, error)
        else:
            if name in self._failing:
                self._failing.discard(name)
                log.info("account %s goes on", name)

    def wait_beyond(self, seen: Instant, seconds: float) -> MarketFacts:
        """The market as soon as its time is beyond ``seen``, and after ``seconds`` in any case."""
        with self._changed:
            self._changed.wait_for(lambda: self._clock.now() > seen, seconds)
            return self.facts()

    def ask(
        self, account: str, call: str, arguments: Mapping[str, Json], expires: float, is_wanted: Callable[[], bool]
    ) -> Json:
        """Carry out one call on one account, and answer as it travels.

        Nothing is done after ``expires`` (``time.monotonic``), nor once ``is_wanted`` says no: by then whoever asked
        takes the order for unknown, and looks it up. Raises `BadMessage`, and `ConnectorError` as the account does.
        """
        act = gateway_calls.prepared(call, arguments)
        with self._changed:
            if time.monotonic() >= expires or not is_wanted():
                raise DeadlinePassed(f"account {account!r}: {call} came too late, and nothing was done")
            return act(self._accounts[account], AT_ONCE)

    def close(self) -> None:
        """Close every book."""
        with self._changed:
            for connector in self._accounts.values():
                connector.disconnect()
