"""Longer bars from working ones, and their completeness by the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from made_bars import series, steady

from trading.market import DAY, HOUR, Instant, instant, iso
from trading.time_frames import TimeFrame, aggregate, day_starts, period_starts


def utc(year: int, month: int, day: int, hour: int = 0) -> Instant:
    return instant(datetime(year, month, day, hour, tzinfo=UTC))


def test_four_hour_bars_take_the_highest_high_the_lowest_low_and_the_last_close() -> None:
    bars = aggregate(steady([1, 5, 2, 3, 7, 6]), TimeFrame.H4)
    assert bars.start.tolist() == [0, 4 * HOUR]
    assert bars.high.tolist() == [5.1, 7.1]
    assert bars.low.tolist() == [0.9, 5.9]
    assert bars.close.tolist() == [3, 6]


def test_a_longer_bar_counts_as_complete_from_the_end_of_its_last_hour() -> None:
    bars = aggregate(steady([1.0] * 9), TimeFrame.H4)
    assert bars.completed.tolist() == [0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_a_longer_bar_that_lacks_its_last_hour_is_not_complete_until_the_clock_says_so() -> None:
    time = np.array([0, 1, 4, 5, 6, 7, 8], dtype=np.int64) * HOUR
    price = np.ones(7)
    bars = aggregate(series(time, price, price, price), TimeFrame.H4)
    assert bars.completed.tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_values_of_a_longer_frame_are_unknown_until_its_first_bar_is_complete() -> None:
    bars = aggregate(steady([1.0] * 9), TimeFrame.H4)
    seen = bars.at_working_bars(np.array([10.0, 20.0, 30.0]))
    assert np.isnan(seen[:3]).all()
    assert seen[3:].tolist() == [10, 10, 10, 10, 20, 20]


def test_hours_of_an_hourly_feed_are_complete_at_their_own_end() -> None:
    bars = aggregate(steady([1.0] * 5), TimeFrame.H1)
    assert bars.completed.tolist() == [1, 2, 3, 4, 5]


def test_quarter_hours_make_hours() -> None:
    bars = aggregate(steady([1, 2, 3, 4, 5, 6], bar_seconds=900), TimeFrame.H1)
    assert bars.close.tolist() == [4, 6]
    assert bars.completed.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("at", "starts"),
    [
        (utc(2024, 3, 8, 12), "2024-03-07T22:00:00Z"),  # winter: New York is five hours behind
        (utc(2024, 3, 11, 12), "2024-03-10T21:00:00Z"),  # daylight saving began on Sunday 10 March
        (utc(2024, 11, 1, 12), "2024-10-31T21:00:00Z"),
        (utc(2024, 11, 4, 12), "2024-11-03T22:00:00Z"),  # and ended on Sunday 3 November
    ],
)
def test_a_day_begins_at_17_in_new_york_in_summer_and_in_winter(at: Instant, starts: str) -> None:
    found = period_starts(TimeFrame.D1, np.array([at]))
    assert iso(int(found[0])) == starts


def test_every_hour_of_a_year_falls_in_the_day_that_new_york_says() -> None:
    hours = utc(2024, 1, 1) + np.arange(366 * 24, dtype=np.int64) * HOUR
    starts = period_starts(TimeFrame.D1, hours)
    zone = ZoneInfo("America/New_York")
    for hour, start in zip(hours.tolist(), starts.tolist(), strict=True):
        local = datetime.fromtimestamp(hour / 1000, zone)
        date = (local + timedelta(hours=7)).date() - timedelta(days=1)  # wall clock: 17:00 begins the next day
        assert start == instant(datetime(date.year, date.month, date.day, 17, tzinfo=zone))


def test_days_around_the_changes_are_23_and_25_hours_long() -> None:
    starts = day_starts(utc(2024, 1, 1), utc(2024, 12, 31))
    lengths = np.diff(starts)
    assert sorted(set(lengths.tolist())) == [23 * HOUR, DAY, 25 * HOUR]
    assert np.count_nonzero(lengths != DAY) == 2


def test_fridays_last_hour_completes_the_day_and_not_only_sundays_first() -> None:
    friday = steady([1.0] * 24, start=utc(2024, 5, 2, 21))
    bars = aggregate(friday, TimeFrame.D1)
    assert bars.completed.tolist() == [0] * 23 + [1]


@pytest.mark.parametrize("bar_seconds", [7200, 86_400, 2700, 0, -60])
def test_bars_that_do_not_fill_an_hour_are_refused(bar_seconds: int) -> None:
    bars = replace(steady([1.0, 1.0]), bar_seconds=bar_seconds)
    with pytest.raises(ValueError, match=f"bar_seconds is {bar_seconds}; expected a divisor of 3600"):
        aggregate(bars, TimeFrame.H4)


def test_no_bars_are_refused() -> None:
    with pytest.raises(ValueError, match="no bars of EURUSD"):
        aggregate(steady([1.0]).window(0, 0), TimeFrame.D1)
