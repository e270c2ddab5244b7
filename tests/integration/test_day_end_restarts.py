"""The rules of day end and Friday across restarts and crashes: each judgement once, and none after the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from crew_helpers import StartCrew, alerts, closes_sent, must_agree, now, only_alpha, opened
from made_sessions import WEDNESDAY, WEDNESDAYS_KEY, WINDOW_SECONDS, lose, rules, to_window, utc, win

from actors.names import SCHEDULER
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from connectors.base import CloseOrder, Outcome
from trading.trade import CloseReason, TradeState

Restart: TypeAlias = Callable[..., ScriptedCrew]


@pytest.fixture
def world() -> Iterator[VirtualWorld]:
    """Shortly before the end of a Wednesday."""
    with VirtualWorld(WEDNESDAY) as begun:
        yield begun


@pytest.fixture
def restart(tmp_path: Path, world: VirtualWorld) -> Restart:
    """Begins the next process on the same ledger, brokers and world; the test closes it or kills it."""
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"

    def begin(before: ScriptedCrew | None = None, **changes: Any) -> ScriptedCrew:
        if before is not None and before.system.is_killed:
            world.run_for(61)  # nobody released its leases: they expire
        brokers = None if before is None else before.brokers
        crew = ScriptedCrew(only_alpha(**changes), world.now(), world=world, database_url=url, brokers=brokers)
        crew.start()
        return crew

    return begin


@pytest.mark.parametrize("ending", ["close", "kill"])
def test_a_restart_inside_the_window_judges_what_was_not_judged(
    restart: Restart, world: VirtualWorld, ending: str
) -> None:
    first = restart()
    trade = opened(first)
    win(first)
    to_window(first, -10)
    getattr(first, ending)()
    world.run_for(5 * 60)
    second = restart(first)
    second.run_for(5)
    assert now(second, trade).close_reason is CloseReason.DAY_END
    assert rules(second) == ["day_end:closed"]
    must_agree(second)
    second.close()


@pytest.mark.parametrize("ending", ["close", "kill"])
def test_a_restart_inside_the_window_does_not_judge_again(restart: Restart, world: VirtualWorld, ending: str) -> None:
    first = restart()
    trade = opened(first)
    lose(first)
    to_window(first, 5)
    getattr(first, ending)()
    second = restart(first)
    win(second)
    second.run_for(10 * 60)
    assert now(second, trade).state is TradeState.OPEN
    assert rules(second) == ["day_end:kept"]
    second.close()


def test_after_the_window_nothing_is_still_due_not_even_at_midnight(restart: Restart, world: VirtualWorld) -> None:
    first = restart()
    trade = opened(first)
    win(first)
    to_window(first, -10)
    first.close()
    world.run_for(WINDOW_SECONDS + 10)
    second = restart(first, price_poll_seconds=30, ai_db_reservation_ttl_seconds=3_600)
    second.run_for(3 * 3_600)  # to one in the morning, and past midnight in UTC
    assert second.now > utc("2026-03-05T00:30")
    assert now(second, trade).state is TradeState.OPEN
    assert rules(second) == ["day_end:missed"]
    assert closes_sent(second) == 0
    second.close()


def test_a_scheduler_that_restarts_in_the_window_does_not_repeat_itself(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    trade = opened(crew)
    lose(crew)
    to_window(crew, 5)
    crew.tell(SCHEDULER, "nonsense")
    win(crew)
    crew.run_for(60)
    assert crew.system.stats()[SCHEDULER].restarts == 1
    assert rules(crew) == ["day_end:kept"]
    assert now(crew, trade) == trade


def test_the_key_is_not_used_up_when_the_close_could_not_be_announced(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(), WEDNESDAY)
    trade = opened(crew)
    win(crew)
    with crew.ledger.writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE UPDATE OF state ON trade WHEN NEW.state = 'closing' "
            "BEGIN SELECT RAISE(ABORT, 'not now'); END"
        )
    to_window(crew, 0.02)
    assert alerts(crew, "crashed")
    assert not crew.ledger.schedule.has_fired(WEDNESDAYS_KEY)
    assert (now(crew, trade).state, rules(crew), closes_sent(crew)) == (TradeState.OPEN, [], 0)
    with crew.ledger.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER refuse")
    crew.run_for(5)
    assert now(crew, trade).close_reason is CloseReason.DAY_END
    assert rules(crew) == ["day_end:closed"]
    must_agree(crew)


def test_the_key_and_the_announcement_stand_together_when_the_process_dies_before_the_close_leaves(
    restart: Restart, world: VirtualWorld
) -> None:
    first = restart()
    trade = opened(first)
    win(first)
    alpha = first.brokers["alpha"]

    def dies(order: CloseOrder, token: int, deadline: float) -> Outcome:
        first.kill()
        raise AssertionError("a process that was killed goes on")

    alpha.close = dies  # type: ignore[method-assign]
    to_window(first, 1)
    del alpha.close
    second = restart(first)
    assert second.ledger.schedule.has_fired(WEDNESDAYS_KEY)
    second.run_for(5)
    assert now(second, trade).close_reason is CloseReason.DAY_END
    assert (rules(second), closes_sent(second)) == (["day_end:closed"], 1)
    must_agree(second)
    second.close()
