"""Forecasts of open trades on recorded bars, each from what was known then, beside what came of them.

For each position of `trading.mid_life`, at its judged bar's end: the variance until the horizon by
`trading.volatility`, the chances by `trading.probability` with no drift, and the outcome by `trading.outcomes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trading.analysis import Strategy
from trading.bars import BarSeries, Floats, Instants
from trading.calendars import TradingTimes, open_spans
from trading.calibration import Flags
from trading.market import SECOND
from trading.mid_life import Positions, Sampler
from trading.outcomes import outcomes
from trading.probability import chances_many
from trading.settings_strategies import StrategySettings
from trading.volatility import VolatilityForecast, forecast_path


class ForecastsByBar(Protocol):
    """A forecast for each bar's end."""

    def at(self, index: int) -> VolatilityForecast | None:
        """The forecast at the end of bar ``index``; None while it warms up."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """m forecasts of open trades and what came of them; every array is (m,)."""

    claimed_target: Floats  # probability of touching the target first; 0 where there is none
    claimed_stop: Floats
    claimed_profit: Floats
    target: Flags  # it happened
    stop: Flags
    profit: Flags
    has_target: Flags
    strategy: NDArray[np.str_]
    sign: Instants  # +1 for a buy, -1 for a sell
    judged_at: Instants
    horizon_at: Instants  # the end of the last bar of the trading day
    seconds_left: Floats  # until then
    reward_to_risk: Floats  # distance of the target over that of the stop, in log price; infinite without a target

    def __len__(self) -> int:
        return len(self.target)

    def where(self, wanted: Flags) -> Forecasts:
        """Those for which ``wanted``, (m,), is true."""
        return Forecasts(*(getattr(self, field.name)[wanted] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Forecasts]) -> Forecasts:
        """All of them, in this order. Raises ``ValueError`` for no parts."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def walk_forward(
    bars: BarSeries,
    spread: Floats,
    times: TradingTimes,
    strategies: Mapping[Strategy, StrategySettings],
    *,
    wanted: int,
    seed: int,
    path_of: Callable[[BarSeries], ForecastsByBar] = forecast_path,
) -> Forecasts:
    """At most ``wanted`` forecasts on this series, the same ones for the same ``seed``.

    ``spread``, (n,), is in price units; ``times`` must cover the bars and the day after them. ``path_of`` makes the
    forecasts of volatility.
    """
    path = path_of(bars)
    forecasts = [path.at(index) for index in range(len(bars))]
    judgeable = np.array([forecast is not None for forecast in forecasts], dtype=np.bool_)
    sampler = Sampler(bars, spread, times, strategies, judgeable)
    positions = sampler.draw(wanted, seed)
    above_zero = np.ones(len(positions), dtype=np.bool_)  # what is not has no logarithm
    for price in (positions.price, positions.entry, positions.stop):
        above_zero &= positions.sign * price > 0
    positions = positions.where(above_zero)
    return _forecast(positions, sampler, times, forecasts)


def _forecast(
    positions: Positions, sampler: Sampler, times: TradingTimes, forecasts: Sequence[VolatilityForecast | None]
) -> Forecasts:
    judged_at = sampler.bars.time[positions.bar] + sampler.bars.bar_length
    variance, uncertainty = _variances(positions, judged_at, times, forecasts)
    to_target = _log_distance(positions, positions.target)
    to_stop = -_log_distance(positions, positions.stop)
    chances = chances_many(
        to_target,
        to_stop,
        variance,
        to_breakeven=_log_distance(positions, positions.entry),
        variance_uncertainty=uncertainty,
    )
    happened = outcomes(positions, sampler.sides)
    return Forecasts(
        claimed_target=chances.target,
        claimed_stop=chances.stop,
        claimed_profit=chances.profit,
        target=happened.target,
        stop=happened.stop,
        profit=happened.profit,
        has_target=np.isfinite(positions.target),
        strategy=np.array([name.value for name in sampler.strategies])[positions.strategy],
        sign=positions.sign,
        judged_at=judged_at,
        horizon_at=positions.horizon_at,
        seconds_left=(positions.horizon_at - judged_at) / SECOND,
        reward_to_risk=to_target / to_stop,
    )


def _variances(
    positions: Positions,
    judged_at: Instants,
    times: TradingTimes,
    forecasts: Sequence[VolatilityForecast | None],
) -> tuple[Floats, Floats]:
    """Of log price from each judged bar's end to the horizon, and how uncertain each is; (m,) both.

    Asked once for each bar, which has but one horizon.
    """
    bars, first, place = np.unique(positions.bar, return_index=True, return_inverse=True)
    asked = zip(bars.tolist(), judged_at[first].tolist(), positions.horizon_at[first].tolist(), strict=True)
    answers = np.array([_variance(forecasts[bar], times, start, end) for bar, start, end in asked], dtype=np.float64)
    variance, uncertainty = answers.reshape(-1, 2)[place].T
    return variance, uncertainty


def _variance(forecast: VolatilityForecast | None, times: TradingTimes, start: int, end: int) -> tuple[float, float]:
    if forecast is None:
        raise ValueError("a position was drawn at a bar without a forecast")
    return forecast.variance(open_spans(times, start, end)), forecast.uncertainty


def _log_distance(positions: Positions, level: Floats) -> Floats:
    """From the price up to the level, in log price; infinite where there is no level, or none above zero."""
    ratio = level / positions.price
    there = np.isfinite(level) & (ratio > 0)
    return np.where(there, positions.sign * np.log(np.where(there, ratio, 1.0)), np.inf)
