"""The built-in analyst's opinion of one bar: every candidate with its numbers, and the best of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trading.analysis import Analysis, Name, Regime, Strategy
from trading.bars import BarSeries
from trading.confidence import confidence, required_confidence, veto
from trading.features import Features, features
from trading.market import Instant, Side
from trading.pillars import NotKnown, PillarScores, bands_of
from trading.reading import MarketReading
from trading.regime import REGIMES, regime_codes
from trading.sentiment import Sentiment, sentiment_score
from trading.settings import Settings
from trading.settings_strategies import RegimeThresholds, StrategySettings
from trading.strategies import eligible
from trading.volatility import ForecastPath, VolatilityForecast, forecast_path


class Outlook:
    """A series with all that follows from it, each array computed at first use and kept for the bars to come."""

    def __init__(self, bars: BarSeries, settings: Settings | None = None) -> None:
        """Compute the readings of ``bars``; raises ``ValueError`` as ``features`` does.

        ``settings``: the boundaries of regimes, the weights of trends and the strategies' bands of volatility; without
        them the defaults.
        """
        settings = Settings() if settings is None else settings
        self._boundaries = settings.regimes
        self.features: Features = features(bars)
        self.scores = PillarScores(self.features, settings.trend_weights, bands_of(settings.strategies))

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def _regimes(self) -> NDArray[np.int8]:
        return regime_codes(self.features, self._boundaries)

    @cached_property
    def _eligible(self) -> dict[Strategy, NDArray[np.bool_]]:
        return eligible(self.features, self._boundaries)

    @cached_property
    def _forecasts(self) -> ForecastPath:
        return forecast_path(self.features.bars)

    def forecast(self, index: int) -> VolatilityForecast | None:
        """What is expected of the variance to come when bar ``index`` has ended; None while that warms up."""
        return self._forecasts.at(index)

    def regime(self, index: int) -> Regime:
        """The regime at bar ``index``; chaos where a reading is not finite, so also while they warm up."""
        return REGIMES[int(self._regimes[index])]

    def eligible(self, index: int) -> tuple[Strategy, ...]:
        """The strategies that the market at bar ``index`` is made for, in the order of ``Strategy``."""
        return tuple(strategy for strategy in Strategy if self._eligible[strategy][index])


@dataclass(frozen=True, slots=True)
class Candidate:
    """One strategy on one side at one bar."""

    strategy: Strategy
    side: Side
    base: float  # the four scores, 0 to 1
    trend: float
    volatility: float
    sentiment: float
    confidence: float  # 0 to 100
    threshold: float  # 0 to 100
    vetoes: tuple[str, ...]  # empty: none

    @property
    def margin(self) -> float:
        """Confidence over the threshold, in points; negative below it."""
        return self.confidence - self.threshold

    @property
    def shortfall(self) -> float:
        """Points missing to the threshold; 0 when there are enough."""
        return max(-self.margin, 0.0)

    @property
    def passes(self) -> bool:
        """Whether the gate would open on these numbers."""
        return not self.vetoes and self.confidence >= self.threshold


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the analyst thinks when bar ``index`` has ended, with all that explains it."""

    index: int
    regime: Regime
    candidates: tuple[Candidate, ...]  # each eligible strategy, both sides
    barred: tuple[Strategy, ...]  # eligible here, but the feed's bars are too long for them
    sentiment: Sentiment | None

    @property
    def best(self) -> Candidate | None:
        """The candidate with the highest margin; one with a veto only where all have one. None without candidates.

        It need not pass: ask it. Of equals the first in the order of ``Strategy`` is taken, the buy before the sell.
        """
        return max(self.candidates, key=lambda candidate: (not candidate.vetoes, candidate.margin), default=None)


def judge(
    outlook: Outlook,
    index: int,
    *,
    strategies: Mapping[Strategy, StrategySettings],
    thresholds: RegimeThresholds,
    barred: Set[Strategy] = frozenset(),
    sentiment: Sentiment | None = None,
) -> Opinion | NotKnown:
    """The opinion at the end of bar ``index``: both sides of each strategy that is eligible, enabled and not barred.

    ``thresholds`` are those of the configured profile; ``barred`` is what ``barred_on_feed`` answers. A strategy that
    ``strategies`` does not name is not considered. ``NotKnown`` while anything that judging needs is missing.
    """
    scores = outlook.scores
    if not scores.known(index):
        return NotKnown(outlook.features.missing(index))
    regime = outlook.regime(index)
    wanted = [name for name in outlook.eligible(index) if name in strategies and strategies[name].enabled]
    candidates = []
    for name in wanted:
        if name in barred:
            continue
        settings = strategies[name]
        threshold = required_confidence(settings, thresholds, regime)
        volatility = float(scores.volatility(name)[index])
        for side in Side:
            base = float(scores.base(name, side)[index])
            trend = float(scores.trend(side)[index])
            mood = sentiment_score(sentiment, side)
            reached = confidence(settings.weights, base, trend, volatility, mood)
            vetoes = veto(base, volatility, mood)
            candidates.append(Candidate(name, side, base, trend, volatility, mood, reached, threshold, vetoes))
    return Opinion(
        index=index,
        regime=regime,
        candidates=tuple(candidates),
        barred=tuple(name for name in wanted if name in barred),
        sentiment=sentiment,
    )


def make_analysis(
    outlook: Outlook, opinion: Opinion, *, id: str, made_at: Instant, made_by: Name = "analyst"
) -> Analysis:
    """The opinion's best candidate as an ``Analysis``, its pillars with their readings.

    Raises ``ValueError`` when the opinion has no candidate, or is not about a bar of this outlook.
    """
    best, index, readings = opinion.best, opinion.index, outlook.features
    if best is None:
        raise ValueError(f"the opinion of bar {index} has no candidate; expected at least one")
    pillars = outlook.scores.at(index, best.strategy, best.side, opinion.sentiment)
    if isinstance(pillars, NotKnown):
        raise ValueError(f"bar {index} of this outlook is not known: {', '.join(pillars.missing)}")
    return Analysis(
        id=id,
        commodity=readings.bars.commodity,
        side=best.side,
        strategy=best.strategy,
        regime=opinion.regime,
        pillars=pillars,
        confidence=best.confidence,
        daily_volatility=float(readings.daily_volatility[index]),
        mean_price=float(readings.mean_price[index]),
        made_at=made_at,
        made_by=made_by,
    )


def read_market(
    outlook: Outlook, index: int, opinion: Opinion | NotKnown, forecast: VolatilityForecast | None
) -> MarketReading:
    """The reading at the end of bar ``index``, with the opinion and the forecast that were made there."""
    features = outlook.features
    return MarketReading(
        commodity=features.bars.commodity,
        at=features.bars.end(index),
        bar_seconds=features.bars.bar_seconds,
        opinion=None if isinstance(opinion, NotKnown) else opinion,
        forecast=forecast,
        daily_volatility=_known(float(features.daily_volatility[index])),
        mean_price=_known(float(features.mean_price[index])),
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
