"""Bars from a file: .csv or .parquet, whatever its columns are called, checked before anybody computes with them.

What is recognised, in any case of letters:

- a column of times: ``time``, ``datetime``, ``timestamp``, ``date``, or one without a name. ISO 8601 with or without a
  zone, dates with dots (2017.04.19), or seconds or milliseconds since 1970; in a .csv a date and a time in two columns,
  too. A time without a zone is UTC, unless a zone is given;
- prices: ``open high low close`` or ``o h l c``, mid prices; or bids and asks, ``bo bh bl bc`` and ``ao ah al ac``, of
  which the mid is taken;
- ``spread``, if there is one, in price units; with bids and asks it is the ask's close less the bid's.

The length of a bar is the most common step from one time to the next, and every bar must begin a whole number of such
steps after the first. Rows are counted from 0, the header not included.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from feeds.errors import FeedError
from feeds.times import UnreadableTime, instants_of
from trading.bars import BarSeries, Floats, Instants, check_bars
from trading.market import SECOND, iso

if TYPE_CHECKING:
    import pyarrow as pa

TIME_NAMES = ("time", "datetime", "timestamp", "date", "__index_level_0__", "")  # the first one found is taken
MID_NAMES = (("open", "high", "low", "close"), ("o", "h", "l", "c"))
BID_NAMES, ASK_NAMES = ("bo", "bh", "bl", "bc"), ("ao", "ah", "al", "ac")
SEPARATORS = ",;\t"


def read_bars(
    path: str | Path, commodity: str, *, may_be_negative: bool = False, time_zone: str | None = None
) -> BarSeries:
    """The bars in a file, as those of ``commodity``.

    ``time_zone`` is the zone of times that name none (default UTC). Raises `FeedError` when the file cannot be read as
    bars, and ``BadBars`` when it can, and they are wrong; both name the file, the row, the column and the value.
    """
    path = Path(path)
    columns = _Columns(path, _read(path))
    time = columns.times(_zone(path, time_zone))
    opened, high, low, close, spread = columns.prices()
    step = _most_common_step(time)
    series = BarSeries(commodity, step // SECOND, time, opened, high, low, close, spread)
    check_bars(series, may_be_negative=may_be_negative, source=str(path))
    if step == 0:
        raise FeedError(f"{path}: there is one bar; expected at least two, to tell how long a bar is")
    if step % SECOND:
        raise FeedError(f"{path}: the most common step in time is {step} ms; expected whole seconds")
    _require_grid(path, time, step)
    if not may_be_negative:
        _require_price_units(path, spread, close)
    return series


def _read(path: Path) -> dict[str, pa.ChunkedArray]:
    """The columns by their names in lower case. Raises `FeedError`."""
    suffix = path.suffix.lower()
    if not suffix:
        raise FeedError(f"{path}: its name has no extension; expected .csv or .parquet")
    if suffix not in (".csv", ".parquet"):
        raise FeedError(f"{path}: the file's kind is {suffix!r}; expected .csv or .parquet")
    if not path.exists():
        raise FeedError(f"{path}: there is no such file")
    if not path.is_file():
        raise FeedError(f"{path}: this is a directory; expected a file")
    import pyarrow as pa  # here, because it takes longer to load than the rest of the program

    try:
        names, columns = _read_csv(path) if suffix == ".csv" else _read_parquet(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        raise FeedError(f"{path}: cannot be read as {suffix}: {error}") from error
    by_name: dict[str, pa.ChunkedArray] = {}
    for name, column in zip(names, columns, strict=True):
        key = name.strip().strip("<>").lower()
        if key in by_name:
            raise FeedError(f"{path}: there are two columns {key!r}; expected one")
        by_name[key] = column
    return by_name


def _read_csv(path: Path) -> tuple[list[str], list[pa.ChunkedArray]]:
    """Everything as text: a value that is no number is to be named, not guessed at."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with path.open(encoding="utf-8-sig", newline="") as lines:
        header = lines.readline()
    separator = max(SEPARATORS, key=header.count)
    names = next(csv.reader([header], delimiter=separator), [])
    if not names:
        raise FeedError(f"{path}: the first line is empty; expected the names of the columns")
    numbered = [str(number) for number in range(len(names))]
    table = arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(column_names=numbered, skip_rows=1),
        parse_options=arrow_csv.ParseOptions(delimiter=separator),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(numbered, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )
    return names, table.columns


def _read_parquet(path: Path) -> tuple[list[str], list[pa.ChunkedArray]]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        table = file.read()
    return table.column_names, table.columns


class _Columns:
    """The columns of one file, turned into what bars are made of."""

    def __init__(self, path: Path, columns: Mapping[str, pa.ChunkedArray]) -> None:
        self._path = path
        self._columns = columns

    def times(self, zone: ZoneInfo | None) -> Instants:
        """The instants of the time column. Raises `FeedError`."""
        import pyarrow as pa

        name = next((name for name in TIME_NAMES if name in self._columns), None)
        if name is None:
            expected = "time, date, datetime or timestamp"
            raise FeedError(f"{self._path}: there is no column of times; expected {expected}{self._have()}")
        column = self._columns[name]
        if pa.types.is_timestamp(column.type) and column.null_count == 0 and (column.type.tz or zone is None):
            milliseconds = column.cast(pa.timestamp("ms", column.type.tz), safe=False).cast(pa.int64())
            return np.array(np.from_dlpack(milliseconds.combine_chunks()))
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        values = column.to_pylist()
        if name == "time" and "date" in self._columns and pa.types.is_string(column.type):
            values = [f"{day} {clock}" for day, clock in zip(self._columns["date"].to_pylist(), values, strict=True)]
        try:
            return instants_of(values, zone)
        except UnreadableTime as error:
            shown = "empty" if error.value is None else repr(error.value)
            raise FeedError(
                f"{self._path}: row {error.row}: {name or 'the first column'} is {shown}; expected {error.expected}"
            ) from error

    def prices(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Open, high, low, close and spread. Raises `FeedError`."""
        for names in MID_NAMES:
            if all(name in self._columns for name in names):
                opened, high, low, close = (self._numbers(name) for name in names)
                spread = self._numbers("spread") if "spread" in self._columns else np.full(len(close), np.nan)
                return opened, high, low, close, spread
        if all(name in self._columns for name in BID_NAMES + ASK_NAMES):
            bids = [self._numbers(name) for name in BID_NAMES]
            asks = [self._numbers(name) for name in ASK_NAMES]
            opened, high, low, close = ((bid + ask) / 2 for bid, ask in zip(bids, asks, strict=True))
            return opened, high, low, close, asks[-1] - bids[-1]
        wanted = "open, high, low, close (or o, h, l, c; or bids bo, bh, bl, bc with asks ao, ah, al, ac)"
        raise FeedError(f"{self._path}: there are no columns of prices; expected {wanted}{self._have()}")

    def _numbers(self, name: str) -> Floats:
        """The column as numbers, NaN where it is empty. Raises `FeedError` naming the first value that is none."""
        import pyarrow as pa
        from pyarrow import compute

        column = self._columns[name]
        try:
            if pa.types.is_string(column.type):
                column = compute.utf8_trim_whitespace(column)
            return _floats(column.cast(pa.float64()))
        except pa.ArrowException as error:
            for row, value in enumerate(column.to_pylist()):
                try:
                    float(value or "nan")
                except (TypeError, ValueError):
                    raise FeedError(f"{self._path}: row {row}: {name} is {value!r}; expected a number") from error
            raise FeedError(f"{self._path}: {name} is a column of {column.type}; expected numbers") from error

    def _have(self) -> str:
        names = ", ".join(name or "one without a name" for name in self._columns)
        return f"; its columns are: {names}"


def _floats(column: pa.ChunkedArray) -> Floats:
    """The column as an array, NaN where it is empty.

    Not by Arrow's own `to_numpy`, nor with a number of Python's to fill in: either imports pandas wherever that is
    installed, which takes a third of a second.
    """
    import pyarrow as pa

    not_a_number = pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(np.array([np.nan]))])[0]
    return np.array(np.from_dlpack(column.fill_null(not_a_number).combine_chunks()))


def _zone(path: Path, name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise FeedError(f"{path}: time_zone is {name!r}; expected the name of a zone, such as Europe/Athens") from error


def _most_common_step(time: Instants) -> int:
    """In milliseconds; the shortest of equally common ones, and 0 where there are not two times."""
    steps, counts = np.unique(np.diff(np.unique(time)), return_counts=True)
    return int(steps[np.argmax(counts)]) if len(steps) else 0


def _require_grid(path: Path, time: Instants, step: int) -> None:
    off = (time - time[0]) % step != 0
    if off.any():
        row = int(np.argmax(off))
        raise FeedError(
            f"{path}: row {row}: time is {iso(int(time[row]))}; expected a whole number of {step // SECOND} s (the "
            f"most common step) after the first bar at {iso(int(time[0]))}. Either bars of another length are among "
            "them, or the clock changed for summer time and the time zone was not given"
        )


def _require_price_units(path: Path, spread: Floats, close: Floats) -> None:
    """Refuse spreads as large as the price itself: they are points, which some platforms export."""
    large = spread >= np.abs(close)
    if large.any():
        row = int(np.argmax(large))
        found = f"spread is {spread[row]:g} at a price of {close[row]:g}"
        raise FeedError(f"{path}: row {row}: {found}; expected price units, not points")
