"""The simulated market: the same everywhere, and like a market."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from feeds.synthetic import synthetic_bars
from trading.bars import BarSeries
from trading.market import HOUR, moment

MADE_WITH_SEED_1 = "fd6edbdf197a47f8bd435ce6b97a55ae7462d85addaba0490a5478b27c415277"


@pytest.fixture(scope="module")
def market() -> BarSeries:
    return synthetic_bars(1)


def fingerprint(series: BarSeries) -> str:
    columns = (series.time, series.open, series.high, series.low, series.close)
    return hashlib.sha256(b"".join(np.ascontiguousarray(column).tobytes() for column in columns)).hexdigest()


def hourly_returns(series: BarSeries) -> np.ndarray:
    returns: np.ndarray = np.diff(np.log(series.close))
    return returns


def test_a_seed_gives_these_very_bars_on_every_machine(market: BarSeries) -> None:
    assert fingerprint(market) == MADE_WITH_SEED_1


def test_another_seed_gives_another_market(market: BarSeries) -> None:
    assert fingerprint(synthetic_bars(2)) != fingerprint(market)


def test_it_is_five_thousand_hours_with_prices_of_five_digits(market: BarSeries) -> None:
    assert (len(market), market.bar_seconds, market.commodity) == (5_000, 3600, "EURUSD")
    for column in (market.open, market.high, market.low, market.close):
        assert np.array_equal(column, np.round(column, 5))


def test_it_trades_from_sunday_to_friday_at_five_in_new_york_in_winter_and_in_summer(market: BarSeries) -> None:
    gaps = np.flatnonzero(np.diff(market.time) != HOUR)
    closes = {(moment(market.end(int(gap))).weekday(), moment(market.end(int(gap))).hour) for gap in gaps}
    opens = {(moment(int(market.time[gap + 1])).weekday(), moment(int(market.time[gap + 1])).hour) for gap in gaps}

    assert closes == {(4, 22), (4, 21)}  # winter and summer, in UTC
    assert opens == {(6, 22), (6, 21)}


def test_weekends_leave_gaps_and_hours_do_not(market: BarSeries) -> None:
    jumps = np.abs(market.open[1:] - market.close[:-1])
    weekend = np.diff(market.time) != HOUR

    assert jumps[~weekend].max() == 0
    assert np.median(jumps[weekend]) > 0.0003


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_its_days_move_about_as_much_as_the_euros_and_its_prices_stay_near(seed: int) -> None:
    series = synthetic_bars(seed)
    daily = np.diff(np.log(series.close[::24]))

    assert 0.003 < daily.std() < 0.008
    assert 0.85 < series.low.min() < series.high.max() < 1.40


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_its_volatility_clusters_and_its_tails_are_fat(seed: int) -> None:
    returns = hourly_returns(synthetic_bars(seed))
    sizes = np.abs(returns)

    assert np.corrcoef(sizes[1:], sizes[:-1])[0, 1] > 0.15
    assert ((returns - returns.mean()) ** 4).mean() / returns.var() ** 2 > 4.0


def test_afternoons_are_busier_than_nights(market: BarSeries) -> None:
    sizes, hours = np.abs(hourly_returns(market)), (market.time[1:] // HOUR) % 24

    assert sizes[(hours >= 13) & (hours < 16)].mean() > 1.7 * sizes[(hours >= 1) & (hours < 5)].mean()


def test_it_has_phases_that_trend_and_phases_that_do_not(market: BarSeries) -> None:
    """The efficiency ratio: how far 100 hours get over how far they walk."""
    moved = np.abs(market.close[100::100] - market.close[:-100:100])
    walked = np.abs(np.diff(market.close))[: 100 * len(moved)].reshape(-1, 100).sum(axis=1)
    efficiency = moved / walked

    assert efficiency.max() > 0.25
    assert efficiency.min() < 0.05


@pytest.mark.parametrize(("seed", "count", "why"), [(-1, 10, "seed is -1"), (1, 0, "count is 0")])
def test_arguments_that_make_no_market_are_refused_by_value(seed: int, count: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        synthetic_bars(seed, count)
