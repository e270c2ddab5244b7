"""The thread that builds the overview goes with the last one who watches."""

from __future__ import annotations

import asyncio
import threading

import pytest

from console.api import live_hub
from console.api.daemon_threads import IDLE_SECONDS
from console.api.live_hub import LiveHub
from console.records import Data


class Noted:
    """Notes on which thread it is asked."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def newest(self) -> Data:
        """Something new each time."""
        self.threads.append(threading.current_thread())
        return {"speed": len(self.threads), "trades": [], "events": []}


def test_nothing_stays_of_the_hub_when_nobody_watches_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_hub, "PUSH_SECONDS", 0.01)
    source = Noted()

    async def watch() -> None:
        hub = LiveHub(source)
        watcher = hub.join()
        assert await watcher.next(20.0) is not None
        hub.leave(watcher)
        (builder,) = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait_for(builder, 20.0)

    asyncio.run(watch())
    source.threads[0].join(IDLE_SECONDS / 2)
    assert not source.threads[0].is_alive()
