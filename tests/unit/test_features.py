"""What is read from bars, beside plain sums over the same bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_bars import steady, walk

from trading.bars import BarSeries, Floats
from trading.features import Features, features
from trading.indicators import change, lagged, over, rolling_median
from trading.time_frames import TimeFrame, aggregate

NONE = float("nan")
BARS = 6_000


@pytest.fixture(scope="module")
def bars() -> BarSeries:
    return walk(BARS, seed=9)


@pytest.fixture(scope="module")
def found(bars: BarSeries) -> Features:
    return features(bars)


def smoothed(values: Floats, period: int, weight: float) -> Floats:
    """Exponential smoothing that starts from the plain mean of the first ``period`` values."""
    result = np.full(len(values), np.nan)
    result[period - 1] = values[:period].mean()
    for index in range(period, len(values)):
        result[index] = weight * values[index] + (1 - weight) * result[index - 1]
    return result


def ema(values: Floats, period: int) -> Floats:
    return smoothed(values, period, 2 / (period + 1))


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    before = np.append(np.nan, close[:-1])
    reach: Floats = np.fmax(high, before) - np.fmin(low, before)
    return reach


def average_true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    return np.append(np.nan, smoothed(true_range(high, low, close)[1:], 14, 1 / 14))


def strength(high: Floats, low: Floats, close: Floats) -> Floats:
    """The trend's strength as it is defined, bar by bar."""
    fast, slow, atr = ema(close, 20), ema(close, 50), average_true_range(high, low, close)
    result = np.full(len(close), np.nan)
    for index in range(50, len(close)):
        distance = (fast[index] - slow[index]) / atr[index]
        slope = (fast[index] - fast[index - 3]) / (0.5 * atr[index])
        result[index] = 0.5 * min(max(distance, -1), 1) + 0.5 * min(max(slope, -1), 1)
    return result


@given(
    values=st.lists(st.integers(-5, 5) | st.none(), min_size=1, max_size=60),
    window=st.integers(1, 20),
)
def test_the_rolling_median_is_the_median_of_each_window(values: list[int | None], window: int) -> None:
    column = np.array(values, dtype=np.float64)
    minimum = (window + 1) // 2
    found = rolling_median(column, window, minimum)
    for index in range(len(column)):
        seen = column[max(index + 1 - window, 0) : index + 1]
        known = seen[np.isfinite(seen)]
        expected = np.median(known) if len(known) >= minimum else np.nan
        np.testing.assert_equal(found[index], expected)


def test_a_lag_reaches_no_further_back_than_the_first_bar() -> None:
    values = np.array([1.0, 2.0, 4.0])
    np.testing.assert_array_equal(lagged(values, 1), [NONE, 1, 2])
    np.testing.assert_array_equal(change(values, 2), [NONE, NONE, 3])
    assert np.isnan(lagged(values, 5)).all()


def test_nothing_can_be_measured_by_a_movement_of_zero() -> None:
    assert np.isnan(over(np.array([1.0, 1.0, 0.0]), np.array([0.0, NONE, 0.0]))).all()


def test_the_relative_volatility_is_the_atr_over_its_median_of_480_bars(bars: BarSeries, found: Features) -> None:
    atr = average_true_range(bars.high, bars.low, bars.close)
    np.testing.assert_allclose(found.atr, atr)
    for index in (1_000, 4_321, BARS - 1):
        median = np.median(atr[index - 479 : index + 1])
        assert found.relative_volatility[index] == pytest.approx(atr[index] / median)
    early = 13 + 240  # the ATR begins at bar 14, and its median needs 240 of them
    assert np.isnan(found.relative_volatility[:early]).all()
    assert found.relative_volatility[early] == pytest.approx(atr[early] / np.median(atr[14 : early + 1]))


def test_a_jump_is_measured_by_the_atr_before_it_and_activity_by_the_atr_with_it(
    bars: BarSeries, found: Features
) -> None:
    moved, atr = true_range(bars.high, bars.low, bars.close), average_true_range(bars.high, bars.low, bars.close)
    np.testing.assert_allclose(found.jump[15:], moved[15:] / atr[14:-1])
    np.testing.assert_allclose(found.range_in_atr[14:], moved[14:] / atr[14:])


def test_the_extremes_are_those_of_the_twenty_bars_before(bars: BarSeries, found: Features) -> None:
    for index in (100, 2_500, BARS - 1):
        before = slice(index - 20, index)
        beyond = bars.close[index] - bars.high[before].max(), bars.low[before].min() - bars.close[index]
        assert found.above_high[index] == pytest.approx(beyond[0] / found.atr[index])
        assert found.below_low[index] == pytest.approx(beyond[1] / found.atr[index])


def test_the_bands_are_two_deviations_round_the_mean_of_twenty_closes(bars: BarSeries, found: Features) -> None:
    for index in (100, 2_500, BARS - 1):
        closes = bars.close[index - 19 : index + 1]
        place = (closes[-1] - closes.mean()) / (4 * closes.std())
        assert found.percent_b[index] == pytest.approx(place, abs=1e-6)
        assert found.mean_price[index] == pytest.approx(closes.mean())


def test_changes_are_over_one_bar_for_the_histogram_and_five_for_the_adx(bars: BarSeries, found: Features) -> None:
    histogram = found.histogram * found.atr
    np.testing.assert_allclose(found.histogram_change[100:] * found.atr[100:], np.diff(histogram)[99:], atol=1e-12)
    np.testing.assert_allclose(found.adx_change[100:], found.adx[100:] - found.adx[95:-5])


@pytest.mark.parametrize("frame", list(TimeFrame))
def test_each_frames_strength_is_that_of_its_own_completed_bars(
    bars: BarSeries, found: Features, frame: TimeFrame
) -> None:
    longer = aggregate(bars, frame)
    expected = longer.at_working_bars(strength(longer.high, longer.low, longer.close))
    seen = {TimeFrame.D1: found.d1, TimeFrame.H4: found.h4, TimeFrame.H1: found.h1}[frame]
    known = np.isfinite(expected)
    assert known.any()
    np.testing.assert_allclose(seen.strength[known], expected[known], atol=1e-6)


def test_the_extension_is_measured_from_the_200_day_average_in_daily_atr(bars: BarSeries, found: Features) -> None:
    days = aggregate(bars, TimeFrame.D1)
    average, atr = ema(days.close, 200), average_true_range(days.high, days.low, days.close)
    newest = days.completed[-1] - 1
    assert newest >= 200
    assert found.extension[-1] == pytest.approx((bars.close[-1] - average[newest]) / atr[newest])


def test_equal_closes_have_no_place_in_the_bands() -> None:
    price = 38_217.8828  # here the running sums of some versions of TA-Lib leave the bands a width of noise
    moved = np.random.default_rng(0).normal(0, 0.01, 3_000).cumsum()
    place = features(steady([*(price * np.exp(moved)).tolist(), *[price] * 25])).percent_b
    assert np.isfinite(place[19:3_019]).all()
    assert np.isnan(place[3_019:]).all()


def test_a_window_is_the_same_readings_cut(found: Features) -> None:
    cut = found.window(5_000, 5_010)
    assert len(cut) == 10
    np.testing.assert_array_equal(cut.rsi, found.rsi[5_000:5_010])
    np.testing.assert_array_equal(cut.d1.strength, found.d1.strength[5_000:5_010])
    assert cut.bars.time[0] == found.bars.time[5_000]


def test_a_series_shorter_than_every_period_is_read_and_nothing_is_known() -> None:
    single = features(steady([1.2]))
    assert not single.readable().any()
    assert len(single.missing(0)) >= 12
