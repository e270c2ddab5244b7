"""Whatever a resolver and the addresses of a host do, who connects is back in time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from made_gateway import SECRET

from connectors import gateway_link, reaching
from connectors.base import DeadlinePassed, NotConnected
from connectors.mt5.channel import NotSent
from connectors.mt5.gateway_greeting import Hello
from connectors.mt5.gateway_link import GatewayLink

NAME = "gateway.example"
SECONDS = 0.3  # that a call has
NOISE_SECONDS = 5.0  # that this machine may lose
LONG_SECONDS = 30.0

Answer = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]]


def addresses(*ports: int) -> Answer:
    """What a resolver says of a name that stands for these ports of this machine."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]


class Resolver:
    """The system's, but for one name, which it answers as it is told."""

    def __init__(self, answer: Callable[[], Answer]) -> None:
        self.answer = answer
        self.asked = 0
        self._ours = socket.getaddrinfo

    def __call__(self, host: str, port: int, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> object:
        if host != NAME or flags & socket.AI_NUMERICHOST:
            return self._ours(host, port, family, type, proto, flags)
        self.asked += 1
        return self.answer()


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """A resolver that knows no address of the name."""
    made = Resolver(list)
    monkeypatch.setattr(socket, "getaddrinfo", made)
    return made


@pytest.fixture
def hanging(resolver: Resolver) -> Iterator[Resolver]:
    """One that answers at the end of the test only."""
    end = threading.Event()

    def hang() -> Answer:
        assert end.wait(LONG_SECONDS)
        return []

    resolver.answer = hang
    yield resolver
    end.set()
    for thread in threading.enumerate():
        if NAME in thread.name:
            thread.join(LONG_SECONDS)


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port at which a connection is neither taken nor refused: as many as it keeps waiting have been made."""
    with ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(8):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def to_a_broker(until: float) -> object:
    return gateway_link.Link((NAME, 1), SECRET, "test:1", "alpha", until)


def to_a_gateway(until: float) -> object:
    return GatewayLink((NAME, 1), SECRET, None, Hello("test:1", 1001, "Double-Demo"), until)


@pytest.mark.parametrize(("call", "error"), [(to_a_broker, DeadlinePassed), (to_a_gateway, NotSent)])
def test_a_resolver_that_hangs_holds_nobody_up_beyond_the_deadline(
    hanging: Resolver, call: Callable[[float], object], error: type[Exception]
) -> None:
    began = time.monotonic()
    with pytest.raises(error):
        call(began + SECONDS)
    assert time.monotonic() - began < SECONDS + NOISE_SECONDS


def test_one_look_up_of_a_name_is_under_way_however_often_it_is_asked_for(hanging: Resolver) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError, match=r"the look-up of gateway\.example did not end in time"):
            reaching.reach(NAME, 1, time.monotonic() + SECONDS)
    assert hanging.asked == 1


def test_a_look_up_that_ends_late_serves_who_asks_meanwhile_and_not_later_ones(hanging: Resolver) -> None:
    slow, hanging.answer = hanging.answer, list
    with pytest.raises(OSError, match=r"gateway\.example has no address"):
        reaching.reach(NAME, 1, time.monotonic() + LONG_SECONDS)
    hanging.answer = slow
    with pytest.raises(TimeoutError):
        reaching.reach(NAME, 1, time.monotonic() + SECONDS)
    assert hanging.asked == 2


@pytest.mark.parametrize(("call", "error"), [(to_a_broker, NotConnected), (to_a_gateway, NotSent)])
def test_a_name_that_nobody_knows_is_said(
    resolver: Resolver, call: Callable[[float], object], error: type[Exception]
) -> None:
    def unknown() -> Answer:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolver.answer = unknown
    with pytest.raises(error, match=r"cannot be reached: .*Name or service not known"):
        call(time.monotonic() + LONG_SECONDS)


def test_a_name_that_cannot_be_asked_for_is_an_error_of_the_address() -> None:
    with pytest.raises(OSError, match="label"):
        reaching.reach("a" * 64 + ".example", 1, time.monotonic() + LONG_SECONDS)


def test_an_address_that_does_not_answer_leaves_time_for_the_next(resolver: Resolver) -> None:
    with deaf_port() as deaf, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        resolver.answer = lambda: addresses(deaf, port)
        with closing(reaching.reach(NAME, 1, time.monotonic() + 2.0)) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)


def test_addresses_that_do_not_answer_take_the_time_of_one_call_together(resolver: Resolver) -> None:
    with deaf_port() as deaf:
        resolver.answer = lambda: addresses(*[deaf] * 20)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            reaching.reach(NAME, 1, began + SECONDS)
        assert time.monotonic() - began < SECONDS + NOISE_SECONDS


def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    flags_seen = []
    ours = socket.getaddrinfo

    def ask(host: str, port: int, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> object:
        flags_seen.append(flags)
        return ours(host, port, family, type, proto, flags)

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        closing(reaching.reach("127.0.0.1", listener.getsockname()[1], time.monotonic() + LONG_SECONDS)),
    ):
        assert flags_seen == [socket.AI_NUMERICHOST]
