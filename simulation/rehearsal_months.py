"""A long rehearsal, month by month: each is a world of its own, so that any of them can be seen again by itself.

Months are independent of each other and are taken in their order: what comes of them does not depend on how many
processes there are.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import date, timedelta
from multiprocessing.connection import wait

from actors.accounts import Market
from simulation.campaign import quiet
from simulation.rehearsal import Rehearsal, RehearsalOutcome
from simulation.rehearsal_referee import RehearsalViolation

Part = tuple[date, date]  # its first and its last trading date


def rehearse(
    market: Market, first: date, last: date, seed: int, *, jobs: int = 1, advance: Callable[[float], None] | None = None
) -> RehearsalOutcome:
    """Rehearse each month from ``first`` to ``last``. ``market``: as for a `Rehearsal`.

    ``jobs``: processes to use. ``advance`` is told what fraction is done.
    """
    began = time.perf_counter()
    parts = list(months_of(first, last))
    outcomes = []
    for outcome in _outcomes(market, parts, seed, min(jobs, len(parts)), advance):
        outcomes.append(outcome)
        if advance is not None:
            advance(len(outcomes) / len(parts))
    return _together(outcomes, time.perf_counter() - began)


def months_of(first: date, last: date) -> Iterator[Part]:
    """The months from ``first`` to ``last``; the first and the last of them may not be whole."""
    while first <= last:
        end = min(first.replace(day=monthrange(first.year, first.month)[1]), last)
        yield first, end
        first = end + timedelta(days=1)


def _outcomes(
    market: Market, parts: Collection[Part], seed: int, jobs: int, advance: Callable[[float], None] | None
) -> Iterator[RehearsalOutcome]:
    if jobs == 1:
        with quiet():
            for number, (first, last) in enumerate(parts):
                rehearsal = Rehearsal(market, first, last, seed)
                yield rehearsal.run(advance and _within(number, len(parts), len(rehearsal.ticks), advance))
        return
    # Started anew rather than forked: on every system the same, and without anything of this process in them.
    with multiprocessing.get_context("spawn").Pool(jobs, _begin) as pool:
        yield from pool.imap(_rehearse, [(market, first, last, seed) for first, last in parts])


def _begin() -> None:
    """In a process of the pool. It ends when it is told to by the one that began it, or when that one is gone."""
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both, and the other one answers it
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _rehearse(task: tuple[Market, date, date, int]) -> RehearsalOutcome:
    return Rehearsal(*task).run()


def _within(number: int, parts: int, ticks: int, advance: Callable[[float], None]) -> Callable[[int], None]:
    return lambda done: advance((number + done / ticks) / parts)


def _together(outcomes: Collection[RehearsalOutcome], seconds: float) -> RehearsalOutcome:
    counts: dict[str, Counter[str]] = {}
    violations: list[RehearsalViolation] = []
    blows: Counter[str] = Counter()
    for outcome in outcomes:
        blows += outcome.blows
        violations += outcome.violations
        for commodity, count in outcome.counts.items():
            counts.setdefault(commodity, Counter()).update(count)
    return RehearsalOutcome(
        violations=tuple(violations),
        counts=counts,
        first=min(outcome.first for outcome in outcomes),
        last=max(outcome.last for outcome in outcomes),
        ticks=sum(outcome.ticks for outcome in outcomes),
        lives=sum(outcome.lives for outcome in outcomes),
        blows=blows,
        seconds=seconds,
        cpu_seconds=sum(outcome.cpu_seconds for outcome in outcomes),
    )
