"""The hub of the live pages: builds the overview while somebody watches, encodes it once, and wakes all who watch.

It keeps one push, the newest. Whoever has the one before is given what has changed since; whoever has just come, or was
too slow for some pushes, is given the whole of the newest. So nothing queues up for anybody, and with nobody there
nothing is built. Building goes on on a thread of its own: neither the server's loop nor an actor waits for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from console.api.daemon_threads import DaemonThreads
from console.api.overview_changes import changes
from console.records import Data
from persistence.errors import LedgerError

MOST_STREAMS = 64
PUSH_SECONDS = 0.5
UNREADABLE = "ledger"  # the key of the alert that the ledger cannot be read

log = logging.getLogger("watchbill.console")


class Source(Protocol):
    """Where the overview comes from."""

    def newest(self) -> Data:
        """As `console.api.overview.Overviews` has it. Raises `LedgerError`."""
        ...


class Full(Exception):
    """As many streams are open as there may be."""


class Push:
    """One moment for all who watch, encoded when it is first wanted."""

    def __init__(self, number: int, data: Data, changed: Data) -> None:
        """``changed``: since the push of the number before."""
        self.number = number
        self.data = data
        self._changed = changed
        self._whole_bytes: bytes | None = None
        self._changes_bytes: bytes | None = None

    def for_one_who_has(self, number: int | None) -> bytes:
        """What brings a watcher up to date who was given the push of this number last; None: none yet."""
        if number == self.number - 1:
            if self._changes_bytes is None:
                self._changes_bytes = encoded("changes", self.number, self._changed)
            return self._changes_bytes
        if self._whole_bytes is None:
            self._whole_bytes = encoded("overview", self.number, self.data)
        return self._whole_bytes


def encoded(event: str, number: int, data: Data) -> bytes:
    """An event of the stream. JSON has no line breaks of its own, so one line of data is enough."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return f"event: {event}\nid: {number}\ndata: {text}\n\n".encode()


class LiveHub:
    """All of it belongs to the server's loop, except `end`."""

    def __init__(self, source: Source, elapsed: Callable[[], float] = time.monotonic) -> None:
        """Nothing runs until somebody watches."""
        self._source = source
        self._elapsed = elapsed
        self._watchers: set[Watcher] = set()
        self._newest: Push | None = None
        self._number = 0
        self._building: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said = ""
        self.is_over = False
        self.dropped = 0  # how many were dropped because they did not read

    @property
    def watching(self) -> int:
        """How many streams are open."""
        return len(self._watchers)

    @property
    def pushes(self) -> int:
        """How many pushes there were."""
        return self._number

    def join(self) -> Watcher:
        """Begin to watch. Raises `Full`."""
        if len(self._watchers) >= MOST_STREAMS:
            raise Full(f"{MOST_STREAMS} pages watch already")
        watcher = Watcher(self)
        self._watchers.add(watcher)
        self._loop = asyncio.get_running_loop()
        if self._building is None:
            self._building = asyncio.create_task(self._build())
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Watch no more."""
        self._watchers.discard(watcher)

    def end(self) -> None:
        """End every stream at once. Any thread may say it, and more than once."""
        self.is_over = True
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop has ended before
                loop.call_soon_threadsafe(self._wake_all)

    @property
    def newest(self) -> Push | None:
        """The newest push; None while none was made since somebody watches."""
        return self._newest

    async def _build(self) -> None:
        """Until nobody watches any more."""
        thread = DaemonThreads("live", 1)
        try:
            while self._watchers and not self.is_over:
                began = self._elapsed()
                push = await thread.run(self._next)
                if push is not None:
                    self._newest, self._number = push, push.number
                    self._wake_all()
                took = self._elapsed() - began
                # On a machine that is overloaded, no more than half of the time.
                await asyncio.sleep(max(PUSH_SECONDS - took, took))
        except Exception:
            log.exception("the overview could not be built; the live pages begin anew")
            for watcher in self._watchers:
                watcher.end()
        finally:
            thread.close()
            self._newest = None  # whoever comes next is not to be shown what was
            self._building = None

    def _next(self) -> Push | None:
        """A push if anything has changed; on the thread for it."""
        before = self._newest
        try:
            data = self._source.newest()
            self._said = ""
        except LedgerError as error:
            if str(error) != self._said:
                self._said = str(error)
                log.warning("the live pages are not up to date: %s", error)
            if before is None:
                return None
            data = with_alert(before.data, str(error))
        if before is None:
            return Push(self._number + 1, data, {})
        changed = changes(before.data, data)
        return Push(before.number + 1, data, changed) if changed else None

    def _wake_all(self) -> None:
        for watcher in self._watchers:
            watcher.wake()


class Watcher:
    """One who watches."""

    def __init__(self, hub: LiveHub) -> None:
        self._hub = hub
        self._has: int | None = None
        self._woken = asyncio.Event()
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether there will be nothing more."""
        return self._is_over or self._hub.is_over

    def end(self) -> None:
        """There will be nothing more for this one."""
        self._is_over = True
        self.wake()

    def wake(self) -> None:
        """There may be something new."""
        self._woken.set()

    async def next(self, seconds: float) -> bytes | None:
        """What brings it up to date; None when there was nothing new for so long, or it is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.is_over:
                    self._woken.clear()
                    push = self._hub.newest
                    if push is not None and push.number != self._has:
                        told = push.for_one_who_has(self._has)
                        self._has = push.number
                        return told
                    await self._woken.wait()
        return None


def with_alert(data: Data, said: str) -> Data:
    """The same overview, with the alert that it cannot be brought up to date."""
    kept = [alert for alert in data["alerts"] if alert["key"] != UNREADABLE]
    alert = {"key": UNREADABLE, "at": data["market_time"], "about": UNREADABLE, "said": f"not up to date: {said}"}
    return {**data, "alerts": [*kept, alert]}
