"""The tail of the normal distribution, for columns of numbers as well as for one.

``math`` has ``erfc`` for one number; numpy has it not at all, and neither has the scaled one, which stays finite where
``erfc`` itself has vanished. Both are made here from the rational approximations of W. J. Cody, "Rational Chebyshev
approximations for the error function", Mathematics of Computation 23 (1969), whose error is some 1e-16.
"""

from __future__ import annotations

import math

import numpy as np

from trading.bars import Floats

ROOT_HALF = math.sqrt(0.5)
ONE_OVER_ROOT_PI = 1 / math.sqrt(math.pi)

# Cody's tables: numerator and denominator by falling powers, the first for x up to NEAR, of x squared; the second for
# x up to FAR, of x; the third beyond, of 1 / x squared.
NEAR, FAR = 0.46875, 4.0
NEAR_NUMERATOR = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
NEAR_DENOMINATOR = (
    1.0,
    2.36012909523441209e1,
    2.44024637934444173e2,
    1.28261652607737228e3,
    2.84423683343917062e3,
)
MIDDLE_NUMERATOR = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e0,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
MIDDLE_DENOMINATOR = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)
FAR_NUMERATOR = (
    1.63153871373020978e-2,
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
)
FAR_DENOMINATOR = (
    1.0,
    2.56852019228982242e0,
    1.87295284992346725e0,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)
# Above this, exp(x^2) erfc(x) is taken from the far approximation in the form for one number, too: the exponential
# would lose digits, and in the end overflow.
SCALED_DIRECTLY = 2.0


def erfc_column(x: Floats) -> Floats:
    """The complementary error function, 2 / sqrt(pi) times the integral of exp(-t^2) from x on; (n,) in, (n,) out."""
    size = np.abs(x)
    tail = scaled_erfc_column(size) * exp_of_minus_square(size)
    return np.where(x < 0, 2.0 - tail, tail)


def scaled_erfc_column(x: Floats) -> Floats:
    """exp(x^2) erfc(x) of numbers that are not negative: about 0.56 / x where x is large; (n,) in, (n,) out."""
    result = _ratio(MIDDLE_NUMERATOR, MIDDLE_DENOMINATOR, np.minimum(x, FAR))
    near, far = np.flatnonzero(x < NEAR), np.flatnonzero(x > FAR)
    if len(near):
        some = x.take(near)
        square = some * some
        result[near] = (1 - some * _ratio(NEAR_NUMERATOR, NEAR_DENOMINATOR, square)) * np.exp(square)
    if len(far):
        inverse = 1 / x.take(far)
        square = inverse * inverse
        result[far] = (ONE_OVER_ROOT_PI - square * _ratio(FAR_NUMERATOR, FAR_DENOMINATOR, square)) * inverse
    return result


def scaled_erfc(x: float) -> float:
    """exp(x^2) erfc(x) of one number that is not negative."""
    if x <= SCALED_DIRECTLY:
        return math.exp(x * x) * math.erfc(x)
    if x <= FAR:
        return _ratio_of_one(MIDDLE_NUMERATOR, MIDDLE_DENOMINATOR, x)
    square = 1 / x / x
    return (ONE_OVER_ROOT_PI - square * _ratio_of_one(FAR_NUMERATOR, FAR_DENOMINATOR, square)) / x


def exp_of_minus_square(x: Floats) -> Floats:
    """exp(-x^2) to the last digits: rounding x^2 alone would cost three of them where x is 25. Cody's device."""
    x = np.minimum(np.abs(x), 1e4)
    short = np.trunc(x * 16) / 16
    result: Floats = np.exp(-short * short) * np.exp((short - x) * (short + x))
    return result


def _ratio(numerator: tuple[float, ...], denominator: tuple[float, ...], x: Floats) -> Floats:
    above = np.full_like(x, numerator[0])
    below = np.full_like(x, denominator[0])
    for upper, lower in zip(numerator[1:], denominator[1:], strict=True):
        above *= x
        above += upper
        below *= x
        below += lower
    above /= below
    return above


def _ratio_of_one(numerator: tuple[float, ...], denominator: tuple[float, ...], x: float) -> float:
    above = numerator[0]
    below = denominator[0]
    for upper, lower in zip(numerator[1:], denominator[1:], strict=True):
        above = above * x + upper
        below = below * x + lower
    return above / below
