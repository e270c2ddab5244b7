"""What live pages cost the trading: the ask latency of actors with nobody watching and with many, CPU a push, memory.

    python -m benchmarks.console_streams [--positions N] [--readers N] [--deaf N] [--seconds S] [--rounds N] [--json]

In one process an actor asks another one two hundred times a second, beside the console with its positions, whose prices
all move twice a second. The clients are in a process of their own. Rounds with and without them take turns, so that
what else the machine does falls on both alike. CPU seconds are this process's, those of the rounds without clients
taken off.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from actors.names import RESERVATION_LEVEL, UPPER_LEVEL
from actors.system.context import Context
from actors.system.message import Message
from actors.system.spec import Spec
from benchmarks.console_world import World, served
from benchmarks.stream_clients import clients
from console.api.live_hub import PUSH_SECONDS

ASKED, ASKER = "asked", "asker"
PAUSE_SECONDS = 0.005  # between two asks
SETTLING_SECONDS = 2.0  # at the beginning of a round
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Question(Message):
    """Ask: anything."""


@dataclass(frozen=True, slots=True)
class Measure(Message):
    """Ask: the seconds that each ask took, for so many seconds."""

    seconds: float


class Asked:
    """Answers at once."""

    def receive(self, message: object, context: Context) -> str:
        """The answer."""
        return "answer"


class Asker:
    """Asks, and takes the time."""

    def receive(self, message: object, context: Context) -> list[float]:
        """The seconds of each ask."""
        assert isinstance(message, Measure)
        took = []
        until = time.monotonic() + message.seconds
        while time.monotonic() < until:
            began = time.perf_counter()
            context.ask(ASKED, Question(), 5.0)
            took.append(time.perf_counter() - began)
            context.sleep(PAUSE_SECONDS)
        return took


@dataclass(slots=True)
class Rounds:
    """What was measured with the same number of clients."""

    asks: list[float]  # seconds each
    cpu_seconds: float = 0.0
    pushes: int = 0
    cut_off: int = 0

    def of_asks(self, fraction: float) -> float:
        """A quantile, in microseconds."""
        return 1e6 * sorted(self.asks)[int(fraction * (len(self.asks) - 1))]


def resident_megabytes() -> float:
    """Of this process, now; 0 where that cannot be read."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * resource.getpagesize() / MEGABYTE


def one_round(world: World, readers: int, deaf: int, seconds: float, into: Rounds) -> None:
    """Measure once, with so many clients."""
    over = threading.Event()

    def move() -> None:
        while not over.wait(PUSH_SECONDS):
            world.move()

    mover = threading.Thread(target=move, daemon=True)
    mover.start()
    try:
        if readers + deaf == 0:
            _measure(world, seconds, into)
            return
        with clients(world.port, world.token, readers, deaf) as watching:
            _measure(world, seconds, into)
        assert watching.seen is not None
        into.pushes += round(watching.seen.pushes * seconds / (seconds + SETTLING_SECONDS))
        into.cut_off += watching.seen.cut_off
    finally:
        over.set()
        mover.join()


def _measure(world: World, seconds: float, into: Rounds) -> None:
    world.system.ask(ASKER, Measure(SETTLING_SECONDS), SETTLING_SECONDS + 30)
    began = time.process_time()
    into.asks += world.system.ask(ASKER, Measure(seconds), seconds + 30)
    into.cpu_seconds += time.process_time() - began


def measure(positions: int, readers: int, deaf: int, seconds: float, rounds: int) -> dict[str, object]:
    """All rounds; the figures by their names."""
    without, watched = Rounds([]), Rounds([])
    with tempfile.TemporaryDirectory() as name, served(Path(name), positions) as world:
        world.system.spawn(Spec(ASKED, Asked, RESERVATION_LEVEL))
        world.system.spawn(Spec(ASKER, Asker, UPPER_LEVEL))
        one_round(world, readers, 0, 1.0, Rounds([]))  # loads what is loaded late
        before = resident_megabytes()
        for _ in range(rounds):
            one_round(world, 0, 0, seconds, without)
            one_round(world, readers, deaf, seconds, watched)
        after = resident_megabytes()
    more_cpu = watched.cpu_seconds - without.cpu_seconds
    return {
        "positions": positions,
        "readers": readers,
        "deaf": deaf,
        "asks": len(without.asks) + len(watched.asks),
        "ask_median_microseconds": {"none": without.of_asks(0.5), "watched": watched.of_asks(0.5)},
        "ask_p99_microseconds": {"none": without.of_asks(0.99), "watched": watched.of_asks(0.99)},
        "ask_mean_microseconds": {
            "none": 1e6 * statistics.fmean(without.asks),
            "watched": 1e6 * statistics.fmean(watched.asks),
        },
        "ratio_of_medians": watched.of_asks(0.5) / without.of_asks(0.5),
        "pushes": watched.pushes,
        "cpu_milliseconds_a_push": 1e3 * more_cpu / max(watched.pushes, 1),
        "cut_off": watched.cut_off,
        "resident_megabytes": {"before": before, "after": after},
    }


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", type=int, default=200, help="that are open (default 200)")
    parser.add_argument("--readers", type=int, default=40, help="clients that read (default 40)")
    parser.add_argument("--deaf", type=int, default=10, help="clients that never read (default 10)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of a round (default 15)")
    parser.add_argument("--rounds", type=int, default=3, help="with and without clients (default 3)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    found = measure(arguments.positions, arguments.readers, arguments.deaf, arguments.seconds, arguments.rounds)
    if arguments.json:
        json.dump(found, sys.stdout)
        print()
        return
    for name, value in found.items():
        print(f"{name.replace('_', ' '):28} {value}")


if __name__ == "__main__":
    main()
