"""Exports of the usual platforms, read as they are; clocks, spreads and faulty rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from feeds.errors import FeedError
from feeds.files import Reading, read_bars, read_file
from feeds.spreads import SpreadModel, UnknownSpread, spread_model, with_spread
from trading.bars import BadBars
from trading.market import DAY, HOUR, MINUTE, Instant, iso

Write = Callable[..., Path]
MONDAY = 1_704_672_000_000  # 8 January 2024


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """A .csv from its lines."""

    def write(lines: Sequence[str], encoding: str = "utf-8") -> Path:
        path = tmp_path / "bars.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write


METATRADER = (
    "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
    "2024.01.08\t00:00:00\t1.09430\t1.09450\t1.09400\t1.09410\t812\t0\t11",
    "2024.01.08\t01:00:00\t1.09410\t1.09440\t1.09405\t1.09425\t644\t0\t9",
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_metatraders_own_export_is_of_bids_with_spreads_in_points(written: Write, encoding: str) -> None:
    bars = read_file(written(METATRADER, encoding), "EURUSD", Reading(clock="UTC+2"))

    assert bars.prices == "bid"
    assert bars.series.spread.tolist() == pytest.approx([0.00011, 0.00009])
    assert bars.series.time.tolist() == [MONDAY - 2 * HOUR, MONDAY - HOUR]


def test_a_clock_for_times_that_name_their_zone_has_no_effect_and_it_says_so(written: Write) -> None:
    lines = ("time,open,high,low,close", *(f"2024-01-08T0{n}:00:00Z,1.1,1.2,1.0,1.1" for n in range(3)))
    bars = read_file(written(lines), "EURUSD", Reading(clock="UTC+2"))
    assert bars.series.time[0] == MONDAY
    assert bars.clock == "as the times say themselves; UTC+2 has no effect"
    with pytest.raises(FeedError, match="time_zone is 'Mars/Olympus'; expected a zone such as"):
        read_file(written(lines), "EURUSD", Reading(clock="Mars/Olympus"))


@pytest.mark.parametrize(
    ("lines", "step", "first"),
    [
        (  # MetaTrader 4
            ("2024.01.08,00:00,1.0943,1.0945,1.0940,1.0941,812", "2024.01.08,00:01,1.0941,1.0944,1.0940,1.0942,64"),
            MINUTE,
            MONDAY,
        ),
        (  # HistData
            ("20240108 000000;1.0943;1.0945;1.0940;1.0941;0", "20240108 000100;1.0941;1.0944;1.0940;1.0942;0"),
            MINUTE,
            MONDAY,
        ),
        (  # Dukascopy
            (
                "Gmt time,Open,High,Low,Close,Volume",
                "08.01.2024 00:00:00.000,1.0943,1.0945,1.0940,1.0941,5.1",
                "08.01.2024 01:00:00.000,1.0941,1.0944,1.0940,1.0942,7.25",
            ),
            HOUR,
            MONDAY,
        ),
        (  # Dukascopy, in the time of a place
            (
                "Local time,Open,High,Low,Close,Volume",
                "08.01.2024 02:00:00.000 GMT+0200,1.0943,1.0945,1.0940,1.0941,5.1",
                "08.01.2024 03:00:00.000 GMT+0200,1.0941,1.0944,1.0940,1.0942,7.25",
            ),
            HOUR,
            MONDAY,
        ),
        (  # Yahoo
            (
                "Datetime,Open,High,Low,Close,Adj Close,Volume",
                "2024-01-07 19:00:00-05:00,1.0943,1.0945,1.0940,1.0941,1.0941,0",
                "2024-01-07 20:00:00-05:00,1.0941,1.0944,1.0940,1.0942,1.0942,0",
            ),
            HOUR,
            MONDAY,
        ),
        (  # days before months, and the other way round
            ("time,o,h,l,c", "08/01/2024 00:00,1,1,1,1", "08/01/2024 01:00,1,1,1,1", "13/01/2024 00:00,1,1,1,1"),
            HOUR,
            MONDAY,
        ),
        (
            ("time,o,h,l,c", "01/08/2024 00:00,1,1,1,1", "01/08/2024 01:00,1,1,1,1", "01/13/2024 00:00,1,1,1,1"),
            HOUR,
            MONDAY,
        ),
        (("time,o,h,l,c", *(f"{MONDAY // 1000 + hour * 3600},1,1,1,1" for hour in range(2))), HOUR, MONDAY),
        (("time,o,h,l,c", *(f"{MONDAY * 1000 + hour * HOUR * 1000},1,1,1,1" for hour in range(2))), HOUR, MONDAY),
        (("time,o,h,l,c", *(f"{(MONDAY + hour * HOUR) * 10**6},1,1,1,1" for hour in range(2))), HOUR, MONDAY),
    ],
    ids=["MetaTrader 4", "HistData", "Dukascopy", "local", "Yahoo", "day first", "month first", "s", "us", "ns"],
)
def test_the_exports_of_many_platforms_are_read_as_they_are(
    written: Write, lines: tuple[str, ...], step: int, first: Instant
) -> None:
    series = read_bars(written(lines), "EURUSD")

    assert (series.bar_length, int(series.time[0])) == (step, first)


def test_dates_that_may_be_of_either_order_are_refused(written: Write) -> None:
    with pytest.raises(FeedError, match=r"row 0: time is '08/01/2024 .*whether the month or the day comes first"):
        read_bars(written(("time,o,h,l,c", "08/01/2024 00:00,1,1,1,1", "08/01/2024 01:00,1,1,1,1")), "EURUSD")


def test_bids_and_asks_under_other_names_make_mids(written: Write) -> None:
    header = "DateTime,BidOpen,BidHigh,BidLow,BidClose,AskOpen,AskHigh,AskLow,AskClose,Volume"
    rows = [f"2024-01-08 0{hour}:00,1,1,1,1,1.5,1.5,1.5,1.5,9" for hour in range(2)]
    bars = read_file(written((header, *rows)), "EURUSD", Reading())

    assert bars.prices == "mid"
    assert bars.series.close.tolist() == [1.25, 1.25]
    assert bars.series.spread.tolist() == [0.5, 0.5]


def test_a_file_without_a_header_and_too_few_values_is_refused(written: Write) -> None:
    with pytest.raises(FeedError, match="has no names, and 4 values; expected a time, an open"):
        read_bars(written(("1704672000,1,1,1", "1704675600,1,1,1")), "EURUSD")


def test_another_column_of_times_may_be_named(written: Write) -> None:
    lines = ("time,server_time,o,h,l,c", *(f"2024-01-08 0{h}:00,2024-01-08 0{h + 2}:00,1,1,1,1" for h in range(2)))
    bars = read_file(written(lines), "EURUSD", Reading(clock="UTC+2", time_column="server_time"))

    assert int(bars.series.time[0]) == MONDAY
    with pytest.raises(FeedError, match="no column of times; expected broker"):
        read_file(written(lines), "EURUSD", Reading(time_column="broker"))


# ------------------------------------------------------------ rows at fault

HEADER = "time,open,high,low,close"


def hourly(count: int, begin: Instant = MONDAY, reach: float = 0.001) -> list[str]:
    """Quiet hours, one after another."""
    return [f"{iso(begin + n * HOUR)},1.1,{1.1 + reach},{1.1 - reach},1.1" for n in range(count)]


FAULTY = [
    HEADER,
    *hourly(4),
    f"{iso(MONDAY + 4 * HOUR)},1.1,1.2,0,1.1",
    f"{iso(MONDAY + 3 * HOUR)},1.1,1.2,1.0,1.1",
    f"{iso(MONDAY + 5 * HOUR)},1.1,1.2,,1.1",
    f"{iso(MONDAY + 6 * HOUR)},1.1,1.0,1.2,1.1",
    f"{iso(MONDAY + 8 * HOUR)},1.1,1.2,1.0,1.1",
    f"{iso(MONDAY + 7 * HOUR)},1.1,1.2,1.0,1.1",
    f"{iso(MONDAY + 8 * HOUR + 60_000)},1.1,1.2,1.0,1.1",
]


def test_rows_at_fault_are_refused_or_left_out_and_counted_each_kind_with_its_first(written: Write) -> None:
    path = written(FAULTY)
    with pytest.raises(BadBars, match=r"row 6 .*low is nan"):
        read_file(path, "EURUSD", Reading())
    bars = read_file(path, "EURUSD", Reading(keeps_going=True))

    assert bars.series.time.tolist() == [MONDAY + hour * HOUR for hour in (0, 1, 2, 3, 7, 8)]
    assert [(finding.what, finding.count, finding.left_out) for finding in bars.findings] == [
        ("rows without a price", 1, True),
        ("rows with a price at or below zero", 1, True),
        ("rows whose high and low do not hold their prices", 1, True),
        ("rows with a time that was there before", 1, True),
        ("rows earlier than the one before them, put in order", 1, False),
        ("bars that do not begin a whole number of 3600 s after the first", 1, True),
    ]
    assert bars.findings[1].example.startswith("row 4 (2024-01-08T04:00:00Z): open 1.1, high 1.2, low 0")


def test_daily_bars_among_hourly_ones_are_refused_or_left_out(written: Write) -> None:
    days = [f"{iso(MONDAY - n * DAY)},1.1,1.12,1.09,1.1" for n in range(5, 0, -1)]
    path = written([HEADER, *days, *hourly(48)])
    with pytest.raises(BadBars, match=r"row 0 .*alone on its day.*of which there are 5"):
        read_file(path, "EURUSD", Reading())
    bars = read_file(path, "EURUSD", Reading(keeps_going=True))

    assert [(finding.what, finding.count) for finding in bars.findings] == [("daily bars among shorter ones", 5)]
    assert len(bars.series) == 48


def test_a_single_hour_alone_on_its_day_is_a_hole_and_no_daily_bar(written: Write) -> None:
    lone = f"{iso(MONDAY - 2 * DAY)},1.1,1.2,1.0,1.1"
    assert len(read_bars(written([HEADER, lone, *hourly(30)]), "EURUSD")) == 31


# ------------------------------------------------------------ spreads


def test_a_spread_may_be_fixed_or_typical_or_the_files_own(written: Write) -> None:
    bars = read_file(written(METATRADER), "EURUSD", Reading()).series

    def spread(text: str) -> list[float]:
        found: list[float] = with_spread(bars, "mid", spread_model(text), point=1e-5, typical_points=10).spread.tolist()
        return found

    assert spread("file") == pytest.approx([0.00011, 0.00009])
    assert spread("12") == pytest.approx([0.00012, 0.00012])
    assert np.isnan(spread("typical")).all(), "the broker knows the typical one"


def test_a_spread_by_the_hour_follows_new_york_through_summer_time(written: Write) -> None:
    rows = [f"{iso(at)},1.1,1.1,1.1,1.1" for at in (MONDAY + 21 * HOUR, MONDAY + 22 * HOUR)]
    rows += [f"{iso(MONDAY + 182 * DAY + hour * HOUR)},1.1,1.1,1.1,1.1" for hour in (21, 22)]
    bars = read_bars(written([HEADER, *rows]), "EURUSD")

    model = spread_model("10,17=80,3-5=20")
    assert str(model) == "10,3=20,4=20,5=20,17=80"
    spread = with_spread(bars, "mid", model, point=1e-5, typical_points=10).spread
    assert spread.tolist() == pytest.approx([0.0001, 0.0008, 0.0008, 0.0001])


@pytest.mark.parametrize(("prices", "shift"), [("bid", 1), ("ask", -1)])
def test_bars_of_one_side_become_mids_by_half_the_spread(written: Write, prices: str, shift: int) -> None:
    bars = read_file(written([HEADER, *hourly(2)]), "EURUSD", Reading(prices="bid" if prices == "bid" else "ask"))
    moved = with_spread(bars.series, bars.prices, SpreadModel(), point=1e-5, typical_points=10)

    assert moved.close - bars.series.close == pytest.approx([shift * 0.00005] * 2)
    assert moved.high - bars.series.high == pytest.approx([shift * 0.00005] * 2)


@pytest.mark.parametrize("text", ["", "narrow", "-1", "nan", "12,25=3", "12,17", "12,19-17=4", "12,17=many", "1e99"])
def test_a_spread_that_is_none_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(UnknownSpread, match="expected file"):
        spread_model(text)
