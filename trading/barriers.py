"""A Brownian motion between two barriers, in the price's own units: which series of `trading.barrier_series` to ask.

Both forms, one motion and columns of them, bring the distances to standard deviations until the horizon and keep them
within what the series can be asked:

- a barrier out of all reach is brought to where it is just as surely out of reach, so none is infinite;
- where the barriers are so near, or the drift so strong, that all is decided long before the horizon, the horizon is
  brought nearer, and what the price moves until then with it: the answers stay the same;
- a movement too small beside its drift is one along the drift.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from trading.barrier_functions import COLUMNS, ONE
from trading.barrier_series import (
    FAR,
    GENTLE_DRIFT,
    MIDDLE_TERMS,
    NEAR,
    NEAR_TERMS,
    End,
    drifting_far_apart,
    drifting_images,
    drifting_spectrum,
    far_apart,
    images,
    spectrum,
)
from trading.bars import Floats

Rows: TypeAlias = NDArray[np.bool_]

OUT_OF_REACH = 40.0  # standard deviations: the normal tail beyond is 1e-350
DECIDED = 100.0  # times the distance between the barriers: a movement so large has met one of them
TERMS_A_DEVIATION = 2.7  # exp(-n^2 pi^2 / 2 L^2) is 1e-15 where n is 2.7 L
LEAST_DEVIATION = 1e-60  # of the drift: less is no movement but the drift's
SMALLEST = 1e-300
BEYOND_ANYTHING = 1e61  # standard deviations


def end(target: float, stop: float, level: float, deviation: float, drift: float) -> End[float]:
    """How the motion ends: P(target first), P(stop first), P(it ends above the level), the mean of where it ends.

    ``target`` and ``stop`` are distances above zero, or infinite; ``level`` is from ``-stop`` to ``target``;
    ``deviation`` is the standard deviation until the horizon, above zero; ``drift`` that until the horizon. All are
    in one unit, in which the mean is too.
    """
    if drift == 0:
        return _steady(target, stop, level, deviation)
    if abs(drift) > DECIDED * (target + stop):
        sooner = DECIDED * (target + stop) / abs(drift)
        drift, deviation = drift * sooner, deviation * math.sqrt(sooner)
    deviation = max(deviation, LEAST_DEVIATION * abs(drift), SMALLEST)
    shortened = min(deviation, DECIDED * (target + stop))
    slope = drift / deviation * (shortened / deviation)
    gentle = abs(slope) <= GENTLE_DRIFT
    most = OUT_OF_REACH if gentle else BEYOND_ANYTHING
    far, near = min(target / shortened, most), min(stop / shortened, most)
    place = min(max(level / shortened, -near), far)
    between = far + near
    if between < NEAR:
        ending = drifting_spectrum(far, near, place, slope, _terms(between), ONE)
    elif not gentle:
        ending = drifting_images(far, near, place, slope, ONE.damped_tail)
    else:
        ending = (drifting_far_apart if between >= FAR else drifting_images)(far, near, place, slope, ONE.gentle_tail)
    return ending[0], ending[1], ending[2], ending[3] * shortened


def ends(target: Floats, stop: Floats, level: Floats, deviation: Floats, drift: Floats | None) -> End[Floats]:
    """`end` for columns of shape (n,); ``drift`` is None where there is none in any row."""
    if drift is None:
        return _steady_columns(target, stop, level, deviation)
    with np.errstate(over="ignore"):
        sooner = np.minimum(DECIDED * (target + stop) / np.maximum(np.abs(drift), SMALLEST), 1.0)
        drift, deviation = drift * sooner, deviation * np.sqrt(sooner)
        deviation = np.maximum(np.maximum(deviation, LEAST_DEVIATION * np.abs(drift)), SMALLEST)
        shortened = np.minimum(deviation, DECIDED * (target + stop))
        slope = drift / deviation * (shortened / deviation)
        gentle = np.abs(slope) <= GENTLE_DRIFT
        most = np.where(gentle, OUT_OF_REACH, BEYOND_ANYTHING)
        far, near = np.minimum(target / shortened, most), np.minimum(stop / shortened, most)
        place = np.minimum(np.maximum(level / shortened, -near), far)
    between = far + near
    together, apart = between < NEAR, between >= FAR
    columns = (far, near, place, slope)
    result = _room(len(target))
    _put(result, together, lambda a, b, k, m: drifting_spectrum(a, b, k, m, NEAR_TERMS, COLUMNS), *columns)
    _put(
        result,
        gentle & ~(together | apart),
        lambda a, b, k, m: drifting_spectrum(a, b, k, m, MIDDLE_TERMS, COLUMNS),
        *columns,
    )
    _put(result, gentle & apart, lambda a, b, k, m: drifting_far_apart(a, b, k, m, COLUMNS.gentle_tail), *columns)
    _put(result, ~(gentle | together), lambda a, b, k, m: drifting_images(a, b, k, m, COLUMNS.damped_tail), *columns)
    return result[0], result[1], result[2], result[3] * shortened


def _steady(target: float, stop: float, level: float, deviation: float) -> End[float]:
    """Without drift the mean is where it is now."""
    deviation = min(deviation, DECIDED * (target + stop))
    far, near = min(target / deviation, OUT_OF_REACH), min(stop / deviation, OUT_OF_REACH)
    place = min(max(level / deviation, -near), far)
    between = far + near
    if between < NEAR:
        return spectrum(far, near, place, _terms(between), ONE)
    return (far_apart if between >= FAR else images)(far, near, place, ONE.tail)


def _steady_columns(target: Floats, stop: Floats, level: Floats, deviation: Floats) -> End[Floats]:
    with np.errstate(over="ignore"):
        deviation = np.minimum(deviation, DECIDED * (target + stop))
        far, near = np.minimum(target / deviation, OUT_OF_REACH), np.minimum(stop / deviation, OUT_OF_REACH)
        place = np.minimum(np.maximum(level / deviation, -near), far)
    between = far + near
    together, apart = between < NEAR, between >= FAR
    result = _room(len(target))
    _put(result, together, lambda a, b, k: spectrum(a, b, k, NEAR_TERMS, COLUMNS), far, near, place)
    _put(result, ~(together | apart), lambda a, b, k: spectrum(a, b, k, MIDDLE_TERMS, COLUMNS), far, near, place)
    _put(result, apart, lambda a, b, k: far_apart(a, b, k, COLUMNS.tail), far, near, place)
    return result


def _room(count: int) -> End[Floats]:
    target, stop, above, mean = np.empty((4, count))
    return target, stop, above, mean


def _put(result: End[Floats], rows: Rows, series: Callable[..., End[Floats]], *columns: Floats) -> None:
    """Ask one series for the rows that are its own."""
    some = np.flatnonzero(rows)
    if len(some):
        for column, values in zip(result, series(*(column.take(some) for column in columns)), strict=True):
            column[some] = values


def _terms(between: float) -> int:
    """How many terms of the spectrum say all there is, for barriers nearer than `NEAR`: the rest is below 1e-15."""
    return min(int(TERMS_A_DEVIATION * between) + 1, NEAR_TERMS)
