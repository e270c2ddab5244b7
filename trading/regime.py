"""What kind of market it is, at every bar. What is asked first wins: chaos, high volatility, then the trend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.analysis import Regime
from trading.features import Features
from trading.settings_regimes import RegimeSettings

REGIMES: tuple[Regime, ...] = tuple(Regime)


def regime_codes(features: Features, boundaries: RegimeSettings) -> NDArray[np.int8]:
    """The regime of every bar as its place in ``REGIMES``. Shape (n,). Chaos where a reading is not finite."""
    volatility = features.relative_volatility
    chaos = volatility >= boundaries.chaos_volatility
    chaos |= ~features.readable() | (features.jump >= boundaries.chaos_jump)
    in_order = (
        (chaos, Regime.CHAOS),
        (volatility >= boundaries.high_volatility, Regime.HIGH_VOLATILITY),
        (features.adx > boundaries.strong_trend_adx, Regime.STRONG_TREND),
        (features.adx >= boundaries.trend_adx, Regime.TREND),
    )
    codes = np.select(
        [condition for condition, _ in in_order],
        [REGIMES.index(regime) for _, regime in in_order],
        default=REGIMES.index(Regime.RANGE),
    )
    return codes.astype(np.int8)
