"""The chances of a trade, found in ways that share nothing with the program's.

By throwing dice, by solving the differential equation on a grid, by integrating the density of the first passage.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from trading.bars import Floats
from trading.probability import Chances, chances

Ending: TypeAlias = Callable[[Floats], Floats]
Trade: TypeAlias = tuple[float, float, float, float, float]

# to_target, to_stop, variance, drift, to_breakeven: what a day trade meets from its opening to its last minutes.
TRADES = [
    (1.0, 1.0, 1.0, 0.0, 0.02),
    (1.5, 1.0, 0.5, 0.0, 0.02),
    (2.0, 1.0, 1.0, 0.3, -0.4),
    (0.5, 1.5, 0.5, -0.4, 0.0),
    (0.3, 0.2, 2.0, 0.5, 0.1),
    (1.0, 1.0, 0.05, 0.1, 0.1),
    (0.1, 2.0, 0.3, -0.2, 0.0),
    (2.0, 0.15, 0.3, 0.6, 0.5),
]


def of(trade: Trade) -> Chances:
    """The program's own answer for a variance that is known."""
    to_target, to_stop, variance, drift, to_breakeven = trade
    return chances(
        to_target=to_target,
        to_stop=to_stop,
        variance=variance,
        drift=drift,
        to_breakeven=to_breakeven,
        variance_uncertainty=0.0,
    )


@pytest.mark.parametrize("trade", TRADES)
def test_dice_agree(trade: Trade) -> None:
    to_target, to_stop, variance, drift, to_breakeven = trade
    paths, steps = 20_000, 100
    target, stop, place, profit = thrown(to_target, to_stop, variance, drift, to_breakeven, paths, steps)
    said = of(trade)
    for share, expected in ((target, said.target), (stop, said.stop), (profit, said.profit)):
        # The bridge knows of a crossing between two steps, not of which barrier was first where both may have been.
        assert share == pytest.approx(expected, abs=4.5 * math.sqrt(0.25 / paths) + 0.002)
    assert place == pytest.approx(said.expected_return, abs=4.5 * math.sqrt(variance / paths) + 0.003)


def thrown(
    to_target: float, to_stop: float, variance: float, drift: float, to_breakeven: float, paths: int, steps: int
) -> tuple[float, float, float, float]:
    """Shares of paths that meet the target and the stop, the mean of where they end, and the share above break-even.

    Between two places of a Brownian motion, whatever its drift, a barrier at the distances x and y from them is crossed
    with the chance exp(-2 x y / variance of the step): the Brownian bridge.
    """
    rng = np.random.default_rng(11)
    step_variance = variance / steps
    place, ended = np.zeros(paths), np.zeros(paths, dtype=np.int64)
    for _ in range(steps):
        after = place + drift / steps + math.sqrt(step_variance) * rng.standard_normal(paths)
        up = crossed(to_target - place, to_target - after, step_variance) > rng.random(paths)
        down = crossed(to_stop + place, to_stop + after, step_variance) > rng.random(paths)
        ended = np.where(ended == 0, np.where(down, -1, np.where(up, 1, 0)), ended)
        place = np.where(ended == 0, after, np.where(ended == 1, to_target, -to_stop))
    return (
        float((ended == 1).mean()),
        float((ended == -1).mean()),
        float(place.mean()),
        float((place > to_breakeven).mean()),
    )


def crossed(before: Floats, after: Floats, variance: float) -> Floats:
    """The chance that a bridge crosses a barrier that is so far from its beginning and from its end."""
    return np.exp(-2 * np.maximum(before, 0.0) * np.maximum(after, 0.0) / variance)


@pytest.mark.parametrize("trade", TRADES)
def test_the_differential_equation_agrees(trade: Trade) -> None:
    to_target, to_stop, variance, drift, to_breakeven = trade
    said = of(trade)
    end_values: dict[str, tuple[float, float, Ending]] = {
        "target": (1.0, 0.0, np.zeros_like),
        "stop": (0.0, 1.0, np.zeros_like),
        "profit": (1.0, 0.0, lambda place: np.clip((place - to_breakeven) / (place[1] - place[0]) + 0.5, 0.0, 1.0)),
        "expected_return": (to_target, -to_stop, lambda place: place),
    }
    for name, (at_target, at_stop, at_the_end) in end_values.items():
        solved = crank_nicolson(to_target, to_stop, variance, drift, at_target, at_stop, at_the_end)
        assert solved == pytest.approx(getattr(said, name), abs=2e-4), name


def crank_nicolson(
    to_target: float,
    to_stop: float,
    variance: float,
    drift: float,
    at_target: float,
    at_stop: float,
    at_the_end: Ending,
) -> float:
    """What is expected at the end, seen from now: u_t + drift u_x + variance / 2 u_xx = 0, backwards on a grid.

    Crank and Nicolson's scheme, begun with four short implicit steps, which smooth the corners (R. Rannacher, "Finite
    element solution of diffusion problems with irregular data", Numerische Mathematik 43, 1984).
    """
    nodes, steps = 400, 250
    place = np.linspace(-to_stop, to_target, nodes + 1)
    width = place[1] - place[0]
    spread, pull = variance / (2 * width**2), drift / (2 * width)
    inner = nodes - 1
    generator = (
        np.diag(np.full(inner, -2 * spread))
        + np.diag(np.full(inner - 1, spread + pull), 1)
        + np.diag(np.full(inner - 1, spread - pull), -1)
    )
    inflow = np.zeros(inner)
    inflow[0], inflow[-1] = (spread - pull) * at_stop, (spread + pull) * at_target
    one = np.eye(inner)
    value = at_the_end(place)[1:-1]
    short = 1 / steps / 4
    settle = np.linalg.inv(one - short * generator)
    for _ in range(4):
        value = settle @ (value + short * inflow)
    length = (1 - 1 / steps) / (steps - 1)
    forward = np.linalg.inv(one - length / 2 * generator)
    once, gained = forward @ (one + length / 2 * generator), forward @ (length * inflow)
    for _ in range(steps - 1):
        value = once @ value + gained
    return float(np.interp(0.0, place, np.concatenate(([at_stop], value, [at_target]))))


@pytest.mark.parametrize(("to_target", "variance", "drift"), [(0.5, 0.3, 0.2), (2.0, 1.0, -0.5), (0.05, 0.1, 0.0)])
def test_the_density_of_the_first_passage_agrees(to_target: float, variance: float, drift: float) -> None:
    # Of a target alone: the inverse Gaussian density, integrated over time to the horizon. Time is a power of the
    # places, for the density rises at once and falls slowly.
    places, weights = np.polynomial.legendre.leggauss(200)
    root = (places + 1) / 2
    time = root**3
    density = to_target / np.sqrt(2 * math.pi * variance * time**3)
    density *= np.exp(-((to_target - drift * time) ** 2) / (2 * variance * time))
    said = of((to_target, math.inf, variance, drift, 0.0))
    assert float(weights @ (density * 3 * root**2)) / 2 == pytest.approx(said.target, abs=1e-9)
