"""Many seeds, on several cores, up to the first violation.

Seeds are independent of each other, and results are taken in their order, so that what a campaign finds does not depend
on how many cores there are, nor on which of them is faster.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from simulation.kinds import FAULTS
from simulation.referee import Violation
from simulation.run import Outcome, run_seed
from simulation.scenario import ConnectorKind

SEEDS_PER_TASK = 4


@dataclass(slots=True)
class Findings:
    """What a campaign has seen so far."""

    first_seed: int
    seeds: int = 0  # that were run to their end, or to a violation
    seconds: float = 0.0
    virtual_seconds: float = 0.0
    violations: list[Violation] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    count: Counter[str] = field(default_factory=Counter)
    failed: Outcome | None = None  # the first seed that broke an invariant

    @property
    def seeds_per_second(self) -> float:
        """Of wall time."""
        return self.seeds / self.seconds if self.seconds else 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one seed in."""
        self.seeds += 1
        self.virtual_seconds += outcome.virtual_seconds
        self.struck.update(outcome.struck)
        self.count.update(outcome.count)
        if outcome.violations and self.failed is None:
            self.failed = outcome
            self.violations.extend(outcome.violations)


def campaign(
    first_seed: int,
    seeds: int,
    kinds: frozenset[str] = frozenset(FAULTS),
    *,
    connector: ConnectorKind = "paper",
    jobs: int = 1,
    lines: int = 60,
    advance: Callable[[int], None] | None = None,
) -> Findings:
    """Run seeds from ``first_seed`` on; stop at the first that breaks an invariant.

    ``jobs``: processes to use. ``lines``: of the story of a failing seed. ``advance``: told how many seeds are done.
    """
    findings = Findings(first_seed)
    began = time.perf_counter()
    wanted = range(first_seed, first_seed + seeds)
    with _outcomes(wanted, kinds, connector, jobs, lines) as outcomes:
        for outcome in outcomes:
            findings.add(outcome)
            findings.seconds = time.perf_counter() - began
            if advance is not None:
                advance(findings.seeds)
            if findings.failed is not None:
                break
    return findings


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing is logged: what a simulated process logs would be read as this program's."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _outcomes(
    seeds: Sequence[int], kinds: frozenset[str], connector: ConnectorKind, jobs: int, lines: int
) -> Iterator[Iterable[Outcome]]:
    if jobs == 1:
        with quiet():
            yield (run_seed(seed, kinds, connector=connector, lines=lines) for seed in seeds)
        return
    # Started anew rather than forked: on every system the same, and without anything of this process in them.
    with multiprocessing.get_context("spawn").Pool(jobs, logging.disable, (logging.CRITICAL,)) as pool:
        tasks = ((seed, kinds, connector, lines) for seed in seeds)
        yield pool.imap(_run, tasks, chunksize=SEEDS_PER_TASK)


def _run(task: tuple[int, frozenset[str], ConnectorKind, int]) -> Outcome:
    seed, kinds, connector, lines = task
    return run_seed(seed, kinds, connector=connector, lines=lines)
