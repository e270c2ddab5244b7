"""Which strategies a bar's market allows, and which a feed cannot serve."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trading.analysis import Strategy
from trading.features import Features
from trading.regime import STRONG_TREND_ADX, TREND_ADX
from trading.settings_strategies import StrategySettings

VOLATILE = 1.15  # relative volatility, from
QUIET = 0.9  # relative volatility, below
OVERBOUGHT_RSI = 70.0
OVERSOLD_RSI = 30.0
LEAST_BARS_HELD = 2


def eligible(features: Features) -> dict[Strategy, NDArray[np.bool_]]:
    """For each strategy, the bars whose market it is made for. Shape (n,) each; False where its readings are NaN."""
    adx, volatility, rsi = features.adx, features.relative_volatility, features.rsi
    # Each condition is asked by itself, never as "not the other": both are False where a reading is NaN.
    volatile, not_volatile, quiet, not_quiet = (
        volatility >= VOLATILE,
        volatility < VOLATILE,
        volatility < QUIET,
        volatility >= QUIET,
    )
    extreme = (rsi >= OVERBOUGHT_RSI) | (rsi <= OVERSOLD_RSI)
    not_extreme = (rsi < OVERBOUGHT_RSI) & (rsi > OVERSOLD_RSI)
    trending = adx >= TREND_ADX
    ranging = (adx < TREND_ADX) & not_extreme
    return {
        Strategy.SWING: trending & not_volatile,
        Strategy.DAY: ranging & not_quiet,
        Strategy.SCALPING: ranging & quiet,
        Strategy.MOMENTUM: trending & volatile,
        Strategy.MEAN_REVERSION: (adx <= STRONG_TREND_ADX) & extreme,
        Strategy.BREAKOUT: (adx > STRONG_TREND_ADX) & volatile,
    }


def barred_on_feed(strategies: Mapping[Strategy, StrategySettings], bar_seconds: int) -> frozenset[Strategy]:
    """The strategies whose longest hold is under two bars: on such a feed they could not be watched to their end."""
    least_seconds = LEAST_BARS_HELD * bar_seconds
    return frozenset(name for name, strategy in strategies.items() if strategy.longest_hold_seconds < least_seconds)
