"""The forecast of variance on recorded prices. Runs where they are, and is skipped elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from feeds.files import read_bars
from trading.bars import BarSeries, Floats
from trading.indicator_library import talib
from trading.market import DAY
from trading.volatility import ForecastPath, forecast_path, rogers_satchell

FOLDER = Path(os.environ.get("WATCHBILL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
LEARNING_BARS = 2_000

# file, then the QLIKE losses of the hour that follows and of the rest of the UTC day, as measured. That of
# the ATR, of the same hours and with its level made right for the whole series, is beside each.
MEASURED = [
    ("EURUSD_H1_oanda_bidask_utc.parquet", 0.436, 0.667, 0.232, 0.410),
    ("XAUUSD_H1_oanda_bidask_utc.parquet", 0.470, 0.777, 0.230, 0.434),
    ("GBPUSD_H1_ejtrader_2012_2022.parquet", 0.475, 0.732, 0.321, 0.498),
    ("USDJPY_H1_ejtrader_2012_2022.parquet", 0.479, 0.575, 0.282, 0.342),
    ("XAUUSD_H1_ejtrader_2012_2022.parquet", 0.476, 0.712, 0.249, 0.414),
]


@pytest.mark.parametrize(("name", "hour", "hour_by_atr", "day", "day_by_atr"), MEASURED)
def test_the_losses_are_those_that_were_measured(
    name: str, hour: float, hour_by_atr: float, day: float, day_by_atr: float
) -> None:
    if not (FOLDER / name).exists():
        pytest.skip(f"the recorded prices are not here: {name}")
    bars = read_bars(FOLDER / name, name[:6])
    path = forecast_path(bars)
    came = rogers_satchell(bars)
    ours = by_hour(bars, path)
    atr = (talib.ATR(bars.high, bars.low, bars.close, 14) / bars.close) ** 2
    rows = np.arange(LEARNING_BARS, len(bars) - 1)
    assert loss(came[rows + 1], ours[rows]) == pytest.approx(hour, abs=0.003)
    assert loss(came[rows + 1], levelled(atr[rows], came[rows + 1])) == pytest.approx(hour_by_atr, abs=0.003)
    left, rest_came, rest = rest_of_day(bars, path, came)
    rows = np.flatnonzero(left[LEARNING_BARS:] > 0) + LEARNING_BARS
    assert loss(rest_came[rows], rest[rows]) == pytest.approx(day, abs=0.003)
    assert loss(rest_came[rows], levelled(atr[rows] * left[rows], rest_came[rows])) == pytest.approx(
        day_by_atr, abs=0.003
    )


def by_hour(bars: BarSeries, path: ForecastPath) -> Floats:
    """At each bar's end, the forecast of the bar that follows it in the series."""
    slot = bars.time[1:] % DAY // bars.bar_length
    return np.append(path.hourly_variance[:-1] * path.profiles[path.day[:-1], slot], np.nan)


def rest_of_day(bars: BarSeries, path: ForecastPath, came: Floats) -> tuple[Floats, Floats, Floats]:
    """At each bar's end: how many bars its UTC day still has, their variance, and the forecast of it."""
    day = bars.time // DAY
    last = np.searchsorted(day, day, side="right") - 1
    here = np.arange(len(bars))
    slot = bars.time % DAY // bars.bar_length
    came_until = np.cumsum(came)
    expected = np.array([path.profiles[path.day[row], slot[row + 1 : last[row] + 1]].sum() for row in here])
    return (last - here).astype(np.float64), came_until[last] - came_until, path.hourly_variance * expected


def levelled(forecast: Floats, came: Floats) -> Floats:
    """The forecast at the level that turned out to be right on average: a favour, for it looks ahead."""
    scaled: Floats = forecast * (came.mean() / forecast.mean())
    return scaled


def loss(came: Floats, expected: Floats) -> float:
    """QLIKE over the hours in which something came: ratio - ln(ratio) - 1, zero at best (A. J. Patton, 2011).

    A hundred times what was expected is as bad as it gets: one flash crash, of 9,000 times, would else decide.
    """
    moved = came > 1e-8
    ratio = np.minimum(came[moved] / expected[moved], 100.0)
    return float((ratio - np.log(ratio) - 1).mean())
