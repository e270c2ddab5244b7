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

NEUTRAL_SENTIMENT = 0.5

TREND_WEIGHTS: Mapping[str, float] = {"d1": 0.4, "h4": 0.4, "h1": 0.2}

# Beyond so many daily ATR from the 200-day average, in the trade's direction, so much of the trend's score is lost.
EXTENSION_CUTS = ((6.0, 0.15), (8.0, 0.30), (10.0, 0.50))

# The relative volatility that a strategy can use: it starts, is right, begins to be too much, is too much.
VOLATILITY_BANDS: Mapping[Strategy, tuple[float, float, float, float]] = {
    Strategy.SWING: (0.4, 0.8, 1.5, 2.5),
    Strategy.DAY: (0.4, 0.8, 1.5, 2.5),
    Strategy.MOMENTUM: (0.7, 1.1, 1.7, 2.5),
    Strategy.BREAKOUT: (0.7, 1.1, 1.7, 2.5),
    Strategy.MEAN_REVERSION: (0.4, 0.7, 1.3, 2.2),
    Strategy.SCALPING: (0.3, 0.6, 1.0, 1.5),
}
WANTS_A_CALM_BAR = frozenset({Strategy.MEAN_REVERSION, Strategy.SCALPING})


@dataclass(frozen=True, slots=True)
class NotKnown:
    """No judgement is possible at this bar: what is missing, each with what it lacks. Never a placeholder instead."""

    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sentiment:
    """What a configured feed says now. No feed is no ``Sentiment``: ``None``, scored neutral and marked absent.

    Raises ``ValueError`` for a bullishness outside 0..1.
    """

    bullishness: float  # 0 all against a rise, 0.5 undecided, 1 all for it
    event_pending: bool = False  # a high-impact event is due: neither side may open

    def __post_init__(self) -> None:
        if not 0 <= self.bullishness <= 1:
            raise ValueError(f"bullishness is {self.bullishness}; expected 0 to 1")

    def score(self, side: Side) -> float:
        """Bullishness for a buy, what it leaves of 1 for a sell, 0 for both while an event is pending."""
        if self.event_pending:
            return 0.0
        return self.bullishness if side is Side.BUY else 1 - self.bullishness


def sentiment_score(sentiment: Sentiment | None, side: Side) -> float:
    """The sentiment pillar's score; neutral where there is no feed."""
    return NEUTRAL_SENTIMENT if sentiment is None else sentiment.score(side)


def trend_score(features: Features, side: Side) -> Floats:
    """Trend confluence: the weighted agreement of three frames, less the cut for over-extension. Shape (n,).

    The sum of weight x (1 + d x strength) / 2, d being +1 for a buy and -1 for a sell. NaN while any frame warms up.
    """
    agreement = np.zeros(len(features))
    for frame, weight in TREND_WEIGHTS.items():
        agreement += weight * (1 + side.sign * getattr(features, frame).strength) / 2
    return np.minimum(agreement * (1 - extension_cut(features, side)), 1.0)


def extension_cut(features: Features, side: Side) -> Floats:
    """The fraction lost to over-extension. Shape (n,). 0 where the 200-day average is not known, which readings say."""
    beyond = side.sign * features.extension
    cut = np.zeros(beyond.shape)
    for distance, loss in EXTENSION_CUTS:
        cut[beyond >= distance] = loss
    return cut


def volatility_level(features: Features, strategy: Strategy) -> Floats:
    """How well the relative volatility suits the strategy. Shape (n,)."""
    return trapezoid(features.relative_volatility, *VOLATILITY_BANDS[strategy])


def volatility_activity(features: Features, strategy: Strategy) -> Floats:
    """How well this bar's own range does: wide for those who need movement, calm for those who fade it. Shape (n,)."""
    if strategy in WANTS_A_CALM_BAR:
        return falling(features.range_in_atr, 1.2, 2.2)
    return ramp(features.range_in_atr, 0.5, 1.5)


def volatility_score(features: Features, strategy: Strategy) -> Floats:
    """Level x (1/2 + 1/2 activity). Shape (n,); the same for both sides."""
    return volatility_level(features, strategy) * (0.5 + 0.5 * volatility_activity(features, strategy))


class PillarScores:
    """The pillars of one series: scores for every bar, and the whole pillars with their readings at one."""

    def __init__(self, features: Features) -> None:
        self.features = features
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
            self._trend[side] = trend_score(self.features, side)
        return self._trend[side]

    def volatility(self, strategy: Strategy) -> Floats:
        """The volatility's scores. Shape (n,)."""
        if strategy not in self._volatility:
            self._volatility[strategy] = volatility_score(self.features, strategy)
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
            f"{frame}_strength": float(getattr(now, frame).strength[0]) for frame in TREND_WEIGHTS
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
                "level": float(volatility_level(now, strategy)[0]),
                "activity": float(volatility_activity(now, strategy)[0]),
            },
        )


def _sentiment_pillar(sentiment: Sentiment | None, side: Side) -> Pillar:
    score = sentiment_score(sentiment, side)
    if sentiment is None:
        return Pillar(score=score, absent=True)
    return Pillar(
        score=score,
        readings={"bullishness": sentiment.bullishness, "event_pending": float(sentiment.event_pending)},
    )
