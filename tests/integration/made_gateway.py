"""A gateway in this process, over workers that do as they are told; and somebody on the line to it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from connectors.base import ConnectorError
from connectors.mt5.channel import NotSent
from connectors.mt5.frames import HEADER_BYTES, Frames, moment, session_keys
from connectors.mt5.gateway import Gateway
from connectors.mt5.gateway_client import GatewayChannel
from connectors.mt5.gateway_desk import Desk
from connectors.mt5.gateway_door import Door
from connectors.mt5.gateway_greeting import LONGEST_ANSWER_BYTES, challenge, challenge_in, first_words
from connectors.wire import Json

DEADLINE_SECONDS = 20.0
SECRET = "0123456789abcdef0123456789abcdef"
SERVER = "Double-Demo"
LOGINS = {"alpha": 1001, "beta": 1002}
SYMBOLS = ("EURUSD", "XAUUSDm")

ORDER: dict[str, Json] = {
    "symbol": "EURUSD",
    "order_type": 0,
    "volume_lots": 0.1,
    "price": 1.1,
    "deviation_points": 20,
    "comment": "wb-1",
    "position": None,
    "fillings": [0, 1],
    "login": 1001,
    "server": SERVER,
    "trade_mode": 0,
}
SEND: dict[str, Json] = {"order": ORDER, "token": 5, "magic": 77}


@dataclass
class ToldChannel:
    """A worker that answers what it is told to, and remembers what it was asked."""

    answers: dict[str, Json | ConnectorError] = field(default_factory=dict)  # null to every other call
    asked: list[tuple[str, Mapping[str, Json]]] = field(default_factory=list)
    opened: int = 0
    is_open: bool = False
    began: threading.Event = field(default_factory=threading.Event)  # a call that is held is under way
    go_on: threading.Event = field(default_factory=threading.Event)  # until then, calls are held
    dies_of: tuple[type[ConnectorError], ...] = ()  # after these errors the worker is gone

    def __post_init__(self) -> None:
        self.go_on.set()

    def open(self, seconds: float) -> None:
        if seconds <= 0:
            raise NotSent("no time")
        if not self.is_open:
            self.opened += 1
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def call(self, call: str, arguments: Mapping[str, Json], seconds: float) -> Json:
        self.began.set()
        assert self.go_on.wait(DEADLINE_SECONDS)
        self.asked.append((call, arguments))
        answer = self.answers.get(call)
        if isinstance(answer, ConnectorError):
            self.is_open = not isinstance(answer, self.dies_of)
            raise answer
        return answer

    @property
    def sent(self) -> list[Json]:
        """The magics of the orders that it was given."""
        return [arguments["magic"] for call, arguments in self.asked if call == "send"]


@dataclass
class MadeGateway:
    """A gateway, and its workers by the name of their account."""

    gateway: Gateway
    workers: Mapping[str, ToldChannel]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.gateway.address

    def channel(
        self,
        account: str = "alpha",
        *,
        client: str = "test:1",
        secret: str = SECRET,
        certificate: Path | None = None,
        address: tuple[str, int] | None = None,
    ) -> GatewayChannel:
        """A client of it, which has not connected yet."""
        return GatewayChannel(
            address or self.address,
            lambda: secret,
            certificate,
            login=LOGINS.get(account, 9999),
            server=SERVER,
            client=client,
        )


@contextmanager
def made_gateway(tls: ssl.SSLContext | None = None, port: int = 0, host: str = "127.0.0.1") -> Iterator[MadeGateway]:
    workers = {name: ToldChannel() for name in LOGINS}
    desks = [Desk(name, login, SERVER, SYMBOLS, workers[name]) for name, login in LOGINS.items()]
    with closing(Gateway(desks, SECRET, Door(host, port, tls))) as gateway:
        try:
            yield MadeGateway(gateway, workers)
        finally:
            for worker in workers.values():
                worker.go_on.set()


class Raw:
    """A client that says what it likes, from the first byte on."""

    def __init__(self, address: tuple[str, int], source: str = "") -> None:
        self.socket = socket.create_connection(address, DEADLINE_SECONDS, (source, 0))
        self.frames = Frames(self.socket)
        self.words: dict[str, Json] | None = None  # the gateway's first ones, where they were heard before

    def greet(self, secret: str = SECRET, hello: Mapping[str, Json] | None = None) -> dict[str, Json] | None:
        """As a client does; what the gateway answers."""
        ours = challenge()
        words = self.words or self.hear()
        assert words is not None
        keys = session_keys(secret, challenge_in(words), ours)
        self.frames.send(first_words(ours), moment(DEADLINE_SECONDS))
        self.frames.seal_with(keys.from_client, keys.from_gateway)
        self.say(hello or {"client": "raw", "login": LOGINS["alpha"], "server": SERVER})
        self.frames.allow(sent_bytes=LONGEST_ANSWER_BYTES, taken_bytes=LONGEST_ANSWER_BYTES)
        return self.hear()

    def say(self, message: Mapping[str, Json]) -> None:
        self.frames.send(message, moment(DEADLINE_SECONDS))

    def hear(self) -> dict[str, Json] | None:
        return self.frames.receive(moment(DEADLINE_SECONDS))

    def ask(self, message: Mapping[str, Json]) -> dict[str, Json]:
        self.say(message)
        answer = self.hear()
        assert answer is not None
        return answer

    def is_cut(self) -> bool:
        """True once the gateway has hung up."""
        self.socket.settimeout(DEADLINE_SECONDS)
        try:
            return not self.socket.recv(1)
        except ConnectionError:
            return True

    def close(self) -> None:
        self.socket.close()


Meddling = Callable[[bytes], list[bytes]]
"""What becomes of one frame on its way: itself, nothing, something else, or it and something more."""


def untouched(frame: bytes) -> list[bytes]:
    return [frame]


class Meddler:
    """Somebody on the line, who knows no secret: sees every frame, and does with it as he likes."""

    def __init__(self, gateway: tuple[str, int]) -> None:
        self.to_gateway: Meddling = untouched
        self.to_client: Meddling = untouched
        self.heard: list[bytes] = []  # every frame, in order
        self._gateway = gateway
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    @property
    def address(self) -> tuple[str, int]:
        """Where the client is to believe that the gateway is."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def close(self) -> None:
        with suppress(OSError):  # on Windows a listener cannot be; there, closing it wakes whoever waits on it
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            end.close()
        for thread in self._threads:
            thread.join(DEADLINE_SECONDS)

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            gateway = socket.create_connection(self._gateway, DEADLINE_SECONDS)
            self._ends += [client, gateway]
            for source, target, is_outward in ((client, gateway, True), (gateway, client, False)):
                thread = threading.Thread(target=self._pass_on, args=(source, target, is_outward), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_outward: bool) -> None:
        try:
            with source.makefile("rb") as file:
                while header := file.read(HEADER_BYTES):
                    frame = header + file.read(int.from_bytes(header, "big"))
                    self.heard.append(frame)
                    meddling = self.to_gateway if is_outward else self.to_client
                    for passed in meddling(frame):
                        target.sendall(passed)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()
