"""The regime of a bar and the strategies made for it."""

from __future__ import annotations

import numpy as np
import pytest
from made_bars import readings

from trading.analysis import Regime, Strategy
from trading.regime import REGIMES, regime_codes
from trading.settings_strategies import default_strategies
from trading.strategies import barred_on_feed, eligible


def regime_of(**given: float) -> Regime:
    return REGIMES[int(regime_codes(readings(**given))[0])]


def eligible_of(**given: float) -> set[Strategy]:
    return {strategy for strategy, where in eligible(readings(**given)).items() if where[0]}


@pytest.mark.parametrize(
    ("adx", "regime"),
    [
        (0, Regime.RANGE),
        (24.999, Regime.RANGE),
        (25, Regime.TREND),
        (40, Regime.TREND),
        (40.001, Regime.STRONG_TREND),
    ],
)
def test_the_adx_tells_a_trend_from_a_range(adx: float, regime: Regime) -> None:
    assert regime_of(adx=adx) is regime


@pytest.mark.parametrize(
    ("volatility", "regime"),
    [(1.599, Regime.STRONG_TREND), (1.6, Regime.HIGH_VOLATILITY), (2.499, Regime.HIGH_VOLATILITY), (2.5, Regime.CHAOS)],
)
def test_volatility_is_asked_before_the_trend(volatility: float, regime: Regime) -> None:
    assert regime_of(adx=50, relative_volatility=volatility) is regime


@pytest.mark.parametrize(("jump", "regime"), [(4.999, Regime.RANGE), (5.0, Regime.CHAOS)])
def test_a_bar_five_times_its_predecessors_atr_is_chaos(jump: float, regime: Regime) -> None:
    assert regime_of(jump=jump) is regime


@pytest.mark.parametrize("reading", ["adx", "rsi", "relative_volatility", "percent_b", "jump", "histogram_change"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_reading_that_is_not_finite_is_chaos(reading: str, value: float) -> None:
    assert regime_of(**{reading: value}) is Regime.CHAOS


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"adx": 25, "relative_volatility": 1.15}, {Strategy.MOMENTUM}),
        ({"adx": 40, "relative_volatility": 1.15}, {Strategy.MOMENTUM}),
        ({"adx": 41, "relative_volatility": 1.15}, {Strategy.MOMENTUM, Strategy.BREAKOUT}),
        ({"adx": 25, "relative_volatility": 1.14}, {Strategy.SWING}),
        ({"adx": 41, "relative_volatility": 1.14}, {Strategy.SWING}),
        ({"adx": 24, "relative_volatility": 0.9}, {Strategy.DAY}),
        ({"adx": 24, "relative_volatility": 0.89}, {Strategy.SCALPING}),
        ({"adx": 24, "rsi": 70}, {Strategy.MEAN_REVERSION}),
        ({"adx": 24, "rsi": 30, "relative_volatility": 0.5}, {Strategy.MEAN_REVERSION}),
        ({"adx": 40, "rsi": 71}, {Strategy.MEAN_REVERSION, Strategy.SWING}),
        ({"adx": 41, "rsi": 71}, {Strategy.SWING}),
        ({"adx": 30, "rsi": 29, "relative_volatility": 1.2}, {Strategy.MEAN_REVERSION, Strategy.MOMENTUM}),
    ],
)
def test_each_market_has_its_strategies(given: dict[str, float], expected: set[Strategy]) -> None:
    assert eligible_of(**given) == expected


def test_an_unknown_volatility_makes_no_strategy_eligible() -> None:
    assert eligible_of(adx=30, relative_volatility=np.nan) == set()
    assert eligible_of(adx=20, relative_volatility=np.nan) == set()


def test_a_strategy_held_for_less_than_two_bars_is_barred() -> None:
    strategies = default_strategies()
    assert barred_on_feed(strategies, 3600) == {Strategy.SCALPING}  # held for half an hour
    assert barred_on_feed(strategies, 900) == set()
    assert barred_on_feed(strategies, 901) == {Strategy.SCALPING}
    assert Strategy.DAY not in barred_on_feed(strategies, 24 * 3600)  # 48 hours are two days
