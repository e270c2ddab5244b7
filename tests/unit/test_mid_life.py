"""Open trades met in mid-life: drawn without knowing the future, with the levels that a plan would have."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from made_brownian import brownian, times_of

from trading.analysis import Strategy
from trading.bars import BarSeries
from trading.features import features
from trading.market import DAY, HOUR, SECOND, Side
from trading.mid_life import MOST_PER_BAR, Positions, Sampler, horizons, rolling_mean, volatility_by_bar
from trading.plans import PlanRefused, levels_at, plan_trade
from trading.settings_strategies import default_strategies

STRATEGIES = default_strategies()
SPREAD = 0.0002


@pytest.fixture(scope="module")
def bars() -> BarSeries:
    return brownian(1_500)


def sampler_of(bars: BarSeries) -> Sampler:
    judgeable = np.arange(len(bars)) >= 600
    return Sampler(bars, np.full(len(bars), SPREAD), times_of(bars), STRATEGIES, judgeable)


@pytest.fixture(scope="module")
def sampler(bars: BarSeries) -> Sampler:
    return sampler_of(bars)


@pytest.fixture(scope="module")
def positions(sampler: Sampler) -> Positions:
    return sampler.draw(3_000, seed=5)


def test_there_are_as_many_as_wanted_of_every_strategy_and_both_sides(sampler: Sampler, positions: Positions) -> None:
    assert len(positions) == 3_000
    drawn = {sampler.strategies[place] for place in positions.strategy.tolist()}
    assert drawn == set(Strategy) - {Strategy.SCALPING}  # which is over before the first hour
    assert set(positions.sign.tolist()) == {1, -1}


def test_the_levels_are_those_of_the_plan_at_entry(bars: BarSeries, sampler: Sampler, positions: Positions) -> None:
    volatility, mean = volatility_by_bar(bars), rolling_mean(bars.close, 20)
    for row in range(400):
        side = Side.BUY if positions.sign[row] > 0 else Side.SELL
        entry_bar, strategy = int(positions.entry_bar[row]), sampler.strategies[positions.strategy[row]]
        price = float(bars.close[entry_bar]) + side.sign * SPREAD / 2
        plan = plan_trade(
            side=side,
            strategy=strategy,
            settings=STRATEGIES[strategy],
            price=price,
            spread=SPREAD,
            daily_volatility=float(volatility[entry_bar]),
            mean_price=float(mean[entry_bar]),
        )
        assert not isinstance(plan, PlanRefused)
        stop, target = levels_at(plan, side, price)
        assert positions.entry[row] == pytest.approx(side.sign * price)
        assert positions.stop[row] == pytest.approx(side.sign * stop)
        assert positions.target[row] == pytest.approx(np.inf if target is None else side.sign * target)


def test_no_level_was_touched_before_and_none_is_touched_now(bars: BarSeries, positions: Positions) -> None:
    for row in range(400):
        sign, half = int(positions.sign[row]), SPREAD / 2
        lived = slice(int(positions.entry_bar[row]) + 1, int(positions.bar[row]) + 1)
        worst = np.minimum(sign * bars.low[lived], sign * bars.high[lived]) - half
        best = np.maximum(sign * bars.low[lived], sign * bars.high[lived]) - half
        assert len(worst) > 0
        assert np.all(worst > positions.stop[row])
        assert np.all(best < positions.target[row])


def test_no_trade_is_older_than_its_strategy_lets_it_be(
    bars: BarSeries, sampler: Sampler, positions: Positions
) -> None:
    age = (bars.time[positions.bar] - bars.time[positions.entry_bar]) / SECOND
    longest = np.array([STRATEGIES[name].longest_hold_seconds for name in sampler.strategies])
    assert np.all(age <= longest[positions.strategy])


def test_the_horizon_is_the_end_of_the_trading_day(bars: BarSeries, positions: Positions) -> None:
    times = times_of(bars)
    for row in range(300):
        judged_at, until = bars.end(int(positions.bar[row])), int(positions.until[row])
        assert positions.horizon_at[row] == times.day_end(judged_at)
        assert judged_at < bars.end(until - 1) <= positions.horizon_at[row] < bars.end(until)


def test_bars_that_do_not_end_with_the_day_end_before_it() -> None:
    four_hours = brownian(400, bar_seconds=4 * 3600)
    times = times_of(four_hours)
    horizon_at, until = horizons(four_hours, times)
    assert (horizon_at > 0).sum() > 200
    for bar in np.flatnonzero(horizon_at).tolist():
        day_end = times.day_end(four_hours.end(bar))
        assert day_end is not None
        assert 0 <= day_end - horizon_at[bar] < 4 * HOUR
        assert four_hours.end(int(until[bar]) - 1) == horizon_at[bar]


def test_where_the_market_is_shut_there_is_no_horizon(bars: BarSeries) -> None:
    times = times_of(bars)
    horizon_at, until = horizons(bars, times)
    shut = ~times.are_open(bars.time + HOUR)
    assert shut.sum() > 5
    assert not horizon_at[shut].any()
    assert not until[shut].any()
    assert not horizon_at[-1]


@pytest.mark.parametrize("known", [700, 1_100, 1_400])
def test_what_comes_after_the_judged_bar_changes_no_position(bars: BarSeries, positions: Positions, known: int) -> None:
    later = brownian(len(bars), seed=99)
    after = np.arange(len(bars)) > known
    changed = replace(
        bars,
        **{
            name: np.where(after, getattr(later, name), getattr(bars, name))
            for name in ("open", "high", "low", "close")
        },
    )
    # The draws are the same ones, so those judged by then must be the same positions, in the same order. How many
    # are dropped later decides only where the last round of drawing ends.
    again = sampler_of(changed).draw(3_000, seed=5)
    first, second = positions.where(positions.bar <= known), again.where(again.bar <= known)
    compared = min(len(first), len(second))
    assert compared > 100
    for field in fields(Positions):
        left, right = getattr(first, field.name)[:compared], getattr(second, field.name)[:compared]
        assert left.tolist() == right.tolist(), field.name


def test_the_same_seed_draws_the_same_and_another_seed_others(sampler: Sampler, positions: Positions) -> None:
    assert sampler.draw(3_000, seed=5).entry.tolist() == positions.entry.tolist()
    assert sampler.draw(3_000, seed=6).entry.tolist() != positions.entry.tolist()


def test_a_few_bars_give_only_a_few_positions() -> None:
    few = sampler_of(brownian(660))
    assert 0 < len(few.draw(50_000, seed=0)) <= MOST_PER_BAR * len(few.judged)


def test_bars_of_a_day_give_none() -> None:
    daily = brownian(900)
    daily = replace(daily, time=daily.time[0] // DAY * DAY + np.arange(len(daily)) * DAY, bar_seconds=86_400)
    assert len(sampler_of(daily).draw(100, seed=0)) == 0


def test_the_volatility_and_the_mean_of_a_bar_are_those_that_the_analyst_reads(bars: BarSeries) -> None:
    read = features(bars)
    assert volatility_by_bar(bars) == pytest.approx(read.daily_volatility, nan_ok=True)
    assert rolling_mean(bars.close, 20)[19:] == pytest.approx(read.mean_price[19:])


def test_a_strategy_that_is_not_there_is_not_drawn(bars: BarSeries) -> None:
    only = {Strategy.DAY: STRATEGIES[Strategy.DAY]}
    drawn = Sampler(bars, np.zeros(len(bars)), times_of(bars), only, np.arange(len(bars)) >= 600).draw(200, seed=1)
    assert len(drawn) == 200
    assert np.all(np.isfinite(drawn.target))
