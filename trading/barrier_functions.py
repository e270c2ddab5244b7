"""The functions that the formulas of two barriers are written in, once for one number and once for columns.

So each formula is written once, and a single position and a table of ten thousand get the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from trading.bars import Floats
from trading.normal_distribution import (
    ROOT_HALF,
    erfc_column,
    exp_of_minus_square,
    scaled_erfc,
    scaled_erfc_column,
)

Number = TypeVar("Number", float, Floats)


@dataclass(frozen=True, slots=True)
class Functions(Generic[Number]):
    """What a formula needs. The tails are those of the standard normal distribution, above a number.

    The last two take (distance, twice_away, drift) and give exp(-drift * twice_away) tail(distance - drift): the weight
    of an image of a drifting motion. ``gentle_tail`` is for distances of some tens and a drift of at most 1 either way;
    ``damped_tail`` is for all numbers, and slower.
    """

    exp: Callable[[Number], Number]
    expm1: Callable[[Number], Number]
    sin: Callable[[Number], Number]
    cos: Callable[[Number], Number]
    least: Callable[[Number, float], Number]
    most: Callable[[Number, float], Number]
    tail: Callable[[Number], Number]
    gentle_tail: Callable[[Number, Number, Number], Number]
    damped_tail: Callable[[Number, Number, Number], Number]


def _tail(x: float) -> float:
    return 0.5 * math.erfc(x * ROOT_HALF)


def _tail_column(x: Floats) -> Floats:
    tail = erfc_column(x * ROOT_HALF)
    tail *= 0.5
    return tail


def _gentle_tail(distance: float, twice_away: float, drift: float) -> float:
    return 0.5 * math.exp(-drift * twice_away) * math.erfc((distance - drift) * ROOT_HALF)


def _gentle_tail_column(distance: Floats, twice_away: Floats, drift: Floats) -> Floats:
    return np.exp(-drift * twice_away) * _tail_column(distance - drift)


def _damped_tail(distance: float, twice_away: float, drift: float) -> float:
    beyond = distance - drift
    if beyond >= 0:
        return 0.5 * math.exp(_exponent(distance, twice_away, drift)) * scaled_erfc(beyond * ROOT_HALF)
    return 0.5 * math.exp(-drift * twice_away) * math.erfc(beyond * ROOT_HALF)


def _damped_tail_column(distance: Floats, twice_away: Floats, drift: Floats) -> Floats:
    beyond = distance - drift
    outside = beyond >= 0
    scaled = scaled_erfc_column(np.abs(beyond) * ROOT_HALF)
    tail = np.where(outside, scaled, 2 - scaled * exp_of_minus_square(beyond * ROOT_HALF))
    exponent = np.where(outside, _exponent(distance, twice_away, drift), -drift * twice_away)
    return 0.5 * np.exp(exponent) * tail


def _exponent(distance: Number, twice_away: Number, drift: Number) -> Number:
    """-drift * twice_away - (distance - drift)^2 / 2, written so that it cannot come out above zero.

    Both parts may be huge and of opposite signs. No distance is below half of ``twice_away``, so that in this form
    there is nothing but squares and products of what is not negative.
    """
    aside = drift + twice_away - distance
    return -0.5 * (aside * aside + twice_away * (2 * distance - twice_away))


ONE: Functions[float] = Functions(
    exp=math.exp,
    expm1=math.expm1,
    sin=math.sin,
    cos=math.cos,
    least=min,
    most=max,
    tail=_tail,
    gentle_tail=_gentle_tail,
    damped_tail=_damped_tail,
)
COLUMNS: Functions[Floats] = Functions(
    exp=np.exp,
    expm1=np.expm1,
    sin=np.sin,
    cos=np.cos,
    least=np.minimum,
    most=np.maximum,
    tail=_tail_column,
    gentle_tail=_gentle_tail_column,
    damped_tail=_damped_tail_column,
)
