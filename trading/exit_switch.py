"""Giving a live trade the strategy that suits the market which has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.exit_case import Case, Change
from trading.exit_levels import trailed_stop
from trading.exit_target import allowed_target
from trading.market import SECOND
from trading.settings_strategies import StrategySettings
from trading.valuation import entry_price

if TYPE_CHECKING:
    from trading.opinion import Candidate  # who only watches trades need not load the library of indicators

RULE = "regime_switch"


def regime_switch(case: Case) -> Change | None:
    """Switch to the strategy of the trade's side that passes the gate with the best margin; else the trade keeps its.

    Asked only after the market has not suited the trade's strategy for some bars in a row, and not soon again after a
    switch, so that it does not flap at the edge of a regime. The stop stays where it is, the loss agreed at entry with
    it. Unless `exits.regime_switch.may_lengthen_hold` says otherwise, only strategies are asked that neither hold for
    longer nor leave the day-end rule. A switch must not make a profit less likely, or by no more than
    `exits.regime_switch.largest_probability_loss`. Both valuations look to the horizon of before the switch, so that
    they tell the levels apart and not the times.
    """
    settings, memory, reading = case.settings.regime_switch, case.memory, case.reading
    if not settings.enabled or memory.unsuited_bars < settings.unsuited_bars or not case.is_ready:
        return None
    if reading is None or reading.opinion is None:
        return None
    switched_at = memory.switched_at
    if switched_at is not None and case.now - switched_at < settings.minimum_interval_seconds * SECOND:
        return None
    suitable = [c for c in reading.opinion.candidates if c.side is case.trade.side and c.passes]
    for candidate in sorted(suitable, key=lambda candidate: -candidate.margin):
        change = _to(case, candidate)
        if change is not None:
            return change
    return None


def _to(case: Case, candidate: Candidate) -> Change | None:
    """The trade under this strategy; None where the strategy cannot take it over."""
    trade, opinion = case.trade, case.reading.opinion if case.reading is not None else None
    strategy = case.rules.strategies.get(candidate.strategy)
    if strategy is None or opinion is None or candidate.strategy is trade.strategy or not _may_hold(case, strategy):
        return None
    target = None
    if not strategy.trailing:
        wanted = _target_of(case, strategy)
        if wanted is None:
            return None
        target = allowed_target(case, wanted)
    stop = trailed_stop(trade, trade.stop_distance if strategy.trailing else None, case.closing, case.rules.point)
    before, after = case.as_it_stands(), case.with_levels(stop, target)
    if before is None or after is None or not case.keeps_value(before, after):
        return None
    if after.profit < before.profit - case.settings.regime_switch.largest_probability_loss:
        return None
    why = (
        f"{case.memory.unsuited_bars} bars did not suit {trade.strategy.value}; in {opinion.regime.value} "
        f"{candidate.strategy.value} passes by {candidate.margin:.1f} points"
    )
    return Change(RULE, why, stop, target, before, after, candidate.strategy)


def _may_hold(case: Case, strategy: StrategySettings) -> bool:
    trade = case.trade
    ends_at = trade.submitted_at + round(strategy.longest_hold_seconds * SECOND)
    if ends_at <= case.now:
        return False  # the switch would be a close under another name
    if case.settings.regime_switch.may_lengthen_hold:
        return True
    return ends_at <= trade.time_stop_at and (strategy.closes_at_day_end or not trade.closes_at_day_end)


def _target_of(case: Case, strategy: StrategySettings) -> float | None:
    """Where the strategy would aim; None where it has nothing to aim at on the winning side of the price."""
    trade, reading = case.trade, case.reading
    if strategy.targets_mean:
        mean = None if reading is None else reading.mean_price
        return mean if mean is not None and case.sign * (mean - case.nearest) >= 0 else None
    if strategy.target_volatilities is None:
        return None
    entry = entry_price(trade)
    return entry + case.sign * strategy.target_volatilities * trade.daily_volatility * abs(entry)
