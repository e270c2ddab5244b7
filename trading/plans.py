"""What a trade means to do, agreed before its order leaves: its stop, its target, its trailing, its longest hold."""

from __future__ import annotations

from dataclasses import dataclass

from trading.analysis import Strategy
from trading.checks import require_finite, require_not_negative, require_positive
from trading.market import Side
from trading.settings_strategies import StrategySettings
from trading.trade import TradePlan

MOST_TARGET_VOLATILITIES = 20.0  # as far as a strategy may be set to aim: a mean beyond it is none of this market
NEAREST_TARGET_SPREADS = 3.0  # a target nearer than this is eaten by the cost of reaching it


@dataclass(frozen=True, slots=True)
class PlanRefused:
    """There is no sensible plan, and this is why."""

    reason: str


def plan_trade(
    *,
    side: Side,
    strategy: Strategy,
    settings: StrategySettings,
    price: float,
    spread: float,
    daily_volatility: float,
    mean_price: float | None = None,
    minimum_reward_to_risk: float = 0.0,
    nearest_spreads: float = NEAREST_TARGET_SPREADS,
) -> TradePlan | PlanRefused:
    """The plan of a trade that would open at ``price`` (the ask for a buy, the bid for a sell).

    stop distance = stop_volatilities x daily_volatility x |price|, and the target's likewise: ``daily_volatility`` is
    the standard deviation of daily log returns, so its product with the price is in price units. A strategy that
    targets the mean aims at ``mean_price`` instead. Refused: a mean that is missing or on the wrong side, a target
    nearer than ``nearest_spreads`` or than ``minimum_reward_to_risk`` stop distances, a stop as far away as the price.
    Raises ``ValueError`` naming an argument that is out of range.
    """
    require_finite(price=price)
    require_not_negative(spread=spread, minimum_reward_to_risk=minimum_reward_to_risk, nearest_spreads=nearest_spreads)
    require_positive(daily_volatility=daily_volatility)
    day = daily_volatility * abs(price)
    stop_distance = settings.stop_volatilities * day
    if stop_distance >= abs(price):
        return PlanRefused(f"the stop would lie {stop_distance:g} away from a price of {price:g}")

    target_distance = target_price = None
    if settings.targets_mean:
        if mean_price is None:
            return PlanRefused("there is no mean to aim at")
        require_finite(mean_price=mean_price)
        target_price, reach = mean_price, side.sign * (mean_price - price)
        if reach > MOST_TARGET_VOLATILITIES * day:
            return PlanRefused(f"the mean {mean_price:g} is {reach / day:.3g} daily volatilities away from {price:g}")
        if reach <= 0:
            return PlanRefused(f"the mean {mean_price:g} is on the wrong side of {price:g} for a {side}")
    elif settings.target_volatilities is not None:
        target_distance = reach = settings.target_volatilities * day
    else:
        reach = None
    if reach is not None and reach < nearest_spreads * spread:
        return PlanRefused(f"the target is {reach:g} away, nearer than {nearest_spreads:g} spreads of {spread:g}")
    if reach is not None and reach < minimum_reward_to_risk * stop_distance:
        return PlanRefused(
            f"the target is {reach / stop_distance:.2f} stop distances away, nearer than the "
            f"{minimum_reward_to_risk:g} of exits.minimum_reward_to_risk"
        )
    return TradePlan(
        strategy=strategy,
        stop_distance=stop_distance,
        target_distance=target_distance,
        target_price=target_price,
        trailing_distance=stop_distance if settings.trailing else None,
        longest_hold_seconds=settings.longest_hold_seconds,
        closes_at_day_end=settings.closes_at_day_end,
    )


def levels_at(plan: TradePlan, side: Side, entry_price: float) -> tuple[float, float | None]:
    """The stop and the target of a trade that entered at ``entry_price``, in price units.

    A target that is a price stays where it is; one that is a distance moves with the entry, as the stop does.
    """
    stop = entry_price - side.sign * plan.stop_distance
    if plan.target_distance is None:
        return stop, plan.target_price
    return stop, entry_price + side.sign * plan.target_distance
