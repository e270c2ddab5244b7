"""The simulated world behind MetaTrader 5 terminals: the program's connector and worker over the package's double."""

from __future__ import annotations

import pytest

from simulation.broker import FAULTS as FAULTS_OF_BROKERS
from simulation.campaign import campaign, quiet
from simulation.kinds import FAULTS_ANYWHERE
from simulation.mutants import MUTANTS, Mutant, hunt
from simulation.run import run_seed
from simulation.scenario import draw
from simulation.terminal_faults import FAULTS_OF_TERMINALS

SEEDS = range(60)
FEW = 4  # kinds of faults that so few seeds may leave out
FIRST_SEEDS = {"stale token accepted by the broker": 11}  # for a mutant that lives for some seeds
BESIDE_THE_BROKER = [mutant for mutant in MUTANTS if mutant.name.endswith("by the broker")]


def test_no_seed_breaks_an_invariant_and_nearly_every_fault_strikes() -> None:
    findings = campaign(SEEDS.start, len(SEEDS), connector="mt5")
    assert findings.violations == [], "\n".join(findings.failed.last_lines if findings.failed else ())
    assert findings.seeds == len(SEEDS)
    assert findings.count["opens"] > len(SEEDS), "the runs are empty"
    assert findings.count["closes"] > len(SEEDS) / 2
    assert findings.count["done answers"] > findings.count["unknown answers"]
    assert len([kind for kind in FAULTS_OF_BROKERS if not findings.struck[kind]]) <= FEW
    assert [kind for kind in FAULTS_OF_TERMINALS if not findings.struck[kind]] == []


def test_without_faults_business_is_done_and_every_order_is_answered() -> None:
    with quiet():
        outcome = run_seed(1, frozenset(), connector="mt5")
    assert (outcome.violations, dict(outcome.struck)) == ((), {})
    assert outcome.count["done answers"] == outcome.count["opens"] + outcome.count["closes"] > 0


@pytest.mark.parametrize("mutant", BESIDE_THE_BROKER, ids=[mutant.name for mutant in BESIDE_THE_BROKER])
def test_an_order_floor_that_lets_too_much_through_is_caught(mutant: Mutant) -> None:
    with quiet():
        caught = hunt(mutant, FIRST_SEEDS.get(mutant.name, 0), connector="mt5")
        assert caught.violation is not None, f"alive after {caught.seeds} seeds: {mutant.sentence}"
        assert caught.violation.invariant in mutant.caught_by
        assert run_seed(caught.violation.seed, mutant.kinds, connector="mt5").violations == ()


def test_a_seed_is_the_same_story_behind_terminals_but_for_what_only_terminals_know() -> None:
    paper, terminals = draw(7), draw(7, connector="mt5")
    assert (paper.origin, paper.processes, paper.netting) == (terminals.origin, terminals.processes, terminals.netting)
    of_all = {kind: value for kind, value in terminals.intensity.items() if kind in FAULTS_ANYWHERE}
    assert of_all == paper.intensity
    assert [account.connector for account in terminals.settings.accounts] == ["mt5"] * len(paper.settings.accounts)
    assert all(account.mt5.netting == terminals.netting for account in terminals.settings.accounts)


def test_a_kind_that_only_terminals_know_can_be_asked_for_alone() -> None:
    assert list(draw(3, frozenset(FAULTS_OF_TERMINALS), "mt5").intensity) == list(FAULTS_OF_TERMINALS)
    assert draw(3, frozenset(FAULTS_OF_TERMINALS)).intensity == {}
