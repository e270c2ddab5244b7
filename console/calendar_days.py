"""One trading day beside the others of its weekday: whether it is cut short, begins late, or does not trade at all.

What is usual is not asked of the rules but seen in the weeks around: most days of one weekday begin and end at the same
local time, and the day that does not is the one to be explained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from console.figures import words
from trading.calendars import TradingTimes
from trading.holidays import names_on
from trading.market import Instant, instant, moment

COMPARED_WEEKS = 8  # on either side
ENGLISH, LONDON = "english_bank_holidays", "Europe/London"
AMERICA = "America/"
EVERYWHERE = (
    "new_year", "good_friday", "easter_monday", "christmas_eve", "christmas", "new_years_eve",
    "day_after_new_year", "day_after_christmas",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """A trading date and how it differs from the others of its weekday."""

    trading_date: date
    sessions: tuple[tuple[Instant, Instant], ...]  # empty: it does not trade
    end: Instant | None  # None: it does not trade
    ends_week: bool
    usual_open: Instant | None  # where this weekday mostly begins; None: it mostly does not trade
    usual_close: Instant | None
    kept: str | None  # the holiday of that date, in words; many a market trades on it as ever

    @property
    def is_early_close(self) -> bool:
        """Whether it ends before the others of its weekday."""
        return self.end is not None and self.usual_close is not None and self.end < self.usual_close

    @property
    def is_late_open(self) -> bool:
        """Whether it begins after the others of its weekday."""
        return bool(self.sessions) and self.usual_open is not None and self.sessions[0][0] > self.usual_open

    @property
    def is_shut(self) -> bool:
        """Whether it does not trade, though its weekday does."""
        return not self.sessions and self.usual_close is not None

    @property
    def holiday(self) -> str | None:
        """Why the day is not like the others of its weekday, where a holiday tells that."""
        return self.kept if self.is_early_close or self.is_late_open or self.is_shut else None


def day_of(times: TradingTimes, day: date) -> Day:
    """The day with what is usual for it. Raises `OutsideSpan` where the weeks around it are not covered."""
    zone = ZoneInfo(times.zone)
    sessions = times.sessions(day)
    weeks = [timedelta(weeks=week) for week in range(-COMPARED_WEEKS, COMPARED_WEEKS + 1) if week]
    others = [(day + week, times.sessions(day + week)) for week in weeks]
    opens = _most(_since_midnight(other, found[0][0], zone) if found else None for other, found in others)
    closes = _most(_since_midnight(other, found[-1][1], zone) if found else None for other, found in others)
    return Day(
        trading_date=day,
        sessions=sessions,
        end=times.day_end_of(day),
        ends_week=bool(sessions) and times.is_last_day_of_week(sessions[0][0]),
        usual_open=None if opens is None else _instant_of(day, opens, zone),
        usual_close=None if closes is None else _instant_of(day, closes, zone),
        kept=_holiday(day, times.zone),
    )


def _holiday(day: date, zone: str) -> str | None:
    """The name of the holiday, in words: an American or English one only where a market is theirs."""
    own = (ENGLISH,) if zone == LONDON else ()
    is_american = zone.startswith(AMERICA)
    names = [name for name in names_on(day) if name in EVERYWHERE or name in own or (is_american and name != ENGLISH)]
    return words(names[0]).title() if names else None


def _most(spans: Iterable[timedelta | None]) -> timedelta | None:
    """What is there most often."""
    return Counter(spans).most_common(1)[0][0]


def _since_midnight(day: date, at: Instant, zone: ZoneInfo) -> timedelta:
    """How far the local clock has gone at ``at`` since the midnight of ``day``; negative on the evening before."""
    return moment(at).astimezone(zone).replace(tzinfo=None) - datetime.combine(day, time())


def _instant_of(day: date, since_midnight: timedelta, zone: ZoneInfo) -> Instant:
    """The instant at which the local clock shows it: the sum is on the wall clock, so before the zone."""
    return instant((datetime.combine(day, time()) + since_midnight).replace(tzinfo=zone))
