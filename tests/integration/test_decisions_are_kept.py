"""The line of each decision to open is in the journal exactly once, whatever becomes of the order."""

from __future__ import annotations

from typing import NoReturn

import pytest
from crew_helpers import StartCrew, answers, decisions, only_alpha, scripted, sent

from connectors.mock_script import Step, reject, requote


@pytest.mark.parametrize(
    "steps", [[], [reject("no_money")], [reject("stale_token")], [requote(), reject("stale_token")], [requote()] * 3]
)
def test_a_decision_whose_order_left_is_written_with_its_row_and_not_again(
    start_crew: StartCrew, steps: list[Step]
) -> None:
    crew = scripted(start_crew, *steps)
    crew.analyse(crew.opinion())
    crew.run_for(5)
    assert decisions(crew).count("open_told") == 1
    assert len(answers(crew)) == 1


def test_a_decision_at_which_the_accounts_actor_crashes_is_kept_all_the_same(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())

    def crashes(*arguments: object, **named: object) -> NoReturn:
        raise RuntimeError("a defect")

    with monkeypatch.context() as defect:
        defect.setattr(crew.ledger.trades, "submit", crashes)
        crew.analyse(crew.opinion())
        crew.run_for(5)
    assert sent(crew) == []
    assert decisions(crew).count("open_told") == 1
    assert answers(crew) == ["refused:RuntimeError: a defect"]
