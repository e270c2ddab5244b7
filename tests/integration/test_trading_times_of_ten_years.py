"""What holds for every commodity of the catalogue over ten years, on its real calendar."""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import date
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from made_sessions import utc

from feeds.market_calendars import CalendarStore
from trading.calendars import TradingTimes
from trading.commodities import catalogue
from trading.market import DAY, HOUR, moment

CATALOGUE = catalogue(tomllib.loads(files("trading").joinpath("commodities.toml").read_text("utf-8")))
FIRST, LAST = utc("2018-01-01T00:00"), utc("2028-01-01T00:00")
STEP = 5 * HOUR + 7 * 60_000  # through every hour of the day and every day of the week


@pytest.fixture(scope="module")
def all_times(calendars: CalendarStore) -> dict[str, TradingTimes]:
    """The trading times of every commodity, built once."""
    return {name: calendars.times(commodity, FIRST, LAST) for name, commodity in CATALOGUE.items()}


@pytest.mark.parametrize("name", CATALOGUE)
def test_intervals_are_sorted_and_disjoint_and_days_and_weeks_end_in_them(
    all_times: dict[str, TradingTimes], name: str
) -> None:
    times = all_times[name]
    assert (times.opens < times.closes).all()
    assert (times.closes[:-1] < times.opens[1:]).all()
    assert (np.diff(times.day_ends) > 0).all()
    run = np.searchsorted(times.opens, times.day_ends) - 1
    assert (times.opens[run] < times.day_ends).all()
    assert (times.day_ends <= times.closes[run]).all()
    sessions = times.day_sessions
    assert (sessions.opens < sessions.closes).all()
    assert (sessions.closes[:-1] <= sessions.opens[1:]).all()
    assert int((sessions.closes - sessions.opens).sum()) == int((times.closes - times.opens).sum())


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_week_ends_with_the_last_day_before_a_weekend(all_times: dict[str, TradingTimes], name: str) -> None:
    times = all_times[name]
    if not times.ends_week:
        assert name in {"BITCOIN", "ETHEREUM", "LITECOIN", "RIPPLE"}
        return
    is_last = times.week_ends == times.day_ends
    weeks = [day.isocalendar()[:2] for day in times.dates]
    assert is_last[:-1].tolist() == [week != after for week, after in pairwise(weeks)]
    rest = np.diff(times.day_ends)
    assert rest[is_last[:-1]].min() > 2 * DAY, "a weekend is between two weeks"
    assert (times.week_ends >= times.day_ends).all()


@pytest.mark.parametrize("name", CATALOGUE)
def test_days_end_at_one_local_time_through_every_change_of_clocks(
    all_times: dict[str, TradingTimes], name: str
) -> None:
    times, zone = all_times[name], ZoneInfo(CATALOGUE[name].zone)
    inside = [(day, end) for day, end in zip(times.dates, times.day_ends.tolist(), strict=True) if FIRST <= end <= LAST]
    usual = CATALOGUE[name].day_end_by_hours
    local = {day: moment(end).astimezone(zone).strftime("%H:%M") for day, end in inside}
    odd = [day for day, shown in local.items() if shown != usual]
    ends = Counter(local.values())
    assert ends[usual] > 0.93 * len(inside), ends
    near_a_change = [day for day in odd if day.month in (3, 10, 11) and not times.is_short(day)]
    assert not near_a_change, near_a_change
    assert all(local[day] < usual for day in odd), "no day ends late"


@pytest.mark.parametrize("name", CATALOGUE)
def test_what_comes_next_comes_after_now(all_times: dict[str, TradingTimes], name: str) -> None:
    times = all_times[name]
    always = not times.ends_week
    for at in range(FIRST, LAST - 14 * DAY, 9 * STEP):
        next_open, next_close = times.next_open(at), times.next_close(at)
        if always:
            assert (next_open, next_close) == (None, None)
            assert times.is_open(at)
        else:
            assert next_open is not None
            assert next_close is not None
            assert min(next_open, next_close) > at
            assert times.is_open(at) == (next_close < next_open)
        day_end = times.day_end(at)
        assert (day_end is None) == (not times.is_open(at))
        if day_end is not None:
            assert at < day_end <= at + 26 * HOUR
            assert times.is_open(day_end - 1)
            assert times.day_end_of(times.trading_date(at)) == day_end
            week_end = times.week_end(at)
            assert week_end is None if always else week_end is not None and day_end <= week_end <= at + 7 * DAY


def test_columns_and_single_instants_agree(all_times: dict[str, TradingTimes]) -> None:
    at = np.arange(FIRST, LAST, 31 * STEP)
    for times in all_times.values():
        assert times.are_open(at).tolist() == [times.is_open(one) for one in at.tolist()]


def test_the_thursday_before_every_good_friday_ends_the_week_of_metals(all_times: dict[str, TradingTimes]) -> None:
    fridays = ("2019-04-19", "2020-04-10", "2021-04-02", "2022-04-15", "2023-04-07", "2024-03-29", "2025-04-18")
    for friday in (*fridays, "2026-04-03", "2027-03-26"):
        good_friday = date.fromisoformat(friday)
        for name in ("GOLD", "SILVER", "PLATINUM", "COPPER"):
            times = all_times[name]
            assert times.sessions(good_friday) == (), f"{name} {friday}"
            thursday_end = times.day_end_of(good_friday.replace(day=good_friday.day - 1))
            assert thursday_end is not None
            assert times.is_last_day_of_week(thursday_end - 1), f"{name} {friday}"
