"""A rehearsal on several processes that is told to stop leaves none of them behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "run.py", "rehearse", "--year", "2026", "--commodities", "EURUSD", "--jobs", "2")
AT_WORK = 4  # itself, the one that tidies up after it, and two workers
WITHIN_SECONDS = 30.0

pytestmark = [pytest.mark.soak, pytest.mark.skipif(os.name != "posix", reason="asks for a group of processes")]


def of_group(number: int) -> int:
    """How many processes of the group live."""
    told = subprocess.run(["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return sum(line.split()[0] == str(number) and "Z" not in line for line in told.splitlines())


def wait_for(what: Callable[[], bool]) -> None:
    """Until it is so. Fails the test when it does not come to that in time."""
    until = time.monotonic() + WITHIN_SECONDS
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left(sent: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True) as program:
        wait_for(lambda: of_group(program.pid) == AT_WORK)
        program.send_signal(sent)
        assert program.wait(WITHIN_SECONDS) == (-sent if sent is signal.SIGKILL else 130)
        wait_for(lambda: of_group(program.pid) == 0)
