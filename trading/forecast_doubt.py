"""How sure a forecast of variance may be of itself, from how the days went that it was made for.

Divide each day's move by the standard deviation that was forecast for it. Were the variance known, these numbers would
be normal. Where it is lognormal about its forecast, with s the standard deviation of its logarithm, they are a mixture
of normals, for which

    mean of |z| = sqrt(2 / pi) sqrt(mean of z^2) exp(-s^2 / 8)

so that the two means tell s (the first and second moments of the mixture of P. K. Clark, "A subordinated stochastic
process model with finite variance for speculative prices", Econometrica 41, 1973).

Days have tails of their own, news above all, that the hours within a day do not have, so this says too much where
volatility is restless: what it says is used only below the usual value. Where volatility is steadier than usual, it
halves the error of the probabilities (docs/probability.md).
"""

from __future__ import annotations

import math

from trading.probability import VARIANCE_UNCERTAINTY

MEMORY_DAYS = 250.0
DOUBT_DAYS = 60.0  # the weight of the usual value, always
LEAST = 0.2
MOST = 100.0  # deviations in a day: after a market without any move, the first one is beyond all numbers
NORMAL_MEAN_SIZE = math.sqrt(2 / math.pi)
USUAL_MEAN_SIZE = NORMAL_MEAN_SIZE * math.exp(-(VARIANCE_UNCERTAINTY**2) / 8)


class ForecastDoubt:
    """The standard deviation of the logarithm of what the variance turns out to be, about its forecast."""

    __slots__ = ("_days", "_sizes", "_squares", "uncertainty")

    def __init__(self) -> None:
        """No day was seen: the usual value."""
        self.uncertainty = VARIANCE_UNCERTAINTY
        self._days = self._sizes = self._squares = 0.0

    def observe(self, standardised_move: float) -> None:
        """Take in a day: its log move over the standard deviation that was forecast for it."""
        fade = 1 - 1 / MEMORY_DAYS
        move = min(abs(standardised_move), MOST)
        self._days = self._days * fade + 1
        self._sizes = self._sizes * fade + move
        self._squares = self._squares * fade + move * move
        days = self._days + DOUBT_DAYS
        size = (self._sizes + DOUBT_DAYS * USUAL_MEAN_SIZE) / days
        square = (self._squares + DOUBT_DAYS) / days
        variance = -8 * math.log(size / (NORMAL_MEAN_SIZE * math.sqrt(square)))
        self.uncertainty = min(max(math.sqrt(max(variance, 0.0)), LEAST), VARIANCE_UNCERTAINTY)
