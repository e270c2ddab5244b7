"""The four pillars of confidence: base signal, trend confluence, volatility, sentiment.

Scores are computed over whole arrays, once per strategy and side and at first use, and read by index; the readings
behind a score are worked out again, by the same formulas, only for the bar whose journal line needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.analysis import Pillar, Pillars, Strategy
from trading.bars import Floats
from trading.base_signal import TRIGGER_ROWS, base_signal
from trading.features import READINGS, Features
from trading.grading import falling, ramp, trapezoid
from trading.market import Side
from trading.sentiment import Sentiment, sentiment_score
from trading.settings_regimes import TrendWeights
from trading.settings_strategies import StrategySettings, VolatilityBand, default_strategies

# Beyond so many daily ATR from the 200-day average, in the trade's direction, so much of the trend's score is lost.
EXTENSION_CUTS = ((6.0, 0.15), (8.0, 0.30), (10.0, 0.50))

WANTS_A_CALM_BAR = frozenset({Strategy.MEAN_REVERSION, Strategy.SCALPING})


@dataclass(frozen=True, slots=True)
class NotKnown:
    """No judgement is possible at this bar: what is missing, each with what it lacks. Never a placeholder instead."""

    missing: tuple[str, ...]


def trend_score(features: Features, side: Side, weights: TrendWeights) -> Floats:
    """Trend confluence: the weighted agreement of three frames, less the cut for over-extension. Shape (n,).

    The sum of weight x (1 + d x strength) / 2, d being +1 for a buy and -1 for a sell. NaN while any frame warms up.
    """
    agreement = np.zeros(len(features))
    for frame, weight in weights:
        agreement += weight * (1 + side.sign * getattr(features, frame).strength) / 2
    return np.minimum(agreement * (1 - extension_cut(features, side)), 1.0)


def extension_cut(features: Features, side: Side) -> Floats:
    """The fraction lost to over-extension. Shape (n,). 0 where the 200-day average is not known, which readings say."""
    beyond = side.sign * features.extension
    cut = np.zeros(beyond.shape)
    for distance, loss in EXTENSION_CUTS:
        cut[beyond >= distance] = loss
    return cut


def volatility_level(features: Features, band: VolatilityBand) -> Floats:
    """How well the relative volatility lies in the band. Shape (n,)."""
    return trapezoid(features.relative_volatility, *band.edges)


def volatility_activity(features: Features, strategy: Strategy) -> Floats:
    """How well this bar's own range does: wide for those who need movement, calm for those who fade it. Shape (n,)."""
    if strategy in WANTS_A_CALM_BAR:
        return falling(features.range_in_atr, 1.2, 2.2)
    return ramp(features.range_in_atr, 0.5, 1.5)


def volatility_score(features: Features, strategy: Strategy, band: VolatilityBand) -> Floats:
    """Level x (1/2 + 1/2 activity). Shape (n,); the same for both sides."""
    return volatility_level(features, band) * (0.5 + 0.5 * volatility_activity(features, strategy))


class PillarScores:
    """The pillars of one series: scores for every bar, and the whole pillars with their readings at one."""

    def __init__(
        self,
        features: Features,
        trend_weights: TrendWeights | None = None,
        bands: Mapping[Strategy, VolatilityBand] | None = None,
    ) -> None:
        """``trend_weights`` and each strategy's band are the defaults where they are not given."""
        self.features = features
        self._trend_weights = TrendWeights() if trend_weights is None else trend_weights
        self._bands = bands_of(default_strategies()) if bands is None else bands
        self._base: dict[tuple[Strategy, Side], Floats] = {}
        self._trend: dict[Side, Floats] = {}
        self._volatility: dict[Strategy, Floats] = {}
        self._known: NDArray[np.bool_] | None = None

    def base(self, strategy: Strategy, side: Side) -> Floats:
        """The base signal's scores. Shape (n,)."""
        if (strategy, side) not in self._base:
            self._base[strategy, side] = base_signal(self.features, strategy, side).score
        return self._base[strategy, side]

    def trend(self, side: Side) -> Floats:
        """The trend confluence's scores. Shape (n,)."""
        if side not in self._trend:
            self._trend[side] = trend_score(self.features, side, self._trend_weights)
        return self._trend[side]

    def volatility(self, strategy: Strategy) -> Floats:
        """The volatility's scores. Shape (n,)."""
        if strategy not in self._volatility:
            self._volatility[strategy] = volatility_score(self.features, strategy, self._bands[strategy])
        return self._volatility[strategy]

    def known(self, index: int) -> bool:
        """Whether everything that judging needs is known at bar ``index``; ``features.missing`` says what is not.

        Raises ``IndexError`` where there is no such bar; a negative index counts no bars from the end.
        """
        if not 0 <= index < len(self.features):
            raise IndexError(f"bar {index} of {len(self.features)}; expected 0 to {len(self.features) - 1}")
        if self._known is None:
            volatility = self.features.daily_volatility
            trend_known = np.isfinite(self.trend(Side.BUY))
            self._known = self.features.readable() & trend_known & (volatility > 0) & (volatility < 1)
        return bool(self._known[index])

    def at(self, index: int, strategy: Strategy, side: Side, sentiment: Sentiment | None = None) -> Pillars | NotKnown:
        """The four pillars at bar ``index`` with the readings that made them."""
        if not self.known(index):
            return NotKnown(self.features.missing(index))
        return Pillars(
            base=self._base_pillar(index, strategy, side),
            trend=self._trend_pillar(index, side),
            volatility=self._volatility_pillar(index, strategy),
            sentiment=_sentiment_pillar(sentiment, side),
        )

    def _base_pillar(self, index: int, strategy: Strategy, side: Side) -> Pillar:
        recent = self.features.window(max(index + 1 - TRIGGER_ROWS, 0), index + 1)
        signal = base_signal(recent, strategy, side)
        readings: dict[str, float | None] = {"trigger": float(signal.trigger[-1]), "fit": float(signal.fit[-1])}
        readings |= {f"{reading.name}_grade": float(reading.grade[-1]) for reading in signal.readings}
        readings |= {name: float(getattr(recent, name)[-1]) for name in READINGS}
        return Pillar(score=float(self.base(strategy, side)[index]), readings=readings)

    def _trend_pillar(self, index: int, side: Side) -> Pillar:
        now = self.features.window(index, index + 1)
        readings: dict[str, float | None] = {
            f"{frame}_strength": float(getattr(now, frame).strength[0]) for frame in TrendWeights.model_fields
        }
        extension = float(now.extension[0])
        readings["extension_daily_atr"] = extension if np.isfinite(extension) else None
        readings["extension_cut"] = float(extension_cut(now, side)[0])
        return Pillar(score=float(self.trend(side)[index]), readings=readings)

    def _volatility_pillar(self, index: int, strategy: Strategy) -> Pillar:
        now = self.features.window(index, index + 1)
        return Pillar(
            score=float(self.volatility(strategy)[index]),
            readings={
                "relative_volatility": float(now.relative_volatility[0]),
                "range_in_atr": float(now.range_in_atr[0]),
                "level": float(volatility_level(now, self._bands[strategy])[0]),
                "activity": float(volatility_activity(now, strategy)[0]),
            },
        )


def bands_of(strategies: Mapping[Strategy, StrategySettings]) -> dict[Strategy, VolatilityBand]:
    """Each strategy's band."""
    return {strategy: settings.volatility_band for strategy, settings in strategies.items()}


def _sentiment_pillar(sentiment: Sentiment | None, side: Side) -> Pillar:
    score = sentiment_score(sentiment, side)
    if sentiment is None:
        return Pillar(score=score, absent=True)
    readings: dict[str, float | None] = {}
    if not sentiment.absent:
        readings |= {"bullishness": sentiment.bullishness, "event_pending": float(sentiment.event_pending)}
    for source in sentiment.sources:
        readings[f"{source.name}.bullishness"] = source.bullishness
        readings[f"{source.name}.age_seconds"] = source.age_seconds
    notes = {source.name: source.why for source in sentiment.sources if source.why}
    if sentiment.event:
        notes["pending event"] = sentiment.event
    return Pillar(score=score, absent=sentiment.absent, readings=readings, notes=notes)
