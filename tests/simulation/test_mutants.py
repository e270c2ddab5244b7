"""Every deliberate fault of the protocol is caught, and nothing is caught where there is none."""

from __future__ import annotations

import pytest

from simulation.campaign import quiet
from simulation.mutants import MUTANTS, Mutant, hunt
from simulation.run import run_seed

FIRST_SEEDS = {
    "assumed full fill": 3,
    "no look-up": 3,
    "somebody else's position": 6,
    "rule judged twice": 20,
    "request forgotten": 6,
    "request of an unheard commit forgotten": 6,
    "two takers of an expired lease": 3,
    "stale token accepted by the broker": 9,
}
"""Where the hunt begins for mutants that live for some seeds. Wherever else they are caught later is as good."""

each_mutant = pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name.replace(" ", "-") for mutant in MUTANTS])


@each_mutant
def test_a_mutant_is_caught_and_the_same_seed_is_clean_without_it(mutant: Mutant) -> None:
    with quiet():
        caught = hunt(mutant, FIRST_SEEDS.get(mutant.name, 0))
        assert caught.violation is not None, f"alive after {caught.seeds} seeds: {mutant.sentence}"
        assert caught.violation.invariant in mutant.caught_by
        clean = run_seed(caught.violation.seed, mutant.kinds, connector=mutant.connector or "paper")
    assert clean.violations == ()


def test_there_are_at_least_twelve_mutants_each_with_a_name_and_a_sentence_of_its_own() -> None:
    assert len(MUTANTS) >= 12
    assert len({mutant.name for mutant in MUTANTS}) == len({mutant.sentence for mutant in MUTANTS}) == len(MUTANTS)


def test_a_mutant_that_is_switched_off_leaves_nothing_behind() -> None:
    with quiet():
        before = run_seed(0).digest
        for mutant in MUTANTS:
            with mutant.switched_on():
                pass
        assert run_seed(0).digest == before
