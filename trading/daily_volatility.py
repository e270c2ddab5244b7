"""How much a commodity moves in a day."""

from __future__ import annotations

import math

import numpy as np

from trading.bars import Floats

DAYS = 20  # a return's weight fades by a twentieth a day; and so many returns there must be before anything is said
DECAY = 1 - 1 / DAYS


def daily_volatility(closes: Floats) -> Floats:
    """The standard deviation of daily log returns, one per day, from that day's close and those before it.

    With r the log returns of successive closes, newest first, and the decay d = 1 - 1/20::

        variance = (r0^2 + d r1^2 + d^2 r2^2 + ...) / (1 + d + d^2 + ...)

    an exponentially weighted mean square (J. P. Morgan, RiskMetrics, 1996, which has d = 0.94 and takes the mean
    return as zero, as is done here). Dividing by the weights makes the start unbiased instead of a guess.

    ``closes`` has shape (days,), oldest first; so has the result, a fraction of the price. It is NaN until there are
    20 returns. A close at or below zero has no logarithm: the memory starts anew after it.
    """
    result = np.full(closes.shape, np.nan)
    squares = weights = 0.0
    returns = 0
    last: float | None = None
    for day, close in enumerate(closes.tolist()):
        if not close > 0:
            squares = weights = 0.0
            returns = 0
            last = None
            continue
        if last is not None:
            squares = DECAY * squares + math.log(close / last) ** 2
            weights = DECAY * weights + 1
            returns += 1
        last = close
        if returns >= DAYS:
            result[day] = math.sqrt(squares / weights)
    return result
