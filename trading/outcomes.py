"""What became of open trades by their horizon, on the bars that followed: what a forecast is held against.

As the paper broker fills (`docs/exits.md`): a bar gives its open, then the extreme that hurts, then the other one, then
its close. So a stop inside a bar comes before a target inside the same bar, a gap through a level fills at the open,
and what touched no level by the horizon is closed at the last close before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trading.bars import Floats
from trading.calibration import Flags
from trading.mid_life import ClosingSide, Positions


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """The ends of m trades whose levels stayed where they were."""

    target: Flags  # (m,) the target was touched before the stop, by the horizon
    stop: Flags  # (m,) the stop was touched before the target, by the horizon
    profit: Flags  # (m,) it ended with a profit, costs included
    exit: Floats  # (m,) at what price of the closing side


def outcomes(positions: Positions, sides: Mapping[int, ClosingSide]) -> Outcomes:
    """What became of each position; ``sides`` are those of the sampler that drew them."""
    count = len(positions)
    target, stop, exit_price = np.zeros(count, np.bool_), np.zeros(count, np.bool_), np.zeros(count)
    for sign, side in sides.items():
        mine = positions.sign == sign
        target[mine], stop[mine], exit_price[mine] = _of_one_side(positions.where(mine), side)
    return Outcomes(target, stop, exit_price > positions.entry, exit_price)


def _of_one_side(positions: Positions, side: ClosingSide) -> tuple[Flags, Flags, Floats]:
    start, until = positions.bar + 1, positions.until
    stopped = side.stopped(start, until, positions.stop)
    reached = side.reached(start, until, positions.target)
    first = np.minimum(stopped, reached)
    touched = first < until
    opening = side.open[np.where(touched, first, 0)]
    target = touched & ((reached < stopped) | ((reached == stopped) & (opening >= positions.target)))
    stop = touched & ~target
    at_level = np.where(target, np.maximum(positions.target, opening), np.minimum(positions.stop, opening))
    return target, stop, np.where(touched, at_level, side.close[until - 1])
