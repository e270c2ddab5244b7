"""The holidays of gold and silver at COMEX: on which dates they do not trade, and when they end early in New York.

As observed on hourly bars from 2012 to 2022, and as the exchange has published them since: on holidays of the United
States trading ended at 13:15 until 2014, at 13:00 until 2021, and ends at 14:30 since, on a Friday at 13:00. Years
before 2012 are taken to be as 2012.
"""

from __future__ import annotations

from datetime import date, timedelta

from trading.easter import good_friday
from trading.us_holidays import FRIDAY, MONDAY, SUNDAY, THURSDAY, memorial_day, nth_weekday, observed

QUARTER_PAST_ONE, ONE, HALF_PAST_TWO = 13 * 60 + 15, 13 * 60, 14 * 60 + 30
QUARTER_TO_TWO, QUARTER_TO_THREE = 13 * 60 + 45, 14 * 60 + 45
AT_ONE_SINCE, AT_HALF_PAST_TWO_SINCE, LONGER_FRIDAY_SINCE, JUNETEENTH_SINCE = 2015, 2022, 2025, 2022


def shut_on(year: int) -> frozenset[date]:
    """Trading dates without trading: Good Friday, Christmas as it is kept, and New Year; if a Sunday, the Monday."""
    new_year = date(year, 1, 1)
    kept = observed(new_year) if new_year.weekday() == SUNDAY else new_year
    return frozenset({good_friday(year), observed(date(year, 12, 25)), kept})


def early_ends(year: int) -> dict[date, int]:
    """Trading dates that end early, with the minute of New York's day."""
    thanksgiving = nth_weekday(year, 11, THURSDAY, 4)
    holidays = [
        nth_weekday(year, 1, MONDAY, 3),  # Martin Luther King
        nth_weekday(year, 2, MONDAY, 3),  # Washington
        memorial_day(year),
        observed(date(year, 7, 4)),
        nth_weekday(year, 9, MONDAY, 1),  # Labor Day
        thanksgiving,
    ]
    if year >= JUNETEENTH_SINCE:
        holidays.append(observed(date(year, 6, 19)))
    ends = {day: _end_of_holiday(day) for day in holidays}
    ends[thanksgiving + timedelta(days=1)] = QUARTER_TO_THREE if year >= LONGER_FRIDAY_SINCE else QUARTER_TO_TWO
    ends[date(year, 12, 24)] = QUARTER_TO_TWO
    return ends


def _end_of_holiday(day: date) -> int:
    if day.year < AT_ONE_SINCE:
        return QUARTER_PAST_ONE
    return ONE if day.year < AT_HALF_PAST_TWO_SINCE or day.weekday() == FRIDAY else HALF_PAST_TWO
