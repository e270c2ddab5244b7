"""What an analyst would read of the markets: regimes, candidates and forecasts at random, so that every rule speaks."""

from __future__ import annotations

import random

import numpy as np

from simulation.scenario import STRATEGIES, Scenario
from trading.analysis import Regime
from trading.market import Instant, Side
from trading.opinion import Candidate, Opinion
from trading.reading import MarketReading
from trading.volatility import VolatilityForecast

BAR_SECONDS = 3600
SCORE = 0.9
THRESHOLD = 65.0
LEAST_AND_MOST_SIGMAS = (0.05, 2.0)  # times the scenario's own: so much a forecast may be beside it


class Readings:
    """Draws readings from a source of its own: what else a seed does is the same without them."""

    def __init__(self, scenario: Scenario) -> None:
        self._rng = random.Random(f"{scenario.seed}/readings")
        self._hourly_variance = scenario.daily_volatility**2 / 24
        self._seconds = scenario.analysis_seconds

    def wait(self) -> float:
        """Seconds until the next bar of a commodity: bars are short here, for there is little time."""
        return self._rng.uniform(0.2, 2.0) * self._seconds

    def draw(self, commodity: str, at: Instant, price: float) -> MarketReading:
        """What is read at this instant, with a mean near this price."""
        rng = self._rng
        candidates = tuple(
            Candidate(rng.choice(STRATEGIES), side, SCORE, SCORE, SCORE, SCORE, rng.uniform(50.0, 90.0), THRESHOLD, ())
            for side in Side
            if rng.random() < 0.7
        )
        opinion = Opinion(0, rng.choice(tuple(Regime)), candidates, (), None)
        sigmas = rng.uniform(*LEAST_AND_MOST_SIGMAS)
        forecast = VolatilityForecast(at, self._hourly_variance * sigmas**2, np.ones(24))
        mean_price = price * (1 + rng.uniform(-0.01, 0.01))
        return MarketReading(commodity, at, BAR_SECONDS, opinion, forecast, None, mean_price)
