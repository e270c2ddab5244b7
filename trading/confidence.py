"""Confidence, and the gate that lets an analysis through or says why not.

Confidence is 100 x the sum of weight x score over the four pillars: scores and weights are fractions, confidence and
thresholds run from 0 to 100. The gate is pure, is applied once per decision, and fails closed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from trading.analysis import Analysis, Pillar, Regime, Strategy
from trading.sentiment import NEUTRAL_SENTIMENT
from trading.settings_strategies import RegimeThresholds, StrategySettings, Weights

STATED_TOLERANCE = 0.01  # how far the stated confidence may be from the one that its pillars make
CONFIDENCE_DECIMALS = 6  # keeps the last bit of a sum such as .1 + .2 from deciding at a threshold

PILLARS = ("base", "trend", "volatility", "sentiment")


@dataclass(frozen=True, slots=True)
class PillarShare:
    """One pillar's part in a confidence."""

    name: str
    score: float  # 0 to 1
    weight: float  # 0 to 1
    contribution: float  # 100 x weight x score, in points of confidence
    absent: bool


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What the gate decided and every number that it decided by; None is what could not be known."""

    passed: bool
    reasons: tuple[str, ...]  # why not; empty when passed
    confidence: float | None = None  # worked out again from the pillars
    threshold: float | None = None
    shortfall: float | None = None  # points missing to the threshold; 0 when there are enough
    pillars: tuple[PillarShare, ...] = ()


def confidence(weights: Weights, base: float, trend: float, volatility: float, sentiment: float) -> float:
    """100 x the sum of weight x score; 0 to 100."""
    total = (
        weights.base * base + weights.trend * trend + weights.volatility * volatility + weights.sentiment * sentiment
    )
    return round(100 * total, CONFIDENCE_DECIMALS)


def required_confidence(strategy: StrategySettings, thresholds: RegimeThresholds, regime: Regime) -> float:
    """The confidence that an open needs: the profile's for the regime, and at least the strategy's own."""
    return max(thresholds.of(regime), strategy.min_confidence)


def veto(base: float, volatility: float, sentiment: float) -> tuple[str, ...]:
    """The pillars that refuse by themselves: a base, volatility or sentiment of 0 does, whatever the sum."""
    judged = (("base", base), ("volatility", volatility), ("sentiment", sentiment))
    return tuple(f"veto: the {name} score is 0" for name, score in judged if score <= 0)


def gate(
    analysis: Analysis, strategies: Mapping[Strategy, StrategySettings], thresholds: RegimeThresholds
) -> GateDecision:
    """Whether ``analysis`` may open a trade under the thresholds of the configured profile.

    Passes only if the confidence that the pillars make reaches the threshold, no pillar vetoes, the stated confidence
    agrees with the pillars to 0.01, and only sentiment is absent, scored neutral. Whatever goes wrong here, the answer
    is a refusal that says so: nothing is raised.
    """
    try:
        return _judged(analysis, strategies, thresholds)
    except Exception as fault:  # an open must not slip through a defect, nor the defect stop the one who asks
        return GateDecision(passed=False, reasons=(f"the gate failed: {type(fault).__name__}: {fault}",))


def _judged(
    analysis: Analysis, strategies: Mapping[Strategy, StrategySettings], thresholds: RegimeThresholds
) -> GateDecision:
    strategy = strategies.get(analysis.strategy)
    if strategy is None:
        return GateDecision(passed=False, reasons=(f"strategy {analysis.strategy} has no settings",))
    pillars: dict[str, Pillar] = {name: getattr(analysis.pillars, name) for name in PILLARS}
    shares = tuple(_share(name, pillar, getattr(strategy.weights, name)) for name, pillar in pillars.items())
    scores = {share.name: share.score for share in shares}
    reached = confidence(strategy.weights, **scores)
    threshold = required_confidence(strategy, thresholds, analysis.regime)
    reasons = [
        *([] if strategy.enabled else [f"strategy {analysis.strategy} is switched off"]),
        *_threshold_faults(thresholds.of(analysis.regime), strategy.min_confidence),
        *_score_faults(shares),
        *veto(scores["base"], scores["volatility"], scores["sentiment"]),
    ]
    # Every comparison below is the one that must hold, negated: NaN makes none hold, and so refuses.
    if not abs(sum(share.weight for share in shares) - 1) <= 1e-9:
        reasons.append(f"the weights of {analysis.strategy} do not sum to 1")
    if not abs(analysis.confidence - reached) <= STATED_TOLERANCE:
        reasons.append(f"the stated confidence is {analysis.confidence:.8g}, but the pillars make {reached:.8g}")
    if not reached >= threshold:
        reasons.append(f"confidence {reached:.8g} is below the threshold {threshold:.8g} ({analysis.regime})")
    return GateDecision(
        passed=not reasons,
        reasons=tuple(reasons),
        confidence=_known(reached),
        threshold=_known(threshold),
        shortfall=_known(round(max(threshold - reached, 0.0), CONFIDENCE_DECIMALS)),
        pillars=shares,
    )


def _share(name: str, pillar: Pillar, weight: float) -> PillarShare:
    return PillarShare(name, pillar.score, weight, 100 * weight * pillar.score, pillar.absent)


def _threshold_faults(profile: float, least: float) -> list[str]:
    return [
        f"{name} is {value:g}; expected 0 to 100, and not a fraction"
        for name, value in (("the profile's threshold", profile), ("min_confidence", least))
        if not (value == 0 or 1 < value <= 100)
    ]


def _score_faults(shares: tuple[PillarShare, ...]) -> list[str]:
    faults = [
        f"the {share.name} score is {share.score:g}; expected 0 to 1" for share in shares if not 0 <= share.score <= 1
    ]
    for share in shares:
        if share.absent and share.name != "sentiment":
            faults.append(f"the {share.name} pillar is absent; only sentiment may be")
        elif share.absent and share.score != NEUTRAL_SENTIMENT:
            faults.append(f"absent sentiment is scored {share.score:g}; expected {NEUTRAL_SENTIMENT:g}")
    return faults


def _known(number: float) -> float | None:
    return number if math.isfinite(number) else None
