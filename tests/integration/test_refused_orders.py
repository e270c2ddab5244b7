"""Orders that are refused until a person acts: told once for each cause, shown by `status`, and over with a fill."""

from __future__ import annotations

from pathlib import Path

import pytest
from crew_helpers import (
    StartCrew,
    alerts,
    ledger_away,
    move,
    only_alpha,
    opened,
    scripted,
    sent,
    states,
    told,
    unanswered,
)

from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from connectors.mock_script import Step, as_usual, reject
from console.account_trouble import troubles

FLOOR, DISABLED, TAKEN = "floor_unusable", "trade_disabled", "orders_taken"


def trouble(crew: ScriptedCrew) -> str | None:
    """What `status` says of the account."""
    found = troubles(crew.ledger.journal.list(kind="alert")).get("alpha")
    return None if found is None else str(found["said"])


def test_each_cause_is_told_once_until_an_order_is_filled(start_crew: StartCrew) -> None:
    floor, disabled = reject(FLOOR, "the disk is full"), reject(DISABLED)
    crew = scripted(start_crew, floor, disabled, floor, as_usual(), disabled)
    said = []
    for _ in range(3):
        told(crew)
        said.append(trouble(crew))
        crew.run_for(3_600)
    full = "the disk is full; orders are refused until that is put right"
    off = "scripted; orders are refused until that is put right"
    assert said == [full, off, off]
    assert (alerts(crew, FLOOR), alerts(crew, DISABLED)) == ([f"alpha: {full}"], [f"alpha: {off}"])
    assert alerts(crew, TAKEN) == []
    trade = opened(crew)
    assert (len(alerts(crew, TAKEN)), trouble(crew)) == (1, None)
    move(crew, trade.stop_price)
    crew.run_for(3_600)
    told(crew)
    assert states(crew) == ["failed", "failed", "failed", "closed", "failed"]
    assert (len(alerts(crew, DISABLED)), len(alerts(crew, TAKEN))) == (2, 1)


@pytest.mark.parametrize(("code", "is_over"), [(FLOOR, False), ("another_ledger", False), (DISABLED, True)])
def test_a_close_that_goes_through_proves_nothing_of_the_record_of_opens(
    start_crew: StartCrew, code: str, is_over: bool
) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[reject(code)])
    move(crew, trade.stop_price)
    crew.run_for(60)
    assert states(crew) == ["closed"]
    assert (trouble(crew) is None, bool(alerts(crew, TAKEN))) == (is_over, is_over)


def test_another_ledger_is_told_of_once_and_refuses_opens_alone(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, *[reject("another_ledger", "stop one of the two")] * 2)
    for _ in range(2):
        told(crew)
        crew.run_for(3_600)
    said = "stop one of the two; opens are refused until that is put right"
    assert (alerts(crew, "another_ledger"), trouble(crew)) == ([f"alpha: {said}"], said)
    opened(crew)
    assert (len(alerts(crew, TAKEN)), trouble(crew)) == (1, None)


@pytest.mark.parametrize("calls", [(), ("writing", "reading")], ids=["with the ledger", "without the ledger"])
def test_a_close_that_is_refused_is_told_of_at_its_first_attempt(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch, calls: tuple[str, ...]
) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[reject("wrong_account")])
    with monkeypatch.context() as broken:
        for call in calls:
            broken.setattr(crew.ledger._database, call, ledger_away)
        move(crew, trade.stop_price)
        crew.run_for(1.5)
        assert len(alerts(crew, "wrong_account")) == 1
    crew.run_for(90)
    assert states(crew) == ["closed"]
    assert (len(alerts(crew, "wrong_account")), len(alerts(crew, TAKEN)), trouble(crew)) == (1, 1, None)


@pytest.mark.parametrize("code", ["no_money", "market_closed", "not_connected", "deadline_passed"])
def test_what_passes_by_itself_is_no_matter_for_a_person(start_crew: StartCrew, code: str) -> None:
    crew = scripted(start_crew, reject(code))
    told(crew)
    assert (alerts(crew, code), trouble(crew)) == ([], None)


def test_after_the_broker_was_away_it_is_told_anew(start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[Step] = [reject(DISABLED)] * 2
    crew = scripted(start_crew, *refused)
    told(crew)
    with monkeypatch.context() as broken:
        broken.setattr(crew.brokers["alpha"], "quotes", unanswered)
        crew.run_for(10)
    crew.run_for(60)
    assert trouble(crew) is None, "its switches may be otherwise by now"
    crew.run_for(3_600)
    told(crew)
    assert len(sent(crew)) == 2
    assert len(alerts(crew, DISABLED)) == 2
    assert trouble(crew) is not None


@pytest.mark.parametrize("was_out", [True, False])
def test_a_new_leader_ends_what_the_former_one_told(tmp_path: Path, world: VirtualWorld, was_out: bool) -> None:
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    with ScriptedCrew(only_alpha(), world.now(), world=world, database_url=url) as former:
        former.brokers["alpha"].script(open=[reject(FLOOR) if was_out else as_usual()])
        told(former)
        assert (trouble(former) is not None) is was_out
    with ScriptedCrew(only_alpha(), world.now(), world=world, database_url=url, brokers=former.brokers) as crew:
        crew.run_for(60)
        assert trouble(crew) is None
        assert bool(alerts(crew, "took_post")) is was_out
