"""The real program under a service manager: what it tells one, and that it ends in time whatever hangs."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from processes import DEADLINE_SECONDS, FIFTY_BARS_A_SECOND, Program, run_json

FAST = ("serve", "--no-view", "--speed", FIFTY_BARS_A_SECOND)
SLOW = ("serve", "--no-view", "--speed", "60")
SHORT_LEASES = {"AI_DB_RESERVATION_TTL_SECONDS": "3"}
WATCHDOG_SECONDS = 3.0

# Programs in which one call to the broker never returns, as a terminal that hangs does not.
HANGS = """
import sys, threading
from connectors.paper import PaperConnector
import run

works = PaperConnector.{method}
calls = 0

def hangs(self, *arguments, **named):
    global calls
    calls += 1
    if calls == {call}:
        print("now it hangs", file=sys.stderr, flush=True)
        threading.Event().wait()
    return works(self, *arguments, **named)

PaperConnector.{method} = hangs
sys.exit(run.main(sys.argv[1:]))
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and Unix sockets")


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))

    def wait_for(self, pattern: str, within_seconds: float = DEADLINE_SECONDS) -> float:
        """Until a line matches; when that was, by the monotonic clock."""
        deadline = time.monotonic() + within_seconds
        seen: list[str] = []
        while (remaining := deadline - time.monotonic()) > 0:
            self.socket.settimeout(remaining)
            try:
                lines = self.socket.recv(4096).decode().split("\n")
            except TimeoutError:
                break
            seen += lines
            if any(re.fullmatch(pattern, line) for line in lines):
                return time.monotonic()
        raise TimeoutError(f"no {pattern!r} in {seen}")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A service manager, named in the environment that the programs inherit."""
    path = tmp_path / "notify"
    if len(str(path)) > 100:
        pytest.skip("the directory of the tests has too long a name for a socket")
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    monkeypatch.setenv("WATCHDOG_USEC", str(round(WATCHDOG_SECONDS * 1e6)))
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    manager = Manager(path)
    with closing(manager.socket):
        yield manager


def test_it_says_that_it_leads_feeds_the_watchdog_and_says_that_it_stops(tmp_path: Path, manager: Manager) -> None:
    with Program(tmp_path, *SLOW) as program:
        manager.wait_for("EXTEND_TIMEOUT_USEC=.*")
        manager.wait_for("READY=1")
        before = manager.wait_for("WATCHDOG=1")
        for _ in range(3):
            fed = manager.wait_for("WATCHDOG=1", WATCHDOG_SECONDS)
            assert fed - before < WATCHDOG_SECONDS
            before = fed
        program.send(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        assert program.end() == 0


def test_one_that_stands_by_is_ready_too_and_its_watchdog_is_fed(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as unwatched:
        unwatched.delenv("NOTIFY_SOCKET")
        leader = Program(tmp_path, *SLOW, settings=SHORT_LEASES)
    with leader:
        leader.wait_for("leading crew")
        with Program(tmp_path, *SLOW, settings=SHORT_LEASES) as standby:
            manager.wait_for("READY=1")
            for _ in range(3):
                manager.wait_for("WATCHDOG=1", WATCHDOG_SECONDS)
            leader.stop()
            manager.wait_for("STATUS=leading crew default on alpha, beta")
            standby.stop(signal.SIGTERM)


def not_fed_any_more(manager: Manager) -> bool:
    """Wait until the watchdog is no longer fed; a round that was under way may still be told."""
    try:
        while True:
            manager.wait_for("WATCHDOG=1", 2 * WATCHDOG_SECONDS)
    except TimeoutError:
        return True


def test_an_actor_that_hangs_stops_the_feeding_of_the_watchdog_and_no_end(tmp_path: Path, manager: Manager) -> None:
    with Program(tmp_path, *FAST, code=HANGS.format(method="quotes", call=50)) as program:
        manager.wait_for("READY=1")
        program.wait_for("now it hangs")
        assert not_fed_any_more(manager)
        assert program.process.poll() is None, "it is for the manager to end it"
        assert program.stop(signal.SIGTERM) < 10
        assert "did not stop in time: platform:" in program.said


def test_an_order_without_an_answer_stays_submitted_and_the_next_start_looks_it_up(tmp_path: Path) -> None:
    with Program(tmp_path, *FAST, settings=SHORT_LEASES, code=HANGS.format(method="open", call=1)) as program:
        program.wait_for("now it hangs")
        assert program.stop(signal.SIGTERM) < 10
    (trade,) = [trade for trade in run_json(["trades"], tmp_path)["trades"] if trade["state"] == "submitted"]
    with Program(tmp_path, *FAST, settings=SHORT_LEASES) as second:
        second.wait_for(rf"submitted to unknown.*\(trade_id {trade['trade_id']}\)")
        second.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with Program(tmp_path, *FAST, code=HANGS.format(method="quotes", call=50)) as program:
        program.wait_for("now it hangs")
        program.send(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            program.process.wait(1.0)
        began = time.monotonic()
        program.send(number)
        assert program.end() == 128 + number
        assert time.monotonic() - began < 5
        assert "ended at once" in program.said
