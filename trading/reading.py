"""What is known of one commodity at the end of a bar: what those who watch its open trades read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trading.market import Instant
from trading.probability import VARIANCE_UNCERTAINTY
from trading.volatility import VolatilityForecast

if TYPE_CHECKING:
    from trading.opinion import Opinion  # who only passes readings on need not load the library of indicators


@dataclass(frozen=True, slots=True)
class MarketReading:
    """One commodity at the end of a completed bar. Everything in it is known then: there is no look-ahead."""

    commodity: str
    at: Instant  # the end of the bar
    bar_seconds: int
    opinion: Opinion | None  # regime, eligible strategies' candidates on both sides; None while readings warm up
    forecast: VolatilityForecast | None  # None while it warms up
    daily_volatility: float | None  # standard deviation of daily log returns; None while it warms up
    mean_price: float | None  # where a reversion aims now; None while it warms up

    @property
    def variance_uncertainty(self) -> float:
        """How sure the forecast is of itself; the usual doubt where there is none."""
        return VARIANCE_UNCERTAINTY if self.forecast is None else self.forecast.uncertainty
