"""`run.py simulate`: its options, its one JSON object, and what it shows of a seed that fails."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from console import simulate
from console.arguments import Simulate
from console.command_line import parse
from console.errors import CommandError
from console.output import Output
from simulation.mutants import MUTANTS
from simulation.mutants import Mutant as AnyMutant


def simulated(arguments: Simulate) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON object."""
    written = io.StringIO()
    code = simulate.run(arguments, Output(as_json=True, stdout=written, stderr=io.StringIO()))
    return code, json.loads(written.getvalue())


def mutant(name: str) -> AnyMutant:
    """One of the mutants, by its name."""
    return next(mutant for mutant in MUTANTS if mutant.name == name)


@contextmanager
def only(monkeypatch: pytest.MonkeyPatch, *mutants: AnyMutant) -> Iterator[None]:
    """Let these be all the mutants that there are."""
    with monkeypatch.context() as few:
        few.setattr(simulate, "MUTANTS", list(mutants))
        yield


def test_the_options_are_taken_as_they_are_given() -> None:
    assert parse(["simulate"]) == Simulate()
    given = ["simulate", "--seeds", "7", "--seed", "3", "--faults", "crash,freeze", "--jobs", "1", "--lines", "5"]
    assert parse(given) == Simulate(seeds=7, seed=3, faults="crash,freeze", jobs=1, lines=5)
    assert parse(["simulate", "--connector", "mt5"]) == Simulate(connector="mt5")


@pytest.mark.parametrize(("faults", "named"), [("meteor", "meteor"), ("", ""), ("kill,,crash", ""), ("kill,", "")])
def test_a_fault_that_there_is_not_is_named(faults: str, named: str) -> None:
    with pytest.raises(CommandError, match=f"--faults: there is no fault '{named}'; expected all, none, or some of"):
        simulate.run(Simulate(faults=faults), Output(as_json=True, stdout=io.StringIO(), stderr=io.StringIO()))


def test_seeds_that_break_nothing_end_with_0_and_the_figures() -> None:
    code, said = simulated(Simulate(seeds=2, seed=1, jobs=1, json=True))
    assert (code, said["violations"], said["seeds"], said["first_seed"]) == (0, [], 2, 1)
    assert said["seeds_per_second"] > 0
    assert said["virtual_hours"] > 0
    assert sum(said["faults"].values()) > 0
    assert said["totals"]["opens"] > 0
    assert (said["replay"], said["trace"]) == (None, [])


def test_the_first_seed_that_fails_ends_it_with_its_story_and_the_way_to_see_it_again() -> None:
    breaks_at_once = mutant("order before SUBMITTED")
    with breaks_at_once.switched_on():
        code, said = simulated(Simulate(seeds=50, faults="lost_reply", jobs=1, lines=30, json=True))
        again = simulated(Simulate(seeds=1, seed=said["violations"][0]["seed"], faults="lost_reply", jobs=1, json=True))
    assert code == 1
    assert said["seeds"] < 50, "it goes on after the first"
    assert said["violations"][0]["invariant"] == "I9"
    assert said["replay"] == f"run.py simulate --seeds 1 --seed {said['violations'][0]['seed']} --faults lost_reply"
    assert 0 < len(said["trace"]) <= 30
    assert any("BROKEN" in line for line in said["trace"])
    assert again[1]["trace_hash"] == said["trace_hash"]


def test_a_seed_behind_terminals_is_shown_again_behind_terminals() -> None:
    breaks_at_once = mutant("order before SUBMITTED")
    with breaks_at_once.switched_on():
        code, said = simulated(Simulate(seeds=50, faults="lost_reply", connector="mt5", jobs=1, json=True))
    assert code == 1
    (violation, *_) = said["violations"]
    again = f"run.py simulate --seeds 1 --seed {violation['seed']} --faults lost_reply --connector mt5"
    assert said["replay"] == again
    assert ", at terminals, " in said["trace"][0]


def test_a_person_is_shown_the_story_before_the_figures() -> None:
    written = io.StringIO()
    with mutant("order before SUBMITTED").switched_on():
        code = simulate.run(Simulate(seeds=5, jobs=1), Output(stdout=written, stderr=io.StringIO()))
    shown = written.getvalue()
    assert code == 1
    assert shown.index("sends open") < shown.index("broke I9") < shown.index("to see it again") < shown.index("totals")


def test_the_mutants_are_listed_with_the_seeds_they_lived(monkeypatch: pytest.MonkeyPatch) -> None:
    with only(monkeypatch, mutant("order before SUBMITTED")):
        code, said = simulated(Simulate(mutants=True, seeds=5, json=True))
    assert (code, said["alive"]) == (0, [])
    assert [(row["mutant"], row["invariant"]) for row in said["mutants"]] == [("order before SUBMITTED", "I9")]


def test_a_mutant_that_nobody_catches_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    harmless = replace(MUTANTS[0], name="harmless", switched_on=nullcontext, kinds=frozenset())
    with only(monkeypatch, harmless):
        code, said = simulated(Simulate(mutants=True, seeds=1, json=True))
    assert (code, said["alive"]) == (1, ["harmless"])
