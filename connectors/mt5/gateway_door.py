"""Takes connections, and gives each a thread of its own; a crowd at the door keeps nobody out who belongs inside.

Of those who have not proved themselves there are only so many. One more pushes out another: of the address that has
sent most of them, the one who has waited longest. A greeting takes milliseconds, so that is hardly ever one of ours,
and never while the crowd comes from elsewhere. Those who have proved themselves are not pushed out.
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.mt5.frames import close, cut
from connectors.mt5.gateway_tls import plain_host

MOST_STRANGERS = 32
MOST_GUESTS = 64  # who have proved themselves
MOST_THREADS = MOST_GUESTS + 2 * MOST_STRANGERS  # one who was pushed out takes a moment to be gone
BACKLOG = 512  # connections that the system holds for us: beyond it, a client's next attempt comes a second later
RETRY_SECONDS = 0.25
CLOSE_SECONDS = 3.0
COMPLAINT_SECONDS = 60.0

log = logging.getLogger("watchbill.gateway")


@dataclass(eq=False, slots=True)
class Visitor:
    """One connection."""

    connection: socket.socket
    address: str  # for people
    is_stranger: bool = True
    is_gone: threading.Event = field(default_factory=threading.Event)  # cut off, by whomever

    def cut(self) -> None:
        """End the connection; its thread notices."""
        self.is_gone.set()
        cut(self.connection)


class Door:
    """Listens from the moment it is made; serves from `open` on."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """``port`` 0 takes any that is free. Raises ``OSError`` when it cannot listen there."""
        self._tls = tls
        self._lock = threading.Lock()  # guards the visitors
        self._visitors: dict[Visitor, None] = {}  # in the order of their coming
        self._is_shut = threading.Event()
        self._complaints = Complaints()
        family, *_, address = socket.getaddrinfo(plain_host(host), port, type=socket.SOCK_STREAM)[0]
        self._here, self._there = socket.socketpair()  # a word on it ends the wait for visitors, on every system
        try:
            self._listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
        except OSError:
            self._here.close()
            self._there.close()
            raise
        self._listener.setblocking(False)  # one that has hung up meanwhile leaves nothing to be accepted
        self._address = self._listener.getsockname()
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._address[:2]
        return str(host), int(port)

    def open(self, serve: Callable[[Visitor], None]) -> None:
        """Let visitors in; ``serve`` is called for each on a thread of its own, and never raises."""
        self._thread = threading.Thread(target=self._listen, args=(serve,), name="gateway", daemon=True)
        self._thread.start()

    def welcome(self, visitor: Visitor) -> bool:
        """The visitor has proved himself. False when there is no room."""
        with self._lock:
            guests = sum(not other.is_stranger for other in self._visitors)
            if guests >= MOST_GUESTS or visitor.is_gone.is_set():
                return False
            visitor.is_stranger = False
            return True

    def shut(self) -> None:
        """Take no more connections, and end those that there are."""
        if not self._is_shut.is_set():
            self._is_shut.set()
            self._there.send(b"shut")
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)
        for end in (self._listener, self._here, self._there):
            end.close()
        with self._lock:
            visitors = list(self._visitors)
        for visitor in visitors:
            visitor.cut()

    def turn_away(self, visitor: Visitor, why: object) -> None:
        """Say in the log that he was not let in; not more often than is of use."""
        self._complaints.say(visitor.address, str(why))

    # ------------------------------------------------------------ how

    def _listen(self, serve: Callable[[Visitor], None]) -> None:
        with selectors.DefaultSelector() as selector:
            for end in (self._listener, self._here):
                selector.register(end, selectors.EVENT_READ)
            while not self._is_shut.is_set():
                selector.select()
                taken = self._taken()
                visitor = None if taken is None else self._admit(*taken)
                if visitor is not None:
                    self._start(visitor, serve)

    def _taken(self) -> tuple[socket.socket, str] | None:
        """The next connection, and where it comes from."""
        try:
            connection, address = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return None  # it is gone again
        except OSError as error:
            log.warning("a connection could not be taken: %s", error)
            self._is_shut.wait(RETRY_SECONDS)  # out of descriptors, perhaps: not a busy loop
            return None
        connection.setblocking(True)  # on some systems it would be as its listener is
        return connection, str(address[0])

    def _admit(self, connection: socket.socket, address: str) -> Visitor | None:
        with self._lock:
            strangers = [other for other in self._visitors if other.is_stranger and not other.is_gone.is_set()]
            is_full = len(self._visitors) >= MOST_THREADS
        if len(strangers) >= MOST_STRANGERS:
            ((crowded, _),) = Counter(other.address for other in strangers).most_common(1)
            pushed_out = next(other for other in strangers if other.address == crowded)
            pushed_out.cut()
            self.turn_away(pushed_out, f"there were {MOST_STRANGERS} connections that had not proved themselves")
        if is_full:
            close(connection)
            return None
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except OSError as error:
            close(connection)
            log.debug("%s is gone: %s", address, error)
            return None
        return Visitor(connection, address)

    def _start(self, visitor: Visitor, serve: Callable[[Visitor], None]) -> None:
        with self._lock:
            self._visitors[visitor] = None
        thread = threading.Thread(target=self._serve, args=(visitor, serve), name="visitor", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no more threads
            log.warning("a connection could not be served: %s", error)
            self._leave(visitor)

    def _serve(self, visitor: Visitor, serve: Callable[[Visitor], None]) -> None:
        try:
            serve(visitor)
        finally:
            self._leave(visitor)

    def _leave(self, visitor: Visitor) -> None:
        visitor.is_gone.set()
        close(visitor.connection)
        with self._lock:
            self._visitors.pop(visitor, None)


class Complaints:
    """The first at once, and then one line a minute at most: who knocks a million times does not fill the disk."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards the two below
        self._unsaid = 0
        self._next_at = -float("inf")

    def say(self, address: str, why: str) -> None:
        """Somebody at that address was turned away."""
        with self._lock:
            now = self._clock()
            if now < self._next_at:
                self._unsaid += 1
                return
            unsaid, self._unsaid, self._next_at = self._unsaid, 0, now + COMPLAINT_SECONDS
        more = f", and {unsaid} times since it was last said" if unsaid else ""
        log.warning("somebody at %s was turned away: %s%s", address, why, more)
