"""When the CFTC published a report on the positions of a date: nobody could know them before.

The rule is the third business day after the date, 15:30 in New York: for a Tuesday that is Friday, and Monday where a
federal holiday lies between ("Federal holidays may delay release by one or two days", the CFTC's release schedule).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from trading.market import Instant, instant
from trading.us_holidays import MONDAY, SATURDAY, SUNDAY, THURSDAY, memorial_day, nth_weekday, observed

NEW_YORK = ZoneInfo("America/New_York")
TIME_OF_DAY = time(15, 30)
BUSINESS_DAYS = 3
JUNETEENTH_SINCE = 2021


def _catch_up(first: date, releases: str) -> dict[date, date]:
    """Reports week by week from ``first``, which were published on these dates."""
    published = [date.fromisoformat(day) for day in releases.split()]
    return {first + timedelta(weeks=week): day for week, day in enumerate(published)}


DELAYED: Mapping[date, date] = MappingProxyType(
    {
        # The government's shutdown of October 2013. The days of the catching up are not known here; all was by then.
        **dict.fromkeys((date(2013, 10, 1) + timedelta(weeks=week) for week in range(5)), date(2013, 11, 8)),
        # That of 2018-19: "one report on Tuesday and another on Friday of each week" from 1 February on.
        **_catch_up(date(2019, 1, 8), "2019-02-08 2019-02-12 2019-02-15 2019-02-19 2019-02-22 2019-02-26 2019-03-01"),
        date(2018, 12, 24): date(2019, 2, 1),
        date(2018, 12, 31): date(2019, 2, 5),
        date(2019, 2, 26): date(2019, 3, 5),
        # The attack on ION Cleared Derivatives, 31 January 2023: the first of those that were missed came on
        # 24 February (release 8662-23), none on 17 March. The days of the others are not known here; all was by then.
        date(2023, 1, 31): date(2023, 2, 24),
        **dict.fromkeys((date(2023, 2, 7) + timedelta(weeks=week) for week in range(6)), date(2023, 3, 24)),
        # That of 2025, by the schedule that the CFTC announced on 18 November 2025.
        **_catch_up(date(2025, 9, 30), "2025-11-19 2025-11-21 2025-11-25 2025-12-02 2025-12-05 2025-12-09"),
        date(2025, 11, 10): date(2025, 12, 12),
        **_catch_up(
            date(2025, 11, 18),
            "2025-12-16 2025-12-19 2025-12-23 2025-12-30 2026-01-06 2026-01-09 2026-01-13 2026-01-16 2026-01-20",
        ),
    }
)
"""Reports that came later than the rule says: their dates, and the dates of their release."""

CHRISTMASES = "2001-12-24 2002-12-24 2003-12-26 2007-12-24 2008-12-26 2012-12-24 2014-12-26 2018-12-24 2019-12-24"
LATER_CHRISTMASES = "2020-12-24 2024-12-24 2025-12-24 2025-12-26"
FUNERALS = "2004-06-11 2007-01-02 2018-12-05 2025-01-09"
CLOSED_BY_ORDER = frozenset(
    date.fromisoformat(day) for days in (CHRISTMASES, LATER_CHRISTMASES, FUNERALS) for day in days.split()
)
"""Days on which the president closed the federal offices: around Christmas, and for the funerals of four presidents.

What was published on one of them all the same is taken to be known a day too late, never too early.
"""


def released_at(as_of: date) -> Instant:
    """The instant at which the report on the positions of ``as_of`` was published, or will be."""
    day = DELAYED.get(as_of)
    if day is None:
        day = as_of
        for _ in range(BUSINESS_DAYS):
            day = _next_business_day(day)
    return instant(datetime.combine(day, TIME_OF_DAY, NEW_YORK))


def _next_business_day(day: date) -> date:
    day += timedelta(days=1)
    while day.weekday() in (SATURDAY, SUNDAY) or day in _closed(day.year):
        day += timedelta(days=1)
    return day


@cache
def _closed(year: int) -> frozenset[date]:
    """New Year's Day of the next year may be kept in this one."""
    return federal_holidays(year) | federal_holidays(year + 1) | CLOSED_BY_ORDER


@cache
def federal_holidays(year: int) -> frozenset[date]:
    """When the holidays of ``year`` are observed (5 U.S.C. 6103): New Year's perhaps on the last day before it."""
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    if year >= JUNETEENTH_SINCE:
        fixed.append(date(year, 6, 19))
    moving = [
        nth_weekday(year, 1, MONDAY, 3),  # Martin Luther King
        nth_weekday(year, 2, MONDAY, 3),  # Washington
        memorial_day(year),
        nth_weekday(year, 9, MONDAY, 1),  # Labor Day
        nth_weekday(year, 10, MONDAY, 2),  # Columbus Day
        nth_weekday(year, 11, THURSDAY, 4),  # Thanksgiving
    ]
    return frozenset([*map(observed, fixed), *moving])
