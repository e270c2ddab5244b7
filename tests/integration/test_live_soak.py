"""Fifty pages that watch for long, ten of which never read: memory stays flat, and only those ten are dropped."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from benchmarks.console_streams import resident_megabytes
from benchmarks.console_world import served
from benchmarks.stream_clients import clients
from console.api import live_stream
from console.api.live_hub import PUSH_SECONDS

READERS, DEAF = 40, 10
MOST_MEGABYTES_MORE = 8.0
WARM_SECONDS = 3.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read as only Linux tells it")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("seconds", "positions"), [(3.0, 60), pytest.param(240.0, 200, marks=pytest.mark.soak)])
def test_fifty_pages_of_which_ten_never_read_cost_no_memory(
    seconds: float, positions: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if seconds < live_stream.UNREAD_SECONDS:
        monkeypatch.setattr(live_stream, "UNREAD_SECONDS", 1.0)
    over = threading.Event()
    with served(tmp_path, positions) as world:

        def move() -> None:
            while not over.wait(PUSH_SECONDS):
                world.move()

        mover = threading.Thread(target=move)
        mover.start()
        try:
            with clients(world.port, world.token, READERS, DEAF) as watching:
                over.wait(WARM_SECONDS)  # nobody sets it: prices move
                warm = resident_megabytes()
                over.wait(seconds)
                grown = resident_megabytes() - warm
        finally:
            over.set()
            mover.join()
    assert watching.seen is not None
    assert watching.seen.ended == 0, "somebody who read was dropped"
    assert watching.seen.pushes >= seconds / PUSH_SECONDS / 2
    assert caplog.text.count("a live page was dropped") == DEAF
    assert watching.seen.cut_off == DEAF
    assert grown < MOST_MEGABYTES_MORE, f"{grown:.1f} MB more after {seconds:g} s"
