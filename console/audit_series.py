"""Trades of recorded bars followed under every comparison, on several cores.

A series is cut into `PARTS` stretches of bars. Each stretch draws its own entries and follows them, so what comes of it
depends on nothing but the bars, the settings and the seed: not on how many processes there are, nor on which is faster.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np

from console.calibration_series import RecordedSeries
from console.configuration import Configuration
from console.errors import CommandError
from trading.audit import Comparison, Differences, Entry, differences_of, joined, with_rules
from trading.audit_entries import analysed_entries, random_entries
from trading.bars import Floats
from trading.course import Course, smallest_step, with_spread
from trading.settings import Settings
from trading.shadow import End, follow

PARTS = 8
NO_RULES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class AuditedSeries:
    """One file's bars, and on what terms their market is traded."""

    recorded: RecordedSeries
    point: float  # the smallest price step
    costs: Floats  # (n,) commissions of a round trip, in price units

    @classmethod
    def of(cls, recorded: RecordedSeries, configuration: Configuration) -> Self:
        """By the catalogue and the first account; a stranger to it has the price step that its prices show."""
        bars, account = recorded.bars, next(each for each in configuration.settings.accounts if each.enabled)
        known = configuration.commodities.get(bars.commodity)
        if known is None:
            return cls(recorded, smallest_step(bars), np.zeros(len(bars)))
        paper = account.paper
        commission = 0.0 if account.connector == "mt5" else 2 * paper.commission_per_lot / known.contract_size
        # In the profit's currency; through the commodity's own price where the account has the other one.
        rates = {known.profit_currency: np.ones(len(bars)), known.base_currency or "": bars.close}
        return cls(recorded, known.point, commission * rates.get(paper.currency, np.zeros(len(bars))))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is assumed of it."""
        return self.recorded.remarks if self.costs.any() else (*self.recorded.remarks, "no commission is reckoned")

    def course(self, settings: Settings) -> Course:
        """Its market under these settings. Raises `CommandError` for bars of which no readings can be made."""
        recorded = self.recorded
        bars = with_spread(recorded.bars, recorded.spread)
        try:
            return Course(bars, recorded.times, settings, point=self.point, costs=self.costs)
        except ValueError as error:
            raise CommandError(f"--data: {recorded.name}: {error}") from error


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that a process must know."""

    series: tuple[AuditedSeries, ...]
    settings: Settings
    comparisons: tuple[Comparison, ...]
    trades: int  # of each kind on each series, at most
    seed: int


@dataclass(frozen=True, slots=True)
class Followed:
    """Trades of one stretch or of all: what they were, and how they differed under each comparison."""

    series: tuple[str, ...]
    strategy: tuple[str, ...]
    kind: tuple[str, ...]
    differences: Mapping[str, Differences]  # by the comparison's name


def follow_all(work: Work, jobs: int, advance: Callable[[int], None] | None = None) -> Followed:
    """Every trade of every series. ``advance`` is told how many of the stretches are done."""
    tasks = [(series, part) for series in range(len(work.series)) for part in range(PARTS)]
    parts = []
    with _results(work, tasks, jobs) as results:
        for done, part in enumerate(results, start=1):
            parts.append(part)
            if advance is not None:
                advance(done)
    return Followed(
        series=tuple(name for part in parts for name in part.series),
        strategy=tuple(name for part in parts for name in part.strategy),
        kind=tuple(name for part in parts for name in part.kind),
        differences={
            comparison.name: joined([part.differences[comparison.name] for part in parts])
            for comparison in work.comparisons
        },
    )


@contextmanager
def _results(work: Work, tasks: Sequence[tuple[int, int]], jobs: int) -> Iterator[Iterator[Followed]]:
    if jobs == 1:
        stretches = _Stretches(work)
        yield (stretches.followed(*task) for task in tasks)
        return
    # Started anew rather than forked: on every system the same, and without anything of this process in them.
    with multiprocessing.get_context("spawn").Pool(jobs, _begin, (work,)) as pool:
        yield pool.imap(_followed, tasks)


class _Stretches:
    """What one process keeps: the market of the series that it works on."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._course: tuple[int, Course] | None = None

    def followed(self, series: int, part: int) -> Followed:
        """The trades of one stretch."""
        work, course = self._work, self._course_of(series)
        first, stop = (len(course) * each // PARTS for each in (part, part + 1))
        wanted = work.trades * (part + 1) // PARTS - work.trades * part // PARTS
        entries = analysed_entries(course, first, stop, wanted)
        entries += random_entries(course, first, stop, wanted, seed=work.seed, stream=series * PARTS + part)
        settings = {
            rules: with_rules(work.settings, rules) for each in work.comparisons for rules in (each.rules, each.shadow)
        }
        kept: list[Entry] = []
        ends: list[dict[frozenset[str], End]] = []
        for entry in entries:
            found = _ends(entry, course, settings)
            if found is not None:
                kept.append(entry)
                ends.append(found)
        return Followed(
            series=(work.series[series].recorded.name,) * len(kept),
            strategy=tuple(entry.trade.strategy.value for entry in kept),
            kind=tuple(entry.kind for entry in kept),
            differences={each.name: differences_of(each, kept, ends) for each in work.comparisons},
        )

    def _course_of(self, place: int) -> Course:
        if self._course is None or self._course[0] != place:
            self._course = place, self._work.series[place].course(self._work.settings)
        return self._course[1]


def _ends(
    entry: Entry, course: Course, settings: Mapping[frozenset[str], Settings]
) -> dict[frozenset[str], End] | None:
    """How the trade ends under each set of rules; None where the bars end before it does under any of them."""
    ends = {}
    for rules, under in settings.items():
        end = follow(entry.trade, course, under, since=entry.trade.submitted_at)
        if end is None:
            return None
        ends[rules] = end
    return ends


_of_this_process: list[_Stretches] = []  # one, in a process of the pool: a task only names a stretch


def _begin(work: Work) -> None:
    logging.disable(logging.CRITICAL)  # what a process logs would be read as this program's
    _of_this_process.append(_Stretches(work))


def _followed(task: tuple[int, int]) -> Followed:
    return _of_this_process[0].followed(*task)
