"""When metals and energies end early at COMEX and NYMEX, in New York.

As observed on hourly bars of gold from 2012 to 2022, and as the exchange has published them since: on holidays of the
United States trading ended at 13:15 until the spring of 2014 (in the quarter of an hour after 13:00 gold had 266 to 550
ticks on the holidays before, and 4 to 46 on those after), at 13:00 until 2021, and ends at 14:30 since, on a Friday at
13:00. Years before 2012 are taken to be as 2012.

They are laid over what pandas_market_calendars 5.5 says, which differs on 29 dates from 2012 to 2025: it has 13:00 on
the holidays before that and on every Labor Day since 2022, no Christmas Eve before 2026, and other times on 4 July and
28 November 2025. The table of QuantConnect's Lean, an independent one, has those of crude oil from 2012 to 2026 as they
are here, but for 29 November 2024, which it lacks.
"""

from __future__ import annotations

from datetime import date, timedelta

from trading.us_holidays import FRIDAY, MONDAY, THURSDAY, memorial_day, nth_weekday, observed

QUARTER_PAST_ONE, ONE, HALF_PAST_TWO = 13 * 60 + 15, 13 * 60, 14 * 60 + 30
QUARTER_TO_TWO, QUARTER_TO_THREE = 13 * 60 + 45, 14 * 60 + 45
AT_ONE_SINCE = date(2014, 5, 1)
AT_HALF_PAST_TWO_SINCE, LONGER_FRIDAY_SINCE, JUNETEENTH_SINCE = 2022, 2025, 2022


def early_ends(year: int) -> dict[date, int]:
    """Dates that end early, with the minute of New York's day; some are shut altogether, or on a weekend."""
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
    if day < AT_ONE_SINCE:
        return QUARTER_PAST_ONE
    return ONE if day.year < AT_HALF_PAST_TWO_SINCE or day.weekday() == FRIDAY else HALF_PAST_TWO
