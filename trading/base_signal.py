"""The base signal: does what a strategy waits for happen, now, in a market that suits it?

Each strategy's signal is trigger x fit x weighted readings. The trigger is an event and fades over three bars; the
fit grades how well the market's kind suits the strategy; the readings grade how good the moment is. All is mirrored:
a sell reads what a buy would read if prices moved the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.analysis import Strategy
from trading.bars import Floats
from trading.features import Features
from trading.grading import falling, ramp, trapezoid
from trading.indicators import lagged
from trading.market import Side

TRIGGER_BY_AGE = (1.0, 0.75, 0.5)  # what an event counts on its own bar, one bar later, two bars later; then nothing
TRIGGER_ROWS = len(TRIGGER_BY_AGE) + 1  # rows needed to know a bar's trigger: the oldest event compares with one more


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One graded reading and its share in the signal; the shares of a signal sum to 1."""

    name: str
    weight: float
    grade: Floats  # (n,) 0 to 1


@dataclass(frozen=True, slots=True, eq=False)
class BaseSignal:
    """One strategy's signal for one side. Arrays have the shape (n,) and lie in 0..1, NaN where not known."""

    trigger: Floats
    fit: Floats
    readings: tuple[Reading, ...]

    @property
    def score(self) -> Floats:
        """Trigger x fit x the weighted sum of the readings."""
        total = np.zeros(self.trigger.shape)
        for reading in self.readings:
            total += reading.weight * reading.grade
        return np.minimum(self.trigger * self.fit * total, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Signed:
    """The readings as this side sees them: what speaks for it is positive."""

    rsi: Floats  # distance from 50
    macd: Floats
    histogram: Floats
    histogram_change: Floats
    band: Floats
    beyond: Floats  # how far the close is beyond the 20-bar extreme on this side
    adx: Floats  # strength has no side
    adx_change: Floats


def base_signal(features: Features, strategy: Strategy, side: Side) -> BaseSignal:
    """The signal of ``strategy`` for ``side`` at every bar of ``features``."""
    sign = side.sign
    signed = _Signed(
        rsi=sign * (features.rsi - 50),
        macd=sign * features.macd,
        histogram=sign * features.histogram,
        histogram_change=sign * features.histogram_change,
        band=sign * features.percent_b,
        beyond=features.above_high if side is Side.BUY else features.below_low,
        adx=features.adx,
        adx_change=features.adx_change,
    )
    return _FORMULAS[strategy](signed)


def fading(event: NDArray[np.bool_]) -> Floats:
    """What the newest event still counts: the highest of ``TRIGGER_BY_AGE`` over the ages at which there was one."""
    counts = np.zeros(event.shape)
    for age, worth in enumerate(TRIGGER_BY_AGE):
        happened = event[: max(len(event) - age, 0)]
        counts[age:] = np.maximum(counts[age:], worth * happened)
    return counts


def crosses_zero(reading: Floats) -> NDArray[np.bool_]:
    """Above zero now, at or below it one bar before."""
    return (reading > 0) & (lagged(reading, 1) <= 0)


def first_above_zero(reading: Floats) -> NDArray[np.bool_]:
    """Above zero now and not one bar before, where "not known" counts as "not"."""
    return (reading > 0) & ~(lagged(reading, 1) > 0)


def _swing(x: _Signed) -> BaseSignal:
    """A pull-back in a trend is over: the price comes back over its 20-bar mean."""
    return BaseSignal(
        trigger=fading(crosses_zero(x.band)),
        fit=ramp(x.adx, 20, 30),
        readings=(
            Reading("rsi", 0.30, trapezoid(x.rsi, 0, 5, 15, 25)),
            Reading("macd", 0.40, (ramp(x.macd, -0.2, 0.5) + ramp(x.histogram_change, 0, 0.06)) / 2),
            Reading("band", 0.30, trapezoid(x.band, -0.05, 0.05, 0.35, 0.60)),
        ),
    )


def _day(x: _Signed) -> BaseSignal:
    """Momentum turns in a calm market: the MACD histogram changes its sign."""
    return BaseSignal(
        trigger=fading(crosses_zero(x.histogram)),
        fit=trapezoid(x.adx, 8, 14, 24, 32),
        readings=(
            Reading("rsi", 0.35, trapezoid(x.rsi, 0, 7, 16, 26)),
            Reading("macd", 0.40, ramp(x.histogram_change, 0, 0.06)),
            Reading("band", 0.25, trapezoid(x.band, 0, 0.12, 0.40, 0.60)),
        ),
    )


def _momentum(x: _Signed) -> BaseSignal:
    """The first close beyond the 20-bar extreme, with a trend behind it."""
    return BaseSignal(
        trigger=fading(first_above_zero(x.beyond)),
        fit=ramp(x.adx, 20, 40),
        readings=(
            Reading("rsi", 0.30, ramp(x.rsi, 8, 20)),
            Reading("macd", 0.40, (ramp(x.histogram, 0, 0.25) + ramp(x.histogram_change, 0, 0.07)) / 2),
            Reading("band", 0.30, ramp(x.band, 0.2, 0.5)),
        ),
    )


def _breakout(x: _Signed) -> BaseSignal:
    """The same event, with a trend that grows."""
    return BaseSignal(
        trigger=fading(first_above_zero(x.beyond)),
        fit=ramp(x.adx_change, -1, 4),
        readings=(
            Reading("rsi", 0.25, ramp(x.rsi, 8, 20)),
            Reading("macd", 0.30, ramp(x.histogram_change, 0, 0.08)),
            Reading("band", 0.45, (ramp(x.band, 0.35, 0.60) + ramp(x.beyond, -0.25, 0.5)) / 2),
        ),
    )


def _mean_reversion(x: _Signed) -> BaseSignal:
    """Stretched far against this side, without a trend that would stretch it further. A state, so it has no trigger."""
    return BaseSignal(
        trigger=np.ones(x.rsi.shape),
        fit=falling(x.adx, 22, 40),
        readings=(
            Reading("rsi", 0.35, ramp(-x.rsi, 14, 24)),
            Reading("macd", 0.25, ramp(x.histogram_change, -0.03, 0.03)),
            Reading("band", 0.40, ramp(-x.band, 0.30, 0.55)),
        ),
    )


def _scalping(x: _Signed) -> BaseSignal:
    """A small stretch in a market that goes nowhere. A state, so it has no trigger."""
    return BaseSignal(
        trigger=np.ones(x.rsi.shape),
        fit=falling(x.adx, 15, 28),
        readings=(
            Reading("rsi", 0.35, ramp(-x.rsi, 2, 12)),
            Reading("macd", 0.25, ramp(x.histogram_change, -0.02, 0.04)),
            Reading("band", 0.40, ramp(-x.band, 0.15, 0.45)),
        ),
    )


_FORMULAS: Mapping[Strategy, Callable[[_Signed], BaseSignal]] = {
    Strategy.SWING: _swing,
    Strategy.DAY: _day,
    Strategy.MOMENTUM: _momentum,
    Strategy.BREAKOUT: _breakout,
    Strategy.MEAN_REVERSION: _mean_reversion,
    Strategy.SCALPING: _scalping,
}
