"""What kind of market it is, at every bar. What is asked first wins: chaos, high volatility, then the trend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.analysis import Regime
from trading.features import Features

CHAOS_VOLATILITY = 2.5  # relative volatility: the ATR over its own median of 480 bars
CHAOS_JUMP = 5.0  # true range over the ATR of the bar before
HIGH_VOLATILITY = 1.6
STRONG_TREND_ADX = 40.0  # above
TREND_ADX = 25.0  # from

REGIMES: tuple[Regime, ...] = tuple(Regime)


def regime_codes(features: Features) -> NDArray[np.int8]:
    """The regime of every bar as its place in ``REGIMES``. Shape (n,). Chaos where a reading is not finite."""
    chaos = ~features.readable() | (features.relative_volatility >= CHAOS_VOLATILITY) | (features.jump >= CHAOS_JUMP)
    in_order = (
        (chaos, Regime.CHAOS),
        (features.relative_volatility >= HIGH_VOLATILITY, Regime.HIGH_VOLATILITY),
        (features.adx > STRONG_TREND_ADX, Regime.STRONG_TREND),
        (features.adx >= TREND_ADX, Regime.TREND),
    )
    codes = np.select(
        [condition for condition, _ in in_order],
        [REGIMES.index(regime) for _, regime in in_order],
        default=REGIMES.index(Regime.RANGE),
    )
    return codes.astype(np.int8)
