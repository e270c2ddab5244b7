"""The forecast of variance: from the past alone, the same bar by bar, right on average, and in its hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bars import series, steady, walk
from made_trades import utc

from trading.bars import BarSeries, Floats
from trading.market import DAY, HOUR, MINUTE, SECOND, Instant
from trading.volatility import (
    MEMORIES_DAYS,
    Forecaster,
    VolatilityForecast,
    forecast_path,
    rogers_satchell,
)

A_MONDAY = utc("2024-01-08T00:00")
WALK = walk(3_000, start=utc("2023-02-20T00:00"))  # over a change of New York's clocks
QUARTERS = walk(4_000, start=utc("2023-02-20T00:00"), bar_seconds=900, seed=2)


def patchy(bars: BarSeries) -> BarSeries:
    """The same with holes, and with some bars that went below zero."""
    rng = np.random.default_rng(3)
    below = rng.random(len(bars)) < 0.01
    low, close = np.where(below, -1.0, bars.low), np.where(below, -0.5, bars.close)
    return replace(bars, low=low, close=close).where(rng.random(len(bars)) > 0.05)


PATCHY = patchy(WALK)


def brownian(
    count: int, hourly: Floats, *, steps: int = 400, bar_seconds: int = 3600, start: Instant = A_MONDAY, seed: int = 1
) -> BarSeries:
    """Bars of a Brownian motion without a break; ``hourly`` is its variance of an hour in each bar, (count,)."""
    deviation = np.sqrt(hourly * bar_seconds / 3600 / steps)
    path = np.cumsum(np.random.default_rng(seed).normal(0.0, deviation[:, None], (count, steps)).ravel())
    within = path.reshape(count, steps)
    opened = np.concatenate(([0.0], within[:-1, -1]))
    time = start + np.arange(count, dtype=np.int64) * bar_seconds * SECOND
    high, low = np.maximum(within.max(axis=1), opened), np.minimum(within.min(axis=1), opened)
    bars = series(time, np.exp(high), np.exp(low), np.exp(within[:, -1]), bar_seconds)
    return replace(bars, open=np.exp(opened))


def hours_of_the_day(start: Instant, count: int) -> Iterator[tuple[Instant, Instant]]:
    """The hours one by one, as spans."""
    for hour in range(count):
        yield start + hour * HOUR, start + (hour + 1) * HOUR


# ---------------------------------------------------------------- from the past alone


@given(st.integers(200, 2_999))
@settings(max_examples=30, derandomize=True)
def test_a_prefix_of_the_bars_gives_the_same_forecast(index: int) -> None:
    assert_same(forecast_path(WALK.window(0, index + 1)).at(index), forecast_path(WALK).at(index))


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.sampled_from([WALK, QUARTERS, PATCHY]))
@settings(max_examples=25, derandomize=True)
def test_bars_as_they_come_give_the_same_as_all_at_once(lengths: list[int], bars: BarSeries) -> None:
    path = forecast_path(bars)
    forecaster = Forecaster(bars.bar_seconds)
    seen = 0
    for length in lengths:
        # Some bars that it has seen come again, as they do from a feed that is asked for the latest ones.
        forecaster.update(bars.window(max(0, seen - 5), seen + length))
        seen = min(seen + length, len(bars))
        assert_same(forecaster.forecast, path.at(seen - 1))


def test_bars_one_by_one_give_the_same_as_all_at_once() -> None:
    path = forecast_path(WALK)
    forecaster = Forecaster(WALK.bar_seconds)
    for index in range(400):
        forecaster.update(WALK.window(index, index + 1))
        assert_same(forecaster.forecast, path.at(index))


def test_another_future_leaves_the_past_as_it_was() -> None:
    later = np.where(np.arange(len(WALK)) > 2_000, 3.0, 1.0)
    other = replace(
        WALK, open=WALK.open * later, high=WALK.high * later, low=WALK.low * later, close=WALK.close * later
    )
    assert_same(forecast_path(other).at(2_000), forecast_path(WALK).at(2_000))


def assert_same(one: VolatilityForecast | None, other: VolatilityForecast | None) -> None:
    """Equal in every part, to the rounding of a logarithm."""
    assert (one is None) == (other is None)
    if one is None or other is None:
        return
    assert one.at == other.at
    assert one.hourly_variance == pytest.approx(other.hourly_variance, rel=1e-12)
    assert one.profile == pytest.approx(other.profile, rel=1e-12)
    assert one.uncertainty == pytest.approx(other.uncertainty, rel=1e-12)


# ---------------------------------------------------------------- right on average


@pytest.mark.parametrize("bar_seconds", [900, 3600, 14_400, 86_400, 420, 50_000])
def test_a_steady_motion_is_forecast_at_its_variance_whatever_the_bars_length(bar_seconds: int) -> None:
    count = 2_000
    bars = brownian(count, np.full(count, 1e-6), bar_seconds=bar_seconds)
    path = forecast_path(bars)
    assert np.nanmean(path.hourly_variance) == pytest.approx(1e-6, rel=0.08)
    last = path.at(count - 1)
    assert last is not None
    assert last.profile.mean() == pytest.approx(1.0)
    assert len(last.profile) == {14_400: 6, 86_400: 1, 50_000: 1}.get(bar_seconds, 24)
    week = last.variance([(last.at, last.at + 7 * DAY)])
    assert week == pytest.approx(168 * last.hourly_variance, rel=1e-9)


def test_the_hours_of_the_day_are_learnt() -> None:
    shape = np.tile(np.repeat([0.4, 1.0, 2.2, 0.4], 6), 120)
    bars = brownian(len(shape), 1e-6 * shape, start=utc("2024-04-01T00:00"))  # no change of clocks until its end
    last = forecast_path(bars).at(len(shape) - 1)
    assert last is not None
    assert last.profile == pytest.approx(shape[:24] / shape[:24].mean(), rel=0.35)
    by_hour = [last.variance([hour]) for hour in hours_of_the_day(last.at, 24)]
    assert sum(by_hour[12:18]) / sum(by_hour[:6]) == pytest.approx(5.5, rel=0.25)
    assert last.variance([(last.at, last.at + DAY)]) == pytest.approx(24e-6, rel=0.35)


def test_the_hours_come_earlier_when_new_york_has_its_summer_time() -> None:
    start = utc("2024-01-08T00:00")
    count = 24 * 100  # to 17 April; the clocks change on 10 March
    time = start + np.arange(count, dtype=np.int64) * HOUR
    busy = np.where(time >= utc("2024-03-10T07:00"), 13, 14)
    path = forecast_path(brownian(count, np.where(time // HOUR % 24 == busy, 8e-6, 1e-6), start=start))
    winter, summer = path.at(24 * 60), path.at(count - 1)
    assert winter is not None
    assert summer is not None
    assert (int(np.argmax(winter.profile)), int(np.argmax(summer.profile))) == (14, 13)
    first_summer_day = path.at(24 * 62 + 20)  # known by the clock, without a day of learning
    assert first_summer_day is not None
    assert int(np.argmax(first_summer_day.profile)) == 13


def test_bars_of_few_prices_are_forecast_at_what_their_closes_move() -> None:
    count = 24 * 250
    path = forecast_path(brownian(count, np.full(count, 1e-6), steps=6))
    assert rogers_satchell(brownian(count, np.full(count, 1e-6), steps=6)).mean() < 0.65e-6
    assert path.hourly_variance[-2_000:].mean() == pytest.approx(1e-6, rel=0.1)


def test_it_beats_the_average_true_range_where_volatility_has_hours_and_moods() -> None:
    # Judged by QLIKE, ratio - ln(ratio) - 1 of what came to what was forecast: zero is best (A. J. Patton, "Volatility
    # forecast comparison using imperfect volatility proxies", Journal of Econometrics 160, 2011).
    count = 24 * 300
    rng = np.random.default_rng(5)
    mood = np.exp(np.convolve(rng.normal(0, 0.1, count), np.exp(-np.arange(240) / 60), "full")[:count])
    hours = np.tile(np.repeat([0.4, 1.0, 2.2, 0.4], 6), 300)
    bars = brownian(count, 1e-6 * mood * hours)
    came = rogers_satchell(bars)
    path = forecast_path(bars)
    rows = range(1_000, count - 1)
    ours = np.array([one_hour_ahead(path.at(row)) for row in rows])
    true_range = np.log(bars.high / bars.low) ** 2
    atr = np.array([true_range[row - 13 : row + 1].mean() for row in rows])
    atr *= came[1_000:-1].mean() / atr.mean()  # even with the right level it knows no hours
    assert qlike(came[1_001:], ours) < 0.75 * qlike(came[1_001:], atr)


def one_hour_ahead(forecast: VolatilityForecast | None) -> float:
    """The variance of the hour that follows."""
    assert forecast is not None
    return forecast.variance([(forecast.at, forecast.at + HOUR)])


def qlike(came: Floats, expected: Floats) -> float:
    """The mean loss over the hours in which anything came."""
    ratio = came[came > 0] / expected[came > 0]
    return float((ratio - np.log(ratio) - 1).mean())


# ---------------------------------------------------------------- one jump, one dead hour, a hole


def test_a_jump_counts_for_twenty_times_what_was_expected_and_no_more() -> None:
    count = 24 * 30
    calm = brownian(count, np.full(count, 1e-6))
    wild = replace(calm, high=calm.high.copy(), low=calm.low.copy())
    wild.high[-1] *= 1.5
    wild.low[-1] /= 1.5
    before, after = forecast_path(wild).hourly_variance[-2:]
    bars_of_memory = [24 * days for days in MEMORIES_DAYS]
    most = 1 + 20 * sum(1 / bars for bars in bars_of_memory) / len(bars_of_memory)
    assert 1.5 < after / before < most + 0.2


def test_an_hour_in_which_nothing_trades_keeps_a_small_part() -> None:
    count = 24 * 60
    flat = np.arange(count) % 24 == 22
    bars = brownian(count, np.where(flat, 0.0, 1e-6))
    last = forecast_path(bars).at(count - 1)
    assert last is not None
    assert 0.04 < last.profile[22] < 0.3
    assert last.profile.mean() == pytest.approx(1)


def test_a_hole_in_the_bars_is_neither_a_move_nor_a_new_beginning() -> None:
    bars = brownian(24 * 40, np.full(24 * 40, 1e-6))
    kept = np.ones(len(bars), dtype=np.bool_)
    kept[500:560] = False
    moved = replace(
        bars, **{name: getattr(bars, name) * np.where(np.arange(len(bars)) > 559, 1.4, 1.0) for name in PRICES}
    )
    path = forecast_path(moved.where(kept))
    assert path.hourly_variance[-1] == pytest.approx(1e-6, rel=0.3)
    assert np.isfinite(path.hourly_variance[499:502]).all()


PRICES = ("open", "high", "low", "close")


def test_a_price_at_or_below_zero_is_passed_over_and_the_memory_stays() -> None:
    bars = brownian(24 * 20, np.full(24 * 20, 1e-6))
    below = replace(bars, **{name: getattr(bars, name).copy() for name in PRICES})
    for name, price in (("open", 1.0), ("high", 1.0), ("low", -37.0), ("close", -37.0)):
        getattr(below, name)[300] = price
    path = forecast_path(below)
    assert path.hourly_variance[300] == path.hourly_variance[299]
    assert path.hourly_variance[-1] == pytest.approx(1e-6, rel=0.3)


def test_equal_prices_have_no_variance() -> None:
    path = forecast_path(steady_line(24 * 10))
    last = path.at(24 * 10 - 1)
    assert last is not None
    assert last.hourly_variance == 0
    assert last.variance([(0, DAY)]) == 0


def test_a_market_that_awakes_after_years_without_a_move_is_borne() -> None:
    asleep = np.ones(40_000)
    awake = brownian(200, np.full(200, 1e-6), steps=10)
    high, low, close = (np.concatenate((asleep, column)) for column in (awake.high, awake.low, awake.close))
    path = forecast_path(series(np.arange(40_200, dtype=np.int64) * HOUR, high, low, close))
    assert path.hourly_variance[39_999] < 1e-20
    assert np.isfinite(path.hourly_variance[200:]).all()
    assert path.hourly_variance[-1] > 1e-7


def steady_line(count: int) -> BarSeries:
    """Bars whose four prices are all the same."""
    price = np.full(count, 1.2)
    return series(np.arange(count, dtype=np.int64) * HOUR, price, price, price)


# ---------------------------------------------------------------- what it is asked, and asks


def test_nothing_is_said_before_five_days_of_bars() -> None:
    path = forecast_path(WALK)
    assert len(path) == len(WALK)
    assert path.at(118) is None
    assert path.at(119) is not None
    daily = forecast_path(steady([1.0 + day / 100 for day in range(9)], bar_seconds=86_400))
    assert [daily.at(day) is None for day in range(9)] == [True] * 4 + [False] * 5


def test_a_forecast_is_of_its_bars_end() -> None:
    forecast = forecast_path(QUARTERS).at(3_000)
    assert forecast is not None
    assert forecast.at == QUARTERS.end(3_000)


@given(
    st.lists(st.floats(0.05, 4.0), min_size=1, max_size=24).filter(lambda slots: 24 % len(slots) == 0),
    st.integers(0, 40 * DAY),
    st.integers(0, 9 * DAY),
)
def test_the_variance_of_a_span_is_that_of_its_slots_one_by_one(slots: list[float], start: int, length: int) -> None:
    forecast = VolatilityForecast(0, 1e-6, np.array(slots))
    slot_length = DAY // len(slots)
    expected, at = 0.0, start
    while at < start + length:
        until = min(start + length, at - at % slot_length + slot_length)
        expected += slots[at % DAY // slot_length] * (until - at) / HOUR
        at = until
    assert forecast.variance([(start, start + length)]) == pytest.approx(expected * 1e-6, rel=1e-10, abs=1e-18)


def test_parts_of_hours_and_several_spans_add_up() -> None:
    profile = np.linspace(0.2, 1.8, 24)
    forecast = VolatilityForecast(0, 2e-6, profile)
    whole = forecast.variance([(5 * HOUR + 20 * MINUTE, DAY + 3 * HOUR)])
    parts = forecast.variance([(5 * HOUR + 20 * MINUTE, 9 * HOUR), (9 * HOUR, DAY), (DAY, DAY + 3 * HOUR)])
    assert parts == pytest.approx(whole)
    assert forecast.variance([(9 * HOUR, 9 * HOUR + 30 * MINUTE)]) == pytest.approx(1e-6 * profile[9])
    assert forecast.variance([]) == 0
    assert forecast.variance([(HOUR, HOUR)]) == 0


def test_what_is_unsure_of_itself_is_what_turns_out_different() -> None:
    count = 24 * 400
    calm = brownian(count, np.full(count, 1e-6))
    rng = np.random.default_rng(4)
    restless = brownian(count, 1e-6 * np.exp(np.repeat(rng.normal(0, 1.2, 400), 24)))
    sure, unsure = (float(forecast_path(bars).uncertainty[-1]) for bars in (calm, restless))
    assert sure < 0.5 < unsure <= 0.7


def test_bars_of_another_length_are_refused() -> None:
    forecaster = Forecaster(3600)
    with pytest.raises(ValueError, match="bar_seconds is 900; expected 3600"):
        forecaster.update(QUARTERS)
    with pytest.raises(ValueError, match="bar_seconds is 0"):
        Forecaster(0)
    with pytest.raises(ValueError, match="there are no bars of EURUSD"):
        forecast_path(WALK.window(0, 0))


def test_rogers_and_satchell_do_not_mind_a_drift() -> None:
    # A pure trend opens at one end of its range and closes at the other.
    close = np.exp(np.arange(1, 50) * 1e-3)
    rising = replace(series(np.arange(49, dtype=np.int64) * HOUR, close, close / 1.001, close), open=close / 1.001)
    assert rogers_satchell(rising) == pytest.approx(np.zeros(49), abs=1e-18)
    still = brownian(4_000, np.full(4_000, 1e-6), steps=1_000)
    assert rogers_satchell(still).mean() == pytest.approx(1e-6, rel=0.1)
