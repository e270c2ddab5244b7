"""The sessions of trading dates as columns, and which of them are regular.

A date is a whole number of days since 1970-01-01. Everything here works on whole columns: a catalogue of fifty
commodities for ten years is two hundred thousand sessions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from trading.bars import Instants
from trading.local_clock import LocalClock, weekdays_of, years_of
from trading.sessions import Session

Mask = NDArray[np.bool_]
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
NEVER_EARLY = np.iinfo(np.int64).max  # an early close that is none
NEVER_LATE = np.iinfo(np.int64).min  # a late open that is none


@dataclass(frozen=True, slots=True, eq=False)
class DaySessions:
    """Stretches of trading by trading date, sorted by date and opening. All columns have the length n."""

    days: Instants = field(repr=False)
    opens: Instants = field(repr=False)
    closes: Instants = field(repr=False)

    def where(self, kept: Mask | Instants) -> DaySessions:
        """Those that a mask, or an order, names."""
        return DaySessions(self.days[kept], self.opens[kept], self.closes[kept])

    def between(self, first_day: int, last_day: int) -> DaySessions:
        """Those of the dates from ``first_day`` to ``last_day``, both included."""
        return self.where((self.days >= first_day) & (self.days <= last_day))

    def clipped(self, late: Instants, early: Instants) -> DaySessions:
        """Nothing before ``late``, nothing after ``early``, both (n,); what is empty then is gone."""
        opens, closes = np.maximum(self.opens, late), np.minimum(self.closes, early)
        return DaySessions(self.days, opens, closes).where(opens < closes)

    def without_seams(self) -> DaySessions:
        """Sessions of one date that follow each other without a break as one."""
        seam = (self.opens[1:] == self.closes[:-1]) & (self.days[1:] == self.days[:-1])
        begins, ends = np.append(True, ~seam), np.append(~seam, True)
        return DaySessions(self.days[begins], self.opens[begins], self.closes[ends])

    def fault(self) -> int | None:
        """The first date whose sessions are empty, or overlap with what comes before; None when all is well."""
        bad = self.opens >= self.closes
        bad[1:] |= self.opens[1:] < self.closes[:-1]
        return int(self.days[np.argmax(bad)]) if bad.any() else None


def joined(first: DaySessions, other: DaySessions) -> DaySessions:
    """Both in one, sorted by date and opening."""
    both = DaySessions(
        np.concatenate((first.days, other.days)),
        np.concatenate((first.opens, other.opens)),
        np.concatenate((first.closes, other.closes)),
    )
    return both.where(np.lexsort((both.opens, both.days)))


def number_of(day: date) -> int:
    """A date as days since 1970-01-01."""
    return day.toordinal() - EPOCH_ORDINAL


def date_of(number: int) -> date:
    """The date of a number of days since 1970-01-01."""
    return date.fromordinal(number + EPOCH_ORDINAL)


def weekly(sessions: Iterable[Session], days: Instants, clock: LocalClock) -> DaySessions:
    """The same hours each week, for all of these dates: as if there were no holidays."""
    weekdays = weekdays_of(days)
    found = [(days[weekdays == session.weekday], session.opens_minute, session.closes_minute) for session in sessions]
    if not found:
        nothing = np.array([], dtype=np.int64)
        return DaySessions(nothing, nothing, nothing)
    dates = np.concatenate([of_weekday for of_weekday, _, _ in found])
    opens = np.concatenate([np.full(len(of_weekday), minute) for of_weekday, minute, _ in found])
    closes = np.concatenate([np.full(len(of_weekday), minute) for of_weekday, _, minute in found])
    order = np.lexsort((opens, dates))
    dates, opens, closes = dates[order], opens[order], closes[order]
    return DaySessions(dates, clock.instants(dates, opens), clock.instants(dates, closes))


def regular(actual: DaySessions, days: Instants, clock: LocalClock) -> DaySessions:
    """What a calendar's dates would be without holidays, early closes and late opens.

    The regular hours of a weekday are those that most of its dates have in that year, on the calendar's own clock. A
    weekday that trades on less than half of its dates has none: it is an exception itself.
    """
    dates, starts, counts = np.unique(actual.days, return_index=True, return_counts=True)
    opens, closes = clock.minutes(actual.opens, actual.days), clock.minutes(actual.closes, actual.days)
    example = _examples(dates, _shapes(starts, counts, opens, closes))
    chosen = np.array([example.get(group, -1) for group in _groups(days).tolist()], dtype=np.int64)
    days, chosen = days[chosen >= 0], chosen[chosen >= 0]
    found = np.repeat(days, counts[chosen])
    ends = np.cumsum(counts[chosen])
    places = np.arange(len(found)) - np.repeat(ends - counts[chosen], counts[chosen])  # 0, 1, ... of each date
    rows = np.repeat(starts[chosen], counts[chosen]) + places
    return DaySessions(found, clock.instants(found, opens[rows]), clock.instants(found, closes[rows]))


def _groups(days: Instants) -> Instants:
    """A number for each year and weekday."""
    groups: Instants = 7 * years_of(days) + weekdays_of(days)
    return groups


def _shapes(starts: Instants, counts: Instants, opens: Instants, closes: Instants) -> Instants:
    """A number for each date, equal where the local hours of two dates are equal."""
    most = int(counts.max(initial=0))
    shape = np.full((len(starts), 2 * most), NEVER_EARLY)
    for place in range(most):
        has = counts > place
        shape[has, 2 * place] = opens[starts[has] + place]
        shape[has, 2 * place + 1] = closes[starts[has] + place]
    found: Instants = np.unique(shape, axis=0, return_inverse=True)[1].reshape(-1)
    return found


def _examples(dates: Instants, shapes: Instants) -> dict[int, int]:
    """For each year and weekday that trades regularly the place of a date whose hours are the usual ones."""
    if len(dates) == 0:
        return {}
    groups = _groups(dates)
    all_groups, all_dates = np.unique(_groups(np.arange(dates[0], dates[-1] + 1)), return_counts=True)
    at_most = dict(zip(all_groups.tolist(), all_dates.tolist(), strict=True))
    pairs, places, votes = np.unique(np.column_stack((groups, shapes)), axis=0, return_index=True, return_counts=True)
    traded: dict[int, int] = {}
    winner: dict[int, tuple[int, int]] = {}
    for group, place, count in zip(pairs[:, 0].tolist(), places.tolist(), votes.tolist(), strict=True):
        traded[group] = traded.get(group, 0) + count
        winner[group] = max(winner.get(group, (0, 0)), (count, place))
    return {group: place for group, (_, place) in winner.items() if 2 * traded[group] >= at_most[group]}
