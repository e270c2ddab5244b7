"""Asks an application in this process, without a port and without a server."""

from __future__ import annotations

import asyncio
import json as notation
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from starlette.types import ASGIApp, Message

HOST, PORT = "127.0.0.1", 8787


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    asked: str
    status_code: int
    headers: Mapping[str, str]  # by their names in small letters
    content: bytes

    @property
    def text(self) -> str:
        """The body."""
        return self.content.decode()

    def json(self) -> Any:
        """What it says."""
        return notation.loads(self.content)


@dataclass(slots=True)
class _Exchange:
    """One request, and what is sent back."""

    body: bytes
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    is_read: bool = False

    async def receive(self) -> Message:
        """The body, once; then the client waits."""
        if self.is_read:
            await asyncio.Event().wait()
        self.is_read = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Message) -> None:
        """A part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): text.decode() for name, text in message["headers"]}
        else:
            self.parts.append(message.get("body", b""))


async def asked(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
) -> Answer:
    """One request and its answer. ``params`` take the place of what the path has behind a question mark."""
    parts = urlsplit(path)
    query = urlencode(params) if params else parts.query
    body = b"" if json is None else notation.dumps(json).encode()
    sent = {"Host": f"{HOST}:{PORT}", **(headers or {})}
    if json is not None:
        sent |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    exchange = _Exchange(body)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), text.encode()) for name, text in sent.items()],
        "client": (HOST, 50_000),
        "server": (HOST, PORT),
        "state": {},
    }
    await app(scope, exchange.receive, exchange.send)
    return Answer(f"{method} {path}", exchange.status, exchange.headers, b"".join(exchange.parts))
