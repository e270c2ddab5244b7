"""Consoles made to order: what they answer is written down, and so is what they were asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

from console.configuration import Configuration, load

TOKEN = "trade-0123456789012345678901234567890123456789"
Reply: TypeAlias = tuple[int, Mapping[str, Any]] | None  # None: the connection breaks without an answer


@dataclass
class MadeConsole:
    """What it answers to a method and a path, and what it was asked."""

    answers: Callable[[str, str, Mapping[str, Any]], Reply]
    url: str = ""
    asked: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    asked_whether_alive: list[str] = field(default_factory=list)  # each with the token that was shown


@contextmanager
def made_console(answers: Callable[[str, str, Mapping[str, Any]], Reply]) -> Iterator[MadeConsole]:
    """One that listens until the end of the block; it says that it is alive."""
    console = MadeConsole(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class asks for the names
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self, body: Mapping[str, Any]) -> None:
            if self.path == "/healthz":
                console.asked_whether_alive.append(self.headers.get("Authorization", ""))
                self._write(200, {})
                return
            console.asked.append((self.command, self.path, body))
            console.tokens.add(self.headers.get("Authorization", ""))
            reply = console.answers(self.command, self.path, body)
            if reply is not None:
                self._write(*reply)

        def _write(self, status: int, data: Mapping[str, Any]) -> None:
            content = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    console.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield console
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def beside_ledger(folder: Path, url: str) -> Configuration:
    """Settings whose ledger is in this folder, where a console has said that it is at this address."""
    state = folder / "state"
    state.mkdir(exist_ok=True)
    _own(state / "console-address.json", {"url": url, "pid": 1, "certificate": None})
    _own(state / "console-tokens.json", {"trade": TOKEN, "read": TOKEN.replace("trade", "read")})
    return load(None, {"WATCHBILL__DATABASE_URL": f"sqlite:///{state / 'ledger.sqlite'}"})


def _own(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="ascii")
    path.chmod(0o600)
