"""Bars and readings made to order, for the tests of what is read from bars."""

from __future__ import annotations

from dataclasses import fields, replace
from zoneinfo import ZoneInfo

import numpy as np

from trading.bars import BarSeries, Floats, Instants, check_bars
from trading.features import Features, Trend
from trading.market import HOUR, SECOND, Instant, moment


def series(time: Instants, high: Floats, low: Floats, close: Floats, bar_seconds: int = 3600) -> BarSeries:
    """Bars that open half way between low and high."""
    return check_bars(
        BarSeries(
            commodity="EURUSD",
            bar_seconds=bar_seconds,
            time=time,
            open=(high + low) / 2,
            high=high,
            low=low,
            close=close,
            spread=np.full(len(time), np.nan),
        ),
        may_be_negative=True,
    )


def steady(closes: list[float], start: Instant = 0, bar_seconds: int = 3600) -> BarSeries:
    """Bars one after another with these closes, a tenth high and low."""
    close = np.array(closes, dtype=np.float64)
    time = start + np.arange(len(closes), dtype=np.int64) * bar_seconds * SECOND
    return series(time, close + 0.1, close - 0.1, close, bar_seconds)


def walk(count: int, *, seed: int = 1, start: Instant = 0, bar_seconds: int = 3600) -> BarSeries:
    """A random walk round 1.2 in weeks of five days of New York, with calm, wild, trending and jumping stretches."""
    rng = np.random.default_rng(seed)
    time = _trading_times(count, start, bar_seconds * SECOND)
    stretches = np.arange(count) // 90
    kinds = stretches[-1] + 1
    pace = 8e-4 * np.exp(rng.normal(0, 0.5, kinds))[stretches] * np.sqrt(bar_seconds / 3600)
    moves = rng.normal(0.0, 1.0, count) + rng.normal(0, 0.35, kinds)[stretches]
    moves[rng.random(count) < 0.004] *= 8
    close = 1.2 * np.exp(np.cumsum((moves - moves.mean()) * pace))
    opened = np.append(close[:1], close[:-1])
    reach = np.abs(rng.normal(0, 0.6, (2, count))) * pace
    high, low = np.maximum(opened, close) * (1 + reach[0]), np.minimum(opened, close) * (1 - reach[1])
    return series(time, high, low, close, bar_seconds)


def _trading_times(count: int, start: Instant, length: int) -> Instants:
    zone = ZoneInfo("America/New_York")
    times: list[Instant] = []
    at = start
    while len(times) < count:
        local = moment(at).astimezone(zone)
        hour_of_week = local.weekday() * 24 + local.hour
        if not 4 * 24 + 17 <= hour_of_week < 6 * 24 + 17:  # shut from Friday 17:00 to Sunday 17:00
            times.append(at)
        at += length
    return np.array(times, dtype=np.int64)


def mirrored(bars: BarSeries) -> BarSeries:
    """The same bars upside down: every rise is a fall of the same size."""
    pivot = float(bars.close[0]) * 2
    return replace(bars, open=pivot - bars.open, high=pivot - bars.low, low=pivot - bars.high, close=pivot - bars.close)


def readings(count: int = 1, /, **given: float | list[float]) -> Features:
    """Readings of a market in which nothing happens, but for those given: one number for all bars, or one for each."""
    calm = {"rsi": 50.0, "adx": 20.0, "relative_volatility": 1.0, "range_in_atr": 1.0, "jump": 1.0, "atr": 0.001}
    calm |= {"mean_price": 1.2, "daily_volatility": 0.006, "extension": 0.0}
    strengths = {"d1", "h4", "h1"}
    parts: dict[str, object] = {}
    for field in fields(Features):
        column = np.full(count, given.get(field.name, calm.get(field.name, 0.0)), dtype=np.float64)
        parts[field.name] = Trend(column, np.full(count, 60)) if field.name in strengths else column
    time = np.arange(count, dtype=np.int64) * HOUR
    price = np.full(count, 1.2)
    parts["bars"] = series(time, price, price, price)
    return Features(**parts)  # type: ignore[arg-type]  # the loop above gives each field its own type
