"""Which strategies a bar's market allows, and which a feed cannot serve."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trading.analysis import Strategy
from trading.features import Features
from trading.settings_regimes import RegimeSettings
from trading.settings_strategies import StrategySettings

LEAST_BARS_HELD = 2


def eligible(features: Features, boundaries: RegimeSettings) -> dict[Strategy, NDArray[np.bool_]]:
    """For each strategy, the bars whose market it is made for. Shape (n,) each; False where its readings are NaN."""
    adx, volatility, rsi = features.adx, features.relative_volatility, features.rsi
    # Each condition is asked by itself, never as "not the other": both are False where a reading is NaN.
    volatile, not_volatile, quiet, not_quiet = (
        volatility >= boundaries.volatile,
        volatility < boundaries.volatile,
        volatility < boundaries.quiet,
        volatility >= boundaries.quiet,
    )
    extreme = (rsi >= boundaries.overbought_rsi) | (rsi <= boundaries.oversold_rsi)
    not_extreme = (rsi < boundaries.overbought_rsi) & (rsi > boundaries.oversold_rsi)
    trending = adx >= boundaries.trend_adx
    ranging = (adx < boundaries.trend_adx) & not_extreme
    return {
        Strategy.SWING: trending & not_volatile,
        Strategy.DAY: ranging & not_quiet,
        Strategy.SCALPING: ranging & quiet,
        Strategy.MOMENTUM: trending & volatile,
        Strategy.MEAN_REVERSION: (adx <= boundaries.strong_trend_adx) & extreme,
        Strategy.BREAKOUT: (adx > boundaries.strong_trend_adx) & volatile,
    }


def barred_on_feed(strategies: Mapping[Strategy, StrategySettings], bar_seconds: int) -> frozenset[Strategy]:
    """The strategies whose longest hold is under two bars: on such a feed they could not be watched to their end."""
    least_seconds = LEAST_BARS_HELD * bar_seconds
    return frozenset(name for name, strategy in strategies.items() if strategy.longest_hold_seconds < least_seconds)
