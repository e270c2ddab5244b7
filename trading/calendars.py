"""When a market is open, when its day ends and when its week ends, as UTC instants found by bisection.

A calendar is one of our own rules (`trading/calendar_rules.py`) or an exchange's schedule; `Hours` of the catalogue,
the user and the account are laid over it. `TradingTimes` is all that flattened once into instants for a span, so that
a look-up is a bisection and daylight saving needs no thought afterwards: local times are converted date by date.

Everything hangs on the *trading date*: the local date on which a trading day ends. The FX day of Monday 5 January
begins on Sunday at 17:00 New York and ends on Monday at 17:00, so a holiday on a date takes away the whole day that
ends on it: FX is closed for 25 December from 17:00 on the 24th to 17:00 on the 25th.

A *week* is what trades between two weekends. Its end is the end of its last trading day, which is a Thursday where the
Friday is a holiday: what matters is the gap that follows.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from statistics import median
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from trading.bars import Instants
from trading.calendar_days import DaySessions, date_of, number_of
from trading.calendar_overrides import (
    WEEK_DAYS,
    Plan,
    cut_at,
    plan_of_nothing,
    plan_of_schedule,
    trading_weekdays,
    with_early_week_end,
    with_hours,
)
from trading.calendar_rules import OWN_CALENDARS, CalendarRule, own_rule, short_days_of
from trading.calendar_rules import BadCalendar as BadCalendar
from trading.commodities import Commodity
from trading.local_clock import EPOCH_WEEKDAY, local_clock
from trading.market import DAY, MINUTE, Instant, iso, moment
from trading.settings_hours import Hours

Said = TypeVar("Said")
MARGIN_DAYS = 14  # built on both sides of the span: a market that shuts at all shuts within a fortnight
NEAR_DAYS = 40  # trading days on each side that tell what is usual


class OutsideSpan(ValueError):
    """The trading times were not built for that instant: extend them."""


@dataclass(frozen=True, slots=True, eq=False)
class ExchangeSchedule:
    """What a library of calendars says of one of them. All columns have the length n, sorted by opening.

    A trading date with a break in it has two rows, one without trading none.
    """

    name: str
    zone: str  # the exchange's
    first: date  # the trading dates that are covered, both included
    last: date
    known_until: date  # later holidays are by rule alone: nothing was announced yet
    dates: Instants = field(repr=False)  # trading dates as days since 1970-01-01
    opens: Instants = field(repr=False)
    closes: Instants = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class TradingTimes:
    """The trading times of one commodity, good for every instant from ``first`` to ``last``, both included.

    A market is open from an opening instant up to but not including the closing one. Every look-up raises
    `OutsideSpan` for an instant that is not covered.
    """

    name: str
    zone: str  # the commodity's, in which its dates are
    first: Instant
    last: Instant
    opens: Instants = field(repr=False)  # (runs,) where uninterrupted trading begins, sorted
    closes: Instants = field(repr=False)  # (runs,) where it ends: after its opening, before the next one
    day_ends: Instants = field(repr=False)  # (days,) the end of each trading day, sorted
    week_ends: Instants = field(repr=False)  # (days,) the end of the trading week that each day belongs to
    dates: tuple[date, ...] = field(repr=False)  # (days,) trading dates
    day_sessions: DaySessions = field(repr=False)  # the sessions of each trading date
    ends_week: bool = True  # False: all seven weekdays trade, so there is no Friday rule
    known_until: date | None = None  # later holidays are by rule alone; None: by a rule that cannot change
    auto_close_minutes: float | None = None  # what the hours say of the buffer before the day's end
    # The same as lists: a bisection of one value is some ten times faster on them than on an array.
    _opens: list[int] = field(init=False, repr=False)
    _closes: list[int] = field(init=False, repr=False)
    _day_ends: list[int] = field(init=False, repr=False)
    _week_ends: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_opens", self.opens.tolist())
        object.__setattr__(self, "_closes", self.closes.tolist())
        object.__setattr__(self, "_day_ends", self.day_ends.tolist())
        object.__setattr__(self, "_week_ends", self.week_ends.tolist())

    def is_open(self, at: Instant) -> bool:
        """True while the market trades."""
        return self._run(at) is not None

    def are_open(self, at: Instants) -> NDArray[np.bool_]:
        """`is_open` for a whole column of instants."""
        if len(at):
            self._require(int(at.min()))
            self._require(int(at.max()))
        run = np.searchsorted(self.opens, at, side="right") - 1
        inside: NDArray[np.bool_] = (run >= 0) & (at < self.closes[np.maximum(run, 0)])
        return inside

    def next_open(self, at: Instant) -> Instant | None:
        """The first opening after ``at``; None in a market that never shuts."""
        self._require(at)
        run = bisect_right(self._opens, at)
        return self._opens[run] if run < len(self._opens) else None

    def next_close(self, at: Instant) -> Instant | None:
        """The first moment after ``at`` at which trading stops (for FX the weekend or a holiday, not the day's end).

        None in a market that never shuts: the last run of trading goes on past what was built.
        """
        self._require(at)
        run = bisect_right(self._closes, at)
        return self._closes[run] if run < len(self._closes) - 1 else None

    def minutes_to_close(self, at: Instant) -> float:
        """Minutes until trading stops: 0 while the market is shut, infinity where it never shuts."""
        run = self._run(at)
        if run is None:
            return 0.0
        return (self._closes[run] - at) / MINUTE if run < len(self._closes) - 1 else math.inf

    def day_end(self, at: Instant) -> Instant | None:
        """The end of the trading day that ``at`` belongs to; None while the market is shut."""
        return None if self._run(at) is None else self._day_ends[bisect_right(self._day_ends, at)]

    def last_day_end(self, at: Instant) -> Instant | None:
        """When the last trading day ended that is over at ``at``; None where that was before what was built."""
        self._require(at)
        day = bisect_right(self._day_ends, at) - 1
        return self._day_ends[day] if day >= 0 and self._day_ends[day] > self.first else None

    def week_end(self, at: Instant) -> Instant | None:
        """The end of the trading week that ``at`` belongs to; None while shut, and where weeks do not end."""
        if not self.ends_week or self._run(at) is None:
            return None
        return self._week_ends[bisect_right(self._day_ends, at)]

    def is_last_day_of_week(self, at: Instant) -> bool:
        """True while the last trading day of a week trades."""
        week_end = self.week_end(at)
        return week_end is not None and week_end == self.day_end(at)

    def trading_date(self, at: Instant) -> date:
        """The local date on which the trading day of ``at`` ends; while the market is shut, of the day that is next."""
        self._require(at)
        return self.dates[bisect_right(self._day_ends, at)]

    def spans(self, start: Instant, end: Instant) -> Iterator[tuple[Instant, Instant]]:
        """The spans of trading from ``start`` to ``end``, in order; see `open_spans`."""
        self._require(start)
        self._require(end)
        if end <= start:
            return iter(())
        first, last = bisect_right(self._closes, start), bisect_left(self._opens, end)
        runs = zip(self._opens[first:last], self._closes[first:last], strict=True)
        return ((max(opens, start), min(closes, end)) for opens, closes in runs)

    def sessions(self, trading_date: date) -> tuple[tuple[Instant, Instant], ...]:
        """The (opening, closing) instants of a trading date, in order; none where it does not trade."""
        self._require_date(trading_date)
        day = number_of(trading_date)
        first, last = np.searchsorted(self.day_sessions.days, (day, day + 1)).tolist()
        opens, closes = self.day_sessions.opens[first:last].tolist(), self.day_sessions.closes[first:last].tolist()
        return tuple(zip(opens, closes, strict=True))

    def day_end_of(self, trading_date: date) -> Instant | None:
        """The end of a trading date; None where it does not trade."""
        sessions = self.sessions(trading_date)
        return sessions[-1][1] if sessions else None

    def is_short(self, trading_date: date) -> bool:
        """True where the date ends earlier than is usual for its weekday; False where it does not trade."""
        end = self.day_end_of(trading_date)
        if end is None:
            return False
        place = bisect_left(self.dates, trading_date)
        near = range(max(place - NEAR_DAYS, 0), min(place + NEAR_DAYS, len(self.dates)))
        same = [day for day in near if self.dates[day].weekday() == trading_date.weekday()]
        ends = [self._local_minute(self._day_ends[day], self.dates[day]) for day in same]
        return self._local_minute(end, trading_date) < median(ends)

    def _run(self, at: Instant) -> int | None:
        """The stretch of trading that ``at`` lies in; None while the market is shut."""
        if not self.first <= at <= self.last:
            self._require(at)
        run = bisect_right(self._opens, at) - 1
        return run if run >= 0 and at < self._closes[run] else None

    def _require(self, at: Instant) -> None:
        if not self.first <= at <= self.last:
            raise OutsideSpan(
                f"the trading times of {self.name} are built from {iso(self.first)} to {iso(self.last)}; "
                f"they were asked for {iso(at)}"
            )

    def _require_date(self, trading_date: date) -> None:
        zone = ZoneInfo(self.zone)
        first, last = moment(self.first).astimezone(zone).date(), moment(self.last).astimezone(zone).date()
        if not first <= trading_date <= last:
            raise OutsideSpan(
                f"the trading times of {self.name} are built for {first} to {last}; they were asked for {trading_date}"
            )

    def _local_minute(self, at: Instant, trading_date: date) -> float:
        local = moment(at).astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        return (local - datetime.combine(trading_date, time())).total_seconds() / 60


def open_spans(times: TradingTimes, start: Instant, end: Instant) -> Iterator[tuple[Instant, Instant]]:
    """The spans from ``start`` to ``end`` in which the market trades, in order; none where ``end`` is not after it.

    Raises `OutsideSpan` where one of the two is not covered, before the first span is given.
    """
    return times.spans(start, end)


def needs_schedule(commodity: Commodity) -> str | None:
    """The name of the exchange's schedule that `build` needs for this commodity; None where the calendar is our own."""
    return None if commodity.calendar in OWN_CALENDARS else commodity.calendar


def build(
    commodity: Commodity,
    first: Instant,
    last: Instant,
    *,
    schedule: ExchangeSchedule | None = None,
    hours: Sequence[Hours] = (),
) -> TradingTimes:
    """The trading times of a commodity of the catalogue from ``first`` to ``last``.

    ``hours`` are laid over those of the catalogue, each over the one before: the user's, then the account's.
    ``schedule``: the one that `needs_schedule` names, for a fortnight more than the span on both sides.

    Raises ``ValueError`` when ``last`` lies before ``first``, `OutsideSpan` for a schedule that is too short, and
    `BadCalendar` where the schedule is missing or another one, or the hours contradict themselves.
    """
    wanted = needs_schedule(commodity)
    if (schedule.name if schedule else None) != wanted:
        given = f"the schedule of {schedule.name!r}" if schedule else "no schedule"
        raise BadCalendar(f"{commodity.id}: calendar is {commodity.calendar!r}, but {given} is given")
    lowest = short_days_of(wanted, first, last) if wanted else own_rule(commodity.calendar, commodity.zone)
    known_until = schedule.known_until if schedule else lowest.known_until
    layers = (Hours(day_end=commodity.day_end), *commodity.hours, *hours)
    above = tuple(CalendarRule(commodity.zone, layer) for layer in layers)
    return _flattened(commodity.id, commodity.zone, (lowest, *above), (first, last), schedule, known_until)


def flatten(name: str, rule: CalendarRule, first: Instant, last: Instant) -> TradingTimes:
    """A rule by itself as instants from ``first`` to ``last``; ``name`` is for messages.

    Raises ``ValueError`` when ``last`` lies before ``first``, and `BadCalendar` for hours that contradict themselves
    or are not there at all.
    """
    return _flattened(name, rule.zone, (rule,), (first, last), None, rule.known_until)


def _flattened(
    name: str,
    zone: str,
    rules: Sequence[CalendarRule],
    span: tuple[Instant, Instant],
    schedule: ExchangeSchedule | None,
    known_until: date | None,
) -> TradingTimes:
    """The schedule, or nothing, with rules laid over it from the lowest up."""
    first, last = span
    if last < first:
        raise ValueError(f"the trading times of {name} cannot run from {iso(first)} back to {iso(last)}")
    days = np.arange(first // DAY - MARGIN_DAYS, last // DAY + MARGIN_DAYS + 1)
    years = date_of(int(days[0])).year, date_of(int(days[-1])).year
    plan = plan_of_nothing(days) if schedule is None else _plan_of(name, schedule, days)
    for rule in rules:
        plan = with_hours(name, plan, rule.hours, local_clock(rule.zone, *years))
    if schedule is None and not any(rule.hours.sessions for rule in rules):
        raise BadCalendar(f"{name}: hours.sessions is missing; expected some, for the calendar has holidays alone")
    sessions, weekdays, clock = plan.actual, trading_weekdays(plan.regular), local_clock(zone, *years)
    friday_end = _highest(rule.hours.friday_end for rule in rules)
    if friday_end is not None:
        sessions = with_early_week_end(name, sessions, weekdays, friday_end, clock)
    day_end = _highest(rule.hours.day_end for rule in rules)
    if day_end is not None:
        sessions = cut_at(day_end, sessions, clock, goes_on=_says_sessions_last(rules))
    if len(sessions.days) == 0 or sessions.closes[-1] <= last:
        raise BadCalendar(f"{name}: the calendar has no sessions around {iso(last)}")
    dates = np.unique(sessions.days)
    day_ends = sessions.closes[np.searchsorted(sessions.days, dates, side="right") - 1]
    weeks = (dates + EPOCH_WEEKDAY - weekdays[0]) // WEEK_DAYS
    goes_on = np.flatnonzero(sessions.opens[1:] == sessions.closes[:-1])
    return TradingTimes(
        name=name,
        zone=zone,
        first=first,
        last=last,
        opens=np.delete(sessions.opens, goes_on + 1),
        closes=np.delete(sessions.closes, goes_on),
        day_ends=day_ends,
        week_ends=day_ends[np.searchsorted(weeks, weeks, side="right") - 1],
        dates=tuple(dates.astype("datetime64[D]").tolist()),
        day_sessions=sessions,
        ends_week=len(weekdays) < WEEK_DAYS,
        known_until=known_until,
        auto_close_minutes=_highest(rule.hours.auto_close_minutes_before for rule in rules),
    )


def _says_sessions_last(rules: Sequence[CalendarRule]) -> bool:
    """True where the sessions are not said below the day's end: who says that such a day trades longer means it."""
    with_sessions = [place for place, rule in enumerate(rules) if rule.hours.sessions is not None]
    with_day_end = [place for place, rule in enumerate(rules) if rule.hours.day_end is not None]
    return bool(with_sessions) and with_sessions[-1] >= max(with_day_end, default=0)


def _highest(said: Iterable[Said | None]) -> Said | None:
    """What the highest of the layers says that says anything."""
    return next((one for one in reversed(tuple(said)) if one is not None), None)


def _plan_of(name: str, schedule: ExchangeSchedule, days: Instants) -> Plan:
    first, last = date_of(int(days[0])), date_of(int(days[-1]))
    if not schedule.first <= first <= last <= schedule.last:
        raise OutsideSpan(
            f"{name}: the schedule of {schedule.name!r} is for {schedule.first} to {schedule.last}; "
            f"expected it for {first} to {last}"
        )
    clock = local_clock(schedule.zone, schedule.first.year, schedule.last.year)
    return plan_of_schedule(DaySessions(schedule.dates, schedule.opens, schedule.closes), days, clock)
