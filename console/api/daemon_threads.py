"""A few threads for what may hang: whoever waits for it can stop waiting, and so can the end of the process.

`ThreadPoolExecutor` joins its threads when the interpreter ends, for as long as they hang. These are left where they
are.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

IDLE_SECONDS = 10.0  # a thread that had nothing to do for so long ends

Value = TypeVar("Value")


class NotBegun(Exception):
    """No thread was free in time, or they take no more work. It was not begun, and never will be."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """What is to be done, for a future of somebody's loop."""

    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    claim: threading.Lock = field(default_factory=threading.Lock)  # of the thread that does it, or of who gives it up

    def do(self) -> None:
        """Unless it was given up."""
        if not self.claim.acquire(blocking=False):
            return
        value: Any = None
        fault: BaseException | None = None
        try:
            value = self.work()
        except BaseException as error:
            fault = error

        def told() -> None:
            if self.future.done():
                return
            if fault is None:
                self.future.set_result(value)
            else:
                self.future.set_exception(fault)

        with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            self.loop.call_soon_threadsafe(told)


class DaemonThreads:
    """At most so many threads, begun when they are needed."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()  # None: whoever takes it is to end
        self._lock = threading.Lock()
        self._threads = 0
        self._unclaimed = 0  # jobs handed in and not yet taken by a thread
        self._free = 0
        self._is_closed = False

    async def run(self, work: Callable[[], Value], timeout_seconds: float | None = None) -> Value:
        """What the work answers, or raises.

        Raises `NotBegun` where no thread could take it in time, or after `close`, and ``TimeoutError`` where one did
        and is at it still.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        self._hand_in(job)
        try:
            async with asyncio.timeout(timeout_seconds):
                found: Value = await job.future
                return found
        except TimeoutError:
            if job.claim.acquire(blocking=False):
                raise NotBegun(f"{self._name}: every thread is busy") from None
            raise

    def close(self) -> None:
        """Take no more work. What was handed in is done; a thread with nothing to do ends at once. Waits for none."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            for _ in range(self._threads):  # behind all that was handed in
                self._jobs.put(None)

    def _hand_in(self, job: _Job) -> None:
        with self._lock:
            if self._is_closed:
                raise NotBegun(f"{self._name}: closed, and takes no more work")
            self._jobs.put(job)
            self._unclaimed += 1
            if self._unclaimed > self._free and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._free += 1
            is_idle = False
            try:
                job = self._jobs.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                job, is_idle = None, True
            with self._lock:
                self._free -= 1
                if is_idle and self._unclaimed:
                    continue  # it came at this very moment
                if job is None:
                    self._threads -= 1
                    return
                self._unclaimed -= 1
            job.do()
            del job  # it may hold much
