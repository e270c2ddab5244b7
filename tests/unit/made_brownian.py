"""Bars of a Brownian motion whose variance is known: the world in which the forecasts' model is the truth."""

from __future__ import annotations

import numpy as np

from trading.bars import BarSeries, Floats, check_bars
from trading.calendar_rules import fx_rule
from trading.calendars import TradingTimes, flatten
from trading.market import DAY, SECOND, Instant
from trading.volatility import VolatilityForecast

START: Instant = 1_577_923_200_000  # 2 January 2020, 00:00 UTC
HOURLY_DEVIATION = 0.001


def times_of(bars: BarSeries) -> TradingTimes:
    """The hours of FX around these bars."""
    return flatten(bars.commodity, fx_rule(), int(bars.time[0]) - DAY, bars.end(len(bars) - 1) + 14 * DAY)


def brownian(count: int, seed: int = 1, bar_seconds: int = 3600, deviation: float = HOURLY_DEVIATION) -> BarSeries:
    """Bars without gaps in the hours of FX.

    Their extremes are exact: given its ends, the maximum of a Brownian bridge of variance v is at or below m with
    probability 1 - exp(-2 m (m - x) / v) (Borodin and Salminen, Handbook of Brownian Motion, IV.26).
    """
    rng = np.random.default_rng(seed)
    times = flatten("EURUSD", fx_rule(), START, START + (2 * count * bar_seconds + 30 * 86_400) * SECOND)
    time = np.arange(START, times.last, bar_seconds * SECOND, dtype=np.int64)
    time = time[times.are_open(time)][:count]
    variance = deviation**2 * bar_seconds / 3600
    moves = rng.normal(0.0, np.sqrt(variance), count)
    opened = np.cumsum(moves) - moves
    high = (moves + np.sqrt(moves**2 - 2 * variance * np.log(rng.random(count)))) / 2
    low = (moves - np.sqrt(moves**2 - 2 * variance * np.log(rng.random(count)))) / 2
    return check_bars(
        BarSeries(
            commodity="EURUSD",
            bar_seconds=bar_seconds,
            time=time,
            open=np.exp(opened),
            high=np.exp(opened + np.maximum(high, np.maximum(moves, 0))),
            low=np.exp(opened + np.minimum(low, np.minimum(moves, 0))),
            close=np.exp(opened + moves),
            spread=np.zeros(count),
        )
    )


class Known:
    """A path of forecasts that knows the variance, or a multiple of it."""

    def __init__(self, bars: BarSeries, factor: float = 1.0, warm_up: int = 600) -> None:
        self._bars, self._warm_up = bars, warm_up
        self._hourly, self._profile = factor * HOURLY_DEVIATION**2, flat_profile()

    def at(self, index: int) -> VolatilityForecast | None:
        """The same at the end of every bar."""
        if index < self._warm_up:
            return None
        return VolatilityForecast(self._bars.end(index), self._hourly, self._profile, uncertainty=0.0)


def flat_profile() -> Floats:
    """Every hour of the day like any other."""
    return np.ones(24)
