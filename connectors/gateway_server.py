"""Answers clients over TCP for a floor: one thread listens, and each session has a thread of its own.

Nothing that a client sends can take the broker down: a line that is not understood is answered with what is wrong with
it, one that has no end cuts that client off, and so does one who does not prove in time that it knows the secret.
A client that connects anew takes the place of its former self: what that one had sent and not been answered is void.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from connectors import gateway_protocol as protocol
from connectors import wire
from connectors.base import ConnectorError
from connectors.gateway_calls import ORDERS
from connectors.gateway_faults import Fate, OrderTrouble
from connectors.gateway_lines import Lines, LineTooLong, wait
from connectors.gateway_protocol import MarketFacts
from connectors.market_floor import Follower
from connectors.wire import BadMessage, Json
from trading.market import Instant

GREETING_SECONDS = 5.0
SEND_SECONDS = 10.0  # for one who does not read its answers
LONGEST_WAIT_SECONDS = 5.0  # for the market to move
MOST_SESSIONS = 64
STOP_SECONDS = 5.0

log = logging.getLogger("watchbill.broker")


class Answering(Protocol):
    """A market with accounts in it, of which clients ask: `gateway_floor.Floor`, or another."""

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts."""
        ...

    def facts(self) -> MarketFacts:
        """The market now."""
        ...

    def wait_beyond(self, seen: Instant, seconds: float, follower: Follower | None = None) -> MarketFacts:
        """The market as soon as its time is beyond ``seen``, and after ``seconds`` in any case.

        ``follower``: who asks, and is done with ``seen``.
        """
        ...

    def forget(self, follower: Follower) -> None:
        """It is gone, and nobody waits for it."""
        ...

    def ask(
        self, account: str, call: str, arguments: Mapping[str, Json], expires: float, is_wanted: Callable[[], bool]
    ) -> Json:
        """Carry out one call on one account. Raises `BadMessage` and `ConnectorError`."""
        ...


@dataclass(eq=False, slots=True)
class Session:
    """One client that has proved itself."""

    connection: socket.socket
    client: str
    account: str | None  # None: it only follows the market
    is_void: threading.Event = field(default_factory=threading.Event)

    @property
    def key(self) -> tuple[str, str | None]:
        """There is one session of each."""
        return self.client, self.account

    def is_wanted(self) -> bool:
        """False once the client has connected anew, or the broker stops."""
        return not self.is_void.is_set()

    def cut(self) -> None:
        """End it; its thread notices."""
        self.is_void.set()
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is cut already


class GatewayServer:
    """Listens from the moment it is made."""

    def __init__(
        self, floor: Answering, secret: str, host: str, port: int, trouble: OrderTrouble | None = None
    ) -> None:
        """``port`` 0 takes any that is free. Raises ``OSError`` when it cannot listen there."""
        self._floor = floor
        self._secret = secret
        self._trouble = trouble or OrderTrouble()
        self._lock = threading.Lock()  # guards the two below
        self._sessions: dict[tuple[str, str | None], Session] = {}
        self._connections: set[socket.socket] = set()
        self._stopped = threading.Event()
        self._listener = socket.create_server((host, port))
        self._thread = threading.Thread(target=self._listen, name="gateway", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Stop listening, and end every session."""
        self._stopped.set()
        # Closing a listener does not wake who waits on it everywhere; a connection does.
        try:
            socket.create_connection(self.address, STOP_SECONDS).close()
        except OSError as error:
            log.debug("nobody listens any more: %s", error)
        self._thread.join(STOP_SECONDS)
        self._listener.close()
        with self._lock:
            sessions, connections = list(self._sessions.values()), list(self._connections)
        for session in sessions:
            session.cut()
        for connection in connections:
            connection.close()

    # ------------------------------------------------------------ one connection

    def _listen(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                log.warning("a connection could not be taken: %s", error)
                self._stopped.wait(0.1)  # out of descriptors, perhaps: not a busy loop
                continue
            with self._lock:
                is_full = len(self._connections) >= MOST_SESSIONS
                if not (is_full or self._stopped.is_set()):
                    self._connections.add(connection)
            if is_full or self._stopped.is_set():
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="session", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        session: Session | None = None
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lines = Lines(connection, protocol.LONGEST_REQUEST_BYTES)
            session = self._greet(connection, lines)
            if session is not None:
                self._converse(session, lines)
        except LineTooLong as error:
            self._try_to_send(connection, {"id": None, "error": _error(protocol.BAD_REQUEST, str(error))})
            log.warning("a client was cut off: %s", error)
        except OSError as error:
            log.debug("a client is gone: %s", error)
        except Exception:  # a defect here costs one client its connection, and nobody else
            log.exception("a session failed")
        finally:
            connection.close()
            if session is not None:
                self._floor.forget(session)
            with self._lock:
                self._connections.discard(connection)
                if session is not None and self._sessions.get(session.key) is session:
                    del self._sessions[session.key]

    def _greet(self, connection: socket.socket, lines: Lines) -> Session | None:
        """The session of a client that proves itself in time; None when it does not, and it is told why."""
        until = time.monotonic() + GREETING_SECONDS
        ours = protocol.challenge()
        _send(connection, {"version": protocol.VERSION, "challenge": ours})
        text = lines.read(until)
        if text is None:
            return None
        try:
            hello = _hello(wire.message(text))
        except BadMessage as error:
            _send(connection, {"error": _error(protocol.BAD_REQUEST, str(error))})
            return None
        expected = protocol.proof(self._secret, protocol.BY_CLIENT, ours, hello.challenge)
        if not protocol.is_proof(hello.proof, expected):
            _send(connection, {"error": _error(protocol.FAILED, "the secret is not that of this broker")})
            return None
        if hello.account is not None and hello.account not in self._floor.names:
            said = f"account is {hello.account!r}; this broker has {', '.join(self._floor.names)}"
            _send(connection, {"error": _error(protocol.FAILED, said)})
            return None
        session = Session(connection, hello.client, hello.account)
        with self._lock:
            former = self._sessions.get(session.key)
            self._sessions[session.key] = session
        if former is not None:
            former.cut()
        _send(
            connection,
            {
                "proof": protocol.proof(self._secret, protocol.BY_BROKER, ours, hello.challenge),
                "elapsed": time.monotonic(),
                "market": wire.encode(self._floor.facts()),
            },
        )
        log.debug("%s has connected for %s", session.client, session.account or "the market")
        return session

    def _converse(self, session: Session, lines: Lines) -> None:
        """Answer until the client goes, or a reply is to be lost."""
        while session.is_wanted() and (text := lines.read(None)) is not None:
            reply = self._reply(session, text)
            if reply is None:
                return
            _send(session.connection, reply)

    # ------------------------------------------------------------ one request

    def _reply(self, session: Session, text: bytes) -> dict[str, Json] | None:
        """The answer to one line; None: the connection is to be cut instead."""
        number: Json = None
        try:
            request = wire.message(text)
            number = wire.read(int, request.pop("id", None), "id")
            call = wire.read(str, request.pop("call", None), "call")
            expires = wire.read(float, request.pop("expires", None), "expires")
            if session.account is None:
                return {"id": number, "answer": self._of_the_market(session, call, request)}
            fate = Fate.ANSWERED
            if call in ORDERS:
                met = self._trouble.draw()
                fate = met.fate
                session.is_void.wait(met.delay_seconds)
                if fate is Fate.LOST_BEFORE:
                    return None
            answer = self._floor.ask(session.account, call, request, expires, session.is_wanted)
            if call == "fence":
                log.info("%s leads account %s with token %s", session.client, session.account, request["token"])
            return None if fate is Fate.LOST_AFTER else {"id": number, "answer": answer}
        except BadMessage as error:
            return {"id": number, "error": _error(protocol.BAD_REQUEST, str(error))}
        except ConnectorError as error:
            return {"id": number, "error": _error(protocol.error_kind(error), str(error))}
        except Exception as error:  # a defect here is no reason to leave the other accounts without a broker
            log.exception("a call of %s failed", session.client)
            return {"id": number, "error": _error(protocol.FAILED, f"{type(error).__name__}: {error}")}

    def _of_the_market(self, session: Session, call: str, arguments: Mapping[str, Json]) -> Json:
        if call != "wait" or set(arguments) != {"seen", "seconds"}:
            raise BadMessage(f"call is {call!r} with {sorted(arguments)}; expected wait with seconds and seen")
        seen, seconds = wire.read(int, arguments["seen"], "seen"), wire.read(float, arguments["seconds"], "seconds")
        if not 0 <= seconds <= LONGEST_WAIT_SECONDS:
            raise BadMessage(f"seconds is {seconds:g}; expected 0 to {LONGEST_WAIT_SECONDS:g}")
        return wire.encode(self._floor.wait_beyond(seen, seconds, session))

    def _try_to_send(self, connection: socket.socket, message: Mapping[str, Json]) -> None:
        try:
            _send(connection, message)
        except OSError as error:
            log.debug("a client did not hear it: %s", error)


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client says first."""

    version: int
    challenge: str
    proof: str
    client: str
    account: str | None


def _hello(message: dict[str, Json]) -> Hello:
    version = message.get("version")
    if version != protocol.VERSION:  # before anything else: another version may have other fields
        raise BadMessage(f"version is {version!r}; this broker speaks {protocol.VERSION}")
    return wire.decode(Hello, message, "hello")


def _error(kind: str, message: str) -> dict[str, str]:
    return {"kind": kind, "message": message}


def _send(connection: socket.socket, message: Mapping[str, Json]) -> None:
    wait(connection, time.monotonic() + SEND_SECONDS)
    connection.sendall(wire.line(message))
