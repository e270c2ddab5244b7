"""What the actor system promises to behaviours, shown on threads and in virtual time alike."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import pytest

from actors.system.alerts import Alert
from actors.system.clocks import TickClock, WallClock
from actors.system.context import Context
from actors.system.errors import (
    ActorDead,
    AskTimeout,
    AskUpwards,
    Crashed,
    MailboxFull,
    NoSuchActor,
    OutcomeUnknown,
    Refusal,
    StartFailed,
    TooManyTimers,
)
from actors.system.message import Message
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.runtime_virtual import VirtualWorld
from actors.system.shell import ActorState
from actors.system.spec import Spec
from actors.system.system import System
from persistence.errors import LedgerError, LedgerUnavailable
from trading.market import Instant

ORIGIN: Instant = 1_700_000_000_000
PATIENCE_SECONDS = 10.0


# ---------------------------------------------------------------- messages and one behaviour that does as it is told


@dataclass(frozen=True, slots=True)
class Note(Message):
    """Is written into the log."""

    text: str


@dataclass(frozen=True, slots=True)
class BulkNote(Note):
    """A note that is not urgent."""

    bulk: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Reading(Message):
    """Only the newest of each source matters."""

    source: str
    value: int

    def conflation_key(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True)
class Do(Message):
    """Runs inside the behaviour."""

    action: Callable[[Doer, Context], Any]


class Doer:
    """Logs what it receives, and does what `Do` says. Its number counts the messages of its present life."""

    def __init__(self, log: list[Any], on_start: Callable[[Context], object] | None = None, name: str = "") -> None:
        self.log = log
        self.number = 0
        self.name = name
        self._on_start = on_start

    def start(self, context: Context) -> None:
        if self._on_start is not None:
            self._on_start(context)

    def stop(self, context: Context) -> None:
        self.log.append(f"stop {context.name}")

    def receive(self, message: Any, context: Context) -> Any:
        self.number += 1
        match message:
            case Do(action):
                return action(self, context)
            case Note(text):
                self.log.append(text)
            case Reading(source, value):
                self.log.append((source, value))
        return self.number


def number(doer: Doer, context: Context) -> int:
    return doer.number


def crash(doer: Doer, context: Context) -> None:
    raise ZeroDivisionError("on purpose")


def refuse(doer: Doer, context: Context) -> None:
    raise Refusal("not today")


class Gate:
    """Keeps an actor busy until it is opened."""

    def __init__(self) -> None:
        self.is_entered = False
        self.is_open = False

    def pass_through(self, doer: Doer, context: Context) -> None:
        self.is_entered = True
        while not self.is_open:
            context.sleep(0.001)


# ---------------------------------------------------------------- the two runtimes behind one face


class Stage(Protocol):
    """A system, and what a test does with it."""

    system: System
    alerts: list[Alert]
    escalated: list[str]

    def wait_for(self, condition: Callable[[], bool]) -> None: ...
    def quiet(self) -> None: ...
    def advance_to(self, instant: Instant) -> None: ...


class ThreadStage:
    def __init__(self, ticking: bool) -> None:
        self.alerts: list[Alert] = []
        self.escalated: list[str] = []
        self._runtime = ThreadedRuntime(TickClock(ORIGIN) if ticking else WallClock())
        self.system = System(
            self._runtime, on_alert=self.alerts.append, on_escalate=lambda name, error: self.escalated.append(name)
        )

    def wait_for(self, condition: Callable[[], bool]) -> None:
        pause = threading.Event()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            pause.wait(0.001)

    def quiet(self) -> None:
        self._runtime.wait_until_quiet(PATIENCE_SECONDS)

    def advance_to(self, instant: Instant) -> None:
        self._runtime.advance_to(instant, PATIENCE_SECONDS)

    def __enter__(self) -> ThreadStage:
        return self

    def __exit__(self, *_: object) -> None:
        self.system.stop(1.0)


class VirtualStage:
    def __init__(self, ticking: bool, seed: int | None, **options: Any) -> None:
        self.alerts: list[Alert] = []
        self.escalated: list[str] = []
        self._world = VirtualWorld(ORIGIN, seed, ticking=ticking, **options)
        self.system = System(
            self._world.process(),
            on_alert=self.alerts.append,
            on_escalate=lambda name, error: self.escalated.append(name),
        )

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = self._world.elapsed() + PATIENCE_SECONDS
        while not condition():
            assert self._world.elapsed() < deadline, "it did not happen in time"
            self._world.run_for(0.001)

    def quiet(self) -> None:
        self._world.run_until_quiet()

    def advance_to(self, instant: Instant) -> None:
        self._world.advance_to(instant)

    def __enter__(self) -> VirtualStage:
        return self

    def __exit__(self, *_: object) -> None:
        self._world.close()


STAGES: dict[str, Callable[[bool], ThreadStage | VirtualStage]] = {
    "threads": ThreadStage,
    "virtual": lambda ticking: VirtualStage(ticking, None),
    "virtual random": lambda ticking: VirtualStage(ticking, 7),
    "virtual pct": lambda ticking: VirtualStage(ticking, 7, strategy="pct", latency_seconds=0.001),
}


@pytest.fixture(params=list(STAGES))
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Market time flows."""
    with STAGES[request.param](False) as stage:
        yield stage


@pytest.fixture(params=list(STAGES))
def ticking(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Market time moves by ticks."""
    with STAGES[request.param](True) as stage:
        yield stage


def spawn(stage: Stage, name: str, level: int = 1, **options: Any) -> list[Any]:
    """One `Doer`, running, and its log, to which each of its lives adds "born"."""
    log: list[Any] = []

    def factory() -> Doer:
        log.append("born")
        return Doer(log, name=name)

    stage.system.start([Spec(name, factory, level, backoff_seconds=0.001, **options)])
    log.clear()
    return log


# ---------------------------------------------------------------- messages


def test_told_messages_arrive_in_the_order_of_sending(stage: Stage) -> None:
    log = spawn(stage, "a")
    for index in range(200):
        stage.system.tell("a", Note(str(index)))
    stage.quiet()
    assert log == [str(index) for index in range(200)]


def test_messages_from_one_actor_to_another_keep_their_order(stage: Stage) -> None:
    log = spawn(stage, "low")
    spawn(stage, "high", 2)

    def tell_many(doer: Doer, context: Context) -> None:
        for index in range(50):
            context.tell("low", Note(str(index)))

    stage.system.tell("high", Do(tell_many))
    stage.quiet()
    assert log == [str(index) for index in range(50)]


def test_an_ask_is_answered(stage: Stage) -> None:
    spawn(stage, "a")
    assert [stage.system.ask("a", Do(number)) for _ in range(3)] == [1, 2, 3]


def test_an_actor_asks_one_of_a_lower_level(stage: Stage) -> None:
    spawn(stage, "low", 1)
    spawn(stage, "high", 2)
    assert stage.system.ask("high", Do(lambda doer, context: context.ask("low", Do(number)))) == 1


@pytest.mark.parametrize(("asker_level", "asked_level"), [(1, 2), (1, 1)])
def test_an_ask_that_does_not_go_downwards_is_an_error(stage: Stage, asker_level: int, asked_level: int) -> None:
    spawn(stage, "asker", asker_level)
    spawn(stage, "asked", asked_level)

    def ask(doer: Doer, context: Context) -> str:
        with pytest.raises(AskUpwards, match=r"asker \(level .\) asked asked"):
            context.ask("asked", Do(number))
        with pytest.raises(AskUpwards):
            context.ask("asker", Do(number))  # oneself is not lower either
        return "refused"

    assert stage.system.ask("asker", Do(ask)) == "refused"


def test_a_refusal_reaches_the_asker_and_the_actor_keeps_its_state(stage: Stage) -> None:
    log = spawn(stage, "a")
    stage.system.ask("a", Note("x"))
    with pytest.raises(Refusal, match="not today"):
        stage.system.ask("a", Do(refuse))
    stage.system.tell("a", Do(refuse))
    assert stage.system.ask("a", Do(number)) == 4
    assert log == ["x"]
    assert stage.system.stats()["a"].restarts == 0


def test_an_ask_of_nobody_says_so_at_once(stage: Stage) -> None:
    with pytest.raises(NoSuchActor, match="nobody"):
        stage.system.ask("nobody", Note("x"))


def test_an_ask_without_an_answer_in_time_ends_with_an_unknown_outcome(stage: Stage) -> None:
    gate = Gate()
    spawn(stage, "a")
    with pytest.raises(AskTimeout, match=r"a, Do, after 0\.02 seconds") as caught:
        stage.system.ask("a", Do(gate.pass_through), timeout_seconds=0.02)
    assert isinstance(caught.value, OutcomeUnknown)
    gate.is_open = True
    stage.quiet()


def test_an_ask_that_is_begun_after_its_deadline_is_not_executed(stage: Stage) -> None:
    gate = Gate()
    log = spawn(stage, "a")
    stage.system.tell("a", Do(gate.pass_through))
    stage.wait_for(lambda: gate.is_entered)
    with pytest.raises(AskTimeout):
        stage.system.ask("a", Note("too late"), timeout_seconds=0.02)
    gate.is_open = True
    stage.system.ask("a", Note("in time"))
    assert log == ["in time"]


@pytest.mark.parametrize("timeout_seconds", [0, -1, float("inf"), float("nan")])
def test_an_ask_must_have_a_deadline(stage: Stage, timeout_seconds: float) -> None:
    spawn(stage, "a")
    with pytest.raises(ValueError, match="timeout_seconds must be above 0 and finite"):
        stage.system.ask("a", Note("x"), timeout_seconds)


# ---------------------------------------------------------------- mailboxes


def test_a_full_mailbox_refuses_and_bulk_leaves_room_for_commands(stage: Stage) -> None:
    gate = Gate()
    log = spawn(stage, "a", mailbox_capacity=10)
    stage.system.tell("a", Do(gate.pass_through))
    stage.wait_for(lambda: gate.is_entered)
    for index in range(12):
        stage.system.tell("a", BulkNote(f"bulk {index}"))
    for index in range(5):
        stage.system.tell("a", Note(f"command {index}"))
    with pytest.raises(MailboxFull, match="a, Do"):
        stage.system.ask("a", Do(number))
    gate.is_open = True
    stage.quiet()
    assert log == [f"bulk {index}" for index in range(8)] + ["command 0", "command 1"]
    assert stage.system.dead_letters == {("a", "BulkNote"): 4, ("a", "Note"): 3}
    assert stage.system.stats()["a"].dead_letters == 7


def test_conflation_keeps_the_newest_in_the_place_of_the_first(stage: Stage) -> None:
    gate = Gate()
    log = spawn(stage, "a", mailbox_capacity=4)
    stage.system.tell("a", Do(gate.pass_through))
    stage.wait_for(lambda: gate.is_entered)
    stage.system.tell("a", Reading("x", 0))
    stage.system.tell("a", Note("between"))
    for value in range(1, 50):
        stage.system.tell("a", Reading("x", value))
        stage.system.tell("a", Reading("y", value))
    gate.is_open = True
    stage.quiet()
    stage.system.tell("a", Reading("x", 50))  # the first was taken out, so this is a new one
    stage.quiet()
    assert log == [("x", 49), "between", ("y", 49), ("x", 50)]
    assert stage.system.stats()["a"].conflated == 49 + 48
    assert not stage.system.dead_letters


def test_what_reaches_nobody_is_counted_and_alerted_and_never_raises(stage: Stage) -> None:
    spawn(stage, "sender")

    def tell_nobody(doer: Doer, context: Context) -> None:
        for _ in range(25):
            context.tell("nobody", Note("x"))

    stage.system.ask("sender", Do(tell_nobody))
    assert stage.system.dead_letters == {("nobody", "Note"): 25}
    assert [alert.detail.partition("(")[2] for alert in stage.alerts] == ["Note, number 1)", "Note, number 10)"]
    assert {(alert.actor, alert.reason) for alert in stage.alerts} == {("nobody", "dead letter")}


# ---------------------------------------------------------------- supervision


def test_a_crash_restarts_the_actor_in_place_and_keeps_the_messages_that_wait(stage: Stage) -> None:
    gate = Gate()
    log = spawn(stage, "a")
    stage.system.tell("a", Do(gate.pass_through))
    stage.wait_for(lambda: gate.is_entered)
    stage.system.tell("a", Do(crash))
    stage.system.tell("a", Note("behind the crash"))
    gate.is_open = True
    assert stage.system.ask("a", Do(number)) == 2
    assert log == ["born", "behind the crash"]
    assert stage.system.stats()["a"].restarts == 1
    assert [(alert.actor, alert.reason) for alert in stage.alerts] == [("a", "crashed")]
    assert "ZeroDivisionError: on purpose" in stage.alerts[0].detail


def loudly(caplog: pytest.LogCaptureFixture) -> list[tuple[str, bool]]:
    """What was logged above debug: each line, and whether a traceback stands under it."""
    loud = [record for record in caplog.records if record.levelno > logging.DEBUG]
    return [(record.getMessage(), bool(record.exc_info)) for record in loud]


def test_a_crash_that_was_not_foreseen_is_logged_with_its_traceback_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_otherwise(doer: Doer, context: Context) -> None:
        raise KeyError("another")

    spawn(stage, "a", max_restarts=9)
    with caplog.at_level(logging.DEBUG, logger="watchbill.actors"):
        for action in (crash, crash, fail_otherwise, crash):
            stage.system.tell("a", Do(action))
        stage.system.ask("a", Do(number))
    again, other = "a: crashed: ZeroDivisionError: on purpose", "a: crashed: KeyError: 'another'"
    assert loudly(caplog) == [
        ("a crashed", True),
        (again, False),
        (again, False),
        ("a crashed", True),
        (other, False),
        ("a crashed", True),
        (again, False),
    ]


def test_a_crash_because_of_the_ledger_is_one_line_with_its_traceback_for_debugging(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def fill_the_disk(doer: Doer, context: Context) -> None:
        raise LedgerUnavailable("ledger.sqlite", "database or disk is full")

    spawn(stage, "a")
    with caplog.at_level(logging.DEBUG, logger="watchbill.actors"):
        stage.system.tell("a", Do(fill_the_disk))
        stage.system.ask("a", Do(number))
    why = "LedgerUnavailable: the ledger ledger.sqlite cannot be used: database or disk is full"
    assert loudly(caplog) == [(f"a: crashed: {why}", False)]
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.DEBUG]


def test_a_statement_that_the_ledger_refused_is_a_defect_and_keeps_its_traceback(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def say_nonsense(doer: Doer, context: Context) -> None:
        raise LedgerError("the ledger refused a statement")

    spawn(stage, "a")
    stage.system.tell("a", Do(say_nonsense))
    stage.system.ask("a", Do(number))
    assert ("a crashed", True) in loudly(caplog)


def test_an_alert_that_cannot_be_kept_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    def cannot_keep(alert: Alert) -> None:
        raise LedgerUnavailable("ledger.sqlite", "database or disk is full")

    system = System(ThreadedRuntime(WallClock()), on_alert=cannot_keep)
    with caplog.at_level(logging.DEBUG, logger="watchbill.actors"):
        system.alert("a", "slow", "very")
    system.stop(1.0)
    why = "LedgerUnavailable: the ledger ledger.sqlite cannot be used: database or disk is full"
    assert loudly(caplog) == [("a: slow: very", False), (f"on_alert failed for a: slow: {why}", False)]
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.DEBUG]


def test_an_asker_hears_of_a_crash_with_its_cause(stage: Stage) -> None:
    spawn(stage, "a")
    with pytest.raises(Crashed, match="a, Do") as caught:
        stage.system.ask("a", Do(crash))
    assert isinstance(caught.value, OutcomeUnknown)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert stage.system.ask("a", Do(number)) == 1


def test_an_asker_does_not_wait_for_the_restart(stage: Stage) -> None:
    stage.system.start([Spec("a", lambda: Doer([]), 1, backoff_seconds=3.0)])
    with pytest.raises(Crashed):
        stage.system.ask("a", Do(crash), timeout_seconds=2.0)
    stage.system.kill()  # rather than wait for the restart


def test_a_crash_in_start_is_tried_again(stage: Stage) -> None:
    starts: list[int] = []

    def start(context: Context) -> None:
        starts.append(len(starts))
        if len(starts) < 3:
            raise ConnectionError("not yet")

    stage.system.start([Spec("a", lambda: Doer([], start), 1, backoff_seconds=0.001)])
    assert len(starts) == 3
    assert stage.system.stats()["a"].restarts == 1
    assert stage.system.ask("a", Do(number)) == 1


def test_too_many_crashes_in_the_window_escalate_once_and_the_actor_is_dead(stage: Stage) -> None:
    gate = Gate()
    log = spawn(stage, "a", max_restarts=2)
    spawn(stage, "b")
    stage.system.tell("a", Do(gate.pass_through))
    stage.wait_for(lambda: gate.is_entered)
    for _ in range(3):
        stage.system.tell("a", Do(crash))
    stage.system.tell("a", Note("never read"))
    gate.is_open = True
    stage.wait_for(lambda: stage.escalated == ["a"])
    assert log == ["born", "born"]
    assert stage.system.stats()["a"].state == ActorState.DEAD
    with pytest.raises(ActorDead):
        stage.system.ask("a", Do(number), timeout_seconds=1_000)  # at once, not after the deadline
    stage.system.tell("a", Note("too late"))
    assert stage.system.dead_letters == {("a", "Note"): 2}
    assert stage.system.ask("b", Do(number)) == 1


def test_only_the_first_escalation_is_reported_to_the_process(stage: Stage) -> None:
    for name in ("a", "b"):
        spawn(stage, name, max_restarts=0)
        with pytest.raises(Crashed):
            stage.system.ask(name, Do(crash))
        stage.wait_for(lambda: bool(stage.escalated))  # the asker hears of the crash before it is escalated
    stage.wait_for(lambda: sum(alert.reason == "given up" for alert in stage.alerts) == 2)
    assert stage.escalated == ["a"]


def test_an_actor_that_is_not_vital_is_given_up_and_ends_nothing(stage: Stage) -> None:
    spawn(stage, "a", max_restarts=0, vital=False)
    spawn(stage, "b")
    with pytest.raises(Crashed):
        stage.system.ask("a", Do(crash))
    stage.wait_for(lambda: stage.system.stats()["a"].state == ActorState.DEAD)
    stage.wait_for(lambda: any(alert.reason == "given up" for alert in stage.alerts))
    assert not stage.escalated
    assert stage.system.ask("b", Do(number)) == 1


def test_crashes_outside_the_window_do_not_add_up(stage: Stage) -> None:
    spawn(stage, "a", max_restarts=1, restart_window_seconds=0.0)
    for _ in range(4):
        with pytest.raises(Crashed):
            stage.system.ask("a", Do(crash))
    assert stage.system.ask("a", Do(number)) == 1
    assert not stage.escalated


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), BaseException("odd")])
def test_an_exit_inside_one_actor_stops_nobody_else(stage: Stage, error: BaseException) -> None:
    def leave(doer: Doer, context: Context) -> None:
        raise error

    spawn(stage, "a")
    spawn(stage, "b")
    with pytest.raises(Crashed):
        stage.system.ask("a", Do(leave))
    stage.system.tell("a", Do(leave))
    assert stage.system.ask("b", Do(number)) == 1
    assert stage.system.ask("a", Do(number)) == 1


def test_a_crash_ends_the_timers_of_the_life_that_armed_them(stage: Stage) -> None:
    gate = Gate()
    log = spawn(stage, "a")

    def arm(doer: Doer, context: Context) -> None:
        context.later(0, Note("in the mailbox"))
        context.later(0.001, Note("elapsed"))
        context.at(context.now(), Note("market"))
        gate.pass_through(doer, context)
        raise ZeroDivisionError

    stage.system.tell("a", Do(arm))
    stage.wait_for(lambda: gate.is_entered)
    gate.is_open = True
    stage.quiet()
    stage.system.ask("a", Do(lambda doer, context: context.later(0.01, Note("of the new life"))))
    stage.wait_for(lambda: "of the new life" in log)
    assert log == ["born", "of the new life"]


def test_a_failing_alert_callback_harms_nobody() -> None:
    def fail(alert: Alert) -> None:
        raise ValueError("the notifier is broken")

    with VirtualWorld(ORIGIN) as world:
        system = System(world.process(), on_alert=fail)
        system.tell("nobody", Note("x"))
        assert len(system.alerts) == 1


# ---------------------------------------------------------------- timers


def test_an_elapsed_timer_fires_after_its_delay(stage: Stage) -> None:
    log = spawn(stage, "a")
    times: list[float] = []

    def arm(doer: Doer, context: Context) -> None:
        begun = context.elapsed()
        context.later(0.02, Do(lambda doer, context: times.append(context.elapsed() - begun)))
        context.later(0.01, Note("first"))

    stage.system.tell("a", Do(arm))
    stage.wait_for(lambda: bool(times))
    assert log == ["first"]
    assert times[0] >= 0.02


def test_a_market_timer_fires_at_its_instant(stage: Stage) -> None:
    spawn(stage, "a")
    late: list[int] = []

    def arm(doer: Doer, context: Context) -> None:
        due = context.now() + 20
        context.at(due, Do(lambda doer, context: late.append(context.now() - due)))

    stage.system.tell("a", Do(arm))
    stage.wait_for(lambda: bool(late))
    assert late[0] >= 0


def test_a_cancelled_timer_is_never_received_even_if_it_waits_in_the_mailbox(stage: Stage) -> None:
    log = spawn(stage, "a")

    def arm(doer: Doer, context: Context) -> None:
        handles = [context.later(0, Note("x")), context.later(0.001, Note("x")), context.at(context.now(), Note("x"))]
        context.sleep(0.01)  # long enough for all of them to fire
        for handle in handles:
            handle.cancel()
            handle.cancel()  # twice does no harm
        context.later(0.001, Note("last"))

    stage.system.tell("a", Do(arm))
    stage.wait_for(lambda: bool(log))
    assert log == ["last"]


def test_timers_have_a_limit_too(stage: Stage) -> None:
    spawn(stage, "a", mailbox_capacity=5)

    def arm_many(doer: Doer, context: Context) -> None:
        for _ in range(100):
            context.later(1_000, Note("x")).cancel()  # what is cancelled does not count
        for _ in range(5):
            context.later(1_000, Note("x"))
        with pytest.raises(TooManyTimers):
            context.later(1_000, Note("x"))

    stage.system.ask("a", Do(arm_many))


def test_a_timer_is_received_even_when_the_mailbox_is_full(stage: Stage) -> None:
    log = spawn(stage, "a", mailbox_capacity=2)
    gate = Gate()

    def arm(doer: Doer, context: Context) -> None:
        gate.pass_through(doer, context)
        context.later(0.001, Note("timer"))
        context.sleep(0.01)

    stage.system.tell("a", Do(arm))
    stage.wait_for(lambda: gate.is_entered)
    for index in range(5):
        stage.system.tell("a", Note(str(index)))
    gate.is_open = True
    stage.wait_for(lambda: len(log) == 3)
    assert log == ["0", "1", "timer"]


@pytest.mark.parametrize("delay_seconds", [-1.0, float("inf"), float("nan")])
def test_a_delay_that_makes_no_sense_is_refused(stage: Stage, delay_seconds: float) -> None:
    spawn(stage, "a")

    def arm(doer: Doer, context: Context) -> None:
        with pytest.raises(ValueError, match="delay_seconds"):
            context.later(delay_seconds, Note("x"))

    stage.system.ask("a", Do(arm))


# ---------------------------------------------------------------- start and stop


def test_levels_start_upwards_and_stop_downwards(stage: Stage) -> None:
    log: list[str] = []

    def spec(name: str, level: int) -> Spec:
        def start(context: Context) -> None:
            context.sleep(0.002)
            log.append(f"start {name}")

        return Spec(name, lambda: Doer(log, start), level)

    stage.system.start([spec("top", 3), spec("bottom", 1), spec("middle", 2)])
    assert log == ["start bottom", "start middle", "start top"]
    stage.system.tell("middle", Note("still read"))
    log.clear()
    assert stage.system.stop(5.0) == []
    assert [line for line in log if line != "still read"] == ["stop top", "stop middle", "stop bottom"]
    assert log.index("still read") < log.index("stop middle")
    assert {stats.state for stats in stage.system.stats().values()} == {ActorState.STOPPED}
    with pytest.raises(ActorDead):
        stage.system.ask("top", Note("x"))
    assert stage.system.stop(5.0) == []


def test_a_message_to_a_level_that_has_not_begun_waits_for_it(stage: Stage) -> None:
    log: list[str] = []
    stage.system.start(
        [
            Spec("low", lambda: Doer([], lambda context: context.tell("high", Note("early"))), 1),
            Spec("high", lambda: Doer(log), 2),
        ]
    )
    stage.quiet()
    assert log == ["early"]


def test_a_start_that_keeps_failing_is_reported_with_its_cause(stage: Stage) -> None:
    def start(context: Context) -> None:
        raise ConnectionError("no route")

    begun: list[str] = []
    with pytest.raises(StartFailed, match="broken") as caught:
        stage.system.start(
            [
                Spec("broken", lambda: Doer([], start), 1, max_restarts=1, backoff_seconds=0.001),
                Spec("above", lambda: Doer([], lambda context: begun.append("above")), 2),
            ]
        )
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert not begun
    stage.wait_for(lambda: stage.escalated == ["broken"])
    assert stage.system.stop(1.0) == []


def test_an_actor_that_does_not_stop_in_time_is_named(stage: Stage) -> None:
    gate = Gate()
    spawn(stage, "stuck", 2)
    log = spawn(stage, "low", 1)
    stage.system.tell("stuck", Do(gate.pass_through))
    stage.wait_for(lambda: gate.is_entered)
    assert stage.system.stop(1.0) == ["stuck"]
    assert log == ["stop low"]  # the levels below still had their time
    assert [(alert.actor, alert.reason) for alert in stage.alerts] == [("stuck", "did not stop in time")]
    assert "last message is Do" in stage.alerts[0].detail
    gate.is_open = True


def test_two_actors_cannot_have_one_name(stage: Stage) -> None:
    spawn(stage, "a")
    with pytest.raises(ValueError, match="an actor 'a' already"):
        stage.system.spawn(Spec("a", lambda: Doer([]), 1))


def test_a_killed_system_does_nothing_any_more(stage: Stage) -> None:
    gate = Gate()
    log = spawn(stage, "a")

    def arm(doer: Doer, context: Context) -> None:
        context.later(0.001, Note("timer"))
        gate.pass_through(doer, context)
        context.tell("a", Note("from within"))

    stage.system.tell("a", Do(arm))
    stage.system.tell("a", Note("waiting"))
    stage.wait_for(lambda: gate.is_entered)
    stage.system.kill()
    gate.is_open = True
    stage.system.tell("a", Note("from outside"))
    with pytest.raises(ActorDead):
        stage.system.ask("a", Do(number))
    assert stage.system.is_killed
    assert not log
    assert not stage.system.dead_letters
    assert stage.system.stop(1.0) == []
    assert not stage.alerts


# ---------------------------------------------------------------- ticks


def test_a_periodic_timer_fires_once_per_tick_however_long_the_tick(ticking: Stage) -> None:
    seen: list[Instant] = []

    def poll(doer: Doer, context: Context) -> None:
        seen.append(context.now())
        context.at(context.now() + 1_000, Do(poll))

    def poll_by_schedule(doer: Doer, context: Context, due: Instant = ORIGIN) -> None:
        seen.append(-context.now())
        context.at(due + 1_000, Do(lambda doer, context: poll_by_schedule(doer, context, due + 1_000)))

    spawn(ticking, "a")
    ticking.system.ask("a", Do(poll))
    ticking.system.ask("a", Do(poll_by_schedule))
    ticking.quiet()
    assert seen == [ORIGIN, -ORIGIN]
    seen.clear()
    for instant in (ORIGIN + 999, ORIGIN + 60_000, ORIGIN + 60_000, ORIGIN + 120_000):
        ticking.advance_to(instant)
    # The second keeps to its own schedule: it is always due, and takes one step per advance.
    assert seen == [ORIGIN + 60_000, -ORIGIN - 60_000, -ORIGIN - 60_000, -ORIGIN - 120_000, ORIGIN + 120_000]


def test_due_timers_fire_by_instant_then_rank_then_count_each_after_the_one_before_is_done(ticking: Stage) -> None:
    log: list[str] = []

    def note(text: str) -> Do:
        def write(doer: Doer, context: Context) -> None:
            log.append(f"{text} begins")
            context.sleep(0.002)
            context.tell("echo", Note(f"echo of {text}"))

        return Do(write)

    def arm(first: str, second: str) -> Callable[[Context], None]:
        def start(context: Context) -> None:
            context.at(ORIGIN + 2_000, note(second))
            context.at(ORIGIN + 1_000, note(first))
            context.at(ORIGIN + 2_000, note(second + " again"))

        return start

    ticking.system.start(
        [
            Spec("echo", lambda: Doer(log), 1),
            Spec("one", lambda: Doer(log, arm("one's first", "one's second")), 1),
            Spec("two", lambda: Doer(log, arm("two's first", "two's second")), 1),
        ]
    )
    ticking.advance_to(ORIGIN + 3_000)
    order = ("one's first", "two's first", "one's second", "one's second again", "two's second", "two's second again")
    assert log == [line for text in order for line in (f"{text} begins", f"echo of {text}")]


def test_a_timer_without_delay_comes_after_the_market_timers_of_its_tick(ticking: Stage) -> None:
    log: list[str] = []

    def later_note(text: str, then: str | None = None) -> Do:
        def do(doer: Doer, context: Context) -> None:
            log.append(text)
            if then is not None:
                context.later(0, later_note(then))

        return Do(do)

    def on_tick(doer: Doer, context: Context) -> None:
        log.append(context.name)
        context.later(0, later_note(f"{context.name} decides", f"{context.name} follows"))
        context.at(context.now(), Do(on_tick))  # due, but in the next tick

    names = ("a", "b", "c")
    ticking.system.start(
        [Spec(name, lambda: Doer([], lambda context: context.at(ORIGIN, Do(on_tick))), 1) for name in names]
    )
    for instant in (ORIGIN, ORIGIN + 1):
        log.clear()
        ticking.advance_to(instant)
        assert log == ["a", "b", "c", "a decides", "a follows", "b decides", "b follows", "c decides", "c follows"]


def test_outside_a_tick_a_timer_without_delay_fires_at_once(ticking: Stage) -> None:
    log = spawn(ticking, "a")
    ticking.system.tell("a", Do(lambda doer, context: context.later(0, Note("x"))))
    ticking.quiet()
    assert log == ["x"]


def test_market_time_does_not_go_back(ticking: Stage) -> None:
    ticking.advance_to(ORIGIN + 5_000)
    with pytest.raises(ValueError, match="instant: market time cannot go back from 2023-11-14T22:13:25Z to"):
        ticking.advance_to(ORIGIN + 4_999)
    ticking.advance_to(ORIGIN + 5_000)


def test_market_time_stands_between_ticks_whoever_sleeps(ticking: Stage) -> None:
    spawn(ticking, "a")
    ticking.advance_to(ORIGIN + 5_000)

    def sleep(doer: Doer, context: Context) -> tuple[Instant, bool]:
        begun = context.elapsed()
        context.sleep(0.01)
        return context.now(), context.elapsed() - begun > 0.009

    assert ticking.system.ask("a", Do(sleep)) == (ORIGIN + 5_000, True)


# ---------------------------------------------------------------- what can be seen


def test_stats_show_each_actor_at_this_moment(stage: Stage) -> None:
    gate = Gate()
    spawn(stage, "a", 2)
    spawn(stage, "b", 1)
    stage.system.ask("a", Note("x"))
    stage.system.tell("a", Do(gate.pass_through))
    stage.wait_for(lambda: gate.is_entered)
    stage.system.tell("a", Note("waits"))
    stats = stage.system.stats()
    assert list(stats) == ["a", "b"]
    a = stats["a"]
    assert (a.name, a.level, a.state, a.depth, a.processed) == ("a", 2, ActorState.RUNNING, 1, 1)
    assert (a.restarts, a.dead_letters, a.conflated, a.last_message) == (0, 0, 0, "Do")
    assert a.answer_age_seconds is not None
    assert 0 <= a.answer_age_seconds < PATIENCE_SECONDS
    assert (stats["b"].processed, stats["b"].last_message) == (0, "")
    gate.is_open = True


def test_every_actor_is_confirmed_by_a_ping(stage: Stage) -> None:
    spawn(stage, "a")
    spawn(stage, "b")
    stage.system.confirm_all(5.0)
    assert stage.system.ping_all(5.0) == []


def test_identifiers_are_unique_and_name_their_kind(stage: Stage) -> None:
    spawn(stage, "a")
    made = stage.system.ask("a", Do(lambda doer, context: [context.identifier("trade") for _ in range(100)]))
    assert len(set(made)) == 100
    assert all(identifier.startswith("trade-") for identifier in made)


def test_the_context_names_the_actor_and_its_process_and_passes_alerts_on(stage: Stage) -> None:
    spawn(stage, "a")

    def introduce(doer: Doer, context: Context) -> tuple[str, str, bool]:
        context.alert("halted", "by hand")
        return context.name, context.owner, 0 <= context.rng.random() < 1

    name, owner, is_random = stage.system.ask("a", Do(introduce))
    assert (name, is_random) == ("a", True)
    assert owner
    assert [(alert.actor, alert.reason, alert.detail) for alert in stage.alerts] == [("a", "halted", "by hand")]


def test_several_stages_can_stand_beside_each_other() -> None:
    with ExitStack() as stack:
        stages: list[ThreadStage | VirtualStage] = []
        for make in STAGES.values():
            stages.append(make(False))
            stack.enter_context(stages[-1])
        for stage in stages:
            spawn(stage, "a")
        assert [stage.system.ask("a", Do(number)) for stage in stages] == [1] * len(stages)
