"""The console's guard with a route behind it that answers everything, and says who asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from starlette.types import Message, Receive, Scope, Send

from console.web.access_tokens import TokenFile
from console.web.callers import Access, Caller
from console.web.guard import Guard
from console.web.hosts import hosts_of
from console.web.keeper import Keeper
from console.web.sealed import Purpose, seal
from trading.settings_console import ConsoleSettings

PORT = 8787
HOST = f"127.0.0.1:{PORT}"
ORIGIN = f"http://{HOST}"


class Door:
    """A guard with a route behind it that answers everything, and says who asked."""

    def __init__(self, directory: Path, settings: ConsoleSettings | None = None) -> None:
        self.tokens = TokenFile(directory / "console-tokens.json")
        self.keeper = Keeper(self.tokens, hosts_of(settings or ConsoleSettings(), PORT))
        self.guard = Guard(self._inside, self.keeper)
        self.callers: list[Caller | None] = []
        self.body: tuple[bytes, ...] = (b"",)  # of the requests, in parts
        self.bodies: list[bytes] = []
        self.stills: list[Callable[[], bool]] = []
        self.hold: asyncio.Event | None = None

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.callers.append(scope["state"].get("caller"))
        self.bodies.append((await receive())["body"])
        self.stills.append(scope["state"].get("still", lambda: True))
        if self.hold is not None:
            await self.hold.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"server", b"inside")]})
        await send({"type": "http.response.body", "body": b"inside"})

    async def answered(self, method: str, target: str, **headers: str) -> tuple[int, dict[str, str]]:
        """The status and the headers of one answer. ``headers``: with _ for -, and the Host unless they name it."""
        path, _, query = target.partition("?")
        given = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value],
            "scheme": self.keeper.hosts.scheme,
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", PORT),
            "state": {},
        }
        parts = [{"type": "http.request", "body": part, "more_body": True} for part in self.body]
        parts[-1]["more_body"] = False
        sent: list[Message] = []

        async def receive() -> Message:
            return parts.pop(0) if parts else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.guard(scope, receive, send)
        said = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], said

    def status(self, method: str, target: str, **headers: str) -> int:
        """Of one answer."""
        return asyncio.run(self.answered(method, target, **headers))[0]

    def bearer(self, access: Access) -> str:
        """The header's value."""
        return f"Bearer {self.tokens.current().of(access)}"

    def cookie(self, access: Access = Access.TRADE, ends_in_seconds: float = 60.0) -> str:
        """The header's value of a browser that is signed in."""
        text = seal(self.tokens.current(), Purpose.COOKIE, access, round(time.time() + ends_in_seconds))
        return f"{self.keeper.cookie_name}={text}"
