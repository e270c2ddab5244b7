"""Web servers that answer as the worst do: packed, elsewhere, too much, a byte a second, or never."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = b"<rss version='2.0'><channel><title>x</title></channel></rss>"
DRIP_SECONDS = 0.05


class Answers(BaseHTTPRequestHandler):
    """One path for each kind of answer."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer as the path says."""
        match self.path:
            case "/text":
                self._answer(TEXT, {"Content-Type": "text/xml; charset=utf-8"})
            case "/gzip":
                self._answer(gzip.compress(TEXT), {"Content-Encoding": "gzip"})
            case "/bomb":
                self._answer(bomb(), {"Content-Encoding": "gzip"})
            case "/half-gzip":
                self._answer(gzip.compress(TEXT)[:-12], {"Content-Encoding": "gzip"})
            case "/brotli":
                self._answer(TEXT, {"Content-Encoding": "br"})
            case "/tagged":
                known = self.headers.get("If-None-Match") == '"v1"'
                self._answer(b"" if known else TEXT, {"ETag": '"v1"'}, 304 if known else 200)
            case "/moved":
                self._answer(b"", {"Location": "/text"}, 301)
            case "/round":
                self._answer(b"", {"Location": "/round"}, 302)
            case "/to-a-file":
                self._answer(b"", {"Location": "file:///etc/passwd"}, 302)
            case "/to-ftp":
                self._answer(b"", {"Location": "ftp://127.0.0.1/x"}, 302)
            case "/short":
                self._answer(TEXT, {"Content-Length": str(len(TEXT) + 100), "Connection": "close"})
                self.close_connection = True
            case "/broken":
                self._answer(b"", {}, 503)
            case _:
                self._answer(b"", {}, 404)

    def _answer(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's output."""


def bomb() -> bytes:
    """100 MB of zeros, packed to a thousandth."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(100)), packer.flush()])


@contextmanager
def web_server() -> Iterator[str]:
    """A server of `Answers`; gives the beginning of its addresses."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_server() -> Iterator[str]:
    """It takes connections, and never says anything."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@contextmanager
def dripping_server(begin: bytes) -> Iterator[str]:
    """It says ``begin`` and then a byte now and then, for ever."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                drip(connection)

    def drip(connection: socket.socket) -> None:
        try:
            connection.recv(65_536)
            connection.sendall(begin)
            while not over.wait(DRIP_SECONDS):
                connection.sendall(b"a")
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
