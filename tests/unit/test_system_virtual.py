"""Virtual time: deterministic to the byte, several processes in one world, races found by priorities."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import greenlet
import pykka
import pytest

from actors.system.context import Context
from actors.system.errors import ActorDead, AskTimeout, NotExecuted, NotQuiet, StartFailed
from actors.system.message import Message
from actors.system.runtime_virtual import VirtualWorld
from actors.system.spec import Spec
from actors.system.system import System
from trading.market import Instant

ORIGIN: Instant = 1_700_000_000_000
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Go(Message):
    """Begin."""

    work: int = 0


@dataclass(frozen=True, slots=True)
class IsFree(Message):
    """Asks whether the lock is free."""


@dataclass(frozen=True, slots=True)
class Take(Message):
    """Takes the lock."""

    owner: str


@dataclass(frozen=True, slots=True)
class TakeIfFree(Message):
    """Both in one message."""

    owner: str


class Lock:
    """A lock that trusts those who ask first and take then."""

    def __init__(self) -> None:
        self.owner: str | None = None

    def receive(self, message: Any, context: Context) -> bool | None:
        match message:
            case IsFree():
                return self.owner is None
            case Take(owner):
                self.owner = owner
                return True
            case TakeIfFree(owner):
                free = self.owner is None
                self.owner = self.owner or owner
                return free
        return None


class Taker:
    """Does other work for a while, and then wants the lock."""

    def __init__(self, winners: list[str], *, atomic: bool) -> None:
        self._winners = winners
        self._atomic = atomic

    def receive(self, message: Go, context: Context) -> None:
        for _ in range(message.work):
            context.ask("lock", IsFree())
        if self._atomic:
            won = context.ask("lock", TakeIfFree(context.name))
        else:
            won = context.ask("lock", IsFree()) and context.ask("lock", Take(context.name))
        if won:
            self._winners.append(context.name)


def winners_of(seed: int | None, *, atomic: bool) -> list[str]:
    """Two actors want one lock; one of them is there long before the other."""
    winners: list[str] = []
    with VirtualWorld(ORIGIN, seed, strategy="pct", pct_steps=40) as world:
        system = System(world.process())
        system.start([Spec("lock", Lock, 1), *(Spec(n, lambda: Taker(winners, atomic=atomic), 2) for n in "ab")])
        system.tell("a", Go(0))
        system.tell("b", Go(6))
        world.run_until_quiet()
    return winners


def test_priorities_find_a_race_that_the_fair_order_never_shows() -> None:
    assert winners_of(None, atomic=False) == ["a"]
    found = [seed for seed in range(200) if len(winners_of(seed, atomic=False)) > 1]
    assert found
    assert winners_of(found[0], atomic=False) == winners_of(found[0], atomic=False)
    assert all(len(winners_of(seed, atomic=True)) == 1 for seed in range(200))


class Gambler:
    """Sends, asks, sleeps and arms timers by its random numbers, and sometimes crashes."""

    def __init__(self, others: list[str]) -> None:
        self._others = others

    def start(self, context: Context) -> None:
        context.later(context.rng.random(), Go(3))

    def receive(self, message: Go, context: Context) -> str:
        if context.rng.random() < 0.1:
            raise ZeroDivisionError
        for other in {*self._others}:  # a set of strings: its order depends on PYTHONHASHSEED, ...
            context.identifier(other)  # ... which must not matter to what follows
        if message.work:
            context.tell(context.rng.choice(self._others), Go(message.work - 1))
            context.sleep(context.rng.random() / 10)
            context.at(context.now() + context.rng.randrange(500), Go(message.work - 1))
            try:
                return str(context.ask("lock", IsFree(), timeout_seconds=0.01))
            except (AskTimeout, NotExecuted):
                return "unknown"
        return context.identifier("done")


def gamble(seed: int | None, strategy: Literal["random", "pct"]) -> VirtualWorld:
    names = ["x", "y", "z"]
    with VirtualWorld(ORIGIN, seed, strategy=strategy, latency_seconds=0.02, tracing=True) as world:
        for _ in range(2):  # two processes
            system = System(world.process())
            system.start([Spec("lock", Lock, 1), *(Spec(n, lambda: Gambler(names), 2, max_restarts=50) for n in names)])
        world.run_for(3)
        world.advance_to(world.now() + 1_000)
    return world


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_the_same_seed_gives_the_same_trace_and_another_seed_another(strategy: Literal["random", "pct"]) -> None:
    first, again = gamble(5, strategy), gamble(5, strategy)
    assert len(first.trace()) > 100
    assert first.trace() == again.trace()
    assert first.trace_hash() == again.trace_hash()
    assert len({gamble(seed, strategy).trace_hash() for seed in range(10)}) == 10


def test_the_trace_is_the_same_in_processes_with_different_hash_seeds() -> None:
    program = (
        "import sys, logging; logging.disable(); sys.path.insert(0, 'tests/unit'); import test_system_virtual as t;"
        "print(*(t.gamble(seed, strategy).trace_hash() for seed in (None, 1, 2) for strategy in ('random', 'pct')))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "4242")
    }
    assert len(printed) == 1
    assert len(set(printed.pop().split())) == 5  # without a seed the strategy does not matter


class Teller:
    """Tells many notes to another, which writes them down."""

    def __init__(self, log: list[int]) -> None:
        self._log = log

    def receive(self, message: Go, context: Context) -> None:
        if context.name == "teller":
            for index in range(message.work):
                context.tell("writer", Go(index))
        else:
            self._log.append(message.work)


@pytest.mark.parametrize("seed", range(20))
def test_messages_take_their_time_but_do_not_overtake_one_another(seed: int) -> None:
    log: list[int] = []
    with VirtualWorld(ORIGIN, seed, latency_seconds=0.5) as world:
        system = System(world.process())
        system.start([Spec("writer", lambda: Teller(log), 1), Spec("teller", lambda: Teller(log), 2)])
        system.tell("teller", Go(50))
        world.run_until_quiet()
        assert world.elapsed() > 0.1
    assert log == list(range(50))


# ---------------------------------------------------------------- time


class Clockwork:
    """Does what it is given, and logs what it likes."""

    def __init__(self, action: Callable[[Context], Any] | None = None) -> None:
        self._action = action

    def receive(self, message: Any, context: Context) -> Any:
        action = message if callable(message) else self._action
        return None if action is None else action(context)


def one_actor(world: VirtualWorld, **options: Any) -> System:
    system = System(world.process())
    system.start([Spec("a", Clockwork, 1, **options)])
    return system


def test_time_flows_from_timer_to_timer() -> None:
    seen: list[tuple[float, Instant]] = []
    with VirtualWorld(ORIGIN) as world:
        system = one_actor(world)

        def arm(context: Context) -> None:
            context.later(2.5, lambda context: seen.append((context.elapsed(), context.now())))
            context.at(ORIGIN + 1_500, lambda context: seen.append((context.elapsed(), context.now())))

        system.tell("a", arm)
        world.run_for(2)
        assert seen == [(1.5, ORIGIN + 1_500)]
        assert (world.elapsed(), world.now()) == (2.0, ORIGIN + 2_000)
        world.run_for(0.5)
    assert seen == [(1.5, ORIGIN + 1_500), (2.5, ORIGIN + 2_500)]


def test_at_one_instant_market_timers_come_before_elapsed_ones() -> None:
    seen: list[str] = []
    with VirtualWorld(ORIGIN) as world:
        system = one_actor(world)

        def arm(context: Context) -> None:
            context.later(1, lambda context: seen.append("elapsed"))
            context.at(ORIGIN + 1_000, lambda context: seen.append("market"))
            context.later(0, lambda context: seen.append("at once"))

        system.tell("a", arm)
        world.run_for(1)
    assert seen == ["at once", "market", "elapsed"]


def test_market_time_stands_after_a_tick_and_flows_again_with_run_for() -> None:
    with VirtualWorld(ORIGIN) as world:
        system = one_actor(world)
        world.advance_to(ORIGIN + 60_000)
        assert (world.elapsed(), world.now()) == (60.0, ORIGIN + 60_000)
        system.ask("a", lambda context: context.sleep(3))
        assert (world.elapsed(), world.now()) == (63.0, ORIGIN + 60_000)
        world.run_for(1)
        assert (world.elapsed(), world.now()) == (64.0, ORIGIN + 61_000)
        world.advance_to(ORIGIN + 62_000)
        assert (world.elapsed(), world.now()) == (65.0, ORIGIN + 62_000)


def test_a_timer_armed_for_the_past_fires_now() -> None:
    seen: list[Instant] = []
    with VirtualWorld(ORIGIN) as world:
        system = one_actor(world)
        system.tell("a", lambda context: context.at(ORIGIN - 5, lambda context: seen.append(context.now())))
        world.run_until_quiet()
    assert seen == [ORIGIN]


def test_a_long_sleep_costs_no_real_time_and_an_ask_times_out_meanwhile() -> None:
    with VirtualWorld(ORIGIN) as world:
        system = one_actor(world)
        with pytest.raises(AskTimeout):
            system.ask("a", lambda context: context.sleep(86_400), timeout_seconds=5)
        assert world.elapsed() == 5
        world.run_until_quiet()
        assert world.elapsed() == 86_400


def test_a_driver_of_actors_that_never_rest_gets_an_error() -> None:
    def again(context: Context) -> None:
        context.tell("a", again)

    with VirtualWorld(ORIGIN, max_turns=1_000) as world:
        system = one_actor(world)
        system.tell("a", again)
        with pytest.raises(NotQuiet, match="after 1000 turns, the last was sim:1 a's"):
            world.run_until_quiet()
        with pytest.raises(NotQuiet):  # still
            world.advance_to(ORIGIN + 1)


def test_a_behaviour_may_not_drive_the_world_it_lives_in() -> None:
    with VirtualWorld(ORIGIN) as world:
        system = one_actor(world)

        def drive(context: Context) -> str:
            with pytest.raises(RuntimeError, match="no behaviour"):
                world.run_for(1)
            return "refused"

        assert system.ask("a", drive) == "refused"


def test_ctrl_c_reaches_the_driver_and_not_the_supervision() -> None:
    def interrupt(context: Context) -> None:
        raise KeyboardInterrupt

    with VirtualWorld(ORIGIN) as world:
        system = one_actor(world)
        system.tell("a", interrupt)
        with pytest.raises(KeyboardInterrupt):
            world.run_until_quiet()
        assert not system.alerts
        world.run_until_quiet()


# ---------------------------------------------------------------- processes


def test_processes_share_time_but_not_names() -> None:
    with VirtualWorld(ORIGIN, seed=1) as world:
        systems = [one_actor(world), one_actor(world)]
        owners = [system.ask("a", lambda context: context.owner) for system in systems]
        numbers = [system.ask("a", lambda context: context.rng.random()) for system in systems]
        identifiers = [system.ask("a", lambda context: context.identifier("trade")) for system in systems]
    assert owners == ["sim:1", "sim:2"]
    assert len(set(numbers)) == 2
    assert len(set(identifiers)) == 2


def test_a_runtime_carries_one_system() -> None:
    with VirtualWorld(ORIGIN) as world:
        runtime = world.process()
        System(runtime)
        with pytest.raises(ValueError, match="sim:1 carries a system already"):
            System(runtime)


@pytest.mark.parametrize("by_itself", [False, True])
def test_nothing_of_a_killed_process_runs_on_not_even_finally(by_itself: bool) -> None:
    log: list[str] = []
    with VirtualWorld(ORIGIN) as world:
        doomed, survivor = one_actor(world), one_actor(world)

        def work(context: Context) -> None:
            context.later(0.5, lambda context: log.append("timer"))
            try:
                if by_itself:
                    doomed.kill()
                context.sleep(1)
                log.append("went on")
            finally:
                log.append("cleaned up")
                context.tell("a", "into the void")

        doomed.tell("a", work)
        doomed.tell("a", lambda context: log.append("next message"))
        world.run_for(0.1)
        doomed.kill()
        with pytest.raises(ActorDead):
            doomed.ask("a", None)
        survivor.ask("a", lambda context: context.sleep(2))
        world.run_for(5)
        assert not log
    assert log == ["cleaned up"]  # the world's end ends the greenlet; its system has long been gone
    assert doomed.is_killed
    assert not doomed.dead_letters


def test_a_process_that_dies_while_it_starts_ends_the_start_at_once() -> None:
    class DiesInStart(Clockwork):
        def start(self, context: Context) -> None:
            context.sleep(1)
            doomed.kill()

    with VirtualWorld(ORIGIN) as world:
        survivor, doomed = one_actor(world), System(world.process())
        with pytest.raises(StartFailed, match="a"):
            doomed.start([Spec("a", DiesInStart, 1), Spec("b", Clockwork, 2)])
        assert world.elapsed() == 1
        assert doomed.stop() == []
        assert survivor.ask("a", lambda context: context.owner) == "sim:1"


@pytest.mark.parametrize("act", [lambda c: c.sleep(1), lambda c: c.ask("low", None), lambda c: c.tell("low", None)])
def test_the_end_of_a_world_unwinds_through_cleanups_that_wait_or_send(act: Callable[[Context], Any]) -> None:
    unwound: list[str] = []

    def work(context: Context) -> None:
        try:
            context.sleep(1_000)
        finally:
            unwound.append("begun")
            act(context)

    with VirtualWorld(ORIGIN) as world:
        system = System(world.process())
        system.start([Spec("low", Clockwork, 1), Spec("a", Clockwork, 2)])
        system.tell("a", work)
        world.run_for(1)
    assert unwound == ["begun"]
    assert not system.alerts


def test_a_closed_world_leaves_no_greenlets_and_no_trace_in_pykka() -> None:
    stranger = pykka.ThreadingActor.start()
    try:
        before = {id(thing) for thing in gc.get_objects() if isinstance(thing, greenlet.greenlet)}
        with VirtualWorld(ORIGIN) as world:
            system = one_actor(world)
            system.spawn(Spec("never ran", Clockwork, 1))
            system.tell("a", lambda context: context.sleep(1))
            world.run_for(0.1)
            assert pykka.ActorRegistry.get_all() == [stranger]
        del system, world
        gc.collect()
        living = [thing for thing in gc.get_objects() if isinstance(thing, greenlet.greenlet) and not thing.dead]
        assert {id(thing) for thing in living} <= before | {id(greenlet.getcurrent())}
        assert stranger.is_alive()  # Pykka stops every actor that it knows when one ends by a BaseException
    finally:
        stranger.stop()


def test_a_closed_world_cannot_be_driven() -> None:
    world = VirtualWorld(ORIGIN)
    world.close()
    world.close()
    with pytest.raises(RuntimeError, match="the world is closed"):
        world.run_for(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "clever"}, "strategy must be"),
        ({"preemption": 1.5}, "preemption must be a probability"),
        ({"strategy": "pct", "pct_depth": 0}, "pct_depth must be at least 1"),
        ({"strategy": "pct", "pct_steps": 0}, "pct_steps must be at least 1"),
        ({"latency_seconds": -1}, "seconds must be finite and not negative"),
    ],
)
def test_a_world_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VirtualWorld(ORIGIN, seed=1, **options)
