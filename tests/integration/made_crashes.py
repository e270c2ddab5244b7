"""Sends one order after another and dies over each at another line: `made_crashes.py DIRECTORY`.

Crash number n is a process that is killed at its n-th line of our code; then the same order is sent again, by a worker
that knows only what is on disk. The last one is that in which nobody dies. Says what became of each as a line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from made_terminal_package import DONE, ORDER, ScriptedPackage, result, terms

from connectors import wire
from connectors.mt5 import order_floor, order_request, package_face, worker_core, worker_orders
from connectors.mt5.order_floor import DiskFloor
from connectors.mt5.worker_core import WorkerCore

WATCHED = {module.__file__ for module in (order_floor, order_request, package_face, worker_core, worker_orders)}
SEND = {"order": wire.encode(ORDER), "token": 5, "magic": 7}


def core_in(directory: Path) -> WorkerCore:
    """A worker whose orders are lines of a journal."""
    package = ScriptedPackage()

    def order_send(request: dict[str, Any]) -> Any:
        with (directory / "journal").open("a") as journal:
            journal.write("sent\n")
        return result(DONE)

    package.answers["order_send"] = order_send
    mine = terms(directory)
    return WorkerCore(package.face, mine, DiskFloor(directory, mine.login, mine.server), time.monotonic)


def orders_in(directory: Path) -> int:
    """How many orders the package has got."""
    journal = directory / "journal"
    return len(journal.read_text().splitlines()) if journal.exists() else 0


def die_at_line(number: int) -> None:
    """Be killed when so many lines have been begun."""
    left = [number]

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in WATCHED:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def crash(directory: Path, number: int) -> bool:
    """Whether the process died."""
    process = os.fork()
    if process == 0:
        core = core_in(directory)
        die_at_line(number)
        core.do("send", SEND, time.monotonic() + 60)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


def main() -> None:
    """Die everywhere."""
    number, died = 0, True
    while died:
        number += 1
        directory = Path(sys.argv[1]) / str(number)
        directory.mkdir()
        died = crash(directory, number)
        sent = orders_in(directory)
        again = core_in(directory).do("send", SEND, time.monotonic() + 60)
        print(json.dumps({"died": died, "sent": sent, "refused": again["refused"], "in_all": orders_in(directory)}))


if __name__ == "__main__":
    main()
