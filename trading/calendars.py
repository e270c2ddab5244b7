"""When a market is open, when its day ends and when its week ends, as UTC instants found by bisection.

A `CalendarRule` says it in the exchange's own words: weekly sessions on a local clock, holidays, early closes, late
opens. `TradingTimes` is that rule flattened once into instants for a span, so that a look-up is a bisection and
daylight saving needs no thought afterwards: local rules are converted date by date, in the exchange's zone.

Everything hangs on the *trading date*: the local date on which a trading day ends. The FX day of Monday 5 January
begins on Sunday at 17:00 New York and ends on Monday at 17:00, so a holiday on a date takes away the whole day that
ends on it: FX is closed for 25 December from 17:00 on the 24th to 17:00 on the 25th.

A *week* is what trades between two weekends (the ISO week of the trading dates). Its end is the end of its last
trading day, which is a Thursday where the Friday is a holiday: what matters is the gap that follows.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from trading.bars import Instants
from trading.commodities import Commodity
from trading.market import MINUTE, Instant, instant, iso, moment
from trading.metals_holidays import early_ends, shut_on

DAY_MINUTES = 24 * 60
FX_ZONE = "America/New_York"
FX_CHANGE_MINUTE = 17 * 60  # of Sunday, when the FX week opens, and of Friday, when it ends
METALS_OPENING_MINUTE = FX_CHANGE_MINUTE + 60  # each day, after a break of an hour
METALS_YEARS = range(1970, 2100)
MARGIN_DAYS = 14  # built on both sides of the span: a market that shuts at all shuts within a fortnight


class OutsideSpan(ValueError):
    """The trading times were not built for that instant: extend them."""


class BadCalendar(ValueError):
    """The calendar's rule contradicts itself; the message names the calendar, the field and the value."""


@dataclass(frozen=True, slots=True)
class Session:
    """One stretch of trading of a trading date, in minutes of the local clock from midnight of that date."""

    weekday: int  # of the trading date; Monday is 0
    opens_minute: int  # negative: on the evening before; -420 is 17:00 the day before
    closes_minute: int


@dataclass(frozen=True, slots=True)
class CalendarRule:
    """A market's hours as data. Minutes are on the local clock of ``zone``, from midnight of the trading date.

    A local time that daylight saving skips is read on the clock of before the change; one that happens twice is its
    first occurrence.
    """

    zone: str
    sessions: tuple[Session, ...]  # those of one weekday in the order of the day
    ends_week: bool = True  # False: no weekend, so there is no Friday rule
    yearly_holidays: frozenset[tuple[int, int]] = frozenset()  # (month, day) of trading dates that never trade
    holidays: frozenset[date] = frozenset()  # trading dates that do not trade
    early_closes: Mapping[date, int] = field(default_factory=dict)  # trading date to the minute at which it ends
    late_opens: Mapping[date, int] = field(default_factory=dict)  # trading date to the minute at which it begins

    def stretches(self, day: date) -> Iterator[tuple[int, int]]:
        """The (opening, closing) minutes of one trading date, in order; none where it does not trade."""
        if day in self.holidays or (day.month, day.day) in self.yearly_holidays:
            return
        earliest = self.late_opens.get(day, -math.inf)
        latest = self.early_closes.get(day, math.inf)
        for session in self.sessions:
            opens, closes = max(session.opens_minute, earliest), min(session.closes_minute, latest)
            if session.weekday == day.weekday() and opens < closes:
                yield int(opens), int(closes)


@dataclass(frozen=True, slots=True, eq=False)
class TradingTimes:
    """The trading times of one commodity, good for every instant from ``first`` to ``last``, both included.

    A market is open from an opening instant up to but not including the closing one. Every look-up raises
    `OutsideSpan` for an instant that is not covered.
    """

    name: str
    rule: CalendarRule = field(repr=False)
    first: Instant
    last: Instant
    opens: Instants = field(repr=False)  # (runs,) where uninterrupted trading begins, sorted
    closes: Instants = field(repr=False)  # (runs,) where it ends: after its opening, before the next one
    day_ends: Instants = field(repr=False)  # (days,) the end of each trading day, sorted
    week_ends: Instants = field(repr=False)  # (days,) the end of the trading week that each day belongs to
    dates: tuple[date, ...] = field(repr=False)  # (days,) trading dates
    # The same as lists: a bisection of one value is some ten times faster on them than on an array.
    _opens: list[int] = field(init=False, repr=False)
    _closes: list[int] = field(init=False, repr=False)
    _day_ends: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_opens", self.opens.tolist())
        object.__setattr__(self, "_closes", self.closes.tolist())
        object.__setattr__(self, "_day_ends", self.day_ends.tolist())

    def is_open(self, at: Instant) -> bool:
        """True while the market trades."""
        self._require(at)
        run = bisect_right(self._opens, at) - 1
        return run >= 0 and at < self._closes[run]

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
        if not self.is_open(at):
            return 0.0
        close = self.next_close(at)
        return math.inf if close is None else (close - at) / MINUTE

    def day_end(self, at: Instant) -> Instant | None:
        """The end of the trading day that ``at`` belongs to; None while the market is shut."""
        return self._day_ends[self._day(at)] if self.is_open(at) else None

    def last_day_end(self, at: Instant) -> Instant | None:
        """When the last trading day ended that is over at ``at``; None where that was before what was built."""
        self._require(at)
        day = self._day(at) - 1
        return self._day_ends[day] if day >= 0 and self._day_ends[day] > self.first else None

    def week_end(self, at: Instant) -> Instant | None:
        """The end of the trading week that ``at`` belongs to; None while shut, and where weeks do not end."""
        if not self.rule.ends_week or not self.is_open(at):
            return None
        return int(self.week_ends[self._day(at)])

    def is_last_day_of_week(self, at: Instant) -> bool:
        """True while the last trading day of a week trades."""
        week_end = self.week_end(at)
        return week_end is not None and week_end == self.day_end(at)

    def trading_date(self, at: Instant) -> date:
        """The local date on which the trading day of ``at`` ends; while the market is shut, of the day that is next."""
        self._require(at)
        return self.dates[self._day(at)]

    def spans(self, start: Instant, end: Instant) -> Iterator[tuple[Instant, Instant]]:
        """The spans of trading from ``start`` to ``end``, in order; see `open_spans`."""
        self._require(start)
        self._require(end)
        if end <= start:
            return iter(())
        first, last = bisect_right(self._closes, start), bisect_left(self._opens, end)
        runs = zip(self._opens[first:last], self._closes[first:last], strict=True)
        return ((max(opens, start), min(closes, end)) for opens, closes in runs)

    def extended(self, until: Instant) -> TradingTimes:
        """The same trading times, good until ``until`` at least."""
        return self if until <= self.last else flatten(self.name, self.rule, self.first, until)

    def _day(self, at: Instant) -> int:
        """The first trading day that has not ended at ``at``."""
        return bisect_right(self._day_ends, at)

    def _require(self, at: Instant) -> None:
        if not self.first <= at <= self.last:
            raise OutsideSpan(
                f"the trading times of {self.name} are built from {iso(self.first)} to {iso(self.last)}; "
                f"they were asked for {iso(at)}"
            )


def open_spans(times: TradingTimes, start: Instant, end: Instant) -> Iterator[tuple[Instant, Instant]]:
    """The spans from ``start`` to ``end`` in which the market trades, in order; none where ``end`` is not after it.

    Raises `OutsideSpan` where one of the two is not covered, before the first span is given.
    """
    return times.spans(start, end)


def build(commodity: Commodity, first: Instant, last: Instant) -> TradingTimes:
    """The trading times of a commodity of the catalogue from ``first`` to ``last``.

    Raises ``ValueError`` when ``last`` lies before ``first``, and `BadCalendar` where the commodity's zone and calendar
    do not fit each other.
    """
    return flatten(commodity.id, rule_of(commodity), first, last)


def rule_of(commodity: Commodity) -> CalendarRule:
    """The rule of the calendar that the catalogue names for this commodity, with the commodity's own day end."""
    day_end_minute = minute_of(commodity.day_end)
    if commodity.calendar == "always":
        return always_rule(commodity.zone, day_end_minute)
    if commodity.zone != FX_ZONE:
        raise BadCalendar(
            f"{commodity.id}: zone is {commodity.zone!r}; the {commodity.calendar} calendar is written in {FX_ZONE!r}"
        )
    return metals_rule(day_end_minute) if commodity.calendar == "metals" else fx_rule(day_end_minute)


def fx_rule(day_end_minute: int = FX_CHANGE_MINUTE) -> CalendarRule:
    """Foreign exchange: Sunday 17:00 to Friday 17:00 New York, closed for 25 December and 1 January.

    A day that ends earlier than 17:00 ends the week earlier too: what comes after the last day's end belongs to no
    day, and a market without a day has no closing rule to watch over it.
    """
    end = day_end_minute or DAY_MINUTES  # midnight is the end of a date, not its beginning
    opening, closing = FX_CHANGE_MINUTE - DAY_MINUTES, min(end, FX_CHANGE_MINUTE)
    sessions = (
        Session(0, opening, end),
        *(Session(weekday, end - DAY_MINUTES, end) for weekday in (1, 2, 3)),
        Session(4, end - DAY_MINUTES, closing),
    )
    return CalendarRule(FX_ZONE, sessions, yearly_holidays=frozenset({(12, 25), (1, 1)}))


def metals_rule(day_end_minute: int = FX_CHANGE_MINUTE) -> CalendarRule:
    """Gold and silver: Sunday 18:00 to Friday 17:00 New York with a break from 17:00 to 18:00 each day, and the
    holidays and early ends of `trading/metals_holidays.py`.
    """
    sessions = (
        Session(session.weekday, max(session.opens_minute, opens), min(session.closes_minute, closes))
        for session in fx_rule(day_end_minute).sessions
        for opens, closes in _between_breaks()
        if max(session.opens_minute, opens) < min(session.closes_minute, closes)
    )
    return CalendarRule(
        FX_ZONE,
        tuple(sessions),
        holidays=frozenset(day for year in METALS_YEARS for day in shut_on(year)),
        early_closes={day: minute for year in METALS_YEARS for day, minute in early_ends(year).items()},
    )


def _between_breaks() -> Iterator[tuple[int, int]]:
    """From each opening to the next break: of the day before, of the date itself, of the day after."""
    for midnight in (-DAY_MINUTES, 0, DAY_MINUTES):
        yield midnight + METALS_OPENING_MINUTE - DAY_MINUTES, midnight + FX_CHANGE_MINUTE


def always_rule(zone: str, day_end_minute: int) -> CalendarRule:
    """A market that never shuts: its days end at a local time, its weeks do not end."""
    end = day_end_minute or DAY_MINUTES
    sessions = tuple(Session(weekday, end - DAY_MINUTES, end) for weekday in range(7))
    return CalendarRule(zone, sessions, ends_week=False)


def minute_of(local_time: str) -> int:
    """Minutes since midnight of ``HH:MM``."""
    hours, minutes = local_time.split(":")
    return int(hours) * 60 + int(minutes)


def flatten(name: str, rule: CalendarRule, first: Instant, last: Instant) -> TradingTimes:
    """The rule as instants from ``first`` to ``last``; ``name`` is for messages.

    Raises ``ValueError`` when ``last`` lies before ``first``, and `BadCalendar` for sessions that overlap, end before
    they begin, or are not there at all.
    """
    if last < first:
        raise ValueError(f"the trading times of {name} cannot run from {iso(first)} back to {iso(last)}")
    opens: list[Instant] = []
    closes: list[Instant] = []
    day_ends: list[Instant] = []
    dates: list[date] = []
    zone = ZoneInfo(rule.zone)
    day = moment(first).date() - timedelta(days=MARGIN_DAYS)
    final = moment(last).date() + timedelta(days=MARGIN_DAYS)
    while day <= final:
        end = None
        for opens_minute, closes_minute in rule.stretches(day):
            start, end = _instant_of(day, opens_minute, zone), _instant_of(day, closes_minute, zone)
            if start >= end or (closes and start < closes[-1]):
                raise BadCalendar(f"{name}: the sessions of {day} overlap or end before they begin")
            if closes and start == closes[-1]:
                closes[-1] = end
            else:
                opens.append(start)
                closes.append(end)
        if end is not None:
            day_ends.append(end)
            dates.append(day)
        day += timedelta(days=1)
    if not opens or closes[-1] <= last:
        raise BadCalendar(f"{name}: the rule has no sessions around {iso(last)}")
    return TradingTimes(
        name=name,
        rule=rule,
        first=first,
        last=last,
        opens=np.array(opens, dtype=np.int64),
        closes=np.array(closes, dtype=np.int64),
        day_ends=np.array(day_ends, dtype=np.int64),
        week_ends=np.array(_week_ends(dates, day_ends), dtype=np.int64),
        dates=tuple(dates),
    )


def _instant_of(day: date, minute: int, zone: ZoneInfo) -> Instant:
    """The instant at which the local clock shows ``minute``. The sum is on the wall clock, so before the zone."""
    return instant((datetime.combine(day, time()) + timedelta(minutes=minute)).replace(tzinfo=zone))


def _week_ends(dates: list[date], day_ends: list[Instant]) -> list[Instant]:
    last_end = {day.isocalendar()[:2]: end for day, end in zip(dates, day_ends, strict=True)}
    return [last_end[day.isocalendar()[:2]] for day in dates]
