"""One stream of server-sent events, and how a client is got rid of that does not read it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from console.api.live_hub import MOST_STREAMS, Full, LiveHub, Watcher

STILL_HERE_SECONDS = 5.0
STILL_HERE = b": still here\nevent: here\ndata: {}\n\n"  # a page hears of events only, so it is told by one
ASKED_AGAIN_SECONDS = 5.0  # whether the caller is signed in
UNREAD_SECONDS = 5.0
RETRY_MILLISECONDS = 2_000
UNSENT_BYTES = 64 * 1024  # what the system may hold for a client beyond what that has taken
AT_ONCE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)  # lingering is on, for no time

HEADERS = {
    "cache-control": "no-store",
    "connection": "close",
    "content-type": "text/event-stream; charset=utf-8",
    "x-accel-buffering": "no",  # for a proxy in front
}

log = logging.getLogger("watchbill.console")


class Unread(Exception):
    """The client has not taken anything for too long."""


class EventStream(Response):
    """Answers with events until the client goes, is not signed in any more, does not read, or the server ends."""

    media_type = "text/event-stream"

    def __init__(self, hub: LiveHub, elapsed: Callable[[], float] = time.monotonic) -> None:
        """Joins the hub only when it is sent."""
        super().__init__()
        self._hub = hub
        self._elapsed = elapsed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream."""
        try:
            watcher = self._hub.join()
        except Full as error:
            await full(str(error))(scope, receive, send)
            return
        line = _Line(scope.get("state", {}), send)
        streaming = asyncio.create_task(self._stream(watcher, line))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({streaming, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(watcher)
            streaming.cancel()
            try:
                with suppress(asyncio.CancelledError, OSError):
                    await streaming
            except Unread:
                self._hub.dropped += 1
                log.warning("a live page was dropped: it has read nothing for %g s", UNREAD_SECONDS)
                line.cut()
                with suppress(TimeoutError):  # until the server has noticed
                    await asyncio.wait_for(asyncio.shield(gone), UNREAD_SECONDS)
            finally:
                gone.cancel()

    async def _stream(self, watcher: Watcher, line: _Line) -> None:
        await line.begin()
        await line.put(f"retry: {RETRY_MILLISECONDS}\n\n".encode())
        sent_at = asked_at = self._elapsed()
        while not watcher.is_over:
            told = await watcher.next(min(STILL_HERE_SECONDS, ASKED_AGAIN_SECONDS))
            now = self._elapsed()
            if now - asked_at >= ASKED_AGAIN_SECONDS:
                asked_at = now
                if not line.is_signed_in():
                    break
            if told is None and now - sent_at >= STILL_HERE_SECONDS:
                told = STILL_HERE
            if told is not None:
                sent_at = now
                await line.put(told)
        await line.end()


class _Line:
    """The way to one client."""

    def __init__(self, state: Mapping[str, Any], send: Send) -> None:
        """``state``: of the request. The server puts the transport there, the guard whether the caller still may."""
        self._send = send
        self._transport: asyncio.Transport | None = state.get("transport")
        self._still: Callable[[], bool] = state.get("still", lambda: True)

    def is_signed_in(self) -> bool:
        """Whether the caller may still see this."""
        return self._still()

    async def begin(self) -> None:
        """The head; and as little as can be is held for the client from here on."""
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high=0)
            connection = self._transport.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_BYTES)
        headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def put(self, body: bytes) -> None:
        """Send; done when the system has taken all of it. Raises `Unread` when it takes nothing for long."""
        await self._sent({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """The end, in order."""
        await self._sent({"type": "http.response.body", "body": b"", "more_body": False})

    def cut(self) -> None:
        """Throw away what the client has not taken, and the connection."""
        if self._transport is not None:
            connection = self._transport.get_extra_info("socket")
            if connection is not None:  # the system, too, is to keep nothing of it
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            self._transport.abort()

    async def _sent(self, message: Message) -> None:
        sending = asyncio.ensure_future(self._send(message))
        try:
            await asyncio.sleep(0)  # it is begun, and what the system did not take at once is counted
            while True:
                unsent = self._unsent()
                done, _ = await asyncio.wait({sending}, timeout=UNREAD_SECONDS)
                if done:
                    sending.result()
                    return
                if self._unsent() >= unsent:
                    raise Unread
        finally:
            sending.cancel()

    def _unsent(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()


def full(said: str) -> Response:
    """What is answered when there are too many streams."""
    problem = {"code": "too_many", "said": f"{said}; there may be {MOST_STREAMS}", "field": None}
    return JSONResponse(problem, 503, {"retry-after": "15"})


async def _gone(receive: Receive) -> None:
    """Until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
