"""Bars out of files: what is recognised, and what is refused with the file, the row, the column and the value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from feeds.errors import FeedError
from feeds.files import Reading, read_bars, read_file
from trading.bars import BadBars
from trading.market import DAY, HOUR, iso

Write = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """A .csv from its lines."""

    def write(*lines: str, name: str = "bars.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write


HEADER = "time,open,high,low,close"
ROWS = ("2024-01-08 00:00:00,1.10,1.12,1.09,1.11", "2024-01-08 01:00:00,1.11,1.13,1.10,1.12")
MONDAY = 1_704_672_000_000


def test_a_csv_becomes_bars(written: Write) -> None:
    series = read_bars(written(HEADER, *ROWS), "EURUSD")

    assert (series.commodity, series.bar_seconds) == ("EURUSD", 3600)
    assert series.time.tolist() == [MONDAY, MONDAY + HOUR]
    assert (series.open[0], series.high[0], series.low[0], series.close[0]) == (1.10, 1.12, 1.09, 1.11)
    assert np.isnan(series.spread).all()


@pytest.mark.parametrize(
    "header",
    [
        ",Open,High,Low,Close",
        "Date,OPEN,HIGH,LOW,CLOSE",
        "Timestamp,o,h,l,c",
        " datetime , Open , High , Low , Close ",
        "<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>",
    ],
)
def test_columns_are_known_by_many_names(written: Write, header: str) -> None:
    assert read_bars(written(header, *ROWS), "EURUSD").close.tolist() == [1.11, 1.12]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_columns_may_be_separated_by_semicolons_or_tabs(written: Write, separator: str) -> None:
    lines = [line.replace(",", separator) for line in (HEADER, *ROWS)]

    assert len(read_bars(written(*lines), "EURUSD")) == 2


def test_other_columns_and_a_byte_order_mark_do_not_disturb(written: Write) -> None:
    path = written(HEADER + ",volume,note", *(row + ",17,calm" for row in ROWS), encoding="utf-8-sig")

    assert len(read_bars(path, "EURUSD")) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2024-01-08T00:00:00Z", "2024-01-08T01:00:00Z"),
        ("2024-01-08 02:00+02:00", "2024-01-08 03:00+02:00"),
        ("2024.01.08 00:00", "2024.01.08 01:00"),
        ("20240108T000000", "20240108T010000"),
        ("1704672000", "1704675600"),
        ("1704672000000", "1704675600000"),
    ],
)
def test_times_are_known_in_many_forms(written: Write, first: str, second: str) -> None:
    path = written(HEADER, f"{first},1,1,1,1", f"{second},1,1,1,1")

    assert read_bars(path, "EURUSD").time.tolist() == [MONDAY, MONDAY + HOUR]


def test_dates_alone_are_daily_bars(written: Write) -> None:
    path = written(HEADER, "20240108,1,1,1,1", "20240109,1,1,1,1")
    series = read_bars(path, "EURUSD")

    assert (series.time.tolist(), series.bar_seconds) == ([MONDAY, MONDAY + DAY], 86_400)


def test_a_date_and_a_time_may_stand_in_two_columns(written: Write) -> None:
    path = written("<DATE>\t<TIME>\to\th\tl\tc", *(f"2024.01.08\t0{hour}:00:00\t1\t1\t1\t1" for hour in (0, 1)))

    assert read_bars(path, "EURUSD").time.tolist() == [MONDAY, MONDAY + HOUR]


def test_a_time_zone_is_that_of_times_that_name_none(written: Write) -> None:
    path = written(HEADER, "2024-07-08 03:00,1,1,1,1", "2024-07-08 04:00,1,1,1,1", "2024-07-08T02:00Z,1,1,1,1")

    series = read_bars(path, "EURUSD", time_zone="Europe/Athens")

    assert [iso(int(at)) for at in series.time] == [f"2024-07-08T0{hour}:00:00Z" for hour in (0, 1, 2)]


def test_the_hour_that_comes_twice_is_told_apart_by_its_order(written: Write) -> None:
    clock = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]
    path = written(HEADER, *(f"2024-11-03 {time},1,1,1,1" for time in clock))

    series = read_bars(path, "EURUSD", time_zone="America/New_York")

    assert np.all(np.diff(series.time) == HOUR // 2)


def test_a_time_that_the_clocks_jump_over_is_refused(written: Write) -> None:
    path = written(HEADER, "2024-03-10 01:00,1,1,1,1", "2024-03-10 02:00,1,1,1,1")

    with pytest.raises(FeedError, match="row 1: time is '2024-03-10 02:00'; expected a time that exists in"):
        read_bars(path, "EURUSD", time_zone="America/New_York")


def test_a_spread_column_is_taken_and_may_be_empty_in_places(written: Write) -> None:
    series = read_bars(written(HEADER + ",spread", ROWS[0] + ",0.0002", ROWS[1] + ","), "EURUSD")

    assert series.spread[0] == 0.0002
    assert np.isnan(series.spread[1])


def test_of_bids_and_asks_the_mid_is_taken_and_the_spread_of_the_close(written: Write) -> None:
    path = written(
        "time,bo,bh,bl,bc,ao,ah,al,ac",
        "2024-01-08 00:00,1.10,1.12,1.09,1.11,1.12,1.14,1.11,1.14",
        "2024-01-08 01:00,1.11,1.13,1.10,1.12,1.13,1.15,1.12,1.14",
    )
    series = read_bars(path, "EURUSD")

    assert (series.open[0], series.high[0], series.low[0]) == pytest.approx((1.11, 1.13, 1.10))
    assert (series.close[0], series.spread[0]) == pytest.approx((1.125, 0.03))


def test_the_length_of_a_bar_is_the_most_common_step(written: Write) -> None:
    hours = [0, 1, 2, 3, 52, 53]
    times = [datetime(2024, 1, 8) + timedelta(hours=hour) for hour in hours]
    series = read_bars(written(HEADER, *(f"{time},1,1,1,1" for time in times)), "EURUSD")

    assert series.bar_seconds == 3600


# ------------------------------------------------------------ parquet


def table(times: pa.Array, **columns: list[float]) -> pa.Table:
    prices = columns or {name: [1.0, 1.0] for name in ("open", "high", "low", "close")}
    return pa.table({"time": times, **prices})


@pytest.mark.parametrize(
    "times",
    [
        pa.array([datetime(2024, 1, 8), datetime(2024, 1, 8, 1)], pa.timestamp("ns")),
        pa.array([datetime(2024, 1, 8), datetime(2024, 1, 8, 1)], pa.timestamp("us", "Europe/Athens")),
        pa.array(["2024-01-08", "2024-01-08T01:00"]),
        pa.array([1_704_672_000, 1_704_675_600]),
        pa.array([1_704_672_000_000.0, 1_704_675_600_000.0]),
    ],
)
def test_a_parquet_becomes_bars_whatever_its_times_are(tmp_path: Path, times: pa.Array) -> None:
    path = tmp_path / "bars.parquet"
    parquet.write_table(table(times), path)

    assert read_bars(path, "EURUSD").time.tolist() == [MONDAY, MONDAY + HOUR]


def test_a_parquet_of_dates_is_daily_bars(tmp_path: Path) -> None:
    path = tmp_path / "bars.PARQUET"
    parquet.write_table(table(pa.array([date(2024, 1, 8), date(2024, 1, 9)])), path)

    assert read_bars(path, "EURUSD").time.tolist() == [MONDAY, MONDAY + DAY]


def test_a_time_zone_applies_to_a_parquet_too(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    parquet.write_table(table(pa.array([datetime(2024, 1, 8, 2), datetime(2024, 1, 8, 3)], pa.timestamp("ms"))), path)

    assert read_bars(path, "EURUSD", time_zone="Europe/Athens").time.tolist() == [MONDAY, MONDAY + HOUR]


def test_whole_numbers_are_prices_too(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    times = pa.array([MONDAY, MONDAY + HOUR])
    parquet.write_table(pa.table({"time": times, **{name: pa.array([5, 5]) for name in "ohlc"}}), path)

    assert read_bars(path, "EURUSD").close.tolist() == [5.0, 5.0]


def test_a_missing_price_in_a_parquet_is_refused_by_row(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    times = pa.array([MONDAY, MONDAY + HOUR])
    columns = {name: pa.array([1.0, None if name == "high" else 1.0]) for name in ("open", "high", "low", "close")}
    parquet.write_table(pa.table({"time": times, **columns}), path)

    with pytest.raises(BadBars, match=r"bars\.parquet: row 1 \(2024-01-08T01:00:00Z\): high is nan"):
        read_bars(path, "EURUSD")


def test_a_column_that_holds_no_numbers_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    columns = {name: pa.array([[1.0], [1.0]]) for name in ("open", "high", "low", "close")}
    parquet.write_table(pa.table({"time": pa.array([MONDAY, MONDAY + HOUR]), **columns}), path)

    with pytest.raises(FeedError, match=r"row 0: open is .*; expected a number"):
        read_bars(path, "EURUSD")


# ------------------------------------------------------------ refusals


def test_files_that_cannot_be_bars_are_refused_by_name(tmp_path: Path, written: Write) -> None:
    for path, why in [
        (tmp_path / "none.csv", "there is no such file"),
        (tmp_path / "none.parquet", "there is no such file"),
        (tmp_path / "bars.xlsx", r"kind is '\.xlsx'; expected \.csv or \.parquet"),
        (tmp_path / "bars", "its name has no extension; expected .csv or .parquet"),
        (written("not a parquet", name="fake.parquet"), r"cannot be read as \.parquet"),
        (written("", name="empty.csv"), "the first line is empty"),
        (written("Zeit;Preis ä", name="latin.csv", encoding="latin-1"), r"cannot be read as \.csv"),
    ]:
        with pytest.raises(FeedError, match=f"{path.name}: .*{why}"):
            read_bars(path, "EURUSD")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FeedError, match="this is a directory"):
        read_bars(tmp_path / "folder.csv", "EURUSD")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("when,open,high,low,close", *ROWS), "no column of times.*its columns are: when, open, high, low, close"),
        (("time,open,high,low", *(row[:-5] for row in ROWS)), "no columns of prices; expected open, high, low, close"),
        ((HEADER + ",Open", *(row + ",1" for row in ROWS)), "two columns 'open'"),
        ((HEADER, ROWS[0], "yesterday,1,1,1,1"), "row 1: time is 'yesterday'; expected an ISO 8601 time"),
        ((HEADER, ROWS[0], ",1,1,1,1"), "row 1: time is empty; expected an ISO 8601 time"),
        ((HEADER, ROWS[0], "9" * 24 + ",1,1,1,1"), "row 1: time is '9{24}'; .*between the years"),
        ((HEADER, ROWS[0], "2024-01-08 01:00,1,1,1,none"), "row 1: close is 'none'; expected a number"),
        ((HEADER, ROWS[0], "2024-01-08 01:00,1,1,1"), r"cannot be read as \.csv: .*Expected 5 columns, got 4"),
        ((HEADER, ROWS[0]), "there is one bar; expected at least two"),
        ((HEADER, *ROWS, "2024-01-08 02:00,1,1,1,1", "2024-01-08 02:30,1,1,1,1"), "row 3: time is 2024-01-08T02:30"),
        ((HEADER, "0,1,1,1,1", "1500000000001,1,1,1,1"), "1500000000001"),
        ((HEADER, "1704672000000,1,1,1,1", "1704672000500,1,1,1,1"), "step in time is 500 ms; expected whole seconds"),
        (
            (HEADER + ",spread", *(row + ",1.5" for row in ROWS)),
            "row 0: spread is 1.5 at a price of 1.11; .*price units",
        ),
    ],
)
def test_a_fault_is_named_with_its_row_column_and_value(written: Write, lines: tuple[str, ...], why: str) -> None:
    with pytest.raises(FeedError, match=rf"bars\.csv: .*{why}"):
        read_bars(written(*lines), "EURUSD")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2024-01-08 01:00,1,2,3,1.5", "high is 2.0; expected at least the low"),
        ("2024-01-08 01:00,1,2,0.5,2.5", "close is 2.5; expected a price between low and high"),
        ("2024-01-08 01:00,1,1,1,", "close is nan; expected a finite price"),
        ("2024-01-08 01:00,0,0,0,0", "open is 0.0; expected a price above zero"),
        ("2024-01-08 00:00,1,1,1,1", r"time is 2024-01-08T00:00:00Z; expected .*\(duplicate\)"),
        ("2024-01-07 23:00,1,1,1,1", r"time is 2024-01-07T23:00:00Z; expected .*\(unsorted\)"),
    ],
)
def test_bars_that_are_wrong_are_refused_by_row_column_and_value(written: Write, row: str, why: str) -> None:
    with pytest.raises(BadBars, match=rf"bars\.csv: row 1 .*{why}"):
        read_bars(written(HEADER, ROWS[0], row), "EURUSD")


def test_a_file_with_its_newest_bar_first_is_turned_round_and_that_is_said(written: Write) -> None:
    rows = [f"2024-10-27 0{hour // 4}:{hour % 4 * 15:02d},1,{2 + hour},1,1" for hour in range(4, 24)]
    autumn = [*rows[:8], *rows[4:]]  # one hour comes twice in Berlin
    for lines, zone in ((rows, None), (autumn, "Europe/Berlin")):
        forwards, backwards = written(HEADER, *lines), written(HEADER, *reversed(lines), name="backwards.csv")
        found = read_file(backwards, "EURUSD", Reading(clock=zone))
        expected = read_bars(forwards, "EURUSD", time_zone=zone)
        assert found.series.time.tolist() == expected.time.tolist()
        assert found.series.high.tolist() == expected.high.tolist()
        assert str(found.findings[0]) == (
            f"rows with the newest first, turned round: {len(lines)}; the first: 2024-10-27 05:45"
        )


def test_no_bars_at_all_are_refused(written: Write) -> None:
    with pytest.raises(BadBars, match=r"bars\.csv: there are no bars of EURUSD"):
        read_bars(written(HEADER), "EURUSD")


def test_an_unknown_time_zone_is_refused_by_name(written: Write) -> None:
    with pytest.raises(FeedError, match="time_zone is 'Mars/Olympus'; expected a zone such as Europe/Athens"):
        read_bars(written(HEADER, *ROWS), "EURUSD", time_zone="Mars/Olympus")


def test_prices_below_zero_are_taken_where_the_commodity_allows_them(written: Write) -> None:
    path = written(HEADER, "2020-04-20 00:00,10,11,-40,-37.63", "2020-04-21 00:00,-37,10,-40,10")

    assert read_bars(path, "WTI_CRUDE", may_be_negative=True).close[0] == -37.63
    with pytest.raises(BadBars, match=r"open is -37\.0; expected a price above zero"):
        read_bars(path, "WTI_CRUDE")
