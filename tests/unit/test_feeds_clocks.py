"""A file's clock: named, or measured by laying its bars on the calendar."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.catalogue import read_catalogue
from feeds.clock_measurement import MeasuredClock, NotMeasurable, measured_clock
from feeds.clocks import FileClock, SkippedTime, UnknownClock, broker_clock, clock_named
from feeds.files import Reading, read_file
from feeds.market_calendars import CalendarStore
from trading.bars import Instants
from trading.calendars import TradingTimes, build
from trading.market import DAY, HOUR, MINUTE, Instant, instant, iso, moment

BEGIN, END = instant(datetime(2021, 1, 3, tzinfo=UTC)), instant(datetime(2023, 1, 1, tzinfo=UTC))
CATALOGUE = read_catalogue()
FROM_2015 = instant(datetime(2015, 1, 1, tzinfo=UTC))
DATA = Path(os.environ.get("WATCHBILL_DATA", Path(__file__).parents[3] / "shared" / "data"))


def times_of(commodity: str = "EURUSD") -> TradingTimes:
    return build(CATALOGUE[commodity], BEGIN - 10 * DAY, END + 10 * DAY)


def trading_hours(step: int = HOUR, begin: Instant = BEGIN, end: Instant = END) -> Instants:
    """Every bar of the market, by UTC."""
    every = np.arange(begin, end, step, dtype=np.int64)
    return every[times_of().are_open(every)]


def shown_by(clock: FileClock, utc: Instants) -> Instants:
    starts, offsets = clock.changes(int(utc[0]), int(utc[-1]) + 1)
    return utc + offsets[np.searchsorted(starts, utc, side="right") - 1]


def measured(local: Instants, step: int = HOUR) -> MeasuredClock:
    return measured_clock(local, step, times_of())


@pytest.mark.parametrize(
    ("name", "winter", "march", "summer"),  # hours ahead in January, on 20 March, and in July
    [
        ("UTC", 0, 0, 0),
        ("utc+2", 2, 2, 2),
        ("GMT-5", -5, -5, -5),
        ("UTC+5:30", 5.5, 5.5, 5.5),
        ("UTC+2/+3 EU", 2, 2, 3),
        ("UTC+2/+3 US", 2, 3, 3),
        ("server", 2, 3, 3),
        ("new-york", 2, 3, 3),
        ("europe", 2, 2, 3),
        ("Europe/Athens", 2, 2, 3),
        ("America/New_York", -5, -4, -4),
    ],
)
def test_a_clock_is_known_by_its_name(name: str, winter: float, march: float, summer: float) -> None:
    clock = clock_named(name)
    ahead = [clock.offset(instant(datetime(2024, *date, tzinfo=UTC))) / HOUR for date in ((1, 10), (3, 20), (7, 10))]
    assert ahead == [winter, march, summer]


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "UTC+2/+4 EU", "UTC+2/+3", "UTC+2/+3 JP", "two hours"])
def test_a_clock_that_nobody_knows_is_refused_with_what_is_expected(name: str) -> None:
    with pytest.raises(UnknownClock, match="expected"):
        clock_named(name)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["UTC+2/+3 EU", "UTC+2/+3 US", "UTC-5", "Europe/Athens", "America/New_York", "Australia/Sydney"]),
    st.integers(BEGIN // MINUTE, (END - 40 * DAY) // MINUTE),
    st.sampled_from([MINUTE, 15 * MINUTE, HOUR]),
)
def test_what_a_clock_shows_means_the_instants_at_which_it_showed_it(name: str, begin: int, step: int) -> None:
    clock = clock_named(name)
    utc = np.arange(begin * MINUTE, begin * MINUTE + 300 * step, step, dtype=np.int64)
    assert np.array_equal(clock.to_utc(shown_by(clock, utc)), utc)


def test_a_time_that_the_clocks_jump_over_is_named_by_its_row() -> None:
    shown = [datetime(2024, 3, 10, hour) for hour in (1, 2)]
    local = np.array([(at - datetime(1970, 1, 1)) // timedelta(milliseconds=1) for at in shown], dtype=np.int64)
    with pytest.raises(SkippedTime, match="jump over") as caught:
        clock_named("America/New_York").to_utc(local)
    assert caught.value.row == 1


# ------------------------------------------------------------ measured


@pytest.mark.parametrize("step", [15 * MINUTE, HOUR])
@pytest.mark.parametrize(
    "name", ["UTC+0", "UTC+2", "UTC+2/+3 EU", "UTC+2/+3 US", "UTC+1/+2 EU", "UTC-5", "UTC-5/-4 US", "UTC+10"]
)
def test_the_clock_of_whole_bars_is_measured_to_the_bar(name: str, step: int) -> None:
    utc = trading_hours(step)
    found = measured(shown_by(clock_named(name), utc), step)

    assert [clock.name for clock in found.clocks] == [name]
    assert found.fitting == found.weeks > 95
    assert found.telling_weeks > 0
    assert np.array_equal(found.to_utc(shown_by(clock_named(name), utc)), utc)


def test_half_hours_are_measured_where_bars_are_short_enough() -> None:
    utc = trading_hours(15 * MINUTE)
    assert measured(shown_by(clock_named("UTC+5:30"), utc), 15 * MINUTE).clocks[0].name == "UTC+5:30"


def test_a_broker_that_begins_late_and_takes_an_hour_off_each_day_is_measured_all_the_same() -> None:
    new_york = FileClock("New York", clock_named("America/New_York").zone)
    utc = trading_hours()
    hour = shown_by(new_york, utc) // HOUR % 24
    kept = utc[hour != 17]  # the first hour of each day, Sunday's included
    for name in ("UTC+2/+3 EU", "UTC+2/+3 US"):
        assert measured(shown_by(clock_named(name), kept)).clocks[0].name == name


def test_holes_in_the_recording_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    utc = trading_hours()
    holes = np.zeros(len(utc), dtype=bool)
    for start in rng.integers(0, len(utc), 60):
        holes[start : start + 30] = True
    clock = clock_named("UTC+2/+3 EU")
    assert measured(shown_by(clock, utc[~holes])).clocks[0].name == clock.name


def test_a_broker_that_moved_to_another_clock_is_followed() -> None:
    utc = trading_hours()
    moved_at = instant(datetime(2022, 1, 9, tzinfo=UTC))
    before, after = clock_named("UTC+2/+3 EU"), clock_named("UTC-5")
    local = np.concatenate([shown_by(before, utc[utc < moved_at]), shown_by(after, utc[utc >= moved_at])])
    found = measured(local)

    assert [clock.name for clock in found.clocks] == ["UTC+2/+3 EU", "UTC-5"]
    assert moment(found.since[1]).date() == moment(moved_at).date() - timedelta(days=1)
    assert np.array_equal(found.to_utc(local), utc)


def test_a_summer_alone_cannot_tell_whose_dates_are_kept_and_says_so() -> None:
    utc = trading_hours(begin=instant(datetime(2022, 5, 1, tzinfo=UTC)), end=instant(datetime(2022, 9, 1, tzinfo=UTC)))
    found = measured(shown_by(clock_named("UTC+2/+3 EU"), utc))

    assert found.telling_weeks == 0
    assert "no week tells them apart" in str(found)


def test_what_cannot_be_measured_is_said() -> None:
    rng = np.random.default_rng(2)
    with pytest.raises(NotMeasurable, match="BITCOIN never shuts"):
        measured_clock(trading_hours(), HOUR, times_of("BITCOIN"))
    with pytest.raises(NotMeasurable, match="expected at most an hour"):
        measured_clock(trading_hours(), 4 * HOUR, times_of())
    with pytest.raises(NotMeasurable, match="whole weeks of bars; expected at least 3"):
        measured(trading_hours()[:150])
    anywhere = np.unique(rng.integers(BEGIN // HOUR, END // HOUR, 9_000)) * HOUR
    with pytest.raises(NotMeasurable, match=r"fits \d+ of \d+ weeks; expected 75%"):
        measured(anywhere)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("UTC+0", "UTC"),
        ("UTC+2/+3 US", r"UTC, as none was given; its bars look like those of UTC\+2/\+3 US: fits .*"),
    ],
)
def test_a_file_that_is_taken_for_utc_and_looks_otherwise_is_read_and_says_so(
    tmp_path: Path, name: str, said: str
) -> None:
    local = shown_by(clock_named(name), trading_hours())
    rows = (f"{iso(int(at)).removesuffix('Z')},1.1,1.2,1.0,1.1" for at in local)
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(["time,open,high,low,close", *rows]) + "\n")
    commodity = CATALOGUE["EURUSD"]
    bars = read_file(path, "EURUSD", Reading(calendar=lambda first, last: build(commodity, first, last)))

    assert np.array_equal(bars.series.time, local)
    assert re.fullmatch(said, bars.clock)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real series are not here")
@pytest.mark.parametrize(("symbol", "name"), [("GBPUSD", "GBPUSD"), ("USDJPY", "USDJPY"), ("XAUUSD", "GOLD")])
def test_on_real_hours_the_brokers_clock_is_measured_to_the_bar(
    symbol: str, name: str, calendars: CalendarStore
) -> None:
    path = DATA / f"{symbol}_H1_ejtrader_2012_2022.parquet"
    commodity = CATALOGUE[name]

    def reading(column: str, clock: str | None) -> Reading:
        return Reading(clock=clock, time_column=column, calendar=partial(calendars.times, commodity))

    truth = read_file(path, name, reading("time", "UTC"))
    found = read_file(path, name, reading("server_time", "measure"))

    assert found.measured is not None
    right = found.series.time == truth.series.time
    assert found.measured.clocks[-1].name == broker_clock(120, "EU").name
    if name == "GOLD":  # until 2014 this broker's gold rested by the broker's clock, in nine weeks an hour later
        right = right[truth.series.time >= FROM_2015]
        assert np.mean(found.series.time == truth.series.time) > 0.98
    assert right.all()
    assert "look like" not in read_file(path, name, reading("time", None)).clock
