"""Bars from a file: .csv or .parquet, whatever its columns are called, checked before anybody computes with them.

What is recognised, in any case of letters:

- a column of times: ``time``, ``datetime``, ``timestamp``, ``date``, ``gmt time`` and more (`feeds/columns.py`), or one
  without a name. ISO 8601 with or without a zone, dates with dots (2017.04.19, 19.04.2017) or slashes, or seconds,
  milliseconds, microseconds or nanoseconds since 1970; in a .csv a date and a time in two columns, too. A time without
  a zone is UTC, unless a clock is given;
- prices: ``open high low close`` or ``o h l c``; or bids and asks, ``bo bh bl bc`` and ``ao ah al ac`` (``BidOpen``,
  ``AskOpen`` ...), of which the mid is taken;
- ``spread``, if there is one, in price units or in points; with bids and asks it is the ask's close less the bid's;
- a .csv without a header: a time in one column or in two, open, high, low, close, and whatever follows.

So MetaTrader's exports, Dukascopy's, HistData's, Yahoo's and those of this program's kind are read as they are. The
length of a bar is the most common step from one time to the next, and every bar must begin a whole number of such steps
after the first. A file with its newest bar first is turned round, and that is said. Rows are counted from 0, the header
not included; of such a file from its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from feeds.clock_measurement import MeasuredClock, NotMeasurable, measured_clock
from feeds.clocks import UTC_CLOCK, FileClock, SkippedTime, UnknownClock, clock_named
from feeds.columns import BarColumns, PriceColumns, Prices
from feeds.errors import FeedError
from feeds.faults import Finding, daily_bars, flat_bars, row_faults, shown_row
from feeds.tables import read_table
from feeds.times import ShownTimes
from trading.bars import BadBars, BarSeries, Floats, Instants, check_bars
from trading.calendars import TradingTimes
from trading.market import DAY, SECOND, Instant, iso

MEASURE = "measure"
LOOKS_LIKE = "its bars look like those of"
MOSTLY = 0.95  # of the bars: a few weeks in which a market kept other hours are no other clock
NO_EFFECT = "has no effect"
Calendar: TypeAlias = Callable[[Instant, Instant], TradingTimes]
"""``calendar(first, last)``: the trading times of the file's commodity for that span."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read, where it does not say so itself."""

    may_be_negative: bool = False
    clock: str | None = None  # of times that name no zone, as `clock_named` takes it, or `MEASURE`; None: UTC
    time_column: str | None = None  # None: by its name
    prices: Prices | None = None  # what a single set of prices is; None: by the file's form
    keeps_going: bool = False  # rows at fault are left out and counted instead of refused
    calendar: Calendar | None = None  # needed to measure


@dataclass(frozen=True, slots=True)
class FileBars:
    """The bars of a file as they stand there, and what is to be known about them."""

    series: BarSeries
    prices: Prices  # what they are
    spread_in: str  # in words, how the spreads are written
    clock: str  # in words, by which clock the times were read
    measured: MeasuredClock | None
    findings: tuple[Finding, ...]


def read_bars(
    path: str | Path, commodity: str, *, may_be_negative: bool = False, time_zone: str | None = None
) -> BarSeries:
    """The bars in a file, as those of ``commodity``, with its prices as they stand.

    ``time_zone`` is the clock of times that name none (default UTC). Raises `FeedError` when the file cannot be read as
    bars, and ``BadBars`` when it can, and they are wrong; both name the file, the row, the column and the value.
    """
    return read_file(path, commodity, Reading(may_be_negative, time_zone)).series


def read_file(path: str | Path, commodity: str, reading: Reading) -> FileBars:
    """The bars in a file and what is to be known about them. Raises as `read_bars` does."""
    path = Path(path)
    table = read_table(path)
    columns = BarColumns(path, table)
    shown = columns.shown_times(reading.time_column)
    findings: list[Finding] = []
    if _is_newest_first(shown.shown):
        findings.append(Finding("rows with the newest first, turned round", len(shown.shown), str(shown.values[0])))
        columns = BarColumns(path, table.turned_round())
        shown = columns.shown_times(reading.time_column)
    time, said, measured = _times(path, columns, shown, reading)
    prices = columns.prices(reading.prices)
    step = _most_common_step(time)
    series = _as_series(commodity, step, time, prices)
    if reading.keeps_going:
        series, faults = _without_faults(series, may_be_negative=reading.may_be_negative)
        findings += faults
    check_bars(series, may_be_negative=reading.may_be_negative, source=str(path))
    if step == 0:
        raise FeedError(f"{path}: there is one bar; expected at least two, to tell how long a bar is")
    if step % SECOND:
        raise FeedError(f"{path}: the most common step in time is {step} ms; expected whole seconds")
    series = _on_grid(path, series, step, findings, keeps_going=reading.keeps_going)
    series = _without_daily_bars(path, series, findings, keeps_going=reading.keeps_going)
    if not reading.may_be_negative:
        _require_price_units(path, series.spread, series.close)
    findings += _remarks(series)
    return FileBars(series, prices.are, prices.spread_in, said, measured, tuple(findings))


def _is_newest_first(shown: Instants) -> bool:
    """Whether the times fall from row to row, an hour in autumn aside. Two rows may as well have been swapped."""
    steps = np.diff(shown)
    return len(steps) > 1 and bool(np.count_nonzero(steps < 0) >= MOSTLY * len(steps))


def _times(
    path: Path, columns: BarColumns, times: ShownTimes, reading: Reading
) -> tuple[Instants, str, MeasuredClock | None]:
    """The instants, by which clock they were read, and how that was found where it was measured."""
    clock = UTC_CLOCK if reading.clock == MEASURE else _clock(path, reading.clock)
    shown = times.shown
    if not times.is_local.any():
        said = "as the times say themselves"
        return shown, said if reading.clock is None else f"{said}; {reading.clock} {NO_EFFECT}", None
    if reading.clock == MEASURE:
        rows = np.flatnonzero(times.is_local)
        measured = _measured(path, shown[rows], reading)
        found = shown.copy()
        try:
            found[rows] = measured.to_utc(shown[rows])
        except SkippedTime as error:
            row = int(rows[error.row])
            raise FeedError(f"{path}: row {row}: time is {times.values[row]!r}; expected {error}") from error
        return found, f"measured: {measured}", measured
    found = columns.settled(times, clock, reading.time_column)
    other = _another_clock(shown[times.is_local], reading) if reading.clock is None else None
    said = clock.name if other is None else f"{clock.name}, as none was given; {LOOKS_LIKE} {other}"
    return found, said, None


def _measured(path: Path, shown: Instants, reading: Reading) -> MeasuredClock:
    if reading.calendar is None:
        raise FeedError(f"{path}: its clock is to be measured, but there is no calendar to lay it on")
    times = reading.calendar(int(shown.min()) - 10 * DAY, int(shown.max()) + 10 * DAY)
    try:
        return measured_clock(shown, _most_common_step(shown), times)
    except NotMeasurable as error:
        raise FeedError(f"{path}: its clock cannot be measured: {error}; give it instead") from error


def _another_clock(shown: Instants, reading: Reading) -> MeasuredClock | None:
    """The clock that the bars seem to be written by where that is not UTC; None where nothing can be said."""
    if reading.calendar is None:
        return None
    times = reading.calendar(int(shown.min()) - 10 * DAY, int(shown.max()) + 10 * DAY)
    try:
        measured = measured_clock(shown, _most_common_step(shown), times)
        agrees = measured.is_utc or float(np.mean(measured.to_utc(shown) == shown)) >= MOSTLY
    except (NotMeasurable, SkippedTime):
        return None
    return None if agrees else measured


def _clock(path: Path, name: str | None) -> FileClock:
    if name is None:
        return UTC_CLOCK
    try:
        return clock_named(name)
    except UnknownClock as error:
        raise FeedError(f"{path}: time_zone is {error}") from error


def _as_series(commodity: str, step: int, time: Instants, prices: PriceColumns) -> BarSeries:
    return BarSeries(commodity, step // SECOND, time, prices.open, prices.high, prices.low, prices.close, prices.spread)


def _without_faults(series: BarSeries, *, may_be_negative: bool) -> tuple[BarSeries, list[Finding]]:
    """The rows that can be used, in the order of their times, and what was left out."""
    findings = []
    usable = np.ones(len(series), dtype=np.bool_)
    for what, rows in row_faults(series, may_be_negative=may_be_negative):
        if rows.any():
            first = shown_row(series, int(np.argmax(rows)))
            findings.append(Finding(what, int(np.count_nonzero(rows)), first, left_out=True))
            usable &= ~rows
    kept = series.where(usable)
    order = np.argsort(kept.time, kind="stable")
    back = np.flatnonzero(np.diff(kept.time) < 0)
    if len(back):
        first = shown_row(kept, int(back[0]) + 1)
        findings.append(Finding("rows earlier than the one before them, put in order", len(back), first))
        kept = replace(
            kept,
            **{name: getattr(kept, name)[order] for name in ("time", "open", "high", "low", "close", "spread")},
        )
    return kept, findings


def _on_grid(path: Path, series: BarSeries, step: int, findings: list[Finding], *, keeps_going: bool) -> BarSeries:
    """The bars that begin a whole number of steps after the first. Raises `FeedError` for others, or drops them."""
    off = (series.time - series.time[0]) % step != 0
    if not off.any():
        return series
    row = int(np.argmax(off))
    if keeps_going:
        what = f"bars that do not begin a whole number of {step // SECOND} s after the first"
        findings.append(Finding(what, int(np.count_nonzero(off)), shown_row(series, row), left_out=True))
        return series.where(~off)
    raise FeedError(
        f"{path}: row {row}: time is {iso(int(series.time[row]))}; expected a whole number of {step // SECOND} s (the "
        f"most common step) after the first bar at {iso(int(series.time[0]))}. Either bars of another length are among "
        "them, or the clock changed for summer time and the time zone was not given"
    )


def _without_daily_bars(path: Path, series: BarSeries, findings: list[Finding], *, keeps_going: bool) -> BarSeries:
    """The bars without daily ones hidden among shorter ones. Raises `BadBars` for these, or leaves them out."""
    daily = daily_bars(series)
    if not daily.any():
        return series
    row, count = int(np.argmax(daily)), int(np.count_nonzero(daily))
    if keeps_going:
        findings.append(Finding("daily bars among shorter ones", count, shown_row(series, row), left_out=True))
        return series.where(~daily)
    raise BadBars(
        f"{path}: {shown_row(series, row)}: alone on its day, with a day's range; expected bars of "
        f"{series.bar_seconds} s and no daily ones, of which there are {count}"
    )


def _remarks(series: BarSeries) -> list[Finding]:
    flat = flat_bars(series)
    if not flat.any():
        return []
    first = shown_row(series, int(np.argmax(flat)))
    return [Finding("bars in which the price did not move", int(np.count_nonzero(flat)), first)]


def _most_common_step(time: Instants) -> int:
    """In milliseconds; the shortest of equally common ones, and 0 where there are not two times."""
    steps, counts = np.unique(np.diff(np.unique(time)), return_counts=True)
    return int(steps[np.argmax(counts)]) if len(steps) else 0


def _require_price_units(path: Path, spread: Floats, close: Floats) -> None:
    """Refuse spreads as large as the price itself: no market has such."""
    large = spread >= np.abs(close)
    if large.any():
        row = int(np.argmax(large))
        found = f"spread is {spread[row]:g} at a price of {close[row]:g}"
        raise FeedError(f"{path}: row {row}: {found}; expected price units, or whole points")
