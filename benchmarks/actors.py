"""What the shell costs: asks and tells beside bare Pykka, side by side in one run, and messages in virtual time.

    python -m benchmarks.actors [--json] [--repetitions N]

The candidates take turns within each repetition, so that a busy machine slows all of them alike. The best repetition
says what the code can do, the median what it did; the ratio compares the shell with bare Pykka by each.
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if not __package__:  # run as a file: its own folder, in which it is called `actors`, must not hide the package
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import pykka

from actors.system.context import Context
from actors.system.message import Message
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.runtime_virtual import VirtualWorld
from actors.system.spec import Spec
from actors.system.system import System

REPETITIONS = 15
ASKS = 1_000
TELLS = 5_000
VIRTUAL_MESSAGES = 10_000
CAPACITY = 1_000_000
PATIENCE_SECONDS = 30.0
MINUTE_MILLISECONDS = 60_000


@dataclass(frozen=True, slots=True)
class Count(Message):
    """Counted."""


@dataclass(frozen=True, slots=True)
class Last(Message):
    """The last of many: the receiver says that it has seen it."""

    seen: threading.Event


@dataclass(frozen=True, slots=True)
class Tick(Message):
    """A periodic timer."""


class BareCounter(pykka.ThreadingActor):
    """Pykka without anything."""

    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, message: Any) -> int:
        if type(message) is Last:
            message.seen.set()
        self.count += 1
        return self.count


class BareCounterOnSimpleQueue(BareCounter):
    """Pykka with the faster inbox that the shell uses too."""

    @staticmethod
    def _create_actor_inbox() -> queue.SimpleQueue[Any]:
        return queue.SimpleQueue()


class Counter:
    """The same as a behaviour."""

    def __init__(self) -> None:
        self.count = 0

    def receive(self, message: Any, context: Context) -> int:
        if type(message) is Last:
            message.seen.set()
        self.count += 1
        return self.count


class Relay:
    """Passes on to the counter."""

    def receive(self, message: Any, context: Context) -> None:
        context.tell("counter", message)


class Asker:
    """Asks the counter."""

    def receive(self, message: Any, context: Context) -> int:
        answer: int = context.ask("counter", message)
        return answer


class Periodic:
    """Lives by a market timer."""

    def start(self, context: Context) -> None:
        context.at(context.now() + MINUTE_MILLISECONDS, Tick())

    def receive(self, message: Tick, context: Context) -> None:
        context.at(context.now() + MINUTE_MILLISECONDS, message)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to measure: ``run`` does ``operations`` of it."""

    name: str
    operations: int
    run: Callable[[], None]


def asks(ask: Callable[[Any], Any]) -> Callable[[], None]:
    """One round trip after the other."""

    def run() -> None:
        message = Count()
        for _ in range(ASKS):
            ask(message)

    return run


def tells(tell: Callable[[Any], None]) -> Callable[[], None]:
    """All at once, and until the last one has been handled."""

    def run() -> None:
        message = Count()
        seen = threading.Event()
        for _ in range(TELLS - 1):
            tell(message)
        tell(Last(seen))
        if not seen.wait(PATIENCE_SECONDS):
            raise TimeoutError("the last message was not handled")

    return run


def thread_candidates(stack: ExitStack) -> list[Candidate]:
    """Bare Pykka, Pykka on the faster inbox, and the shell."""
    bare, quick = BareCounter.start(), BareCounterOnSimpleQueue.start()
    stack.callback(bare.stop)
    stack.callback(quick.stop)
    system = System(ThreadedRuntime())
    system.start([Spec("counter", Counter, 1, mailbox_capacity=CAPACITY)])
    stack.callback(system.stop)
    patience = PATIENCE_SECONDS
    return [
        Candidate("ask, bare Pykka", ASKS, asks(lambda message: bare.ask(message, timeout=patience))),
        Candidate("ask, Pykka on SimpleQueue", ASKS, asks(lambda message: quick.ask(message, timeout=patience))),
        Candidate("ask, shell", ASKS, asks(lambda message: system.ask("counter", message, patience))),
        Candidate("tell, bare Pykka", TELLS, tells(bare.tell)),
        Candidate("tell, Pykka on SimpleQueue", TELLS, tells(quick.tell)),
        Candidate("tell, shell", TELLS, tells(lambda message: system.tell("counter", message))),
    ]


def virtual_candidates(stack: ExitStack) -> list[Candidate]:
    """Messages, asks and timer ticks in virtual time. One ask is two messages, one tick is one advance."""
    world = stack.enter_context(VirtualWorld(0))
    system = System(world.process())
    system.start(
        [
            Spec("counter", Counter, 1, mailbox_capacity=CAPACITY),
            Spec("relay", Relay, 2, mailbox_capacity=CAPACITY),
            Spec("asker", Asker, 2, mailbox_capacity=CAPACITY),
        ]
    )
    ticking = stack.enter_context(VirtualWorld(0, ticking=True))
    System(ticking.process()).start([Spec("periodic", Periodic, 1)])

    def relayed() -> None:
        for _ in range(VIRTUAL_MESSAGES // 2):
            system.tell("relay", Count())
        world.run_until_quiet()

    def asked() -> None:
        for _ in range(VIRTUAL_MESSAGES // 2):
            system.tell("asker", Count())
        world.run_until_quiet()

    def ticks() -> None:
        for _ in range(VIRTUAL_MESSAGES):
            ticking.advance_to(ticking.now() + MINUTE_MILLISECONDS)

    return [
        Candidate("virtual, told messages", VIRTUAL_MESSAGES, relayed),
        Candidate("virtual, half of them asked", VIRTUAL_MESSAGES, asked),
        Candidate("virtual, ticks of one timer", VIRTUAL_MESSAGES, ticks),
    ]


def measure(repetitions: int) -> dict[str, dict[str, float]]:
    """Operations per second of each candidate: the best and the median repetition."""
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        candidates = thread_candidates(stack) + virtual_candidates(stack)
        for _ in range(repetitions):
            for candidate in candidates:
                begun = time.perf_counter()
                candidate.run()
                rate = candidate.operations / (time.perf_counter() - begun)
                rates.setdefault(candidate.name, []).append(rate)
    return {name: {"best": max(each), "median": statistics.median(each)} for name, each in rates.items()}


def ratios(rates: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The shell's rate over bare Pykka's: above 1 the shell is faster."""
    return {
        kind: {by: rates[f"{kind}, shell"][by] / rates[f"{kind}, bare Pykka"][by] for by in ("best", "median")}
        for kind in ("ask", "tell")
    }


def main() -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description="What the actor shell costs beside bare Pykka.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="default: %(default)s")
    arguments = parser.parse_args()
    if arguments.repetitions < 1:
        parser.error(f"--repetitions must be at least 1, not {arguments.repetitions}")
    rates = measure(arguments.repetitions)
    shell = ratios(rates)
    if arguments.json:
        print(json.dumps({"per_second": rates, "shell_over_bare_pykka": shell}))
        return
    print(f"{'':30}{'best':>12}{'median':>12}   per second")
    for name, rate in rates.items():
        print(f"{name:30}{rate['best']:12,.0f}{rate['median']:12,.0f}")
    for kind, ratio in shell.items():
        print(f"{kind + ': shell / bare Pykka':30}{ratio['best']:12.2f}{ratio['median']:12.2f}")


if __name__ == "__main__":
    main()
