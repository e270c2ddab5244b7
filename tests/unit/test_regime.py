"""The regime of a bar and the strategies made for it."""

from __future__ import annotations

import numpy as np
import pytest
from made_bars import readings
from pydantic import ValidationError

from trading.analysis import Regime, Strategy
from trading.regime import REGIMES, regime_codes
from trading.settings_regimes import RegimeSettings
from trading.settings_strategies import default_strategies
from trading.strategies import barred_on_feed, eligible

USUAL = RegimeSettings()


def regime_of(boundaries: RegimeSettings = USUAL, /, **given: float) -> Regime:
    return REGIMES[int(regime_codes(readings(**given), boundaries)[0])]


def eligible_of(boundaries: RegimeSettings = USUAL, /, **given: float) -> set[Strategy]:
    return {strategy for strategy, where in eligible(readings(**given), boundaries).items() if where[0]}


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


@pytest.mark.parametrize(
    ("changed", "given", "regime"),
    [
        ({"chaos_volatility": 3.0}, {"relative_volatility": 2.9}, Regime.HIGH_VOLATILITY),
        ({"chaos_jump": 4.0}, {"jump": 4.0}, Regime.CHAOS),
        ({"high_volatility": 1.3}, {"relative_volatility": 1.3}, Regime.HIGH_VOLATILITY),
        ({"strong_trend_adx": 30.0}, {"adx": 31}, Regime.STRONG_TREND),
        ({"trend_adx": 20.0}, {"adx": 20}, Regime.TREND),
    ],
)
def test_a_boundary_lies_where_the_settings_put_it(
    changed: dict[str, float], given: dict[str, float], regime: Regime
) -> None:
    assert regime_of(**given) is not regime
    assert regime_of(RegimeSettings(**changed), **given) is regime


@pytest.mark.parametrize(
    ("changed", "given", "strategy"),
    [
        ({"volatile": 1.05}, {"adx": 30, "relative_volatility": 1.1}, Strategy.MOMENTUM),
        ({"quiet": 1.02, "volatile": 1.15}, {"adx": 20, "relative_volatility": 1.0}, Strategy.SCALPING),
        ({"overbought_rsi": 65.0}, {"adx": 20, "rsi": 66}, Strategy.MEAN_REVERSION),
        ({"oversold_rsi": 35.0}, {"adx": 20, "rsi": 34}, Strategy.MEAN_REVERSION),
    ],
)
def test_a_strategy_is_eligible_where_the_settings_make_it_so(
    changed: dict[str, float], given: dict[str, float], strategy: Strategy
) -> None:
    assert strategy not in eligible_of(**given)
    assert strategy in eligible_of(RegimeSettings(**changed), **given)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"high_volatility": 2.5}, "high_volatility is 2.5, not below chaos_volatility, which is 2.5"),
        ({"quiet": 1.2}, "quiet is 1.2, not below volatile, which is 1.15"),
        ({"volatile": 3.0}, "volatile is 3, not below chaos_volatility, which is 2.5"),
        ({"trend_adx": 45.0}, "trend_adx is 45, not below strong_trend_adx, which is 40"),
        ({"oversold_rsi": 80.0}, "oversold_rsi is 80, not below overbought_rsi, which is 70"),
    ],
)
def test_boundaries_out_of_order_are_refused_by_name(changed: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RegimeSettings(**changed)


def test_an_unknown_volatility_makes_no_strategy_eligible() -> None:
    assert eligible_of(adx=30, relative_volatility=np.nan) == set()
    assert eligible_of(adx=20, relative_volatility=np.nan) == set()


def test_a_strategy_held_for_less_than_two_bars_is_barred() -> None:
    strategies = default_strategies()
    assert barred_on_feed(strategies, 3600) == {Strategy.SCALPING}  # held for half an hour
    assert barred_on_feed(strategies, 900) == set()
    assert barred_on_feed(strategies, 901) == {Strategy.SCALPING}
    assert Strategy.DAY not in barred_on_feed(strategies, 24 * 3600)  # 48 hours are two days
