"""What is wrong with the rows of a file of bars, counted and with the first example of each kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.bars import BarSeries
from trading.market import HOUR, iso

Mask = NDArray[np.bool_]

ALONE_HOURS = 20  # a bar with nothing for so long before and after it stands alone on its day
LONGEST_CHECKED_HOURS = 4  # among bars longer than this a daily one is no stranger
DAILY_RANGES = 3.0  # a day's range is some five times an hour's
FEWEST_DAILY = 3  # one such bar is a hole in the recording with a wild hour in it


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that a reader of the file should know about."""

    what: str  # in words, for people
    count: int
    example: str  # the first of them
    left_out: bool = False

    def __str__(self) -> str:
        return f"{self.what}{', left out' if self.left_out else ''}: {self.count:,}; the first: {self.example}"


def row_faults(series: BarSeries, *, may_be_negative: bool) -> list[tuple[str, Mask]]:
    """Kinds of rows that cannot be used, with the rows, (n,) each; the kinds are those that ``check_bars`` refuses."""
    prices = np.stack([series.open, series.high, series.low, series.close])
    ends = prices[[0, 3]]
    finite: Mask = np.all(np.isfinite(prices), axis=0)
    inside: Mask = np.all((series.low <= ends) & (ends <= series.high), axis=0)
    crossed: Mask = (series.spread < 0) | np.isinf(series.spread)
    low: Mask = np.any(prices <= 0, axis=0) & (not may_be_negative)
    duplicate: Mask = np.ones(len(series), dtype=np.bool_)
    duplicate[np.unique(series.time, return_index=True)[1]] = False
    return [
        ("rows without a price", ~finite),
        ("rows with a price at or below zero", finite & low),
        ("rows whose high and low do not hold their prices", finite & ~low & ~inside),
        ("rows whose ask is below the bid", crossed),
        ("rows with a time that was there before", duplicate),
    ]


def daily_bars(series: BarSeries) -> Mask:
    """Bars (n,) that are alone on their day and range as a day does: daily bars in an export of shorter ones.

    Some platforms fill the years of which they have no shorter bars with daily ones. None where there are fewer than
    `FEWEST_DAILY`.
    """
    none = np.zeros(len(series), dtype=np.bool_)
    if len(series) < 2 or not 0 < series.bar_length <= LONGEST_CHECKED_HOURS * HOUR:
        return none
    steps = np.diff(series.time).astype(np.float64)
    alone = np.minimum(np.append(np.inf, steps), np.append(steps, np.inf)) >= ALONE_HOURS * HOUR
    if alone.all():
        return none
    reach = series.high - series.low
    found: Mask = alone & (reach > DAILY_RANGES * np.median(reach[~alone]))
    return found if int(np.count_nonzero(found)) >= FEWEST_DAILY else none


def flat_bars(series: BarSeries) -> Mask:
    """Bars (n,) whose high is their low: hours without a trade, or filled in by the exporter."""
    flat: Mask = series.high == series.low
    return flat


def shown_row(series: BarSeries, row: int) -> str:
    """One row for a message."""
    prices = "open {:g}, high {:g}, low {:g}, close {:g}".format(
        *(float(column[row]) for column in (series.open, series.high, series.low, series.close))
    )
    return f"row {row} ({iso(int(series.time[row]))}): {prices}"
