"""The gateway: answers clients over TCP for the workers of the accounts whose terminals are on this machine.

Nothing that anybody sends can take it down or reach a worker unread. Who does not prove in time to know the secret is
cut off; a request of one who does is read strictly, and answered with what is wrong with it. The accounts are
independent of each other: a worker that is blocked delays nobody but those who ask for the same account.

A client that connects anew takes the place of its former self: what that one had asked for, and the worker had not been
given yet, is void.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors import wire
from connectors.base import ConnectorError
from connectors.gateway_lines import wait
from connectors.mt5 import gateway_greeting as greeting
from connectors.mt5.channel import AnswerLost, NotSent, NotUnderstood
from connectors.mt5.channel_errors import kind_of
from connectors.mt5.frames import BadFrame, Frames, FrameTooLong, moment, session_keys
from connectors.mt5.gateway_desk import Desk
from connectors.mt5.gateway_door import Door, Visitor
from connectors.mt5.gateway_greeting import Hello, Welcome
from connectors.wire import BadMessage, Json

GREETING_SECONDS = 5.0
SEND_SECONDS = 10.0  # for one who does not read its answers
IDLE_SECONDS = 900.0  # for one who asks nothing: then his machine is gone, and nobody told us

log = logging.getLogger("watchbill.gateway")


@dataclass(eq=False, slots=True)
class Session:
    """One client that has proved itself."""

    visitor: Visitor
    frames: Frames
    hello: Hello
    desk: Desk

    def is_wanted(self) -> bool:
        """False once the client has connected anew, or the gateway stops."""
        return not self.visitor.is_gone.is_set()

    def is_waiting(self) -> bool:
        """False, while a request of the client is under way, once it has hung up: it takes it for unknown by then."""
        return self.is_wanted() and self.frames.is_quiet()


class Gateway:
    """Serves from the moment it is made."""

    def __init__(self, desks: Sequence[Desk], secret: str, door: Door) -> None:
        """``door``: not open yet; this opens it, and shuts it in the end. Raises `ConnectorError` for a weak secret."""
        greeting.require_strong(secret)
        self._secret = secret
        self._desks = {(desk.login, desk.server): desk for desk in desks}
        self._lock = threading.Lock()  # guards the sessions
        self._sessions: dict[Hello, Session] = {}
        self._door = door
        door.open(self._serve)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self._door.address

    def close(self) -> None:
        """Stop listening, end every session, and then every worker; each account takes a few seconds at most."""
        self._door.shut()
        threads = [
            threading.Thread(target=desk.close, name=f"closing {desk.name}", daemon=True)
            for desk in self._desks.values()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    # ------------------------------------------------------------ one visitor

    def _serve(self, visitor: Visitor) -> None:
        session: Session | None = None
        try:
            session = self._greeted(visitor)
            if session is not None:
                self._converse(session)
        except BadFrame as error:
            self._door.turn_away(visitor, error)
        except OSError as error:
            if visitor.is_stranger and not visitor.is_gone.is_set():
                self._door.turn_away(visitor, error)
            log.debug("%s is gone: %s", visitor.address, error)
        except Exception:  # a defect here costs one client its connection, and nobody else
            log.exception("a session failed")
        finally:
            with self._lock:
                if session is not None and self._sessions.get(session.hello) is session:
                    del self._sessions[session.hello]

    def _greeted(self, visitor: Visitor) -> Session | None:
        """The session of a client that proves itself in time; None for one that cannot be helped, and is told why.

        Raises `BadFrame` and ``OSError``, and then nothing is said: it would be said to a stranger.
        """
        until = moment(GREETING_SECONDS)
        if isinstance(visitor.connection, ssl.SSLSocket):
            wait(visitor.connection, until)
            visitor.connection.do_handshake()
        frames = Frames(visitor.connection)
        ours = greeting.challenge()
        frames.send(greeting.first_words(ours), until)
        words = frames.receive(until)
        if words is None:
            return None  # somebody looked whether the port is open
        keys = session_keys(self._secret, ours, greeting.challenge_in(words))
        frames.seal_with(keys.from_gateway, keys.from_client)
        said = frames.receive(until)
        if said is None:
            raise BadFrame("the connection ended before its client had proved itself")
        frames.allow(sent_bytes=greeting.LONGEST_ANSWER_BYTES, taken_bytes=greeting.LONGEST_REQUEST_BYTES)
        try:
            session = self._session(visitor, frames, wire.decode(Hello, said, "hello"))
        except (BadMessage, ConnectorError) as error:
            frames.send({"error": _error(NotSent(str(error)))}, until)
            return None
        frames.send(wire.encode(Welcome(session.desk.name, time.monotonic())), until)
        log.debug("%s at %s has connected for %s", session.hello.client, visitor.address, session.desk.name)
        return session

    def _session(self, visitor: Visitor, frames: Frames, hello: Hello) -> Session:
        desk = self._desks.get((hello.login, hello.server))
        if desk is None:
            has = ", ".join(f"{desk.login} at {desk.server} ({desk.name})" for desk in self._desks.values())
            raise ConnectorError(
                f"there is no account {hello.login} at {hello.server}; this gateway has {has or 'none'}"
            )
        if not self._door.welcome(visitor):
            raise ConnectorError("too many clients are connected")
        session = Session(visitor, frames, hello, desk)
        with self._lock:
            former = self._sessions.get(hello)
            self._sessions[hello] = session
        if former is not None:
            former.visitor.cut()
        return session

    # ------------------------------------------------------------ one request

    def _converse(self, session: Session) -> None:
        """Answer until the client goes."""
        while session.is_wanted() and (request := session.frames.receive(moment(IDLE_SECONDS))) is not None:
            number = request.pop("id", None)
            try:
                said: dict[str, Json] = {"answer": self._answer(session, request)}
            except BadMessage as error:
                said = {"error": _error(NotUnderstood(str(error)))}
            except ConnectorError as error:
                said = {"error": _error(error)}
            except Exception as error:  # a defect here is no reason to leave the account without its gateway
                log.exception("a call of %s failed", session.hello.client)
                said = {"error": _error(AnswerLost(f"{type(error).__name__}: {error}"))}
            self._reply(session, number, said)

    def _answer(self, session: Session, request: dict[str, Json]) -> Json:
        call = wire.read(str, request.pop("call", None), "call")
        expires = wire.read(float, request.pop("expires", None), "expires")
        arguments = wire.mapping(request.pop("arguments", None), "arguments")
        if request:
            raise BadMessage(f"{next(iter(request))!r} is no part of a request; expected id, call, expires, arguments")
        if call == greeting.HAVE_WORKER:
            if arguments:
                raise BadMessage(f"{call} has no {next(iter(arguments))!r}; expected nothing besides")
            session.desk.have_worker(expires, session.is_waiting)
            return None
        answer = session.desk.ask(call, arguments, expires, session.is_waiting)
        if call == "fence":
            log.info("%s leads account %s with token %s", session.hello.client, session.desk.name, arguments["token"])
        return answer

    def _reply(self, session: Session, number: Json, said: Mapping[str, Json]) -> None:
        about = {"id": number, "open": session.desk.has_worker}
        try:
            session.frames.send({**about, "elapsed": time.monotonic(), **said}, moment(SEND_SECONDS))
        except FrameTooLong as error:
            told = {"error": _error(AnswerLost(f"the answer is too long: {error}"))}
            session.frames.send({**about, "elapsed": time.monotonic(), **told}, moment(SEND_SECONDS))


def _error(error: ConnectorError) -> dict[str, str]:
    return {"kind": kind_of(error), "message": str(error)}
