"""The four pillars, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bars import mirrored, readings, steady, walk
from pydantic import ValidationError

from trading.analysis import Strategy
from trading.base_signal import base_signal, crosses_zero, fading, first_above_zero
from trading.features import READINGS, Features, features
from trading.grading import falling, ramp, trapezoid
from trading.market import Side
from trading.opinion import Outlook
from trading.pillars import (
    NotKnown,
    PillarScores,
    trend_score,
    volatility_score,
)
from trading.sentiment import Sentiment, sentiment_score
from trading.settings_regimes import TrendWeights
from trading.settings_strategies import VolatilityBand, default_strategies

NONE = float("nan")


def score(given: Features, strategy: Strategy, side: Side = Side.BUY) -> float:
    return float(base_signal(given, strategy, side).score[-1])


# Shapes


def test_a_ramp_is_straight_between_its_ends_and_flat_beyond() -> None:
    assert ramp(np.array([-1.0, 0.0, 1.0, 2.0, 3.0]), 0, 2).tolist() == [0, 0, 0.5, 1, 1]
    assert falling(np.array([-1.0, 0.0, 1.0, 2.0, 3.0]), 0, 2).tolist() == [1, 1, 0.5, 0, 0]


def test_a_trapezoid_rises_stays_and_falls() -> None:
    graded = trapezoid(np.array([0.0, 2.5, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]), 0, 5, 15, 25)
    assert graded.tolist() == [0, 0.5, 1, 1, 1, 0.5, 0, 0]


def test_what_is_not_known_is_not_graded() -> None:
    assert np.isnan(ramp(np.array([NONE]), 0, 1))
    assert np.isnan(trapezoid(np.array([NONE]), 0, 1, 2, 3))


def test_a_trigger_counts_less_with_each_bar_and_nothing_after_the_third() -> None:
    event = np.array([False, True, False, False, False, False])
    assert fading(event).tolist() == [0, 1, 0.75, 0.5, 0, 0]


def test_a_newer_trigger_replaces_an_older_one() -> None:
    event = np.array([True, False, True, False, False, False])
    assert fading(event).tolist() == [1, 0.75, 1, 0.75, 0.5, 0]
    assert fading(np.array([True])).tolist() == [1]


def test_crossing_zero_needs_a_known_bar_at_or_below_it() -> None:
    reading = np.array([1.0, -1.0, 0.0, 0.5, 0.6, NONE, 0.5, -0.1, 0.1])
    assert np.flatnonzero(crosses_zero(reading)).tolist() == [3, 8]


def test_the_first_close_beyond_an_extreme_is_an_event_and_the_next_is_not() -> None:
    assert first_above_zero(np.array([NONE, 0.1, 0.2, -0.1, 0.3])).tolist() == [False, True, False, False, True]


# Base signal


def swing(*bands: float) -> Features:
    return readings(len(bands), percent_b=list(bands), rsi=60, macd=0.15, histogram_change=0.03, adx=25)


def test_swing() -> None:
    # fit (25 - 20) / 10; rsi 1; macd (.5 + .5) / 2; band 1
    assert score(swing(-0.1, 0.2), Strategy.SWING) == pytest.approx(0.5 * (0.30 + 0.40 * 0.5 + 0.30))


@pytest.mark.parametrize(("age", "worth"), [(0, 1.0), (1, 0.75), (2, 0.5), (3, 0.0)])
def test_a_signal_fades_with_its_trigger(age: int, worth: float) -> None:
    aged = swing(-0.1, *[0.2] * (age + 1))
    assert score(aged, Strategy.SWING) == pytest.approx(worth * 0.4)


def test_day() -> None:
    given = readings(2, histogram=[-0.1, 0.1], adx=28, rsi=53.5, histogram_change=0.06, percent_b=0.06)
    assert score(given, Strategy.DAY) == pytest.approx(0.5 * (0.35 * 0.5 + 0.40 * 1 + 0.25 * 0.5))


def test_momentum() -> None:
    given = readings(2, above_high=[0, 0.2], adx=30, rsi=64, histogram=0.125, histogram_change=0.07, percent_b=0.35)
    assert score(given, Strategy.MOMENTUM) == pytest.approx(0.5 * (0.30 * 0.5 + 0.40 * 0.75 + 0.30 * 0.5))


def test_breakout() -> None:
    given = readings(2, above_high=[0, 0.125], adx_change=1.5, rsi=64, histogram_change=0.04, percent_b=0.475)
    assert score(given, Strategy.BREAKOUT) == pytest.approx(0.5 * (0.25 * 0.5 + 0.30 * 0.5 + 0.45 * 0.5))


def test_mean_reversion() -> None:
    given = readings(rsi=31, histogram_change=0, percent_b=-0.425, adx=31)
    assert score(given, Strategy.MEAN_REVERSION) == pytest.approx(0.5 * 0.5)


def test_scalping() -> None:
    given = readings(rsi=43, histogram_change=0.01, percent_b=-0.3, adx=21.5)
    assert score(given, Strategy.SCALPING) == pytest.approx(0.5 * 0.5)


@pytest.mark.parametrize("strategy", [Strategy.SWING, Strategy.DAY, Strategy.MOMENTUM, Strategy.BREAKOUT])
def test_without_its_trigger_a_signal_is_zero(strategy: Strategy) -> None:
    # Everything speaks for a buy, and has done so for five bars.
    given = readings(5, rsi=60, histogram_change=0.05, percent_b=0.3, adx=30, above_high=0.2, histogram=0.1)
    assert score(given, strategy) == 0


@pytest.mark.parametrize("strategy", list(Strategy))
@given(
    values=st.fixed_dictionaries(
        {
            name: st.lists(st.floats(-3, 3), min_size=4, max_size=4)
            for name in ("macd", "histogram", "histogram_change", "percent_b", "above_high", "below_low", "adx_change")
        }
    ),
    rsi=st.lists(st.floats(0, 100), min_size=4, max_size=4),
    adx=st.floats(0, 100),
)
@settings(max_examples=30)
def test_a_signal_stays_between_0_and_1(
    strategy: Strategy, values: dict[str, list[float]], rsi: list[float], adx: float
) -> None:
    given = readings(4, rsi=rsi, adx=adx, **values)
    for side in Side:
        signal = base_signal(given, strategy, side)
        assert ((signal.score >= 0) & (signal.score <= 1)).all()
        assert sum(reading.weight for reading in signal.readings) == pytest.approx(1)


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("reading", ["rsi", "histogram_change", "percent_b"])
def test_a_reading_that_is_not_known_leaves_the_signal_unknown(strategy: Strategy, reading: str) -> None:
    assert np.isnan(score(readings(4, **{reading: NONE}), strategy))


# Trend confluence


def trend(side: Side = Side.BUY, /, **given: float) -> float:
    return float(trend_score(readings(**{"d1": 1.0, "h4": 0.5, "h1": 0.0, **given}), side, TrendWeights())[0])


def test_the_trend_weighs_how_far_three_frames_agree() -> None:
    assert trend() == pytest.approx(0.4 * 1 + 0.4 * 0.75 + 0.2 * 0.5)
    assert trend(Side.SELL) == pytest.approx(0.4 * 0 + 0.4 * 0.25 + 0.2 * 0.5)
    assert trend(h4=1, h1=1) == 1
    assert trend(d1=0, h4=0, h1=0) == pytest.approx(0.5)


def test_the_frames_weigh_what_the_settings_say() -> None:
    given = readings(d1=1.0, h4=0.5, h1=0.0)
    weights = TrendWeights(d1=0.0, h4=0.5, h1=0.5)
    assert trend_score(given, Side.BUY, weights)[0] == pytest.approx(0.5 * 0.75 + 0.5 * 0.5)
    assert PillarScores(given, weights).trend(Side.BUY)[0] == pytest.approx(0.5 * 0.75 + 0.5 * 0.5)
    with pytest.raises(ValidationError, match=r"the three weights sum to 1.2; expected 1"):
        TrendWeights(d1=0.6)


@pytest.mark.parametrize(
    ("extension", "kept"), [(5.99, 1), (6, 0.85), (7.99, 0.85), (8, 0.7), (9.99, 0.7), (10, 0.5), (30, 0.5), (-30, 1)]
)
def test_over_extension_cuts_the_trend_in_its_own_direction_only(extension: float, kept: float) -> None:
    assert trend(extension=extension) == pytest.approx(0.8 * kept)
    assert trend(Side.SELL, extension=-extension) == pytest.approx(0.2 * kept)


def test_an_extension_that_is_not_known_cuts_nothing() -> None:
    assert trend(extension=NONE) == pytest.approx(0.8)


@pytest.mark.parametrize("frame", ["d1", "h4", "h1"])
def test_the_trend_is_not_known_while_one_frame_is_not(frame: str) -> None:
    assert np.isnan(trend(**{frame: NONE}))


def test_each_frame_has_its_own_trend() -> None:
    # A long rise, then a fall of twelve hours: the hours have turned, the days have not.
    closes = [*np.linspace(1.0, 2.0, 60 * 24), *np.linspace(1.99, 1.9, 12)]
    given = features(steady([100 * close for close in closes]))
    assert given.d1.strength[-1] == 1
    assert given.h1.strength[-1] < 0
    assert given.h1.strength[-1] < given.h4.strength[-1] < given.d1.strength[-1]


# Volatility


@pytest.mark.parametrize(
    ("strategy", "level", "bar", "expected"),
    [
        (Strategy.SWING, 0.6, 1.0, 0.5 * 0.75),
        (Strategy.DAY, 2.0, 1.5, 0.5),
        (Strategy.MOMENTUM, 1.4, 0.5, 0.5),
        (Strategy.BREAKOUT, 0.9, 1.0, 0.5 * 0.75),
        (Strategy.MEAN_REVERSION, 0.55, 1.7, 0.5 * 0.75),
        (Strategy.MEAN_REVERSION, 1.0, 1.2, 1.0),
        (Strategy.SCALPING, 1.25, 2.2, 0.5 * 0.5),
        (Strategy.SWING, 2.5, 1.0, 0.0),
        (Strategy.SWING, 0.4, 1.0, 0.0),
    ],
)
def test_volatility_is_level_times_half_and_half_activity(
    strategy: Strategy, level: float, bar: float, expected: float
) -> None:
    given = readings(relative_volatility=level, range_in_atr=bar)
    band = default_strategies()[strategy].volatility_band
    assert volatility_score(given, strategy, band)[0] == pytest.approx(expected)


def test_a_strategy_has_the_band_of_its_settings() -> None:
    given = readings(relative_volatility=3.0, range_in_atr=1.5)
    wild = {strategy: VolatilityBand(right_to=3.0, too_wild=4.0) for strategy in Strategy}
    assert PillarScores(given).volatility(Strategy.SWING)[0] == 0
    assert PillarScores(given, bands=wild).volatility(Strategy.SWING)[0] == pytest.approx(1)


def test_a_band_out_of_order_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match=r"right_from is 1.5, not below right_to, which is 1.5"):
        VolatilityBand(right_from=1.5)


# Sentiment


def test_no_feed_is_neutral() -> None:
    assert sentiment_score(None, Side.BUY) == sentiment_score(None, Side.SELL) == 0.5


def test_sentiment_is_mirrored_for_sells() -> None:
    assert Sentiment(0.8).score(Side.BUY) == 0.8
    assert Sentiment(0.8).score(Side.SELL) == pytest.approx(0.2)


def test_a_pending_event_scores_zero_for_both_sides() -> None:
    assert Sentiment(0.8, event_pending=True).score(Side.BUY) == 0
    assert Sentiment(0.8, event_pending=True).score(Side.SELL) == 0


@pytest.mark.parametrize("bullishness", [-0.1, 1.1, 80, NONE])
def test_a_sentiment_out_of_range_is_refused(bullishness: float) -> None:
    with pytest.raises(ValueError, match=r"bullishness is .*; expected 0 to 1"):
        Sentiment(bullishness)


# The whole


@pytest.fixture(scope="module")
def outlook() -> Outlook:
    return Outlook(walk(2_000, seed=5))


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("side", list(Side))
def test_the_readings_at_a_bar_make_the_score_of_the_whole_array(
    outlook: Outlook, strategy: Strategy, side: Side
) -> None:
    for index in range(1_500, 2_000):
        pillars = outlook.scores.at(index, strategy, side)
        assert not isinstance(pillars, NotKnown)
        base, volatility = pillars.base.readings, pillars.volatility.readings
        assert pillars.base.score == outlook.scores.base(strategy, side)[index]
        weights = {reading.name: reading.weight for reading in base_signal(readings(4), strategy, side).readings}
        total = sum(weight * (base[f"{name}_grade"] or 0) for name, weight in weights.items())
        assert pillars.base.score == pytest.approx((base["trigger"] or 0) * (base["fit"] or 0) * total)
        assert pillars.volatility.score == pytest.approx(
            (volatility["level"] or 0) * (0.5 + 0.5 * (volatility["activity"] or 0))
        )


def test_pillars_carry_the_readings_that_made_them(outlook: Outlook) -> None:
    pillars = outlook.scores.at(1_999, Strategy.SWING, Side.BUY, Sentiment(0.7))
    assert not isinstance(pillars, NotKnown)
    assert set(READINGS) <= set(pillars.base.readings)
    assert pillars.base.readings["rsi"] == outlook.features.rsi[1_999]
    assert set(pillars.trend.readings) == {
        "d1_strength",
        "h4_strength",
        "h1_strength",
        "extension_daily_atr",
        "extension_cut",
    }
    assert pillars.sentiment.score == 0.7
    assert not pillars.sentiment.absent


def test_without_a_feed_sentiment_is_marked_absent(outlook: Outlook) -> None:
    pillars = outlook.scores.at(1_999, Strategy.SWING, Side.BUY)
    assert not isinstance(pillars, NotKnown)
    assert pillars.sentiment.absent
    assert pillars.sentiment.score == 0.5
    assert not pillars.base.absent


def test_an_index_outside_the_series_is_refused(outlook: Outlook) -> None:
    for index in (-1, 2_000):
        with pytest.raises(IndexError, match=f"bar {index} of 2000"):
            outlook.scores.at(index, Strategy.SWING, Side.BUY)


def test_a_market_upside_down_swaps_buy_and_sell() -> None:
    bars = walk(7_000, seed=11)
    up, down = PillarScores(features(bars)), PillarScores(features(mirrored(bars)))
    compared = 0
    for strategy in Strategy:
        np.testing.assert_allclose(up.volatility(strategy), down.volatility(strategy), atol=1e-6)
        for side in Side:
            np.testing.assert_allclose(up.base(strategy, side), down.base(strategy, side.opposite), atol=1e-6)
            compared += int(np.count_nonzero(up.base(strategy, side) > 0))
    for side in Side:
        np.testing.assert_allclose(up.trend(side), down.trend(side.opposite), atol=1e-6)
    assert compared > 2_000
