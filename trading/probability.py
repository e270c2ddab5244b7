"""How likely a trade is to reach its target, to be stopped, to end in profit, before its time is up.

The price's logarithm is taken as a Brownian motion with drift, watched until the trade's horizon: the instant at which
it is closed whatever happens. The formulas, and where they are from, are in `trading.barrier_series`.

How much the price will move is itself uncertain, and to ignore that makes every probability too sure of itself. So the
answer is a mean over a lognormal variance whose own mean is the one given, by Gauss-Hermite quadrature of five nodes.

One trade is asked with `chances`, many at once with `chances_many`; both give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from trading.barriers import end, ends
from trading.bars import Floats

Rows: TypeAlias = NDArray[np.intp]

# The standard deviation of the logarithm of what the variance turns out to be, about its forecast.
VARIANCE_UNCERTAINTY = 0.7

# Where a standard normal variable is looked at, and the weight of each place. M. Abramowitz, I. A. Stegun, "Handbook of
# Mathematical Functions" (1964), table 25.10; its places are for exp(-x^2): these are the square root of 2 times them.
NODES = (
    (-2.8569700138728056, 0.011257411327720689),
    (-1.3556261799742659, 0.22207592200561264),
    (0.0, 0.5333333333333333),
    (1.3556261799742659, 0.22207592200561264),
    (2.8569700138728056, 0.011257411327720689),
)
SAME_PRICE = (
    1e-9  # of log price: a barrier at the break-even but for this is no profit, however its logarithm is rounded
)
LEAST_FACTOR = 1e-130  # so that no deviation vanishes
FEW = 20  # so many are sooner answered one by one
CHUNK = 1_000  # rows at a time, so that the columns of one step stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Chances:
    """How one trade may end. The first three are fractions that sum to 1."""

    target: float  # the target is reached first
    stop: float  # the stop is reached first
    neither: float  # the time is up first
    profit: float  # the price ends above the break-even, whichever way it ends
    expected_return: float  # expected log return of the price until the end, in the trade's direction; no costs in it


@dataclass(frozen=True, slots=True, eq=False)
class ChancesMany:
    """`Chances` of n trades: each field is a column of shape (n,)."""

    target: Floats
    stop: Floats
    neither: Floats
    profit: Floats
    expected_return: Floats

    def __len__(self) -> int:
        return len(self.target)

    def at(self, index: int) -> Chances:
        """Those of one trade."""
        return Chances(
            target=float(self.target[index]),
            stop=float(self.stop[index]),
            neither=float(self.neither[index]),
            profit=float(self.profit[index]),
            expected_return=float(self.expected_return[index]),
        )


def chances(
    *,
    to_target: float | None,
    to_stop: float,
    variance: float,
    drift: float = 0.0,
    to_breakeven: float = 0.0,
    variance_uncertainty: float = VARIANCE_UNCERTAINTY,
) -> Chances:
    """How one trade may end. Distances are in log price from now, positive away from it:

    - ``to_target``: how far ahead the target is; None or infinity where there is none;
    - ``to_stop``: how far behind the stop is; infinity where there is none;
    - ``variance``: of log price until the horizon, the mean of what it may be;
    - ``drift``: of log price until the horizon, in the trade's direction;
    - ``to_breakeven``: how far ahead the price is at which the net profit is zero; negative where it is behind;
    - ``variance_uncertainty``: the standard deviation of the variance's logarithm; 0 for a variance that is known.

    At a barrier or beyond it, the trade ends now and where it is; at both, by the stop. With a variance of zero the
    price goes along its drift. Reaching the target is a profit only where the target is above the break-even, and so
    is the stop. Raises ``ValueError`` naming an argument that is NaN, a variance or an uncertainty below zero or
    infinite, and an infinite drift.
    """
    target = math.inf if to_target is None else to_target
    _require(target, to_stop, variance, drift, to_breakeven, variance_uncertainty)
    if target <= 0 or to_stop <= 0:
        stopped = 1.0 if to_stop <= 0 else 0.0
        return Chances(1.0 - stopped, stopped, 0.0, float(to_breakeven < -SAME_PRICE), 0.0)
    if variance == 0:
        landed = min(max(drift, -to_stop), target)
        reached, stopped = float(landed >= target), float(landed <= -to_stop)
        return Chances(reached, stopped, 1.0 - reached - stopped, float(landed > to_breakeven + SAME_PRICE), landed)
    level = min(max(to_breakeven, -to_stop), target)
    deviation = math.sqrt(variance)
    reached = stopped = above = mean = 0.0
    for factor, weight in _nodes(variance_uncertainty):
        ending = end(target, to_stop, level, deviation * factor, drift)
        reached += weight * ending[0]
        stopped += weight * ending[1]
        above += weight * ending[2]
        mean += weight * ending[3]
    reached = min(max(reached, 0.0), 1.0)
    stopped = min(max(stopped, 0.0), 1.0 - reached)
    if to_breakeven > target - SAME_PRICE:
        profit = 0.0
    elif to_breakeven < -to_stop - SAME_PRICE:
        profit = 1.0
    else:
        profit = min(max(above, reached), 1.0 - stopped)
    return Chances(reached, stopped, 1.0 - reached - stopped, profit, mean)


def chances_many(
    to_target: Floats,
    to_stop: Floats,
    variance: Floats,
    drift: Floats | float = 0.0,
    to_breakeven: Floats | float = 0.0,
    variance_uncertainty: Floats | float = VARIANCE_UNCERTAINTY,
) -> ChancesMany:
    """`chances` of n trades: each argument a column of shape (n,), or one number for all of them.

    No target is an infinite distance. Raises ``ValueError`` as `chances` does, naming the first row at fault.
    """
    given = (to_target, to_stop, variance, drift, to_breakeven, variance_uncertainty)
    columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(column, np.float64)) for column in given))
    _require_columns(columns)
    target, stop, variance, drift, breakeven, uncertainty = columns
    result = _at_rest(target, stop, variance, drift, breakeven)
    moving = np.flatnonzero((target > 0) & (stop > 0) & (variance > 0))
    if len(moving) <= FEW:
        _one_by_one(result, moving, columns)
        return ChancesMany(*result)
    drifting, uncertain = bool(drift.any()), bool(uncertainty.any())
    for first in range(0, len(moving), CHUNK):
        rows = moving[first : first + CHUNK]
        some = _mixture(
            target[rows],
            stop[rows],
            variance[rows],
            drift[rows] if drifting else None,
            breakeven[rows],
            uncertainty[rows] if uncertain else None,
        )
        for column, values in zip(result, some, strict=True):
            column[rows] = values
    return ChancesMany(*result)


def _one_by_one(result: Sequence[Floats], rows: Rows, columns: Sequence[Floats]) -> None:
    """Fill in some rows, each by `chances`."""
    for row in rows.tolist():
        target, stop, variance, drift, breakeven, uncertainty = (float(column[row]) for column in columns)
        said = chances(
            to_target=target,
            to_stop=stop,
            variance=variance,
            drift=drift,
            to_breakeven=breakeven,
            variance_uncertainty=uncertainty,
        )
        for column, value in zip(result, astuple(said), strict=True):
            column[row] = value


def _at_rest(target: Floats, stop: Floats, variance: Floats, drift: Floats, breakeven: Floats) -> tuple[Floats, ...]:
    """The answers for rows that end now and for those that only drift; what it says of the others is not used."""
    ended = (target <= 0) | (stop <= 0)
    landed = np.where(ended, 0.0, np.minimum(np.maximum(drift, -stop), target))
    stopped = np.where(ended, stop <= 0, landed <= -stop).astype(np.float64)
    reached = np.where(ended, stop > 0, landed >= target).astype(np.float64)
    return reached, stopped, 1.0 - reached - stopped, (landed > breakeven + SAME_PRICE).astype(np.float64), landed


def _mixture(
    target: Floats,
    stop: Floats,
    variance: Floats,
    drift: Floats | None,
    breakeven: Floats,
    uncertainty: Floats | None,
) -> tuple[Floats, ...]:
    """The answers for rows that move: every row at every node at once, then the weighted mean of the nodes."""
    level = np.minimum(np.maximum(breakeven, -stop), target)
    if uncertainty is None:
        weights, deviation, count = np.ones(1), np.sqrt(variance), 1
    else:
        (places, weights), count = np.array(NODES).T, len(NODES)
        half = uncertainty / 2
        factors = np.maximum(np.exp(half * (places[:, None] - half)), LEAST_FACTOR)
        deviation = (factors * np.sqrt(variance)).ravel()
    drifts = None if drift is None else np.tile(drift, count)
    ending = ends(np.tile(target, count), np.tile(stop, count), np.tile(level, count), deviation, drifts)
    reached, stopped, above, mean = (weights @ values.reshape(count, -1) for values in ending)
    reached = np.minimum(np.maximum(reached, 0.0), 1.0)
    stopped = np.minimum(np.maximum(stopped, 0.0), 1.0 - reached)
    profit = np.minimum(np.maximum(above, reached), 1.0 - stopped)
    never, always = breakeven > target - SAME_PRICE, breakeven < -stop - SAME_PRICE
    profit = np.where(never, 0.0, np.where(always, 1.0, profit))
    return reached, stopped, 1.0 - reached - stopped, profit, mean


def _nodes(variance_uncertainty: float) -> list[tuple[float, float]]:
    """Factors of the standard deviation, and their weights: their squares are lognormal with a mean of 1."""
    if variance_uncertainty == 0:
        return [(1.0, 1.0)]
    half = variance_uncertainty / 2
    return [(max(math.exp(half * (place - half)), LEAST_FACTOR), weight) for place, weight in NODES]


def _require(
    target: float,
    stop: float,
    variance: float,
    drift: float,
    breakeven: float,
    uncertainty: float,
    where: str = "",
) -> None:
    for name, value in (("to_target", target), ("to_stop", stop), ("to_breakeven", breakeven)):
        if math.isnan(value):
            raise ValueError(f"{name}{where} is {value}; expected a number")
    for name, value in (("variance", variance), ("variance_uncertainty", uncertainty)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}{where} is {value}; expected a finite number of at least zero")
    if not math.isfinite(drift):
        raise ValueError(f"drift{where} is {drift}; expected a finite number")


def _require_columns(columns: Sequence[Floats]) -> None:
    """`_require` for every row, in the order of its arguments."""
    target, stop, variance, drift, breakeven, uncertainty = columns
    good = ~(np.isnan(target) | np.isnan(stop) | np.isnan(breakeven)) & np.isfinite(drift)
    good &= (variance >= 0) & (variance < math.inf) & (uncertainty >= 0) & (uncertainty < math.inf)
    if not good.all():
        row = int(np.argmin(good))
        values = [float(column[row]) for column in columns]
        _require(values[0], values[1], values[2], values[3], values[4], values[5], f" of row {row}")
