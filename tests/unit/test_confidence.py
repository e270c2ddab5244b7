"""Confidence from weights, and the gate: what it lets through, what it refuses, and that it fails closed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.analysis import Analysis, Pillar, Pillars, Regime, Strategy
from trading.confidence import GateDecision, confidence, gate, required_confidence, veto
from trading.market import Side
from trading.settings_strategies import RegimeThresholds, StrategySettings, Thresholds, Weights, default_strategies

NONE = float("nan")
STRATEGIES = default_strategies()
STANDARD = Thresholds().standard
EQUAL = {Strategy.SWING: StrategySettings(min_confidence=0)}  # a quarter each


def analysis(
    base: float = 0.8,
    trend: float = 0.7,
    volatility: float = 0.6,
    sentiment: float = 0.5,
    *,
    strategy: Strategy = Strategy.SWING,
    regime: Regime = Regime.TREND,
    stated: float | None = None,
    absent: tuple[str, ...] = (),
    weights: Weights | None = None,
) -> Analysis:
    """An analysis whose stated confidence is what its pillars make, unless told otherwise."""
    scores = {"base": base, "trend": trend, "volatility": volatility, "sentiment": sentiment}
    if stated is None:
        stated = confidence(weights or STRATEGIES[strategy].weights, **scores)
    return Analysis(
        id="a-1",
        commodity="EURUSD",
        side=Side.BUY,
        strategy=strategy,
        regime=regime,
        pillars=Pillars(**{name: Pillar(score=score, absent=name in absent) for name, score in scores.items()}),
        confidence=stated,
        daily_volatility=0.006,
        made_at=0,
    )


def at(reached: float, regime: Regime = Regime.TREND) -> Analysis:
    """An analysis whose four equal scores make this confidence."""
    return analysis(*[reached / 100] * 4, regime=regime, weights=Weights())


def decide(given: Analysis, strategies: Mapping[Strategy, StrategySettings] = STRATEGIES) -> GateDecision:
    return gate(given, strategies, STANDARD)


def test_confidence_is_the_weighted_sum_of_the_scores_in_hundredths() -> None:
    weights = Weights(base=0.30, trend=0.40, volatility=0.10, sentiment=0.20)
    assert confidence(weights, base=0.8, trend=0.7, volatility=0.6, sentiment=0.5) == 68  # 24 + 28 + 6 + 10


def test_a_strategy_without_weights_of_its_own_weighs_all_four_alike() -> None:
    assert confidence(StrategySettings().weights, 1.0, 0.5, 0.5, 0.0) == 50


@pytest.mark.parametrize("strategy", list(Strategy))
def test_four_full_scores_make_100_and_four_empty_ones_0(strategy: Strategy) -> None:
    assert confidence(STRATEGIES[strategy].weights, 1, 1, 1, 1) == 100
    assert confidence(STRATEGIES[strategy].weights, 0, 0, 0, 0) == 0


def test_the_stricter_of_profile_and_strategy_is_required() -> None:
    assert required_confidence(STRATEGIES[Strategy.SWING], STANDARD, Regime.TREND) == 65
    assert required_confidence(STRATEGIES[Strategy.SCALPING], STANDARD, Regime.TREND) == 70
    assert required_confidence(STRATEGIES[Strategy.SCALPING], STANDARD, Regime.CHAOS) == 80
    assert required_confidence(STRATEGIES[Strategy.SWING], Thresholds().aggressive, Regime.STRONG_TREND) == 60


def test_a_passing_analysis_shows_every_number() -> None:
    decision = decide(analysis())
    assert decision.passed
    assert decision.reasons == ()
    assert (decision.confidence, decision.threshold, decision.shortfall) == (68, 65, 0)
    assert [(share.name, share.score, share.weight) for share in decision.pillars] == [
        ("base", 0.8, 0.30),
        ("trend", 0.7, 0.40),
        ("volatility", 0.6, 0.10),
        ("sentiment", 0.5, 0.20),
    ]
    assert [share.contribution for share in decision.pillars] == pytest.approx([24, 28, 6, 10])


@pytest.mark.parametrize("regime", list(Regime))
def test_exactly_the_threshold_opens_and_a_hair_below_does_not(regime: Regime) -> None:
    threshold = STANDARD.of(regime)
    assert decide(at(threshold, regime), EQUAL).passed
    below = decide(at(threshold - 0.001, regime), EQUAL)
    assert not below.passed
    assert below.shortfall == pytest.approx(0.001)


def test_a_refusal_names_the_threshold_and_shows_the_shortfall() -> None:
    decision = decide(analysis(base=0.6))
    assert decision.reasons == ("confidence 62 is below the threshold 65 (trend)",)
    assert decision.shortfall == 3
    assert len(decision.pillars) == 4


def test_a_hair_below_the_threshold_is_not_told_as_the_threshold_itself() -> None:
    assert decide(at(64.999999), EQUAL).reasons == ("confidence 64.999999 is below the threshold 65 (trend)",)


def test_a_sum_of_fractions_does_not_miss_the_threshold_by_its_last_bit() -> None:
    weights = Weights(base=0.1, trend=0.2, volatility=0.3, sentiment=0.4)
    strategies = {Strategy.SWING: StrategySettings(weights=weights, min_confidence=0)}
    # In binary fractions 0.1 x 0.65 + 0.2 x 0.65 + 0.3 x 0.65 + 0.4 x 0.65 need not be 0.65.
    assert decide(analysis(0.65, 0.65, 0.65, 0.65, weights=weights), strategies).passed


@pytest.mark.parametrize("pillar", ["base", "volatility", "sentiment"])
def test_a_base_volatility_or_sentiment_of_zero_refuses_whatever_the_sum(pillar: str) -> None:
    scores = [0.0 if name == pillar else 1.0 for name in ("base", "trend", "volatility", "sentiment")]
    decision = decide(analysis(*scores))
    assert decision.confidence is not None
    assert decision.confidence >= 65
    assert decision.reasons == (f"veto: the {pillar} score is 0",)
    assert not decision.passed


def test_a_trend_of_zero_is_no_veto() -> None:
    assert decide(analysis(1, 0, 1, 1, strategy=Strategy.MEAN_REVERSION)).passed
    assert veto(base=0.1, volatility=0.1, sentiment=0.1) == ()


@pytest.mark.parametrize(("off", "passed"), [(0.009, True), (-0.009, True), (0.011, False), (-0.011, False)])
def test_a_stated_confidence_must_be_what_the_pillars_make(off: float, passed: bool) -> None:
    decision = decide(analysis(stated=68 + off))
    assert decision.passed is passed
    assert decision.confidence == 68


def test_a_stated_confidence_cannot_lift_an_analysis_over_the_threshold() -> None:
    weak = analysis(base=0.1, stated=90)
    assert not decide(weak).passed
    assert not decide(at(64.995).model_copy(update={"confidence": 65.0}), EQUAL).passed


def test_a_confidence_in_fractions_is_refused() -> None:
    assert decide(analysis(stated=0.68)).reasons == ("the stated confidence is 0.68, but the pillars make 68",)


def test_a_strategy_without_settings_is_refused() -> None:
    decision = gate(analysis(), {}, STANDARD)
    assert not decision.passed
    assert decision.reasons == ("strategy swing has no settings",)


def test_a_strategy_that_is_switched_off_is_refused() -> None:
    off = {Strategy.SWING: STRATEGIES[Strategy.SWING].model_copy(update={"enabled": False})}
    assert decide(analysis(), off).reasons == ("strategy swing is switched off",)


@pytest.mark.parametrize("pillar", ["base", "trend", "volatility"])
def test_only_sentiment_may_be_absent(pillar: str) -> None:
    assert decide(analysis(absent=(pillar,))).reasons == (f"the {pillar} pillar is absent; only sentiment may be",)
    assert decide(analysis(absent=("sentiment",))).passed


def test_absent_sentiment_is_never_silently_full() -> None:
    assert decide(analysis(sentiment=1.0, absent=("sentiment",))).reasons == (
        "absent sentiment is scored 1; expected 0.5",
    )


@pytest.mark.parametrize("pillar", ["base", "trend", "volatility", "sentiment"])
@pytest.mark.parametrize("score", [NONE, float("inf"), 1.5, -0.1, "high", None])
def test_a_score_that_is_no_fraction_refuses_and_raises_nothing(pillar: str, score: object) -> None:
    sound = analysis()
    bad = Pillar.model_construct(score=score)  # what no validation has seen
    broken = sound.model_copy(update={"pillars": sound.pillars.model_copy(update={pillar: bad})})
    decision = decide(broken)
    assert not decision.passed
    assert decision.reasons


@pytest.mark.parametrize("stated", [NONE, float("inf"), None, "68"])
def test_a_stated_confidence_that_is_no_number_refuses_and_raises_nothing(stated: object) -> None:
    assert not decide(analysis().model_copy(update={"confidence": stated})).passed


@pytest.mark.parametrize("threshold", [NONE, 0.65, -1, 101, 7000, None])
def test_a_threshold_that_is_none_refuses_and_raises_nothing(threshold: object) -> None:
    profile = STANDARD.model_copy(update={"trend": threshold})
    strategies = {Strategy.SWING: StrategySettings().model_copy(update={"min_confidence": threshold})}
    for decision in (gate(analysis(1, 1, 1, 1), STRATEGIES, profile), decide(analysis(1, 1, 1, 1), strategies)):
        assert not decision.passed
        assert decision.reasons


def test_weights_that_do_not_sum_to_one_refuse() -> None:
    heavy = Weights.model_construct(base=0.9, trend=0.9, volatility=0.9, sentiment=0.9)
    strategies = {Strategy.SWING: StrategySettings().model_copy(update={"weights": heavy})}
    decision = decide(analysis(0.25, 0.25, 0.25, 0.25, stated=90), strategies)
    assert decision.reasons == ("the weights of swing do not sum to 1",)


def test_an_error_inside_the_gate_is_a_refusal_that_names_it() -> None:
    nothing = RegimeThresholds.model_construct()
    decision = gate(analysis(), STRATEGIES, nothing)
    assert not decision.passed
    assert decision.reasons[0].startswith("the gate failed: AttributeError: ")
    assert decision.shortfall is None


@given(
    scores=st.tuples(*[st.floats(0, 1)] * 4),
    strategy=st.sampled_from(Strategy),
    regime=st.sampled_from(Regime),
)
def test_what_a_strict_profile_lets_through_a_laxer_one_does_too(
    scores: tuple[float, ...], strategy: Strategy, regime: Regime
) -> None:
    opinion = analysis(*scores, strategy=strategy, regime=regime)
    profiles = Thresholds()
    strict, standard, lax = (
        gate(opinion, STRATEGIES, profile).passed
        for profile in (profiles.conservative, profiles.standard, profiles.aggressive)
    )
    assert strict <= standard <= lax


@given(
    scores=st.tuples(*[st.floats(0.01, 1)] * 4),
    raised=st.integers(0, 3),
    strategy=st.sampled_from(Strategy),
)
def test_a_better_score_never_lowers_confidence(
    scores: tuple[float, float, float, float], raised: int, strategy: Strategy
) -> None:
    weights = STRATEGIES[strategy].weights
    better = list(scores)
    better[raised] = 1.0
    assert confidence(weights, *better) >= confidence(weights, *scores)
    assert 0 <= confidence(weights, *scores) <= 100
