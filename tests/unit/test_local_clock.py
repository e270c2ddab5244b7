"""A whole column of local times, read as `zoneinfo` reads each of them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.calendar_days import date_of, number_of
from trading.local_clock import local_clock, weekdays_of, years_of
from trading.market import instant

ZONES = (
    "America/New_York",
    "Europe/London",
    "Europe/Dublin",  # whose winter is the exception
    "Asia/Tokyo",
    "Australia/Lord_Howe",  # half an hour
    "Africa/Casablanca",  # back and forth within five weeks
    "America/Havana",  # at midnight
    "Pacific/Apia",  # a day that never was: 30 December 2011
    "UTC",
)
FIRST, LAST = date(2009, 1, 1), date(2028, 12, 31)
some_days = st.dates(FIRST, LAST)


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=20)  # of up to twenty dates each
@given(days=st.lists(some_days, min_size=1, max_size=20), minutes=st.lists(st.integers(-1440, 2880), min_size=20))
def test_local_times_are_the_instants_that_they_are_one_by_one(zone: str, days: list[date], minutes: list[int]) -> None:
    clock = local_clock(zone, FIRST.year, LAST.year)
    numbers = np.array([number_of(day) for day in days])
    found = clock.instants(numbers, np.array(minutes[: len(days)]))
    walls = [datetime.combine(day, time()) + timedelta(minutes=m) for day, m in zip(days, minutes, strict=False)]
    assert found.tolist() == [instant(wall.replace(tzinfo=ZoneInfo(zone))) for wall in walls]


@pytest.mark.parametrize("zone", ZONES)
def test_every_quarter_of_an_hour_around_each_change_is_right(zone: str) -> None:
    clock = local_clock(zone, FIRST.year, LAST.year)
    for change in clock.changes.tolist():
        around = change + np.arange(-12, 13) * 15 * 60_000
        days = clock.dates(around)
        shown = clock.minutes(around, days)
        walls = [
            datetime.combine(date_of(day), time()) + timedelta(minutes=minute)
            for day, minute in zip(days.tolist(), shown.tolist(), strict=True)
        ]
        truth = [datetime.fromtimestamp(at / 1_000, ZoneInfo(zone)).replace(tzinfo=None) for at in around.tolist()]
        assert walls == truth
        back = [instant(wall.replace(tzinfo=ZoneInfo(zone))) for wall in walls]
        assert clock.instants(days, shown).tolist() == back


def test_dates_know_their_weekday_and_their_year() -> None:
    days = [date(1969, 12, 31), date(1970, 1, 1), date(2026, 11, 22), date(2028, 2, 29)]
    numbers = np.array([number_of(day) for day in days])
    assert [date_of(number) for number in numbers.tolist()] == days
    assert weekdays_of(numbers).tolist() == [day.weekday() for day in days]
    assert years_of(numbers).tolist() == [day.year for day in days]
