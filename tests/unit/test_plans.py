"""The plan of a trade: distances by volatility, and the plans that are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.analysis import Strategy
from trading.market import Side
from trading.plans import PlanRefused, levels_at, plan_trade
from trading.settings_strategies import default_strategies
from trading.trade import TradePlan

STRATEGIES = default_strategies()


def planned(
    strategy: Strategy = Strategy.DAY,
    side: Side = Side.BUY,
    *,
    price: float = 1.1,
    spread: float = 0.0001,
    daily_volatility: float = 0.005,
    mean_price: float | None = None,
    minimum_reward_to_risk: float = 0.0,
) -> TradePlan | PlanRefused:
    return plan_trade(
        side=side,
        strategy=strategy,
        settings=STRATEGIES[strategy],
        price=price,
        spread=spread,
        daily_volatility=daily_volatility,
        mean_price=mean_price,
        minimum_reward_to_risk=minimum_reward_to_risk,
    )


def accepted(plan: TradePlan | PlanRefused) -> TradePlan:
    assert isinstance(plan, TradePlan), plan
    return plan


def refused(plan: TradePlan | PlanRefused) -> str:
    assert isinstance(plan, PlanRefused), plan
    return plan.reason


def test_stop_and_target_are_so_many_daily_volatilities_away() -> None:
    plan = accepted(planned(Strategy.SWING))
    assert plan.stop_distance == pytest.approx(2.0 * 0.005 * 1.1)
    assert plan.target_distance == pytest.approx(3.0 * 0.005 * 1.1)
    assert (plan.target_price, plan.trailing_distance) == (None, None)
    assert (plan.strategy, plan.longest_hold_seconds, plan.closes_at_day_end) == (Strategy.SWING, 168 * 3600, False)


@pytest.mark.parametrize("strategy", [Strategy.MOMENTUM, Strategy.BREAKOUT])
def test_a_trend_strategy_trails_at_its_stops_distance_and_has_no_target(strategy: Strategy) -> None:
    plan = accepted(planned(strategy))
    assert plan.trailing_distance == plan.stop_distance == pytest.approx(1.5 * 0.005 * 1.1)
    assert (plan.target_distance, plan.target_price) == (None, None)


@pytest.mark.parametrize(("side", "mean"), [(Side.BUY, 1.105), (Side.SELL, 1.095)])
def test_mean_reversion_aims_at_the_mean(side: Side, mean: float) -> None:
    plan = accepted(planned(Strategy.MEAN_REVERSION, side, mean_price=mean))
    assert (plan.target_price, plan.target_distance) == (mean, None)


@pytest.mark.parametrize(("side", "mean"), [(Side.BUY, 1.095), (Side.SELL, 1.105), (Side.BUY, 1.1)])
def test_a_mean_on_the_wrong_side_is_refused(side: Side, mean: float) -> None:
    reason = refused(planned(Strategy.MEAN_REVERSION, side, mean_price=mean))
    assert reason == f"the mean {mean:g} is on the wrong side of 1.1 for a {side}"


@pytest.mark.parametrize(("side", "mean"), [(Side.BUY, 1.10029), (Side.SELL, 1.09971)])
def test_a_mean_nearer_than_three_spreads_is_refused(side: Side, mean: float) -> None:
    assert "nearer than 3 spreads of 0.0001" in refused(planned(Strategy.MEAN_REVERSION, side, mean_price=mean))
    accepted(planned(Strategy.MEAN_REVERSION, side, mean_price=mean, spread=0.00009))


def test_a_fixed_target_nearer_than_three_spreads_is_refused_too() -> None:
    assert "nearer than 3 spreads" in refused(planned(Strategy.SCALPING, spread=0.0005))


@pytest.mark.parametrize("side", Side)
def test_a_target_that_pays_too_little_for_its_risk_is_refused(side: Side) -> None:
    """The stop of a mean reversion is 0.011 away here, whatever the mean."""
    for reach, ratio in ((0.00276, None), (0.00274, "0.25"), (0.0011, "0.10")):
        plan = planned(Strategy.MEAN_REVERSION, side, mean_price=1.1 + side.sign * reach, minimum_reward_to_risk=0.25)
        if ratio is None:
            accepted(plan)
        else:
            expected = (
                f"the target is {ratio} stop distances away, nearer than the 0.25 of exits.minimum_reward_to_risk"
            )
            assert refused(plan) == expected


def test_a_trade_without_a_target_has_no_reward_to_measure() -> None:
    accepted(planned(Strategy.MOMENTUM, minimum_reward_to_risk=10.0))


def test_mean_reversion_without_a_mean_is_refused() -> None:
    assert refused(planned(Strategy.MEAN_REVERSION)) == "there is no mean to aim at"


@pytest.mark.parametrize(("price", "volatility"), [(0.0, 0.005), (1.1, 0.5), (1.1, 0.9)])
def test_a_stop_as_far_away_as_the_price_itself_is_refused(price: float, volatility: float) -> None:
    assert "away from a price of" in refused(planned(Strategy.SWING, price=price, daily_volatility=volatility))


def test_a_negative_price_has_distances_like_any_other() -> None:
    plan = accepted(planned(Strategy.DAY, price=-37.63, spread=0.03, daily_volatility=0.2))
    assert plan.stop_distance == pytest.approx(0.2 * 37.63)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"price": float("nan")}, "price is nan"),
        ({"spread": -0.1}, "spread is -0.1"),
        ({"daily_volatility": 0.0}, "daily_volatility is 0.0"),
        ({"minimum_reward_to_risk": -1.0}, "minimum_reward_to_risk is -1.0"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_by_name(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        planned(**changes)
    with pytest.raises(ValueError, match="mean_price is nan"):
        planned(Strategy.MEAN_REVERSION, mean_price=float("nan"))


def test_levels_move_with_the_entry_and_an_aim_at_a_price_stays() -> None:
    plan = accepted(planned(Strategy.DAY, Side.SELL))
    assert levels_at(plan, Side.SELL, 1.2) == (1.2 + plan.stop_distance, 1.2 - (plan.target_distance or 0))
    aimed = replace(plan, target_distance=None, target_price=1.15)
    assert levels_at(aimed, Side.SELL, 1.2)[1] == 1.15
    trend = accepted(planned(Strategy.MOMENTUM))
    assert levels_at(trend, Side.BUY, 1.2) == (1.2 - trend.stop_distance, None)


@given(
    st.sampled_from([strategy for strategy in Strategy if strategy is not Strategy.MEAN_REVERSION]),
    st.sampled_from(Side),
    st.floats(0.001, 0.3),
    st.floats(0.5, 1e5),
)
def test_the_stop_lies_against_the_trade_and_the_target_with_it(
    strategy: Strategy, side: Side, volatility: float, price: float
) -> None:
    plan = accepted(planned(strategy, side, price=price, spread=0.0, daily_volatility=volatility))
    stop, target = levels_at(plan, side, price)
    assert side.sign * (price - stop) > 0
    assert stop > 0
    assert target is None or side.sign * (target - price) > 0
