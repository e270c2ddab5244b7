"""What a recording's spread is taken to be: the file's own, a number of points, or one that depends on the hour.

Bars of bids or of asks become bars of mids here, too: half the spread above the one, below the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import numpy as np

from feeds.clocks import FileClock
from feeds.columns import Prices
from trading.bars import BarSeries, Floats
from trading.market import HOUR

FILE, TYPICAL = "file", "typical"
ROLLOVER_CLOCK = FileClock("New York", ZoneInfo("America/New_York"))  # by which liquidity comes and goes
HOURS = re.compile(r"(?P<first>\d{1,2})(?:-(?P<last>\d{1,2}))?=(?P<points>[0-9.]+)")
MOST_POINTS = 1_000_000.0
EXPECTED = (
    "file (what it has, or typical ones), typical, a number of points such as 12, or points with hours of New York "
    "such as 12,17=60,18-19=25"
)


class UnknownSpread(ValueError):
    """No spread is written so; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class SpreadModel:
    """In points; ``usual`` is None where the file's own spreads, or the typical one, are taken."""

    usual: float | None = None
    by_hour: Mapping[int, float] = field(default_factory=dict)  # hours of New York that differ
    from_file: bool = True  # take the file's own spreads, where it has them

    def __str__(self) -> str:
        """As it may be given."""
        if self.usual is None:
            return FILE if self.from_file else TYPICAL
        hours = (f"{hour}={points:g}" for hour, points in sorted(self.by_hour.items()))
        return ",".join((f"{self.usual:g}", *hours))


def spread_model(text: str) -> SpreadModel:
    """The model that is written so. Raises `UnknownSpread`."""
    if text.strip().lower() == FILE:
        return SpreadModel()
    if text.strip().lower() == TYPICAL:
        return SpreadModel(from_file=False)
    usual, *hours = text.split(",")
    by_hour: dict[int, float] = {}
    for part in hours:
        found = HOURS.fullmatch(part.strip())
        first = int(found["first"]) if found else 24
        last = int(found["last"]) if found and found["last"] else first
        if found is None or not first <= last <= 23:
            raise UnknownSpread(f"{text!r}; expected {EXPECTED}")
        by_hour |= dict.fromkeys(range(first, last + 1), _points(found["points"], text))
    return SpreadModel(_points(usual, text), by_hour, from_file=False)


def with_spread(
    series: BarSeries, prices: Prices, model: SpreadModel, *, point: float, typical_points: float
) -> BarSeries:
    """The bars as mids, each with the spread that the model says; NaN where that is the typical one."""
    spread = _spread(series, model, point)
    if prices == "mid":
        return replace(series, spread=spread)
    half = np.where(np.isfinite(spread), spread, typical_points * point) / 2
    shift = half if prices == "bid" else -half
    return replace(
        series,
        open=series.open + shift,
        high=series.high + shift,
        low=series.low + shift,
        close=series.close + shift,
        spread=spread,
    )


def _spread(series: BarSeries, model: SpreadModel, point: float) -> Floats:
    if model.usual is None:
        return series.spread if model.from_file else np.full(len(series), np.nan)
    points = np.full(len(series), model.usual)
    if model.by_hour:
        starts, offsets = ROLLOVER_CLOCK.changes(int(series.time[0]), int(series.time[-1]) + 1)
        local = series.time + offsets[np.searchsorted(starts, series.time, side="right") - 1]
        hours = local // HOUR % 24
        for hour, wanted in model.by_hour.items():
            points[hours == hour] = wanted
    return points * point


def _points(text: str, whole: str) -> float:
    try:
        points = float(text)
    except ValueError:
        points = -1.0
    if not 0 <= points <= MOST_POINTS:
        raise UnknownSpread(f"{whole!r}; expected {EXPECTED}")
    return points
