"""The first pass over many open trades: which of them a judgement might do anything with.

Each rule has a condition that is cheap to ask and must hold before the rule can speak. Asked for whole columns it
leaves a handful of trades to `trading.exits.judge`, and lets thousands pass at the cost of a few additions each. What
is screened out would have been held; what is let through may be held all the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.bars import Floats, Instants
from trading.exit_decisions import ExitRules
from trading.exit_levels import HOLD, TRAILING_STEP, Levels, guard_many, levels, or_nan
from trading.exit_memory import ExitMemory
from trading.market import SECOND, Instant
from trading.probability import VARIANCE_UNCERTAINTY
from trading.settings_exits import ExitSettings
from trading.trade import Trade, TradeState
from trading.valuation import break_even_price, value_many

Flags = NDArray[np.bool_]

# A target that is nearer than this, and not farther than the stop, is reached in nearly half of all cases, and no rule
# asks for more than a quarter: nothing need be worked out to know it.
WITHIN_REACH_SIGMAS = 0.5
ROUNDING = 1e-9  # by which a column may differ from the single figure that the judgement will be made on


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """Open trades as columns (n,), in the order of the trades they were made from. Good until one of them changes."""

    levels: Levels
    break_even: Floats
    trailing_distance: Floats  # NaN where the stop does not trail
    trailing_step: Floats
    point: Floats
    time_stop_at: Instants
    ready_at: Instants  # before it no rule but trailing adjusts
    reference_sigma: Floats  # remaining sigma when the target was set; NaN where it is not known
    aims_at_mean: Flags
    unsuited: Flags  # the market has not been the strategy's for long enough


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is known of the market of each trade, as columns (n,)."""

    bid: Floats
    ask: Floats
    usable: Flags  # `trading.quotes.usable_many`
    sigma: Floats  # square root of `trading.horizon.remaining_variance`; NaN where there is none
    mean_price: Floats  # the newest reading's; NaN where there is none
    signalled: Flags  # an analysis past the gate is not too old yet, whatever its side
    gone: Flags  # neither the newest opinion nor a signal speaks for the trade's side
    variance_uncertainty: Floats | float = VARIANCE_UNCERTAINTY  # the forecasts'


def watched(
    trades: Sequence[Trade],
    memories: Mapping[int, ExitMemory],
    rules: Mapping[str, ExitRules],
    costs: Mapping[int, float] | None = None,
) -> Watched:
    """The columns of these trades. ``memories`` and ``costs`` are by trade, ``rules`` by commodity."""
    figures, instants, flags = [], [], []
    empty = ExitMemory()
    for trade in trades:
        memory, its = memories.get(trade.trade_id, empty), rules[trade.commodity]
        settings, strategy = its.settings, its.strategies.get(trade.strategy)
        is_open = trade.state is TradeState.OPEN
        distance = trade.trailing_distance if settings.trailing.enabled and is_open else None
        cost = 0.0 if costs is None else costs.get(trade.trade_id, 0.0)
        step = its.point if distance is None else max(TRAILING_STEP * distance, its.point)
        figures.append((break_even_price(trade, cost), or_nan(distance), step, its.point, or_nan(memory.sigma)))
        wait = round(max(settings.minimum_interval_seconds * SECOND, 1))
        instants.append((trade.time_stop_at, -1 if memory.adjusted_at is None else memory.adjusted_at + wait))
        unsuited = memory.unsuited_bars >= settings.regime_switch.unsuited_bars
        flags.append((strategy is not None and strategy.targets_mean, unsuited))
    numbers = np.array(figures, dtype=np.float64).reshape(len(figures), 5)
    times = np.array(instants, dtype=np.int64).reshape(len(instants), 2)
    marks = np.array(flags, dtype=np.bool_).reshape(len(flags), 2)
    return Watched(
        levels=levels(trades),
        break_even=numbers[:, 0],
        trailing_distance=numbers[:, 1],
        trailing_step=numbers[:, 2],
        point=numbers[:, 3],
        time_stop_at=times[:, 0],
        ready_at=times[:, 1],
        reference_sigma=numbers[:, 4],
        aims_at_mean=marks[:, 0],
        unsuited=marks[:, 1],
    )


def may_speak(trades: Watched, scene: Scene, settings: ExitSettings, now: Instant) -> Flags:
    """For each trade, False where `trading.exits.judge` would surely hold."""
    sign, stop = trades.levels.sign, trades.levels.stop
    closing = np.where(sign > 0, scene.bid, scene.ask)
    # Each comparison is False where one of its numbers is NaN: what is not known makes no rule speak.
    hit = guard_many(trades.levels, scene.bid, scene.ask, scene.usable) != HOLD
    over = now >= trades.time_stop_at
    behind = sign * (closing - stop) - trades.trailing_distance >= trades.trailing_step * (1 - ROUNDING)
    ready = (now >= trades.ready_at) & (scene.sigma > 0)
    adjusting = ready & (
        _target_may_move(trades, scene, settings)
        | _may_break_even(trades, closing, scene.sigma, settings)
        | (trades.unsuited & settings.regime_switch.enabled)
    )
    asked = hit | over | scene.signalled | behind | adjusting
    if settings.signal_gone.enabled:
        asked |= _out_of_reach(trades, scene, settings, closing, ~asked & scene.gone & scene.usable)
    speaking: Flags = asked & scene.usable & ~np.isnan(stop)
    return speaking


def _target_may_move(trades: Watched, scene: Scene, settings: ExitSettings) -> Flags:
    target = trades.levels.target
    may_move = np.zeros(target.shape, dtype=np.bool_)
    if settings.rescale.enabled:
        most = (1 - settings.rescale.least_change_fraction) * trades.reference_sigma
        may_move |= ~trades.aims_at_mean & ~np.isnan(target) & (scene.sigma <= most * (1 + ROUNDING))
    if settings.mean.enabled:
        nearer = trades.levels.sign * (target - scene.mean_price)
        may_move |= trades.aims_at_mean & (nearer >= trades.point * (1 - ROUNDING))
    return may_move


def _may_break_even(trades: Watched, closing: Floats, sigma: Floats, settings: ExitSettings) -> Flags:
    sign, level = trades.levels.sign, trades.break_even
    worse = sign * (level - trades.levels.stop) >= trades.point * (1 - ROUNDING)
    away = sign * (closing - level)
    # x/(1+x) <= log(1+x) <= x for a price x beyond the level, so this price distance is never the smaller one.
    enough = away >= settings.break_even.least_sigmas * sigma * np.minimum(closing, level) * (1 - ROUNDING)
    asked: Flags = worse & (away > 0) & enough
    return asked if settings.break_even.enabled else np.zeros_like(asked)


def _out_of_reach(trades: Watched, scene: Scene, settings: ExitSettings, closing: Floats, asked: Flags) -> Flags:
    """Which of the trades that are asked for may be closed because the signal has gone."""
    target, stop = trades.levels.target, trades.levels.stop
    ahead = trades.levels.sign * (target - closing)
    near = ahead <= WITHIN_REACH_SIGMAS * scene.sigma * closing
    within = near & (ahead <= trades.levels.sign * (closing - stop))
    rows = np.flatnonzero(asked & ~within & (scene.sigma > 0))
    out: Flags = np.zeros(target.shape, dtype=np.bool_)
    if len(rows):
        found = value_many(
            trades.levels.sign[rows],
            closing[rows],
            stop[rows],
            target[rows],
            trades.break_even[rows],
            scene.sigma[rows] ** 2,
            np.broadcast_to(scene.variance_uncertainty, target.shape)[rows],
        )
        chance = np.where(np.isnan(target[rows]), found.profit, found.target)
        out[rows] = chance < settings.signal_gone.least_probability + ROUNDING
    return out


def sigma_of(variance: float | None) -> float:
    """The column's entry for a variance: its root, NaN where there is none."""
    return math.nan if variance is None else math.sqrt(variance)
