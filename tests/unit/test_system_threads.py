"""The threaded runtime: rest is detected, the timer thread cannot fail in silence, no ask hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.system.alerts import Alert
from actors.system.clocks import TickClock, WallClock
from actors.system.context import Context
from actors.system.errors import ActorDead, ActorError, NotQuiet
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.runtime_virtual import VirtualWorld
from actors.system.shell import ActorState
from actors.system.spec import Spec
from actors.system.system import System
from trading.market import SECOND, Instant

ORIGIN: Instant = 1_700_000_000_000
PATIENCE_SECONDS = 10.0


class Runner:
    """Runs what it is sent."""

    def __init__(self, on_start: Callable[[Context], Any] | None = None) -> None:
        self._on_start = on_start

    def start(self, context: Context) -> None:
        if self._on_start is not None:
            self._on_start(context)

    def receive(self, message: Callable[[Context], Any], context: Context) -> Any:
        return message(context)


class Steps:
    """A wall clock that a test steps."""

    def __init__(self) -> None:
        self.now = ORIGIN
        self.failures = 0

    def read(self) -> Instant:
        if self.failures:
            self.failures -= 1
            raise OSError("the clock is broken")
        return self.now


class Crew:
    """A system on threads, and what it reported."""

    def __init__(self, clock: WallClock | TickClock | None = None) -> None:
        self.alerts: list[Alert] = []
        self.alerted = threading.Event()
        self.escalated = threading.Event()
        self.runtime = ThreadedRuntime(clock)
        self.system = System(self.runtime, on_alert=self._note, on_escalate=lambda name, error: self.escalated.set())

    def _note(self, alert: Alert) -> None:
        self.alerts.append(alert)
        self.alerted.set()

    def run(self, *names: str, **options: Any) -> None:
        self.system.start([Spec(name, Runner, 1, backoff_seconds=0.001, **options) for name in names])


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew(TickClock(ORIGIN))
    yield crew
    crew.system.stop(2.0)


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def live(steps: Steps) -> Iterator[Crew]:
    """On a wall clock that the test steps, looked at every 5 ms."""
    crew = Crew(WallClock(steps.read, recheck_seconds=0.005))
    crew.run("a")
    yield crew
    crew.system.stop(2.0)


# ---------------------------------------------------------------- rest


def test_rest_includes_the_message_being_handled_and_all_that_follows_from_it(crew: Crew) -> None:
    crew.run("a", "b")
    done: list[str] = []

    def slowly(context: Context) -> None:
        context.sleep(0.02)
        context.tell("b", lambda context: (context.sleep(0.02), context.later(0, done_later)))

    def done_later(context: Context) -> None:
        context.sleep(0.02)
        done.append("done")

    crew.system.tell("a", slowly)
    crew.runtime.wait_until_quiet(PATIENCE_SECONDS)
    assert done == ["done"]


def test_rest_includes_a_start_and_a_restart() -> None:
    starts: list[int] = []

    def start(context: Context) -> None:
        context.sleep(0.01)
        starts.append(1)
        if len(starts) == 1:
            raise ConnectionError

    crew = Crew()
    crew.system.spawn(Spec("a", lambda: Runner(start), 1, backoff_seconds=0.01))
    crew.runtime.wait_until_quiet(PATIENCE_SECONDS)
    assert len(starts) == 2
    crew.system.stop(2.0)


def test_actors_that_do_not_come_to_rest_are_named(crew: Crew) -> None:
    crew.run("busy", "idle")
    release = threading.Event()

    def work(context: Context) -> None:
        release.wait(PATIENCE_SECONDS)

    crew.system.tell("busy", work)
    with pytest.raises(NotQuiet, match=r"after 0\.02 seconds, busy \(0 wait, last message function\)") as caught:
        crew.runtime.wait_until_quiet(0.02)
    assert "idle" not in str(caught.value)
    assert [(alert.actor, alert.reason) for alert in crew.alerts] == [("driver", "not quiet")]
    release.set()


def test_timers_of_a_tick_that_went_wrong_stay_armed(crew: Crew) -> None:
    release = threading.Event()
    fired: list[str] = []

    def start(context: Context) -> None:
        context.at(ORIGIN + 1, lambda context: release.wait(PATIENCE_SECONDS))
        context.at(ORIGIN + 2, lambda context: fired.append("second"))

    crew.system.start([Spec("a", lambda: Runner(start), 1)])
    with pytest.raises(NotQuiet):
        crew.runtime.advance_to(ORIGIN + 10, 0.02)
    assert not fired
    release.set()
    crew.runtime.advance_to(ORIGIN + 10)
    assert fired == ["second"]


def test_a_market_that_waits_for_nobody_moves_on_while_one_actor_is_busy(crew: Crew) -> None:
    crew.run("busy", "free")
    release, told = threading.Event(), threading.Event()
    seen: list[Instant] = []

    def watch(context: Context) -> None:
        seen.append(context.now())
        context.at(context.now() + SECOND, watch)
        told.set()

    crew.system.ask("free", watch)
    crew.system.tell("busy", lambda context: release.wait(PATIENCE_SECONDS))
    for seconds in (1, 2, 3):
        told.clear()
        crew.runtime.move_on_to(ORIGIN + seconds * SECOND, 0.01)
        assert told.wait(PATIENCE_SECONDS)
    assert seen == [ORIGIN + seconds * SECOND for seconds in range(4)]
    assert not crew.alerts
    release.set()


def test_what_was_due_while_an_actor_was_busy_waits_in_its_mailbox(crew: Crew) -> None:
    crew.run("busy")
    release = threading.Event()
    done: list[str] = []
    crew.system.ask("busy", lambda context: context.at(ORIGIN + 1, lambda context: done.append("due")))

    def work(context: Context) -> None:
        release.wait(PATIENCE_SECONDS)
        done.append("busy")

    crew.system.tell("busy", work)
    crew.runtime.move_on_to(ORIGIN + 10, 0.01)
    assert not done
    release.set()
    crew.runtime.wait_until_quiet(PATIENCE_SECONDS)
    assert done == ["busy", "due"]


def test_only_a_tick_clock_can_be_advanced(live: Crew) -> None:
    with pytest.raises(TypeError, match="clock: only a TickClock"):
        live.runtime.advance_to(ORIGIN)


Script = list[list[tuple[int, bool]]]


def run_script(script: Script, system: System, advance: Callable[[Instant], None]) -> list[str]:
    """By actor, its timers: (seconds from the origin, whether to arm it again and send a message to oneself)."""
    log: list[str] = []

    def arm(timers: list[tuple[int, bool]]) -> Callable[[Context], None]:
        def start(context: Context) -> None:
            for index, (seconds, again) in enumerate(timers):
                context.at(ORIGIN + seconds * SECOND, fire(index, seconds, again))

        return start

    def fire(index: int, seconds: int, again: bool) -> Callable[[Context], None]:
        def note(context: Context) -> None:
            log.append(f"{context.now() - ORIGIN} {context.name} {index}")
            if again:
                context.at(ORIGIN + (seconds + 2) * SECOND, fire(index, seconds + 2, again))
                context.later(0, lambda context: log.append(f"{context.name} {index} later"))
            context.tell("low", lambda low: log.append(f"low heard {context.name}"))

        return note

    def spec(number: int, timers: list[tuple[int, bool]]) -> Spec:
        return Spec(f"actor {number}", lambda: Runner(arm(timers)), 2)

    system.start([Spec("low", Runner, 1), *(spec(number, timers) for number, timers in enumerate(script))])
    for seconds in (0, 1, 5, 5, 6, 20):
        advance(ORIGIN + seconds * SECOND)
    system.stop(2.0)
    return log


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=4), min_size=1, max_size=3))
def test_ticks_run_in_the_same_order_on_threads_and_in_virtual_time(script: Script) -> None:
    runtime = ThreadedRuntime(TickClock(ORIGIN))
    on_threads = run_script(script, System(runtime), runtime.advance_to)
    with VirtualWorld(ORIGIN, ticking=True) as world:
        assert run_script(script, System(world.process()), world.advance_to) == on_threads
    patient = ThreadedRuntime(TickClock(ORIGIN))
    assert run_script(script, System(patient), lambda at: patient.move_on_to(at, PATIENCE_SECONDS)) == on_threads


# ---------------------------------------------------------------- the wall clock and the timer thread


def test_a_market_timer_notices_that_the_clock_stepped_forwards(live: Crew, steps: Steps) -> None:
    fired = threading.Event()
    live.system.ask("a", lambda context: context.at(ORIGIN + 3_600_000, lambda context: fired.set()))
    assert not fired.is_set()
    steps.now += 3_600_000
    assert fired.wait(PATIENCE_SECONDS)


def test_a_market_timer_waits_when_the_clock_stepped_backwards(live: Crew, steps: Steps) -> None:
    order: list[str] = []
    fired = threading.Event()

    def market(context: Context) -> None:
        order.append("market")
        fired.set()

    def arm(context: Context) -> None:
        context.at(ORIGIN + 10, market)
        steps.now -= 3_600_000
        context.later(0.02, lambda context: order.append("elapsed"))  # four looks at the clock later
        context.later(0.03, lambda context: setattr(steps, "now", ORIGIN + 10))

    live.system.ask("a", arm)
    assert fired.wait(PATIENCE_SECONDS)
    assert order == ["elapsed", "market"]


def test_a_failure_in_the_timer_thread_is_alerted_and_loses_no_timer(
    live: Crew, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.system.runtime_threads.PAUSE_AFTER_FAILURE_SECONDS", 0.001)
    market, elapsed = threading.Event(), threading.Event()
    steps.failures = 3
    live.system.ask("a", lambda context: context.later(0.001, lambda context: elapsed.set()))
    live.system.ask("a", lambda context: context.at(ORIGIN, lambda context: market.set()))
    assert market.wait(PATIENCE_SECONDS)
    assert elapsed.wait(PATIENCE_SECONDS)
    assert live.alerted.wait(PATIENCE_SECONDS)
    (alert,) = live.alerts  # the first of three
    assert (alert.actor, alert.reason) == ("timers", "failed")
    assert "the clock is broken" in alert.detail


def test_the_timer_thread_ends_with_the_system() -> None:
    others = set(threading.enumerate())  # what an earlier test left to end by itself
    crew = Crew()
    assert crew.runtime.fault() is None
    assert "timers" in {thread.name for thread in threading.enumerate() if thread not in others}
    crew.system.stop(2.0)
    assert "timers" not in {thread.name for thread in threading.enumerate() if thread not in others}
    assert crew.runtime.fault() is None


# ---------------------------------------------------------------- what Pykka would do


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, pykka.Timeout])
def test_whatever_is_raised_in_an_actors_thread_only_restarts_that_actor(
    crew: Crew, error: type[BaseException]
) -> None:
    stranger = pykka.ThreadingActor.start()
    try:
        crew.run("a", "b")

        def leave(context: Context) -> None:
            raise error

        crew.system.tell("a", leave)
        assert crew.system.ask("a", lambda context: context.name) == "a"
        assert crew.system.ask("b", lambda context: context.name) == "b"
        assert crew.system.stats()["a"].restarts == 1
        assert stranger.is_alive()
    finally:
        stranger.stop()


def test_actors_stay_out_of_pykkas_global_registry(crew: Crew) -> None:
    crew.run("a")
    assert pykka.ActorRegistry.get_all() == []


def end_by_crash(crew: Crew) -> None:
    crew.system.tell("a", lambda context: 1 / 0)
    assert crew.escalated.wait(PATIENCE_SECONDS)


def end_by_stop(crew: Crew) -> None:
    assert crew.system.stop(PATIENCE_SECONDS) == []


@pytest.mark.parametrize("end", [end_by_crash, end_by_stop])
def test_every_ask_that_races_with_the_end_of_an_actor_returns_at_once(end: Callable[[Crew], None]) -> None:
    slow: list[float] = []

    def ask_until_dead(crew: Crew) -> None:
        while True:
            begun = time.monotonic()
            try:
                crew.system.ask("a", lambda context: None, timeout_seconds=PATIENCE_SECONDS)
            except ActorError as error:
                if time.monotonic() - begun > PATIENCE_SECONDS / 2:
                    slow.append(time.monotonic() - begun)
                if isinstance(error, ActorDead):
                    return

    for _ in range(10):
        crew = Crew()
        crew.run("a", max_restarts=0)
        askers = [threading.Thread(target=ask_until_dead, args=(crew,)) for _ in range(4)]
        for asker in askers:
            asker.start()
        end(crew)
        for asker in askers:
            asker.join(2 * PATIENCE_SECONDS)
            assert not asker.is_alive()
        crew.system.stop(2.0)
    assert not slow


def test_messages_from_many_threads_are_all_handled_or_counted(crew: Crew) -> None:
    handled: list[int] = []
    crew.run("a", mailbox_capacity=50)

    def tell_many() -> None:
        for index in range(500):
            crew.system.tell("a", lambda context, index=index: handled.append(index))

    tellers = [threading.Thread(target=tell_many) for _ in range(4)]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join(PATIENCE_SECONDS)
    crew.runtime.wait_until_quiet(PATIENCE_SECONDS)
    assert len(handled) + sum(crew.system.dead_letters.values()) == 2_000


def test_a_loss_of_the_actors_loop_itself_is_not_silent(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(mailbox: object) -> None:
        raise MemoryError("no room for an envelope")

    monkeypatch.setattr("actors.system.threads.ThreadMailbox.get", broken)
    crew.system.spawn(Spec("a", Runner, 1))
    assert crew.escalated.wait(PATIENCE_SECONDS)
    assert crew.system.stats()["a"].state == ActorState.DEAD
    assert {alert.reason for alert in crew.alerts} == {"crashed", "given up"}


def test_a_killed_systems_running_handler_is_cut_off_from_the_others() -> None:
    crew = Crew()
    crew.run("a", "b")
    heard: list[str] = []
    entered, release, left = threading.Event(), threading.Event(), threading.Event()

    def work(context: Context) -> None:
        entered.set()
        release.wait(PATIENCE_SECONDS)
        context.tell("b", lambda context: heard.append("b"))
        context.later(0, lambda context: heard.append("a"))
        left.set()

    crew.system.tell("a", work)
    assert entered.wait(PATIENCE_SECONDS)
    crew.system.kill()
    release.set()
    assert left.wait(PATIENCE_SECONDS)
    crew.runtime.wait_until_quiet(PATIENCE_SECONDS)
    assert not heard
    assert not crew.alerts


def test_an_owner_names_this_process_and_this_start() -> None:
    owners = {ThreadedRuntime().owner for _ in range(2)}
    assert len(owners) == 2
    assert all(len(owner.rsplit(":", 2)) == 3 for owner in owners)
    assert ThreadedRuntime(owner="me").owner == "me"


def test_a_threaded_runtime_carries_one_system(crew: Crew) -> None:
    with pytest.raises(ValueError, match="carries a system already"):
        System(crew.runtime)
