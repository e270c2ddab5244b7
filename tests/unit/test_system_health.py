"""The health round: the watchdog is fed from a full round only, and who is silent is named."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from actors.system.alerts import Alert
from actors.system.context import Context
from actors.system.errors import Crashed, Unanswered
from actors.system.health import HealthRound
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.runtime_virtual import VirtualWorld
from actors.system.spec import Spec
from actors.system.system import System
from trading.market import Instant

ORIGIN: Instant = 1_700_000_000_000
PATIENCE_SECONDS = 10.0


class Runner:
    """Runs what it is sent."""

    def receive(self, message: Callable[[Context], Any], context: Context) -> Any:
        return message(context)


def sleep_long(context: Context) -> None:
    context.sleep(100)


def system_of(world: VirtualWorld, *names: str, **options: Any) -> System:
    system = System(world.process())
    system.start([Spec(name, Runner, 1, **options) for name in names])
    return system


def test_a_full_round_feeds_the_watchdog() -> None:
    fed: list[str] = []
    with VirtualWorld(ORIGIN) as world:
        system = system_of(world, "a", "b")
        health = HealthRound(system, on_full_round=lambda: fed.append("fed"))
        assert health.round_once() == []
        assert fed == ["fed"]
        assert not system.alerts
        world.run_for(7)
        assert [stats.answer_age_seconds for stats in system.stats().values()] == [7.0, 7.0]


def test_an_actor_that_hangs_is_named_with_its_last_message_until_it_answers_again() -> None:
    fed: list[str] = []
    with VirtualWorld(ORIGIN) as world:
        system = system_of(world, "a", "b")
        health = HealthRound(system, answer_seconds=25, on_full_round=lambda: fed.append("fed"))
        system.tell("b", sleep_long)
        assert [health.round_once() for _ in range(3)] == [["b"]] * 3
        assert world.elapsed() == 75
        assert not fed
        assert [(alert.actor, alert.reason) for alert in system.alerts] == [("b", "does not answer")] * 3
        assert system.alerts[0].detail == "running, last message function, 1 wait"
        assert system.stats()["b"].depth == 1  # pings do not pile up
        world.run_for(30)
        assert health.round_once() == []
        assert fed == ["fed"]


def test_an_actor_that_is_not_vital_holds_up_no_watchdog_and_is_told_of_once_for_each_silence() -> None:
    fed: list[str] = []
    with VirtualWorld(ORIGIN) as world:
        system = system_of(world, "a", vital=False)
        system.start([Spec("b", Runner, 1)])
        health = HealthRound(system, answer_seconds=25, on_full_round=lambda: fed.append("fed"))
        for times in (1, 2):
            system.tell("a", sleep_long)
            assert [health.round_once() for _ in range(3)] == [["a"]] * 3
            assert len(fed) == 4 * times - 1
            assert [(alert.actor, alert.reason) for alert in system.alerts] == [("a", "does not answer")] * times
            world.run_for(30)
            assert health.round_once() == []


def test_an_actor_that_was_given_up_spoils_every_round() -> None:
    fed: list[str] = []
    with VirtualWorld(ORIGIN) as world:
        system = system_of(world, "a", "b", max_restarts=0)
        with pytest.raises(Crashed):
            system.ask("a", lambda context: 1 / 0)
        health = HealthRound(system, on_full_round=lambda: fed.append("fed"))
        assert health.round_once() == ["a"]
        assert health.round_once() == ["a"]
        assert not fed


def test_trading_does_not_begin_before_every_actor_has_answered() -> None:
    with VirtualWorld(ORIGIN) as world:
        system = system_of(world, "a", "b", "c")
        system.confirm_all(5)
        for name in "bc":
            system.tell(name, sleep_long)
        with pytest.raises(Unanswered, match="in time: b, c"):
            system.confirm_all(5)
        assert world.elapsed() == 5


def test_rounds_go_on_by_themselves_even_when_the_watchdog_fails() -> None:
    rounds = threading.Semaphore(0)
    alerts: list[Alert] = []

    def feed() -> None:
        rounds.release()
        if len(alerts) < 1:
            raise OSError("no such socket")

    system = System(ThreadedRuntime(), on_alert=alerts.append)
    system.start([Spec("a", Runner, 1)])
    health = HealthRound(system, interval_seconds=0.001, answer_seconds=5, on_full_round=feed)
    health.start()
    for _ in range(5):
        assert rounds.acquire(timeout=PATIENCE_SECONDS)
    health.stop()
    assert system.stop(2.0) == []
    assert [(alert.actor, alert.reason) for alert in alerts] == [("health", "round failed")]
    assert "health" not in {thread.name for thread in threading.enumerate()}


def test_a_dead_timer_thread_spoils_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[str] = []
    runtime = ThreadedRuntime()
    system = System(runtime)
    monkeypatch.setattr(runtime, "fault", lambda: "the timer thread is dead")
    HealthRound(system, on_full_round=lambda: fed.append("fed")).round_once()
    assert not fed
    assert [(alert.actor, alert.detail) for alert in system.alerts] == [("runtime", "the timer thread is dead")]
    system.stop(2.0)


def test_a_round_that_is_under_way_reports_nothing_once_stopped() -> None:
    with VirtualWorld(ORIGIN) as world:
        system = system_of(world, "a")
        system.tell("a", sleep_long)
        health = HealthRound(system, answer_seconds=1)
        health.stop()
        assert health.round_once() == ["a"]
        assert not system.alerts


@pytest.mark.parametrize("field", ["interval_seconds", "answer_seconds"])
def test_a_round_without_time_is_refused(field: str) -> None:
    options: dict[str, Any] = {field: 0}
    with VirtualWorld(ORIGIN) as world, pytest.raises(ValueError, match=f"{field} must be above 0, not 0"):
        HealthRound(System(world.process()), **options)
