"""A calendar with hours laid over it, and cut into trading days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from trading.bars import Instants
from trading.calendar_days import (
    NEVER_EARLY,
    NEVER_LATE,
    DaySessions,
    Mask,
    date_of,
    joined,
    number_of,
    regular,
    weekly,
)
from trading.calendar_rules import BadCalendar
from trading.holidays import EXACT, dates_of, exactness
from trading.local_clock import LocalClock, weekdays_of
from trading.sessions import end_minute_of, minute_of, week_of
from trading.settings_hours import Hours

WEEK_DAYS = 7
A_YEAR = 366  # days around the span, so that each of its years shows what is regular in it


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A calendar over the dates ``days``, which are consecutive: what is regular, and what differs on which date."""

    days: Instants = field(repr=False)  # (n,)
    regular: DaySessions = field(repr=False)  # of every date, as if it were no holiday
    actual: DaySessions = field(repr=False)  # of the dates that trade, holidays and short days as the calendar has them
    closed: Mask = field(repr=False)  # (n,) holidays
    late_opens: Instants = field(repr=False)  # (n,) instants; NEVER_LATE where it is not late
    early_closes: Instants = field(repr=False)  # (n,) instants; NEVER_EARLY where it is not early

    def places(self, of: DaySessions) -> Instants:
        """The place in ``days`` of each session."""
        found: Instants = of.days - self.days[0]
        return found

    def have(self, sessions: DaySessions) -> Mask:
        """(n,) the dates on which there are some of these sessions."""
        found = np.zeros(len(self.days), dtype=np.bool_)
        found[self.places(sessions)] = True
        return found


def plan_of_nothing(days: Instants) -> Plan:
    """A calendar without sessions and without holidays, over which a rule of our own is laid."""
    nothing = np.array([], dtype=np.int64)
    return _plan(days, DaySessions(nothing, nothing, nothing), DaySessions(nothing, nothing, nothing))


def plan_of_schedule(actual: DaySessions, days: Instants, clock: LocalClock) -> Plan:
    """What an exchange's schedule has for its dates, with its holidays and short days told from its regular hours."""
    first, last = int(days[0]), int(days[-1])
    usual = regular(actual.between(first - A_YEAR, last + A_YEAR), days, clock)
    plan = _plan(days, usual, actual.between(first, last))
    trades = plan.have(plan.actual)
    opens, closes = _ends_of(plan, plan.actual)
    usual_opens, usual_closes = _ends_of(plan, usual)
    return replace(
        plan,
        closed=plan.have(usual) & ~trades,
        late_opens=np.where(trades & (opens > usual_opens), opens, NEVER_LATE),
        early_closes=np.where(trades & (closes < usual_closes), closes, NEVER_EARLY),
    )


def _plan(days: Instants, usual: DaySessions, actual: DaySessions) -> Plan:
    never = np.full(len(days), NEVER_LATE), np.full(len(days), NEVER_EARLY)
    return Plan(days, usual, actual, np.zeros(len(days), dtype=np.bool_), *never)


def _ends_of(plan: Plan, sessions: DaySessions) -> tuple[Instants, Instants]:
    """The first opening and the last closing of each date, (n,) each; without any the last and the first instant."""
    opens, closes = np.full(len(plan.days), NEVER_EARLY), np.full(len(plan.days), NEVER_LATE)
    places = plan.places(sessions)
    np.minimum.at(opens, places, sessions.opens)
    np.maximum.at(closes, places, sessions.closes)
    return opens, closes


def with_hours(name: str, plan: Plan, hours: Hours, clock: LocalClock) -> Plan:
    """The calendar with one layer of ``hours`` over it, on ``clock``; ends of days and weeks are not cut here.

    A date that the layer does not touch stays as it was, to the minute; one that it touches has its regular hours
    between what are then its late open and its early close. Raises `BadCalendar` naming the commodity and the field,
    for hours of which nothing is left on a date, and for sessions that overlap.
    """
    if not (hours.sessions or hours.closed or hours.open or hours.early_closes or hours.late_opens):
        return plan
    usual = plan.regular if hours.sessions is None else weekly(week_of(hours.sessions), plan.days, clock)
    closed = plan.closed.copy()
    for place, key in _dates_of_keys(plan, (*hours.closed, *hours.open)).items():
        closed[place] = key in hours.closed
    early = _overridden(plan, plan.early_closes, hours.early_closes, clock)
    late = _overridden(plan, plan.late_opens, hours.late_opens, clock)
    changed = (early != plan.early_closes) | (late != plan.late_opens) | (plan.closed & ~closed)
    if hours.sessions is not None:
        changed[:] = True
    places = plan.places(usual)
    touched = changed[places] & ~closed[places]
    by_rule = usual.where(touched).clipped(late[places[touched]], early[places[touched]])
    places = plan.places(plan.actual)
    sessions = joined(plan.actual.where(~changed[places] & ~closed[places]), by_rule)
    laid = Plan(plan.days, usual, sessions, closed, late, early)
    _require_something(name, laid, hours)
    fault = sessions.fault()
    if fault is not None:
        raise BadCalendar(f"{name}: the sessions of {date_of(fault)} overlap with others; expected one after the other")
    return laid


def cut_at(day_end: str, sessions: DaySessions, clock: LocalClock, *, goes_on: bool) -> DaySessions:
    """The same stretches by the dates on which ``day_end``, local time, ends them.

    What trades after the day's end belongs to the next date, if that one trades. If it does not, the day ``goes_on`` to
    its last closing; or else this counts as shut, for there would be no day whose end a rule could watch.
    """
    if len(sessions.days) == 0:
        return sessions
    dates = np.arange(sessions.days[0] - 2, sessions.days[-1] + 3)
    ends = clock.instants(dates, np.full(len(dates), end_minute_of(day_end)))
    first = np.searchsorted(ends, sessions.opens, side="right")
    last = np.searchsorted(ends, sessions.closes, side="left")
    if np.array_equal(dates[first], sessions.days) and np.array_equal(dates[last], sessions.days):
        return sessions
    pieces = last - first + 1
    place = np.repeat(first, pieces)
    place += np.arange(len(place)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    opens = np.maximum(np.repeat(sessions.opens, pieces), ends[place - 1])
    closes = np.minimum(np.repeat(sessions.closes, pieces), ends[place])
    of_date, by_clock = np.repeat(sessions.days, pieces), dates[place]
    trades = np.isin(by_clock, sessions.days)
    # Before its date began by the clock it belongs to its date all the same: Sunday evening is Monday's.
    found = DaySessions(np.where(trades, by_clock, of_date), opens, closes)
    known = by_clock <= sessions.days[-1]  # whether the date after the last one trades is not known here
    found = found.where(trades | (by_clock < of_date) | (goes_on & known))
    return found.where(np.lexsort((found.opens, found.days))).without_seams()


def trading_weekdays(usual: DaySessions) -> tuple[int, ...]:
    """The weekdays of regular sessions, Monday being 0, in the order of the week: the longest rest comes before it."""
    weekdays = np.unique(weekdays_of(usual.days)).tolist()
    rests = [(day - weekdays[place - 1]) % WEEK_DAYS for place, day in enumerate(weekdays)]
    start = int(np.argmax(rests)) if len(weekdays) > 1 else 0
    return (*weekdays[start:], *weekdays[:start])


def _dates_of_keys(plan: Plan, keys: Iterable[str]) -> dict[int, str]:
    """The place of each date that the keys name, and the key that holds there: the most exact one."""
    first, last = date_of(int(plan.days[0])), date_of(int(plan.days[-1]))
    found: dict[int, str] = {}
    for key in sorted(keys, key=exactness):
        for day in dates_of(key, first.year, last.year):
            if first <= day <= last:
                found[number_of(day) - int(plan.days[0])] = key
    return found


def _overridden(plan: Plan, instants: Instants, changes: Mapping[str, str], clock: LocalClock) -> Instants:
    places = _dates_of_keys(plan, changes)
    if not places:
        return instants
    changed = instants.copy()
    where = np.fromiter(places, dtype=np.int64)
    minutes = np.array([minute_of(changes[key]) for key in places.values()], dtype=np.int64)
    changed[where] = clock.instants(plan.days[where], minutes)
    return changed


def with_early_week_end(
    name: str, sessions: DaySessions, weekdays: tuple[int, ...], friday_end: str, clock: LocalClock
) -> DaySessions:
    """The same, but the last of the `trading_weekdays` ends at ``friday_end``, local time, where it would end later.

    Raises `BadCalendar` for a market whose weeks do not end, and for a time at which its last day has not begun.
    """
    if len(weekdays) == WEEK_DAYS:
        raise BadCalendar(f"{name}: hours.friday_end is {friday_end!r}, but it trades on all seven days of a week")
    last = weekdays_of(sessions.days) == weekdays[-1]
    early = np.full(len(sessions.days), NEVER_EARLY)
    early[last] = clock.instants(sessions.days[last], np.full(np.count_nonzero(last), end_minute_of(friday_end)))
    clipped = sessions.clipped(np.full(len(early), NEVER_LATE), early)
    gone = np.setdiff1d(sessions.days, clipped.days)
    if len(gone):
        emptied = date_of(int(gone[0]))
        raise BadCalendar(f"{name}: hours.friday_end is {friday_end!r}, which leaves nothing of {emptied}")
    return clipped


def _require_something(name: str, laid: Plan, hours: Hours) -> None:
    """Refuse hours that empty a date on which they do not say ``closed``, and a date to be open that has no hours."""
    emptied = laid.have(laid.regular) & ~laid.closed & ~laid.have(laid.actual)
    for field_name, changes in (("early_closes", hours.early_closes), ("late_opens", hours.late_opens)):
        for place, key in _dates_of_keys(laid, changes).items():
            if emptied[place]:
                raise BadCalendar(
                    f"{name}: hours.{field_name}.{key} is {changes[key]!r}, which leaves nothing of "
                    f"{date_of(int(laid.days[place]))}; expected a time within its sessions, or the date in closed"
                )
    trades = laid.have(laid.actual)
    for place, key in _dates_of_keys(laid, hours.open).items():
        if exactness(key) == EXACT and not trades[place] and not emptied[place]:
            raise BadCalendar(f"{name}: hours.open has {key!r}, a weekday on which there are no sessions")
