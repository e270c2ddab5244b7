"""Rules that bring a target nearer, and how near and how fast they may.

A target is moved for what has become known of the market since it was set: there is less time, or less movement, or the
mean has come nearer. Never for its probability alone, for that is raised by any nearer target and pays nothing: of all
targets that a rule may set, the nearest that its reason allows is the likeliest to end in profit, so it is the one.
"""

from __future__ import annotations

import math

from trading.exit_case import Case, Change
from trading.market import DAY
from trading.valuation import entry_price


def rescale(case: Case) -> Change | None:
    """Bring the target nearer in the measure in which the remaining sigma has shrunk since it was set.

    Distances count from the closing price in log price. The probability of the target so becomes about what it was
    before time ran out or volatility fell, no more: a price that has moved is no reason. Where sigma has grown the
    target stays, since a farther one makes a profit less likely and has no higher value.
    """
    settings, trade, memory = case.settings.rescale, case.trade, case.memory
    strategy, target = case.strategy, trade.target_price
    if not settings.enabled or target is None or (strategy is not None and strategy.targets_mean):
        return None
    if memory.sigma is None or memory.horizon_at != case.horizon_at or not case.is_ready:
        return None
    shrunk = case.sigma / memory.sigma
    if shrunk > 1 - settings.least_change_fraction or target <= 0 or case.closing <= 0:
        return None
    wanted = case.closing * math.exp(shrunk * math.log(target / case.closing))
    why = f"{1 - shrunk:.0%} less movement is left than when the target was set"
    return _nearer(case, wanted, "rescale", why)


def follow_mean(case: Case) -> Change | None:
    """Where the trade aims at the mean and the mean has come nearer, aim there."""
    strategy, target, reading = case.strategy, case.trade.target_price, case.reading
    if not case.settings.mean.enabled or strategy is None or not strategy.targets_mean or target is None:
        return None
    if reading is None or reading.mean_price is None or not case.is_ready:
        return None
    if case.sign * (target - reading.mean_price) < case.rules.point:
        return None
    return _nearer(case, reading.mean_price, "mean", "the mean has come nearer")


def allowed_target(case: Case, wanted: float) -> float:
    """``wanted``, put off to where a target may be: three spreads away, and not cut by more than a day's share."""
    sign = case.sign
    bounds = [wanted, case.nearest]
    if (least := least_target(case)) is not None:
        bounds.append(least)
    return sign * max(sign * bound for bound in bounds)


def least_target(case: Case) -> float | None:
    """How near a target may come today; None where the trade has had none.

    Of the targets of the last 24 hours the farthest counts: its distance from the entry, in log price, may be cut by a
    fraction. So no row of small cuts, and no restart among them, takes more off in a day.
    """
    entry, present = entry_price(case.trade), case.trade.target_price
    had = [target for at, target in case.memory.given_up if at > case.now - DAY]
    if present is not None:
        had.append(present)
    reaches = [case.sign * math.log(target / entry) for target in had if target > 0 and entry > 0]
    farthest = max(reaches, default=-math.inf)
    if farthest <= 0:
        return None
    return entry * math.exp(case.sign * (1 - case.settings.target_cut_a_day_fraction) * farthest)


def _nearer(case: Case, wanted: float, rule: str, why: str) -> Change | None:
    target = case.trade.target_price
    if target is None:
        return None
    new = allowed_target(case, wanted)
    if case.sign * (target - new) < case.rules.point:
        return None
    before, after = case.as_it_stands(), case.with_levels(case.stop_price, new)
    if before is None or after is None or not case.is_better(before, after):
        return None
    return Change(rule, why, case.stop_price, new, before, after)
