"""The running program tells of an account that wins more ties than its share; what is fair it never accuses."""

from __future__ import annotations

from typing import Any

import pytest
from crew_helpers import StartCrew, alerts
from made_choices import decide_once, sequence, settings_of
from made_ledger import a_ledger

import actors.trader
from actors.fair_share import FairShares
from actors.names import UNFAIR_CHOICE
from actors.scripted_crew import A_WEDNESDAY_NOON, ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from console.unfair_choices import lines, unfair_choices
from persistence.journal import DECISION, JournalEntry
from trading.market import DAY, HOUR, MINUTE
from trading.selection import DecidedBy, Selection, choose


def list_first(*arguments: Any, **named: Any) -> Selection:
    """A choice with a defect: ties go to the first of the list."""
    selection = choose(*arguments, **named)
    if selection.decided_by is not DecidedBy.ROTATION:
        return selection
    first = next(row.platform for row in selection.candidates if row.eligible)
    return Selection(first, selection.decided_by, selection.candidates)


def test_ties_that_always_go_to_the_lists_first_are_told_once_a_day(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors.trader, "choose", list_first)
    crew = start_crew(settings_of("alpha", "beta"), A_WEDNESDAY_NOON + 12 * HOUR - 4 * MINUTE)
    crew.run_for(2)
    for _ in range(30):
        decide_once(crew)
    assert sequence(crew) == ["alpha"] * 30
    (said,) = alerts(crew, UNFAIR_CHOICE)
    assert said.startswith("EURUSD: alpha won 20 of the 20 ties that it was in, where its share would be 10.0")
    (told,) = unfair_choices(crew.ledger, crew.now)
    assert (told["commodity"], told["platform"], told["said"]) == ("EURUSD", "alpha", said)
    assert "alpha won 20 of the 20" in lines([told])[0].plain
    assert unfair_choices(crew.ledger, crew.now + 3 * DAY) == []
    crew.run_for(3 * 60)  # to the next day
    decide_once(crew)
    assert len(alerts(crew, UNFAIR_CHOICE)) == 2


def test_what_earlier_processes_decided_counts(
    world: VirtualWorld, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors.trader, "choose", list_first)
    settings, brokers, told = settings_of("alpha", "beta"), None, []
    for _ in range(3):
        with ScriptedCrew(settings, world.now(), world=world, database_url=ledger_url, brokers=brokers) as crew:
            brokers = crew.brokers
            crew.run_for(4)
            for _ in range(7):
                decide_once(crew)
            told += alerts(crew, UNFAIR_CHOICE)
    assert len(told) == 1


def test_the_program_itself_is_not_accused_though_one_account_takes_much_alone(start_crew: StartCrew) -> None:
    crew = start_crew(settings_of("alpha", "beta"))
    crew.run_for(2)
    for number in range(60):
        crew.brokers["beta"].price("EURUSD", 1.1, 1.1001 if number % 3 == 0 else 1.12)
        crew.run_for(2)
        decide_once(crew)
    assert sequence(crew)[3::3] == ["beta"] * 19, "each tie but the first, when nobody had had a turn"
    assert alerts(crew, UNFAIR_CHOICE) == []


def test_a_line_that_the_account_has_written_already_is_counted_once() -> None:
    rows = [{"platform": name, "eligible": True, "cost": 0.05, "headroom": 1.0} for name in ("alpha", "beta")]
    detail = {"candidates": rows, "chosen": "alpha", "decided_by": "rotation"}
    lines = [
        JournalEntry(A_WEDNESDAY_NOON + n, DECISION, "told", "alpha", "EURUSD", analysis_id=f"a-{n}", detail=detail)
        for n in range(20)
    ]
    with a_ledger() as ledger:
        ledger.journal.append(*lines)
        told = FairShares(ledger, ("alpha", "beta")).note(lines[-1], A_WEDNESDAY_NOON + 20)
        assert told is not None
        assert "alpha won 20 of the 20 ties" in str(told.detail["said"])
