"""The daily volatility."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_bars import steady

from trading.daily_volatility import daily_volatility
from trading.features import features
from trading.market import HOUR


def test_equal_daily_moves_have_their_own_size_as_volatility() -> None:
    closes = 1.2 * np.exp(np.cumsum([0.01, -0.01] * 20))
    assert daily_volatility(closes)[-1] == pytest.approx(0.01)


def test_it_is_unknown_until_there_are_twenty_returns() -> None:
    volatility = daily_volatility(1.2 * np.exp(np.cumsum([0.01, -0.01] * 15)))
    assert np.isnan(volatility[:20]).all()  # twenty closes are nineteen returns
    assert np.isfinite(volatility[20:]).all()


def test_a_returns_weight_fades_by_a_twentieth_a_day() -> None:
    moves = [0.0] + [0.01] * 20 + [0.03, 0.01]
    volatility = daily_volatility(np.exp(np.cumsum(moves)))
    weights = [0.95**age for age in range(22)]
    squares = [0.01**2, 0.03**2] + [0.01**2] * 20  # newest first
    expected = math.sqrt(sum(w * s for w, s in zip(weights, squares, strict=True)) / sum(weights))
    assert volatility[-1] == pytest.approx(expected, rel=1e-12)


def test_a_day_without_movement_is_a_return_of_zero() -> None:
    assert daily_volatility(np.full(30, 1.2))[-1] == 0


def test_a_negative_price_starts_the_memory_anew() -> None:
    closes = np.exp(np.cumsum([0.01, -0.01] * 40))
    closes[40] = -37.63
    volatility = daily_volatility(closes)
    assert np.isfinite(volatility[39])
    assert np.isnan(volatility[40:61]).all()
    assert volatility[61] == pytest.approx(0.01)


def test_an_hour_knows_the_volatility_of_the_newest_completed_day() -> None:
    days = [price for day in range(30) for price in [1.0 + 0.01 * (day % 2)] * 24]
    bars = steady(days, start=21 * HOUR + 196 * 24 * HOUR)  # in summer, where the day begins at 21:00 UTC
    volatility = features(bars).daily_volatility
    ends = 21 * 24 - 1  # the last hour of the 21st day, with which the 20th return is known
    assert np.isnan(volatility[:ends]).all()
    assert volatility[ends] == pytest.approx(math.log(1.01))
    assert (volatility[ends : ends + 24] == volatility[ends]).all()
