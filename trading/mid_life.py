"""Open trades met in the middle of their lives, on recorded bars: what a forecast of their end is checked against.

A judged bar is drawn, and a strategy, a side and an age; the trade was entered at the close of the bar that was then,
its levels are those of the strategy in daily volatilities of that time, and it counts when no level was touched since.
Everything here is known at the judged bar's end. Nothing chooses entries that would have been good: a forecast has to
be right about any trade.

Prices are looked at from the trade's own side. For a buy that is the price itself, for a sell its negative, less half
the spread either way: what closing gets. So more is better for both, a stop lies below, and a target above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.analysis import Strategy
from trading.bars import BarSeries, Floats, Instants
from trading.calendars import TradingTimes
from trading.daily_volatility import daily_volatility
from trading.draws import uniforms
from trading.first_touch import Lows
from trading.market import SECOND
from trading.plans import NEAREST_TARGET_SPREADS
from trading.settings_strategies import StrategySettings
from trading.time_frames import TimeFrame, period_starts

MEAN_BARS = 20  # what a reversion aims at, as in `trading/features.py`
MOST_PER_BAR = 4  # positions of the same judged bar end alike, and add little
ROUNDS = 8  # of drawing, before fewer positions than wanted are taken for all there are
SIDES = (1, -1)


@dataclass(frozen=True, slots=True, eq=False)
class ClosingSide:
    """The bars as a trade of one side sees them; each array is (n,)."""

    open: Floats
    close: Floats
    spread: Floats
    lows: Lows  # of the adverse extremes
    highs: Lows  # of the favourable extremes, negated

    @classmethod
    def of(cls, bars: BarSeries, spread: Floats, sign: int, longest: int) -> ClosingSide:
        """Of a buy (+1) or a sell (-1). ``spread``, (n,), is in price units; ``longest`` as `Lows` has it."""
        half = spread / 2
        adverse, favourable = (bars.low, bars.high) if sign > 0 else (bars.high, bars.low)
        return cls(
            open=sign * bars.open - half,
            close=sign * bars.close - half,
            spread=spread,
            lows=Lows(sign * adverse - half, longest),
            highs=Lows(half - sign * favourable, longest),
        )

    def stopped(self, start: Instants, stop: Instants, level: Floats) -> Instants:
        """The first bar of each span that touches the stop; the span's end for none."""
        return self.lows.first_at_or_below(start, stop, level)

    def reached(self, start: Instants, stop: Instants, level: Floats) -> Instants:
        """The first bar of each span that touches the target; the span's end for none."""
        return self.highs.first_at_or_below(start, stop, -level)


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """m open trades, each at the end of its judged bar. Prices are of the closing side."""

    bar: Instants  # (m,) the judged bar, by its index
    entry_bar: Instants  # (m,) the trade was opened at the end of this one
    sign: Instants  # (m,) +1 for a buy, -1 for a sell
    strategy: Instants  # (m,) by its place in the list of strategies that was drawn from
    price: Floats  # (m,) what closing now would get
    entry: Floats  # (m,) where closing has no profit and no loss
    stop: Floats  # (m,)
    target: Floats  # (m,) infinite where there is none
    until: Instants  # (m,) the first bar that does not end by the horizon any more
    horizon_at: Instants  # (m,) the end of the last bar of the trading day

    def __len__(self) -> int:
        return len(self.bar)

    def where(self, wanted: NDArray[Any]) -> Positions:
        """Those for which ``wanted``, (m,) of bool or their indices, says so."""
        return Positions(**{field.name: getattr(self, field.name)[wanted] for field in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence[Positions]) -> Positions:
        """All of them, in this order."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def horizons(bars: BarSeries, times: TradingTimes) -> tuple[Instants, Instants]:
    """The horizon of each bar's end, and the first bar that ends after it; both (n,), 0 where there is no horizon.

    The horizon is the end of the trading day, or of the last whole bar before it where bars do not end with the day.
    There is none where the market is shut then, and where the bars do not reach so far, or have nothing between.
    """
    ends = bars.time + bars.bar_length
    day_end = times.day_ends[np.searchsorted(times.day_ends, ends, side="right")]
    horizon_at = day_end - (day_end - ends[0]) % bars.bar_length
    until = np.searchsorted(ends, horizon_at, side="right")
    known = times.are_open(ends) & (horizon_at <= ends[-1]) & (until > np.arange(len(bars)) + 1)
    return np.where(known, horizon_at, 0), np.where(known, until, 0)


class Sampler:
    """Draws open trades on one series of bars."""

    def __init__(
        self,
        bars: BarSeries,
        spread: Floats,
        times: TradingTimes,
        strategies: Mapping[Strategy, StrategySettings],
        judgeable: NDArray[np.bool_],
    ) -> None:
        """``judgeable``, (n,): the bars at whose end a forecast can be made. ``spread`` is (n,), in price units."""
        self.bars = bars
        self.strategies = tuple(strategies)
        self._settings = [strategies[name] for name in self.strategies]
        self._to_mean = np.array([settings.targets_mean for settings in self._settings], dtype=np.bool_)
        self._volatility = volatility_by_bar(bars)
        self._mean = rolling_mean(bars.close, MEAN_BARS)
        self._horizon_at, self._until = horizons(bars, times)
        longest_hold = max((settings.longest_hold_seconds for settings in self._settings), default=0.0) * SECOND
        to_horizon = int(np.max(self._until - np.arange(len(bars)), initial=1))
        longest = max(int(longest_hold // bars.bar_length), to_horizon, 1)
        self.sides = {sign: ClosingSide.of(bars, spread, sign, longest) for sign in SIDES}
        self.judged = np.flatnonzero(judgeable & (self._horizon_at > 0))

    def draw(self, wanted: int, seed: int) -> Positions:
        """At most ``wanted`` positions, in the order in which they were drawn."""
        wanted = min(wanted, MOST_PER_BAR * len(self.judged))
        parts: list[Positions] = []
        found = 0
        for number in range(ROUNDS if len(self.judged) and self.strategies else 0):
            if found >= wanted:
                break
            parts.append(self._round(wanted, seed, number))
            found += len(parts[-1])
        drawn = Positions.joined(parts) if parts else self._drawn(np.zeros(0, dtype=np.int64), *[np.zeros(0)] * 3)
        return drawn.where(np.arange(min(wanted, len(drawn))))

    def _round(self, count: int, seed: int, number: int) -> Positions:
        streams = [uniforms(seed, 4 * number + stream, count) for stream in range(4)]
        bar = self.judged[(streams[0] * len(self.judged)).astype(np.int64)]
        return self._drawn(bar, *streams[1:])

    def _drawn(self, bar: Instants, of_strategy: Floats, of_side: Floats, of_age: Floats) -> Positions:
        """What is left of the positions that these draws, (m,) each, stand for."""
        strategy = (of_strategy * len(self.strategies)).astype(np.int64)
        sign = np.where(of_side < 0.5, 1, -1)
        longest = np.array([settings.longest_hold_seconds * SECOND for settings in self._settings] or [0.0])[strategy]
        # An age in bars, for the market is shut at times; what turns out too old is dropped.
        age = 1 + (of_age * np.maximum(longest // self.bars.bar_length, 1)).astype(np.int64)
        entry_bar = bar - age
        possible = entry_bar >= 0
        possible &= self.bars.time[bar] - self.bars.time[np.maximum(entry_bar, 0)] <= longest
        possible &= self._volatility[np.maximum(entry_bar, 0)] > 0  # where nothing moves there is nothing to plan
        bar, entry_bar, sign, strategy = (column[possible] for column in (bar, entry_bar, sign, strategy))
        towards_mean = np.where(self._mean[entry_bar] > self.bars.close[entry_bar], 1, -1)
        sign = np.where(self._to_mean[strategy], towards_mean, sign)  # there is no plan for the other side
        return self._still_open(self._planned(bar, entry_bar, sign, strategy))

    def _planned(self, bar: Instants, entry_bar: Instants, sign: Instants, strategy: Instants) -> Positions:
        """With the levels of `trading.plans`, those left out for which there is no sensible plan."""
        buys, sells, is_buy = self.sides[1], self.sides[-1], sign > 0
        spread = buys.spread[entry_bar]
        entry = np.where(is_buy, buys.close[entry_bar], sells.close[entry_bar]) + spread
        day = self._volatility[entry_bar] * np.abs(entry)
        stops = np.array([settings.stop_volatilities for settings in self._settings])
        targets = np.array([settings.target_volatilities or np.inf for settings in self._settings])
        target = np.where(self._to_mean[strategy], sign * self._mean[entry_bar], entry + targets[strategy] * day)
        stop = entry - stops[strategy] * day
        sensible = (stops[strategy] * day < np.abs(entry)) & (target - entry >= NEAREST_TARGET_SPREADS * spread)
        sensible &= target > entry
        planned = Positions(
            bar=bar,
            entry_bar=entry_bar,
            sign=sign,
            strategy=strategy,
            price=np.where(is_buy, buys.close[bar], sells.close[bar]),
            entry=entry,
            stop=stop,
            target=target,
            until=self._until[bar],
            horizon_at=self._horizon_at[bar],
        )
        return planned.where(sensible)

    def _still_open(self, planned: Positions) -> Positions:
        """Those that have touched no level since they were entered, up to the judged bar's end."""
        start, stop = planned.entry_bar + 1, planned.bar + 1
        open_still = np.zeros(len(planned), dtype=np.bool_)
        for sign in SIDES:
            mine = planned.sign == sign
            stopped = self.sides[sign].stopped(start[mine], stop[mine], planned.stop[mine])
            reached = self.sides[sign].reached(start[mine], stop[mine], planned.target[mine])
            open_still[mine] = (stopped == stop[mine]) & (reached == stop[mine])
        return planned.where(open_still)


def volatility_by_bar(bars: BarSeries) -> Floats:
    """The standard deviation of daily log returns, of days that are complete when each bar ends; (n,), NaN without."""
    day = period_starts(TimeFrame.D1, bars.time)
    begins = np.diff(day, prepend=day[0] - 1) > 0
    ends = period_starts(TimeFrame.D1, bars.time + bars.bar_length) > day
    closes = bars.close[np.append(np.flatnonzero(begins)[1:], len(bars)) - 1]
    complete = np.cumsum(begins) - 1 + ends
    known = np.full(len(bars), np.nan)
    known[complete > 0] = daily_volatility(closes)[complete[complete > 0] - 1]
    return known


def rolling_mean(values: Floats, length: int) -> Floats:
    """The mean of each value and those before it, ``length`` in all; (n,), NaN while there are not so many."""
    means = np.full(values.shape, np.nan)
    if len(values) >= length:
        means[length - 1 :] = np.lib.stride_tricks.sliding_window_view(values, length).mean(axis=1)
    return means
