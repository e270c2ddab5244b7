"""The built-in analyst's opinion of a bar."""

from __future__ import annotations

import numpy as np
import pytest
from made_bars import steady, walk

from trading.analysis import Regime, Strategy
from trading.confidence import confidence, gate
from trading.market import Side
from trading.opinion import Candidate, Opinion, Outlook, judge, make_analysis
from trading.pillars import NotKnown
from trading.sentiment import Sentiment
from trading.settings import Settings
from trading.settings_regimes import RegimeSettings, TrendWeights
from trading.settings_strategies import Thresholds, VolatilityBand, default_strategies

STRATEGIES = default_strategies()
STANDARD = Thresholds().standard
BARS = 4_000


@pytest.fixture(scope="module")
def outlook() -> Outlook:
    return Outlook(walk(BARS, seed=2))


@pytest.fixture(scope="module")
def opinions(outlook: Outlook) -> list[Opinion]:
    """The opinion of every bar that can be judged."""
    judged = [judge(outlook, index, strategies=STRATEGIES, thresholds=STANDARD) for index in range(BARS)]
    return [opinion for opinion in judged if isinstance(opinion, Opinion)]


def candidate(
    strategy: Strategy, reached: float, *vetoes: str, threshold: float = 65, side: Side = Side.BUY
) -> Candidate:
    return Candidate(strategy, side, 0.5, 0.5, 0.5, 0.5, reached, threshold, vetoes)


def opinion_of(outlook: Outlook, *candidates: Candidate) -> Opinion:
    return Opinion(BARS - 1, outlook.regime(BARS - 1), candidates, (), None)


def test_both_sides_of_every_eligible_strategy_are_candidates(outlook: Outlook, opinions: list[Opinion]) -> None:
    for opinion in opinions:
        expected = [(strategy, side) for strategy in outlook.eligible(opinion.index) for side in Side]
        assert [(found.strategy, found.side) for found in opinion.candidates] == expected
        assert opinion.regime is outlook.regime(opinion.index)


def test_a_candidates_numbers_are_those_of_its_pillars(outlook: Outlook, opinions: list[Opinion]) -> None:
    for opinion in opinions[::50]:
        for found in opinion.candidates:
            pillars = outlook.scores.at(opinion.index, found.strategy, found.side)
            assert not isinstance(pillars, NotKnown)
            assert (found.base, found.trend, found.volatility, found.sentiment) == (
                pillars.base.score,
                pillars.trend.score,
                pillars.volatility.score,
                pillars.sentiment.score,
            )
            weights = STRATEGIES[found.strategy].weights
            assert found.confidence == confidence(weights, found.base, found.trend, found.volatility, found.sentiment)
            assert found.margin - found.confidence == pytest.approx(-found.threshold)


def test_the_gate_decides_as_the_opinion_foresaw(outlook: Outlook, opinions: list[Opinion]) -> None:
    outcomes = set()
    for opinion in opinions:
        best = opinion.best
        assert best is not None
        made = make_analysis(
            outlook, opinion, id=f"bar-{opinion.index}", made_at=outlook.features.bars.end(opinion.index)
        )
        decision = gate(made, STRATEGIES, STANDARD)
        assert decision.passed is best.passes
        assert decision.confidence == best.confidence
        assert decision.threshold == best.threshold
        assert decision.shortfall == pytest.approx(best.shortfall, abs=1e-6)
        outcomes.add(decision.passed)
    assert outcomes == {True, False}


def test_an_analysis_says_what_the_opinion_chose(outlook: Outlook, opinions: list[Opinion]) -> None:
    opinion = opinions[-1]
    made = make_analysis(outlook, opinion, id="a-1", made_at=123, made_by="someone")
    assert opinion.best is not None
    assert (made.side, made.strategy) == (opinion.best.side, opinion.best.strategy)
    assert (made.id, made.made_at, made.made_by, made.commodity) == ("a-1", 123, "someone", "EURUSD")
    closes = outlook.features.bars.close[opinion.index - 19 : opinion.index + 1]
    assert made.mean_price == pytest.approx(closes.mean())
    assert made.daily_volatility == outlook.features.daily_volatility[opinion.index]


def test_the_highest_margin_over_its_own_threshold_is_best(outlook: Outlook) -> None:
    high = candidate(Strategy.SCALPING, 74, threshold=70)
    further = candidate(Strategy.SWING, 70, threshold=65)
    assert opinion_of(outlook, high, further).best is further


def test_without_a_pass_the_nearest_is_best_so_that_its_shortfall_can_be_told(outlook: Outlook) -> None:
    near, far = candidate(Strategy.SWING, 60), candidate(Strategy.DAY, 40)
    best = opinion_of(outlook, far, near).best
    assert best is near
    assert best.shortfall == 5
    assert not best.passes


def test_a_veto_ranks_below_whatever_has_none(outlook: Outlook) -> None:
    vetoed, poor = candidate(Strategy.SWING, 90, "veto: the base score is 0"), candidate(Strategy.DAY, 20)
    assert opinion_of(outlook, vetoed, poor).best is poor
    assert opinion_of(outlook, vetoed).best is vetoed
    assert not vetoed.passes


def test_a_barred_strategy_is_named_and_is_no_candidate(outlook: Outlook, opinions: list[Opinion]) -> None:
    index = next(opinion.index for opinion in opinions if outlook.eligible(opinion.index) == (Strategy.SCALPING,))
    barred = frozenset({Strategy.SCALPING})
    opinion = judge(outlook, index, strategies=STRATEGIES, thresholds=STANDARD, barred=barred)
    assert isinstance(opinion, Opinion)
    assert opinion.barred == (Strategy.SCALPING,)
    assert opinion.candidates == ()
    assert opinion.best is None
    with pytest.raises(ValueError, match=f"bar {index} has no candidate"):
        make_analysis(outlook, opinion, id="a-1", made_at=0)


def test_a_strategy_that_is_switched_off_or_not_named_is_not_considered(
    outlook: Outlook, opinions: list[Opinion]
) -> None:
    index = next(opinion.index for opinion in opinions if outlook.eligible(opinion.index) == (Strategy.DAY,))
    off = STRATEGIES | {Strategy.DAY: STRATEGIES[Strategy.DAY].model_copy(update={"enabled": False})}
    unnamed = dict(STRATEGIES)
    del unnamed[Strategy.DAY]
    for strategies in (off, unnamed):
        opinion = judge(outlook, index, strategies=strategies, thresholds=STANDARD)
        assert isinstance(opinion, Opinion)
        assert opinion.best is None


def test_sentiment_moves_the_sides_apart_and_a_pending_event_vetoes_both(outlook: Outlook) -> None:
    index = BARS - 1

    def felt(sentiment: Sentiment | None) -> Opinion:
        opinion = judge(outlook, index, strategies=STRATEGIES, thresholds=STANDARD, sentiment=sentiment)
        assert isinstance(opinion, Opinion)
        return opinion

    absent, hopeful, pending = felt(None), felt(Sentiment(0.9)), felt(Sentiment(0.9, event_pending=True))
    for before, after in zip(absent.candidates, hopeful.candidates, strict=True):
        assert (after.confidence > before.confidence) is (after.side is Side.BUY)
    assert all("veto: the sentiment score is 0" in found.vetoes for found in pending.candidates)


def test_while_warming_up_nothing_is_judged(outlook: Outlook) -> None:
    opinion = judge(outlook, 500, strategies=STRATEGIES, thresholds=STANDARD)
    assert isinstance(opinion, NotKnown)
    assert any(lack.startswith("D1 trend: ") for lack in opinion.missing)


def test_a_market_that_stands_still_is_not_judged() -> None:
    moving = walk(3_000, seed=4).close.tolist()
    frozen = Outlook(steady([100 + 100 * close for close in moving] + [250.0] * 30))
    assert isinstance(judge(frozen, 2_999, strategies=STRATEGIES, thresholds=STANDARD), Opinion)
    still = judge(frozen, 3_029, strategies=STRATEGIES, thresholds=STANDARD)
    assert still == NotKnown(("percent_b: not finite",))
    assert np.isnan(frozen.features.percent_b[-1])


def test_regimes_trends_and_bands_are_those_of_the_settings(outlook: Outlook) -> None:
    bars, known = outlook.features.bars, [index for index in range(len(outlook)) if outlook.scores.known(index)]
    everywhere_trending = Outlook(bars, Settings(regimes=RegimeSettings(trend_adx=0.0)))
    assert {outlook.regime(index) for index in known} >= {Regime.RANGE, Regime.TREND}
    assert Regime.RANGE not in {everywhere_trending.regime(index) for index in known}
    assert not any(Strategy.DAY in everywhere_trending.eligible(index) for index in known)
    days_alone = Outlook(bars, Settings(trend_weights=TrendWeights(d1=1.0, h4=0.0, h1=0.0)))
    last = known[-1]
    assert days_alone.scores.trend(Side.BUY)[last] == pytest.approx((1 + outlook.features.d1.strength[last]) / 2)
    band = VolatilityBand(too_quiet=50.0, right_from=51.0, right_to=52.0, too_wild=53.0)
    nothing_suits = Settings.model_validate({"strategies": {"swing": {"volatility_band": band.model_dump()}}})
    assert not Outlook(bars, nothing_suits).scores.volatility(Strategy.SWING)[known].any()
    assert outlook.scores.volatility(Strategy.SWING)[known].any()
