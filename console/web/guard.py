"""Stands before every route of the console: what is asked, by which name, by whom, and whether they may.

Whatever is refused here never reaches a route. All that is let through carries its `Caller`.
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.web import answers
from console.web.callers import Access, Caller
from console.web.keeper import Keeper
from console.web.own_secret import SecretUnusable
from console.web.refusals import Refused

LONGEST_BODY_BYTES = 68 * 1024  # the longest analysis, with what stands around it in JSON
OPEN_TO_ALL = ("/healthz", "/readyz", "/sign-in")
STATIC = "/static/"
API, COMMANDS, ANALYSES = "/api/", "/api/commands/", "/api/commands/analyses"
STREAMS = ("/api/live",)
MOST_STREAMS = 64
METHODS = ("GET", "HEAD", "POST")
LONGEST_URL_BYTES = 4096

log = logging.getLogger("watchbill.console")


class Guard:
    """The ASGI application in front of all others."""

    def __init__(self, app: ASGIApp, keeper: Keeper) -> None:
        self._app = app
        self._keeper = keeper
        self._streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # nothing here speaks anything else
        answer = _Answer(scope, send)
        try:
            await self._guarded(scope, receive, answer)
        except Refused as refused:
            if refused.status == 429:
                await self._keeper.delay()
            await answers.answer_problem(answer, refused.status, refused.code, refused.said, *refused.headers)
        except SecretUnusable as error:
            log.error("the console lets nobody in: %s", error)
            await answers.answer_problem(answer, 503, "tokens_unusable", "the console's tokens cannot be used")
        except Exception:
            log.exception("%s %r failed", scope["method"], scope["path"])
            if not answer.has_begun:
                await answers.answer_problem(answer, 500, "failed", "that failed; the log says why")

    async def _guarded(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        request = Request(scope)
        _require_plain(scope)
        host = self._keeper.require_host(request)
        path: str = scope["path"]
        state = scope.setdefault("state", {})
        state["address"] = address = scope["client"][0] if scope.get("client") else "nowhere"
        if not (path in OPEN_TO_ALL or path.startswith(STATIC)):
            caller = self._keeper.caller(request, host, address)
            if caller is None:
                if path == API.rstrip("/") or path.startswith((API, "/metrics")) or scope["method"] == "POST":
                    raise self._keeper.unknown("there was no token, and no browser that is signed in")
                await answers.answer_see(answer, "/sign-in")
                return
            _require_may(caller, scope["method"], path)
            state["caller"] = caller
            state["still"] = self._keeper.still(request, caller)
        elif path == "/sign-in" and scope["method"] == "POST":
            self._keeper.require_own_page(request, host)
        body = await _body(request, receive)
        if path in STREAMS:
            await self._stream(scope, body, answer)
        else:
            await self._app(scope, body, answer)

    async def _stream(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if self._streams >= MOST_STREAMS:
            said = f"{MOST_STREAMS} streams are open already; close a page, or try again later"
            raise Refused(503, "too_many", said, (b"retry-after", b"10"))
        self._streams += 1
        try:
            await self._app(scope, receive, answer)
        finally:
            self._streams -= 1


class _Answer:
    """Sends an answer with the headers of all, and remembers that it has begun."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.has_begun = False
        self._path: str = scope["path"]
        self._is_tls = scope["scheme"] == "https"
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = answers.with_headers(message.get("headers", ()), self._path, is_tls=self._is_tls)
            message = {**message, "headers": headers}
        await self._send(message)


def _require_plain(scope: Scope) -> None:
    """Refuse methods that nothing here has, and paths that mean something else than they say."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path: str = scope["path"]
    if len(raw) + len(scope.get("query_string", b"")) + 1 > LONGEST_URL_BYTES:
        raise Refused(414, "too_long", f"the address is longer than {LONGEST_URL_BYTES} bytes")
    lowered = raw.lower()
    parts = path.split("/")
    if (
        not raw.startswith(b"/")
        or "" in parts[1:-1]
        or "." in parts
        or ".." in parts
        or "\\" in path
        or "\ufffd" in path
        or any(ord(sign) < 32 or ord(sign) == 127 for sign in path)
        or b"%2f" in lowered
        or b"%5c" in lowered
    ):
        raise Refused(400, "bad_path", "the path is none of this console's")
    if scope["method"] not in METHODS:
        allowed = (b"allow", ", ".join(METHODS).encode())
        raise Refused(405, "bad_method", f"nothing here answers {scope['method'][:20]}", allowed)


def _require_may(caller: Caller, method: str, path: str) -> None:
    if path == ANALYSES and method == "POST":
        if caller.access is Access.READ:
            raise Refused(403, "not_enough", "that takes the signal token, or the trade token")
    elif caller.access is Access.SIGNAL:
        raise Refused(403, "not_enough", "the signal token only hands in analyses")
    elif method == "POST" and path.startswith(COMMANDS) and not caller.may_trade:
        raise Refused(403, "not_enough", "a command takes the trade token")


async def _body(request: Request, receive: Receive) -> Receive:
    """The body, read whole before any route is asked: too long a one is refused whether or not it says how long."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > LONGEST_BODY_BYTES:
        raise _too_long()
    if request.method in ("GET", "HEAD"):
        return receive  # a stream waits there for its client to go
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "cut_off", "the request ended before its body did")
        body += message.get("body", b"")
        if len(body) > LONGEST_BODY_BYTES:
            raise _too_long()
        if not message.get("more_body", False):
            break
    is_told = False

    async def again() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return again


def _too_long() -> Refused:
    return Refused(413, "too_long", f"the body is longer than {LONGEST_BODY_BYTES} bytes", (b"connection", b"close"))
