"""The console's server against strangers at its socket: everything they can make long, many or slow has an end."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from console.web import protocol
from console.web import server as servers
from console.web.access_tokens import TokenFile
from console.web.guard import Guard
from console.web.hosts import hosts_of
from console.web.keeper import Keeper
from console.web.listening import CannotListen, listener, tls_of
from console.web.server import Server
from trading.settings_console import ConsoleSettings

DEADLINE_SECONDS = 20.0
SHORT_SECONDS = 0.3  # in place of the ten that a client has


class Served:
    """A server on a thread, with the guard, and routes of every kind behind it."""

    def __init__(self, directory: Path, settings: ConsoleSettings | None = None) -> None:
        settings = settings or ConsoleSettings()
        at = listener("127.0.0.1", 0)
        self.port: int = at.getsockname()[1]
        self.tokens = TokenFile(directory / "console-tokens.json")
        self.left = threading.Event()  # by a stream's client
        self.failing: BaseException | None = None
        keeper = Keeper(self.tokens, hosts_of(settings, self.port))
        began = threading.Event()
        key = None if settings.key is None else Path(settings.key)
        tls = None if settings.certificate is None else tls_of(Path(settings.certificate), key)
        self.server = Server(Guard(self._inside, keeper), at, tls, began.set)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert began.wait(DEADLINE_SECONDS)

    def _run(self) -> None:
        try:
            self.server.run()
        except Exception as error:
            self.failing = error

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("it has no lifespan")
        if scope["path"] == "/static/broken":
            raise RuntimeError("this route is broken")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        if scope["path"] == "/static/stream":
            try:
                while True:
                    await send({"type": "http.response.body", "body": b"still here\n", "more_body": True})
                    await asyncio.sleep(0.05)
            finally:
                self.left.set()
        if scope["path"] == "/static/much":
            await send({"type": "http.response.body", "body": b"x" * 50_000_000})
            return
        await send({"type": "http.response.body", "body": b"inside"})

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), DEADLINE_SECONDS)

    def asked(self, request: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        with self.connected() as connection:
            with suppress(OSError):  # it was refused before it was whole; what was said stands all the same
                connection.sendall(request)
            return everything(connection)

    def get(self, target: str, *headers: str) -> bytes:
        """The answer to one request, after which the connection is closed."""
        lines = [f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close", *headers, "", ""]
        return self.asked("\r\n".join(lines).encode())

    def stop(self) -> float:
        began = time.monotonic()
        self.server.should_exit = True
        self.thread.join(DEADLINE_SECONDS)
        assert not self.thread.is_alive()
        return time.monotonic() - began


def everything(connection: socket.socket) -> bytes:
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionError:
        pass
    return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    one = Served(tmp_path_factory.mktemp("served"))
    yield one
    one.stop()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", SHORT_SECONDS)
    monkeypatch.setattr(protocol, "READING_SECONDS", SHORT_SECONDS)


def wait_until(holds: Callable[[], bool]) -> None:
    last = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < last
        threading.Event().wait(0.01)


HOST = b"Host: 127.0.0.1:%d\r\n"


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [
        (b"GET /healthz HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.0\r\n%(host)s\r\n", 200),
        (b"HEAD /healthz HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n%(host)s%(host)sConnection: close\r\n\r\n", 400),
        (b"GET http://127.0.0.1/healthz HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"GET //healthz HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"GET /static/../x HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"GET /static/%%2e%%2e/x HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"GET /static/%%2e%%2e%%2fx HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"GET /static/..%%5cx HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"GET /static/\\..\\x HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"GET /static/%%00 HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"GET /static/\x00 HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"GET /static/%%ff HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"GET /static/\xff HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"CONNECT 127.0.0.1:80 HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 400),
        (b"DELETE /healthz HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 405),
        (b"TRACE /healthz HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 405),
        (b"get /healthz HTTP/1.1\r\n%(host)sConnection: close\r\n\r\n", 405),
        (b"POST /sign-in HTTP/1.1\r\n%(host)sContent-Length: x\r\n\r\n", 400),
        (b"POST /sign-in HTTP/1.1\r\n%(host)sContent-Length: -1\r\n\r\n", 400),
        (b"POST /sign-in HTTP/1.1\r\n%(host)sContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /sign-in HTTP/1.1\r\n%(host)sContent-Length: 99999999999999999999\r\n\r\n", 413),
        (b"POST /sign-in HTTP/1.1\r\n%(host)sContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /sign-in HTTP/1.1\r\n%(host)sTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST /sign-in HTTP/1.1\r\n%(host)sTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n%(host)sUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\n%(host)sa b: c\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n%(host)sa: b\r\n c\x00\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /%(long)s HTTP/1.1\r\n%(host)s\r\n", 414),
        (b"GET /%(long)s%(long)s%(long)s%(long)s", 414),
        (b"GET /healthz HTTP/1.1\r\n%(host)sa: %(long)s%(long)s%(long)s%(long)s\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\n%(host)s%(many)s\r\n", 431),
    ],
)
def test_no_request_is_answered_with_a_failure(
    served: Served, request_text: bytes, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    parts = {b"host": HOST % served.port, b"long": b"x" * 4200, b"many": b"a: b\r\n" * 64}
    answer = served.asked(request_text % parts)
    assert status(answer) == expected, answer
    assert b"content-security-policy" in answer
    assert b"server:" not in answer.lower()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.usefixtures("hasty")
def test_a_chunked_body_without_a_length_has_an_end_too(served: Served) -> None:
    head = b"POST /sign-in HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (HOST % served.port)
    answer = served.asked(head + b"2000\r\n%s\r\n" % (b"x" * 8192) * 40)
    assert status(answer) == 413
    assert b"too_long" in answer


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", b""),
        (b"GET /heal", b"408"),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nA: ", b"408"),
        (b"POST /sign-in HTTP/1.1\r\n%(host)sContent-Length: 10\r\n\r\nabc", b"408"),
        (b"POST /sign-in HTTP/1.1\r\n%(host)sTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"408"),
        (b"GET /healthz HTTP/1.1\r\n%(host)s\r\nGET /heal", b"408"),
    ],
)
def test_a_request_that_never_comes_whole_is_given_up(served: Served, sent: bytes, said: bytes) -> None:
    with served.connected() as connection:
        connection.sendall(sent % {b"host": HOST % served.port})
        answer = everything(connection)
    assert said in answer
    assert said or not answer


@pytest.mark.usefixtures("hasty")
def test_drop_by_drop_is_too_slow_as_well(served: Served) -> None:
    with served.connected() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        began = time.monotonic()
        connection.settimeout(SHORT_SECONDS / 10)
        while True:
            try:
                connection.sendall(b"a: b\r\n")
                if not connection.recv(1):
                    break
                break
            except TimeoutError:
                assert time.monotonic() - began < DEADLINE_SECONDS
            except ConnectionError:
                break
    assert time.monotonic() - began < 10 * SHORT_SECONDS


@pytest.mark.usefixtures("hasty")
def test_one_who_does_not_read_is_given_up(served: Served) -> None:
    with served.connected() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /static/much HTTP/1.1\r\n%s\r\n" % (HOST % served.port))
        wait_until(lambda: bool(served.server.server_state.connections))
        wait_until(lambda: not served.server.server_state.connections)
    assert status(served.get("/healthz")) == 200


def test_requests_that_come_together_are_answered_in_turn(served: Served) -> None:
    one = b"GET /healthz HTTP/1.1\r\n%s\r\n" % (HOST % served.port)
    last = b"GET /healthz HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (HOST % served.port)
    assert served.asked(one * 20 + last).count(b"HTTP/1.1 200") == 21


def test_those_who_hold_every_connection_and_ask_nothing_keep_nobody_out(served: Served) -> None:
    with ExitStack() as stack:
        for _ in range(servers.MOST_CONNECTIONS + 20):
            stack.enter_context(served.connected())
        assert status(served.get("/healthz")) == 200
        wait_until(lambda: len(served.server.server_state.connections) <= servers.MOST_CONNECTIONS)


def test_a_broken_route_is_told_in_the_log_and_the_next_one_is_answered(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    answer = served.get("/static/broken")
    assert status(answer) == 500
    assert b"this route is broken" not in answer
    assert "this route is broken" in caplog.text
    assert status(served.get("/healthz")) == 200


def test_it_ends_at_once_whoever_still_reads_a_stream(tmp_path: Path) -> None:
    served = Served(tmp_path)
    with served.connected() as reading, served.connected() as deaf, served.connected():
        for one in (reading, deaf):
            one.sendall(b"GET /static/stream HTTP/1.1\r\n%s\r\n" % (HOST % served.port))
        assert b"200" in reading.recv(100)
        assert served.stop() < 2.0
        assert served.left.is_set()
    assert served.failing is None
    with pytest.raises(ConnectionRefusedError):
        served.connected()


def test_a_port_that_somebody_has_is_told_with_a_reason(served: Served) -> None:
    with pytest.raises(CannotListen, match="in use"):
        listener("127.0.0.1", served.port)
    with pytest.raises(CannotListen):
        listener("192.0.2.1", 0)  # an address of nobody
    with pytest.raises(CannotListen):
        listener("no-such-host.invalid", 0)


def test_those_who_begin_tls_and_never_end_it_keep_nobody_out(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("NOT TESTED WITH TLS: there is no openssl to make certificates")
    file, key = tmp_path / "console.pem", tmp_path / "console.key"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    words += ["-keyout", str(key), "-out", str(file)]
    subprocess.run([openssl, *words], check=True, capture_output=True, timeout=DEADLINE_SECONDS)
    served = Served(tmp_path, ConsoleSettings(certificate=str(file), key=str(key)))
    trusting = ssl.create_default_context(cafile=str(file))
    with ExitStack() as stack:
        for _ in range(servers.MOST_CONNECTIONS + 20):
            stack.enter_context(served.connected()).sendall(b"\x16\x03\x01")
        with trusting.wrap_socket(served.connected(), server_hostname="127.0.0.1") as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (HOST % served.port))
            assert status(everything(connection)) == 200
        assert served.stop() < 2.0
    assert served.failing is None
