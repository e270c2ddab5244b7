"""One account of a gateway: its worker, asked one call at a time by any number of clients.

Who must come first among clients is not decided here: the token is, in the floor beside the worker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from connectors import wire
from connectors.mt5.call_arguments import read_arguments
from connectors.mt5.channel import Channel, NotSent
from connectors.mt5.gateway_greeting import LONGEST_CALL_SECONDS
from connectors.wire import BadMessage, Json

CLOSE_SECONDS = 3.0  # for a call that is under way when the gateway stops


class Desk:
    """Where the clients of one account queue."""

    def __init__(self, name: str, login: int, server: str, symbols: Collection[str], channel: Channel) -> None:
        """``name``: for people; clients name the account by login and server. ``symbols``: no other may be named."""
        self.name = name
        self.login = login
        self.server = server
        self._symbols = tuple(symbols)
        self._channel = channel
        self._turn = threading.Lock()  # whoever holds it asks the worker
        self._is_closed = False

    @property
    def has_worker(self) -> bool:
        """False until it was started, and once it is gone."""
        return self._channel.is_open

    def have_worker(self, expires: float, is_wanted: Callable[[], bool]) -> None:
        """Start a worker where there is none, before ``expires`` (``time.monotonic``). Raises `NotSent`."""
        with self._at_the_desk(expires, is_wanted) as seconds:
            self._channel.open(seconds)

    def ask(self, call: str, arguments: Mapping[str, Json], expires: float, is_wanted: Callable[[], bool]) -> Json:
        """Have the worker carry out one call.

        Nothing is done after ``expires``, nor once ``is_wanted`` says no: by then whoever asked takes an order for
        unknown, and looks it up. Raises `BadMessage` for arguments that are not those of the call, and what
        `Channel.call` raises.
        """
        given = read_arguments(call, arguments, self._symbols)
        with self._at_the_desk(expires, is_wanted) as seconds:
            if not self._channel.is_open:
                raise NotSent(f"account {self.name!r}: its worker is gone")
            # What reaches the worker is what was read, and not what came.
            return self._channel.call(call, {name: wire.encode(value) for name, value in given.items()}, seconds)

    def close(self) -> None:
        """End the worker. A call that is under way may still finish, for a moment."""
        is_free = self._turn.acquire(timeout=CLOSE_SECONDS)
        try:
            self._is_closed = True
            self._channel.close()
        finally:
            if is_free:
                self._turn.release()

    @contextmanager
    def _at_the_desk(self, expires: float, is_wanted: Callable[[], bool]) -> Iterator[float]:
        """Wait for one's turn; how many seconds are left then. Raises `NotSent`."""
        left = expires - time.monotonic()
        if not left <= LONGEST_CALL_SECONDS:  # NaN is not, either
            raise BadMessage(f"expires is in {left:g} seconds; expected at most {LONGEST_CALL_SECONDS:g}")
        if left <= 0 or not self._turn.acquire(timeout=left):
            raise NotSent(f"account {self.name!r}: the worker was not free before the deadline, and nothing was done")
        try:
            left = expires - time.monotonic()
            if self._is_closed or not is_wanted():
                raise NotSent(f"account {self.name!r}: nobody waits for this any more, and nothing was done")
            if left <= 0:
                raise NotSent(f"account {self.name!r}: the deadline passed, and nothing was done")
            yield left
        finally:
            self._turn.release()
