"""Threads for what may hang: nobody has to wait for it, not even the end of the process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from console.api import daemon_threads
from console.api.daemon_threads import DaemonThreads, NotBegun

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 20.0
HANGS = """
import asyncio, threading
from console.api.daemon_threads import DaemonThreads
async def hang():
    try:
        await DaemonThreads("a test", 1).run(threading.Event().wait, 0.01)
    except TimeoutError:
        print("not waited for")
asyncio.run(hang())
"""


def test_it_answers_what_the_work_answers_and_raises_what_it_raises() -> None:
    async def ask() -> None:
        threads = DaemonThreads("a test", 2)
        found = await asyncio.gather(*(threads.run(partial(abs, number)) for number in range(50)))
        assert found == [*range(50)]
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)

    asyncio.run(ask())


def test_what_no_thread_took_in_time_is_never_begun_and_what_one_took_is_not_known() -> None:
    over, begun = threading.Event(), []

    async def ask() -> None:
        threads = DaemonThreads("a test", 1)
        with pytest.raises(TimeoutError):
            await threads.run(lambda: over.wait(DEADLINE_SECONDS), 0.05)
        with pytest.raises(NotBegun):
            await threads.run(lambda: begun.append("too late"), 0.05)
        over.set()
        await threads.run(lambda: begun.append("in time"), DEADLINE_SECONDS)

    asyncio.run(ask())
    assert begun == ["in time"]


def test_threads_end_when_there_is_nothing_to_do_and_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_threads, "IDLE_SECONDS", 0.01)
    threads = DaemonThreads("a test", 1)
    found: list[threading.Thread] = []
    for _ in range(2):
        asyncio.run(threads.run(lambda: found.append(threading.current_thread()), DEADLINE_SECONDS))
        found[-1].join(DEADLINE_SECONDS)
        assert not found[-1].is_alive()
    assert found[0] is not found[1]


def test_closed_threads_end_at_once_with_what_was_handed_in_done_and_take_no_more() -> None:
    over, found, workers = threading.Event(), [], []

    def work(number: int) -> None:
        workers.append(threading.current_thread())
        over.wait(DEADLINE_SECONDS)
        found.append(number)

    async def ask() -> None:
        threads = DaemonThreads("a test", 2)
        under_way = [asyncio.create_task(threads.run(partial(work, number))) for number in range(3)]
        await asyncio.sleep(0)
        threads.close()
        threads.close()
        with pytest.raises(NotBegun, match="a test: closed, and takes no more work"):
            await threads.run(lambda: found.append(-1), DEADLINE_SECONDS)
        over.set()
        await asyncio.gather(*under_way)

    asyncio.run(ask())
    began = time.monotonic()
    for worker in workers:
        worker.join(daemon_threads.IDLE_SECONDS)
    assert time.monotonic() - began < daemon_threads.IDLE_SECONDS / 2
    assert sorted(found) == [0, 1, 2]


def test_an_idle_thread_does_not_stay_after_it_is_closed() -> None:
    async def ask() -> threading.Thread:
        threads = DaemonThreads("a test", 1)
        worker = await threads.run(threading.current_thread)
        threads.close()
        return worker

    worker = asyncio.run(ask())
    worker.join(daemon_threads.IDLE_SECONDS / 2)
    assert not worker.is_alive()


def test_the_end_of_the_process_does_not_wait_for_one_that_hangs() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGS], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "not waited for\n", "")
