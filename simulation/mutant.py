"""What a mutant is: one deliberate fault of the program, and how many seeds of the simulation it lives.

A mutant replaces one piece of the program while it is switched on; the program itself knows nothing of it. What is not
caught by any seed is not watched by any invariant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from simulation.referee import Violation
from simulation.run import run_seed
from simulation.scenario import ConnectorKind

MOST_SEEDS = 60

SwitchedOn = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault of the program."""

    name: str
    sentence: str
    switched_on: SwitchedOn
    kinds: frozenset[str]  # of faults that bring it out
    caught_by: frozenset[str]  # the invariants that may be the first to see it
    connector: ConnectorKind | None = None  # the only one with which there is such a fault; None: with any


@dataclass(frozen=True, slots=True)
class Caught:
    """How long a mutant lived."""

    mutant: Mutant
    seeds: int  # until it was caught, that one included; all of them when it was not
    violation: Violation | None


def hunt(
    mutant: Mutant, first_seed: int = 0, most_seeds: int = MOST_SEEDS, connector: ConnectorKind = "paper"
) -> Caught:
    """Switch a mutant on, and run seeds until an invariant breaks. ``connector``: for a mutant that needs no other."""
    with mutant.switched_on():
        for number in range(most_seeds):
            outcome = run_seed(first_seed + number, mutant.kinds, connector=mutant.connector or connector)
            if outcome.violations:
                return Caught(mutant, number + 1, outcome.violations[0])
    return Caught(mutant, most_seeds, None)


MUTANTS: list[Mutant] = []
"""All that were registered: those of the protocol by `mutants.py`, those of the way to a terminal by
`terminal_mutants.py`.
"""


def mutant(
    name: str, *kinds: str, caught_by: str, connector: ConnectorKind | None = None
) -> Callable[[Callable[[], Iterator[None]]], Callable[[], Iterator[None]]]:
    """Register a function that switches something on, and off again, as a mutant; its docstring is the sentence.

    ``caught_by``: invariants, separated by blanks.
    """

    def register(switch: Callable[[], Iterator[None]]) -> Callable[[], Iterator[None]]:
        sentence = " ".join((switch.__doc__ or "").split()).rstrip(".")
        invariants = frozenset(caught_by.split())
        MUTANTS.append(Mutant(name, sentence, contextmanager(switch), frozenset(kinds), invariants, connector))
        return switch

    return register


@contextmanager
def replaced(what: object, name: str, by: object) -> Iterator[None]:
    """Put something in the place of an attribute for a while."""
    real = getattr(what, name)
    setattr(what, name, by)
    try:
        yield
    finally:
        setattr(what, name, real)
