"""What a start costs: CPU time and memory of `serve` until it leads, and of the short commands.

    python -m benchmarks.start [--runs N] [--json]

Each is the real program in a process of its own, on a ledger that is there already, with the paper accounts of the
defaults. `serve` is told to stop as soon as it says that it leads, so its figures hold the orderly end too. Between the
runs, in turn, a bare Python starts, and one that only loads the libraries on which everything rests: no program that
stands on them can go below. CPU seconds are user and system time together, and memory is the largest ever resident:
medians over the runs. POSIX only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Nothing else: until it has a program of its own, a child is counted as large as the process that measures it.

FRONT_DOOR = Path(__file__).parents[1] / "run.py"
READY = "leading crew"
SERVE = "serve"
LIBRARIES = "import numpy, pydantic, rich.console, sqlalchemy.engine"
PEERS = {"bare Python": "pass", "the libraries alone": f"{LIBRARIES}\nclass One(pydantic.BaseModel): one: int = 1"}
SHORT = (("--help",), ("status",), ("trades",), ("why",), ("pause",), ("resume",))
MEGABYTE = 1_000_000
MAXIMUM_RESIDENT_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, by the system's own way to tell it


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took."""

    cpu_seconds: float
    resident_megabytes: float


def cost_of(command: Sequence[str], directory: Path, *, until: str = "") -> Cost:
    """One run to its end; ``until`` is what it says on standard error when it is to be stopped.

    Raises ``RuntimeError`` when it fails, or ends without having said so.
    """
    process = subprocess.Popen(
        command, cwd=directory, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = []
    is_told = not until
    with process.stderr:
        for line in process.stderr:
            said.append(line)
            if not is_told and until in line:
                process.send_signal(signal.SIGTERM)
                is_told = True
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not is_told:
        raise RuntimeError(f"{' '.join(command)} ended with code {process.returncode}: {''.join(said)}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * MAXIMUM_RESIDENT_UNIT / MEGABYTE)


def environment() -> dict[str, str]:
    """The environment without settings of the one who measures; the console at any port that is free."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("WATCHBILL__")}
    return {**kept, "WATCHBILL__CONSOLE__PORT": "0"}


def measure(runs: int) -> dict[str, Cost]:
    """Medians by what was started."""
    commands = {name: ([sys.executable, "-c", code], "") for name, code in PEERS.items()}
    commands[SERVE] = ([sys.executable, str(FRONT_DOOR), SERVE, "--no-view"], READY)
    commands |= {" ".join(words): ([sys.executable, str(FRONT_DOOR), *words], "") for words in SHORT}
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        cost_of(commands[SERVE][0], directory, until=READY)  # makes the ledger, and what Python keeps compiled
        for _ in range(runs):
            for started, (command, until) in commands.items():
                costs[started].append(cost_of(command, directory, until=until))
    return {
        started: Cost(
            statistics.median(cost.cpu_seconds for cost in several),
            statistics.median(cost.resident_megabytes for cost in several),
        )
        for started, several in costs.items()
    }


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runs", type=int, choices=range(1, 1001), metavar="N", default=10, help="of each (default 10)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    costs = measure(arguments.runs)
    if arguments.json:
        rows = {
            name: {"cpu_seconds": cost.cpu_seconds, "resident_megabytes": cost.resident_megabytes}
            for name, cost in costs.items()
        }
        print(json.dumps({"runs": arguments.runs, "starts": rows}))
        return
    for name, cost in costs.items():
        print(f"{name:20} {cost.cpu_seconds:6.2f} s CPU {cost.resident_megabytes:7.0f} MB")


if __name__ == "__main__":
    main()
