"""What is known of a market, made to order, for the tests of the rules that read it."""

from __future__ import annotations

import numpy as np
from made_trades import NOON

from trading.analysis import Regime, Strategy
from trading.market import Instant, Side
from trading.opinion import Candidate, Opinion
from trading.probability import VARIANCE_UNCERTAINTY
from trading.reading import MarketReading
from trading.volatility import VolatilityForecast


def a_candidate(strategy: Strategy, side: Side = Side.BUY, margin: float = 5.0) -> Candidate:
    """A strategy on a side that passes the gate by so many points, or fails by them."""
    return Candidate(strategy, side, 0.8, 0.8, 0.8, 0.5, 65.0 + margin, 65.0, ())


def an_opinion(*candidates: Candidate, regime: Regime = Regime.TREND) -> Opinion:
    """The analyst's opinion with these candidates."""
    return Opinion(index=0, regime=regime, candidates=candidates, barred=(), sentiment=None)


def a_forecast(
    at: Instant = NOON, hourly_variance: float = 1e-6, uncertainty: float = VARIANCE_UNCERTAINTY
) -> VolatilityForecast:
    """A forecast without hours of the day: sigma of an hour is 0.1 % as it stands."""
    return VolatilityForecast(at, hourly_variance, np.ones(24), uncertainty)


def a_reading(
    opinion: Opinion | None = None,
    at: Instant = NOON,
    mean_price: float | None = None,
    forecast: VolatilityForecast | None = None,
) -> MarketReading:
    """EURUSD at the end of an hourly bar."""
    return MarketReading("EURUSD", at, 3600, opinion, forecast, 0.005, mean_price)


def a_reading_without_signals(at: Instant = NOON) -> MarketReading:
    """A market that no strategy is made for."""
    return a_reading(an_opinion(), at)
