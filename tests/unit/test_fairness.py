"""What is counted of decisions, and that an unfair choice is told from one that chance or the turn accounts for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from trading.fairness import ChoiceTally, Decision, Row, Share, read_decision, unfair_words
from trading.market import Instant
from trading.selection import Candidate, DecidedBy

Chooser = Callable[[list[str], dict[str, int]], str]


def row(platform: str, reason: str | None = None, *, cost: float = 0.05, headroom: float = 1.0, **more: Any) -> Row:
    """One account's row; with a reason it is not eligible."""
    if reason is not None:
        return Row(platform, reason, None, None, **more)
    return Row(platform, None, cost, headroom, **more)


def a_decision(chosen: str | None, *rows: Row, by: str = "rotation", **more: Any) -> Decision:
    return Decision("EURUSD", chosen, by, rows, **more)


def tally_of(decisions: Iterable[Decision]) -> ChoiceTally:
    tally = ChoiceTally()
    for decision in decisions:
        tally.add(decision)
    return tally


def shares(decisions: Iterable[Decision]) -> dict[str, Share]:
    return {share.platform: share for share in tally_of(decisions).shares()}


def by_turn(names: list[str], last: dict[str, int]) -> str:
    return min(names, key=lambda name: (last.get(name, 0), name))


def list_first(names: list[str], last: dict[str, int]) -> str:
    return names[0]


def a_history(chooser: Chooser, decisions: int, names: tuple[str, ...] = ("alpha", "beta")) -> list[Decision]:
    """Decisions of which some have one account alone to choose from, which the others must make up for."""
    chance = random.Random(decisions)
    last: dict[str, int] = {}
    made = []
    for number in range(1, decisions + 1):
        free = [name for name in names if chance.random() < 0.7] or [names[-1]]
        chosen = chooser(free, last)
        last[chosen] = number
        rows = [row(name, None if name in free else "open trade") for name in names]
        made.append(a_decision(chosen, *rows, by="rotation" if len(free) > 1 else "only"))
    return made


@pytest.mark.parametrize("names", [("alpha", "beta"), ("alpha", "beta", "gamma")])
def test_where_ties_always_go_to_the_lists_first_it_is_flagged_and_nobody_else_is(names: tuple[str, ...]) -> None:
    found = shares(a_history(list_first, 200, names))
    assert [name for name, share in found.items() if share.is_unfair] == ["alpha"]
    assert found["alpha"].wins == found["alpha"].ties
    assert "while another account had waited longer" in unfair_words(found["alpha"])


@pytest.mark.parametrize("names", [("alpha", "beta"), ("alpha", "beta", "gamma")])
@pytest.mark.parametrize("decisions", [30, 300, 3_000])
def test_where_the_turn_decides_nobody_is_flagged(decisions: int, names: tuple[str, ...]) -> None:
    found = shares(a_history(by_turn, decisions, names))
    assert not any(share.is_unfair or share.out_of_turn for share in found.values())


def test_an_account_that_loses_all_ties_because_it_alone_could_take_the_rest_is_no_sign_of_unfairness() -> None:
    """One in four is a tie; alpha takes the other three alone, so it is never its turn."""
    alone = a_decision("alpha", row("alpha"), row("beta", "spread too wide"), by="only")
    tie = a_decision("beta", row("alpha"), row("beta"))
    share = shares([alone, alone, alone, tie] * 50)["beta"]
    assert (share.wins, share.ties, share.expected) == (50, 50, 25.0)
    assert share.probability < 1e-10
    assert (share.out_of_turn, share.is_unfair) == (0, False)


def test_a_tie_whose_winner_refuses_the_open_is_no_tie() -> None:
    refused = a_decision("alpha", row("alpha"), row("beta"))
    handed_on = a_decision("beta", row("alpha", "refused it"), row("beta"), by="only")
    tally = tally_of([refused, handed_on] * 100)
    assert tally.shares() == []
    assert tally.opens == {"alpha": 100, "beta": 100}
    assert tally.ineligible["alpha"] == {"refused it": 100}


def test_of_three_equals_two_refuse_and_the_ties_that_were_won_before_stay() -> None:
    rows = [row(name) for name in ("alpha", "beta", "gamma")]
    won = a_decision("alpha", *rows)
    first = a_decision("beta", *rows)
    second = a_decision("alpha", row("alpha"), row("beta", "refused it"), row("gamma"))
    third = a_decision("gamma", row("alpha", "refused it"), row("beta", "refused it"), row("gamma"), by="only")
    found = shares([won, first, second, third])
    assert {name: (share.ties, share.wins) for name, share in found.items()} == {
        "alpha": (1, 1),
        "beta": (1, 0),
        "gamma": (1, 0),
    }
    nobody = a_decision(None, row("alpha", "refused it"), row("beta", "open trade"), by="none")
    assert shares([won, nobody]) == {}


def test_few_ties_accuse_nobody() -> None:
    tie = a_decision("alpha", row("alpha"), row("beta"))
    assert not shares([tie] * 19)["alpha"].is_unfair
    assert shares([tie] * 20)["alpha"].is_unfair


def test_one_who_wins_by_cost_or_by_room_wins_no_tie() -> None:
    cheaper = a_decision("alpha", row("alpha"), row("beta", cost=0.08), by="cost")
    roomier = a_decision("alpha", row("alpha"), row("beta", headroom=0.9), by="headroom")
    tally = tally_of([cheaper, roomier] * 100)
    assert tally.shares() == []
    assert tally.wins["alpha"] == {"cost": 100, "headroom": 100}


def test_only_the_equals_of_a_decision_share_its_tie() -> None:
    decision = a_decision("alpha", row("alpha"), row("beta"), row("gamma", cost=0.09), row("delta", "reserved"))
    assert decision.equals == ("alpha", "beta")
    assert shares([decision]).keys() == {"alpha", "beta"}
    assert a_decision(None, row("alpha", "reserved")).equals == ()


def test_of_the_time_before_the_first_decision_the_rows_tell_whose_turn_it_is() -> None:
    first = a_decision("beta", row("alpha", last_chosen_at=5), row("beta", last_chosen_at=3))
    assert shares([first])["beta"].out_of_turn == 0
    assert shares([replace(first, chosen="alpha")])["alpha"].out_of_turn == 1
    never = a_decision("beta", row("alpha"), row("beta"))
    assert shares([never])["beta"].out_of_turn == 0, "the turn of both"


def test_each_reason_is_counted_by_account_and_a_folded_line_as_often_as_it_was_said() -> None:
    refused = a_decision(None, row("alpha", "open trade"), row("beta", "spread too wide"), by="none", times=7)
    alone = a_decision("alpha", row("alpha"), row("beta", "spread too wide"), by="only")
    tally = tally_of([refused, alone, alone])
    assert (tally.decisions, dict(tally.opens), tally.most_decisive) == (9, {"alpha": 2}, "only")
    assert tally.ineligible["alpha"] == {"open trade": 7}
    assert tally.ineligible["beta"] == {"spread too wide": 9}
    assert tally.eligible == {"alpha": 2}
    assert tally.alone_because["alpha"]["beta"] == {"spread too wide": 2}
    assert tally.median_cost("alpha") == 0.05
    assert tally.median_cost("beta") is None
    assert tally.platforms == ["alpha", "beta"]


def test_what_a_journal_keeps_of_a_row_is_read_again() -> None:
    candidate = Candidate("alpha", None, 0.05, 1.0, 0.0001, Instant(7))
    written = {
        "platform": candidate.platform,
        "cost": candidate.cost,
        "headroom": candidate.headroom,
        "spread": candidate.spread,
        "last_chosen_at": candidate.last_chosen_at,
        "eligible": True,
        "reason": None,
    }
    assert read_decision("EURUSD", {"candidates": [written]}).rows == (Row("alpha", None, 0.05, 1.0, 0.0001, 7),)


@pytest.mark.parametrize("rows", [None, "rows", [7], [{}], [{"platform": "alpha", "eligible": False, "cost": "?"}]])
def test_whatever_an_older_program_wrote_raises_nothing(rows: object) -> None:
    decision = read_decision(None, {"candidates": rows})
    assert (decision.chosen, decision.decided_by, decision.equals) == (None, DecidedBy.NONE, ())
    tally_of([decision])
