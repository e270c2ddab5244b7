"""A Brownian motion between two barriers until a horizon: which it meets first, and where it is if it meets none.

Everything here is in units of the standard deviation until the horizon, and from where the price is now: a target at
+``target`` is above it, a stop at -``stop`` below, both above zero, and the motion

    X(t) = drift * t + W(t),    t from 0 to 1,

ends when it meets one of them, and at t = 1 if it does not. All that is asked of it follows from one function of a
level between the stop and the target,

    F(level) = P(it ends above the level) = P(target first) + P(it meets none and X(1) > level),

since P(target first) is F(target), P(stop first) is that of the motion seen upside down, and the mean of where it ends
is the integral of F from the stop to the target, less the stop.

F has two series. One reflects the motion at both barriers again and again and adds up normal tails (*images*): a few
terms are exact while the barriers are far apart for the time there is. The other is the heat equation's eigenfunctions
(*spectrum*): a few terms are exact once they are near. With L the distance between the barriers:

- images, driftless: the reflection principle, by turns at both barriers (A. N. Borodin, P. Salminen, "Handbook of
  Brownian Motion", 2nd edition 2002, part II, formulas 1.1.15.8 and 1.3.0.6). With a drift, each image is weighed by
  exp(drift * image), as in N. Kunitomo, M. Ikeda, "Pricing options with curved boundaries", Mathematical Finance 2
  (1992).
- spectrum: D. R. Cox, H. D. Miller, "The Theory of Stochastic Processes" (1965), section 5.7: between absorbing
  barriers the density is a sum over n of sin(n pi stop / L) sin(n pi (x + stop) / L) exp(-n^2 pi^2 / 2 L^2), times
  exp(drift * x - drift^2 / 2). F is its integral. What it tends to as time passes is the gambler's ruin.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from trading.barrier_functions import Functions, Number

HALF_PI_SQUARED = math.pi**2 / 2
TWO_OVER_PI = 2 / math.pi

NEAR = math.sqrt(10.0)  # barriers nearer than this: eight terms of the spectrum leave out less than 1e-15; images, else
FAR = 8.0  # barriers farther apart: one reflection at each, with a gentle drift, leaves out less than 1e-13
GENTLE_DRIFT = 0.5  # up to here the spectrum's exponential factor does no harm to its digits up to FAR
NEAR_TERMS, MIDDLE_TERMS = 8, 21

Tail: TypeAlias = Callable[[Number], Number]
DriftingTail: TypeAlias = Callable[[Number, Number, Number], Number]
End: TypeAlias = tuple[Number, Number, Number, Number]
"""How the motion ends: P(target first), P(stop first), F(level), and the mean of where it ends."""


def far_apart(target: Number, stop: Number, level: Number, tail: Tail[Number]) -> End[Number]:
    """Without drift, by one reflection at each barrier. For barriers at least `FAR` apart."""
    return (
        2 * tail(target),
        2 * tail(stop),
        tail(level) + tail(2 * target - level) - tail(2 * stop + level),
        0.0 * target,
    )


def images(target: Number, stop: Number, level: Number, tail: Tail[Number]) -> End[Number]:
    """Without drift, by images. For barriers at least `NEAR` apart."""
    twice = 2 * (target + stop)
    return (
        2 * (tail(target) - tail(twice - target) + tail(twice + target)),
        2 * (tail(stop) - tail(twice - stop) + tail(twice + stop)),
        tail(level)
        + tail(2 * target - level)
        - tail(2 * stop + level)
        - tail(twice - level)
        + tail(twice + level)
        + tail(twice + 2 * target - level)
        - tail(twice + 2 * stop + level),
        0.0 * target,
    )


def spectrum(target: Number, stop: Number, level: Number, terms: int, use: Functions[Number]) -> End[Number]:
    """Without drift, by eigenfunctions: `NEAR_TERMS` for barriers nearer than `NEAR`, `MIDDLE_TERMS` up to `FAR`."""
    length = target + stop
    start = math.pi * stop / length
    place = math.pi * (level + stop) / length
    sine, sine_before, start_step = use.sin(start), 0.0 * start, 2 * use.cos(start)
    cosine, cosine_before = use.cos(place), 0.0 * place + 1
    place_step = 2 * cosine
    decay = use.exp(-HALF_PI_SQUARED / (length * length))
    weight, ratio, ratio_step = decay, decay * decay * decay, decay * decay
    odd, even, above = 0.0 * start, 0.0 * start, 0.0 * start
    for term in range(1, terms + 1):
        share = sine * weight * (1 / term)
        above = above + share * cosine
        if term % 2:
            odd = odd + share
        else:
            even = even + share
        sine, sine_before = start_step * sine - sine_before, sine
        cosine, cosine_before = place_step * cosine - cosine_before, cosine
        weight, ratio = weight * ratio, ratio * ratio_step
    return (
        stop / length - TWO_OVER_PI * (odd - even),
        target / length - TWO_OVER_PI * (odd + even),
        stop / length + TWO_OVER_PI * above,
        0.0 * target,
    )


def drifting_far_apart(
    target: Number, stop: Number, level: Number, drift: Number, tail: DriftingTail[Number]
) -> End[Number]:
    """With a drift of at most `GENTLE_DRIFT` either way, by one reflection at each barrier, `FAR` apart or more."""
    nothing = 0.0 * target
    ahead, ahead_reflected = tail(target, nothing, drift), tail(target, 2 * target, -drift)
    behind, behind_reflected = tail(stop, nothing, -drift), tail(stop, 2 * stop, drift)
    return (
        ahead + ahead_reflected,
        behind + behind_reflected,
        tail(level, nothing, drift)
        + tail(2 * target - level, 2 * target, -drift)
        - tail(2 * stop + level, 2 * stop, drift),
        drift
        + ((target - drift) * ahead - (target + drift) * ahead_reflected)
        - ((stop + drift) * behind - (stop - drift) * behind_reflected),
    )


def drifting_images(
    target: Number, stop: Number, level: Number, drift: Number, tail: DriftingTail[Number]
) -> End[Number]:
    """With any drift, by images. For barriers at least `NEAR` apart."""
    twice = 2 * (target + stop)
    ahead, mean_ahead = _passage(target, stop, drift, tail)
    behind, mean_behind = _passage(stop, target, -drift, tail)
    above = (
        tail(level, 0.0 * target, drift)
        + tail(2 * target - level, 2 * target, -drift)
        - tail(2 * stop + level, 2 * stop, drift)
        - tail(twice - level, twice, -drift)
        + tail(twice + level, twice, drift)
        + tail(twice + 2 * target - level, twice + 2 * target, -drift)
        - tail(twice + 2 * stop + level, twice + 2 * stop, drift)
    )
    return ahead, behind, above, drift + mean_ahead - mean_behind


def _passage(target: Number, stop: Number, drift: Number, tail: DriftingTail[Number]) -> tuple[Number, Number]:
    """P(target first), which is F(target), and the target's share of the mean.

    The integral of an image's tail is bell(x) - x tail(x). At a barrier the images stand in pairs whose bells cancel,
    for the density is zero there, and what is left are the same tails as in the probability, each times its distance.
    """
    twice = 2 * (target + stop)
    across = twice - target
    direct, reflected = tail(target, 0.0 * target, drift), tail(target, 2 * target, -drift)
    there, there_reflected = tail(across, 2 * stop, drift), tail(across, twice, -drift)
    round_, round_reflected = (
        tail(twice + target, twice, drift),
        tail(twice + target, twice + 2 * target, -drift),
    )
    return (
        (direct + reflected) - (there + there_reflected) + (round_ + round_reflected),
        (target - drift) * direct
        - (target + drift) * reflected
        - ((across - drift) * there - (across + drift) * there_reflected)
        + ((twice + target - drift) * round_ - (twice + target + drift) * round_reflected),
    )


def drifting_spectrum(
    target: Number, stop: Number, level: Number, drift: Number, terms: int, use: Functions[Number]
) -> End[Number]:
    """With a drift, by eigenfunctions: any drift for barriers nearer than `NEAR`, a gentle one up to `FAR`."""
    length = target + stop
    start = math.pi * stop / length
    place = math.pi * (level + stop) / length
    sine, sine_before, start_step = use.sin(start), 0.0 * start, 2 * use.cos(start)
    cosine, cosine_before = use.cos(place), 0.0 * place + 1
    there, there_before, place_step = use.sin(place), 0.0 * place, 2 * cosine
    decay = use.exp(-HALF_PI_SQUARED / (length * length))
    weight, ratio, ratio_step = decay, decay * decay * decay, decay * decay
    odd, even, above = 0.0 * start, 0.0 * start, 0.0 * start
    odd_mean, even_mean = 0.0 * start, 0.0 * start
    drift_squared = drift * drift
    for term in range(1, terms + 1):
        frequency = math.pi * term / length
        stiffness = drift_squared + frequency * frequency
        share = sine * weight / stiffness
        above = above + share * (frequency * cosine - drift * there)
        share = share * frequency
        if term % 2:
            odd, odd_mean = odd + share, odd_mean + share / stiffness
        else:
            even, even_mean = even + share, even_mean + share / stiffness
        sine, sine_before = start_step * sine - sine_before, sine
        cosine, cosine_before = place_step * cosine - cosine_before, cosine
        there, there_before = place_step * there - there_before, there
        weight, ratio = weight * ratio, ratio * ratio_step
    at_target = 2 / length * use.exp(drift * target - drift_squared / 2)
    at_stop = 2 / length * use.exp(-drift * stop - drift_squared / 2)
    at_level = 2 / length * use.exp(drift * level - drift_squared / 2)
    up, down = ruin(target, stop, drift, use), ruin(stop, target, -drift, use)
    return (
        up - at_target * (odd - even),
        down - at_stop * (odd + even),
        up + at_level * above,
        target * up - stop * down - 2 * drift * (at_target * (odd_mean - even_mean) + at_stop * (odd_mean + even_mean)),
    )


def ruin(target: Number, stop: Number, drift: Number, use: Functions[Number]) -> Number:
    """P(target first) where there is no horizon: (1 - exp(-2 drift stop)) / (1 - exp(-2 drift L)); stop / L at rest.

    The gambler's ruin (Cox and Miller, section 2.2 and 5.7), written so that nothing overflows whatever the drift.
    """
    pull = use.most(2 * abs(drift), 1e-100)
    return use.exp(use.least(2 * drift * target, 0.0)) * use.expm1(-pull * stop) / use.expm1(-pull * (target + stop))
