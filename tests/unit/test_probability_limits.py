"""What `chances` promises at the edges: what counts as a profit, limits, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading.probability import Chances, chances, chances_many

FIELDS = ("target", "stop", "neither", "profit", "expected_return")
EXACT = 1e-12  # what the series leave out, and rounding


# ---------------------------------------------------------------- what a profit is


def test_a_target_below_the_break_even_is_no_profit() -> None:
    said = chances(to_target=0.01, to_stop=0.01, variance=1e-4, to_breakeven=0.02)
    assert said.target > 0.1
    assert said.profit == 0


def test_a_stop_above_the_break_even_is_a_profit() -> None:
    said = chances(to_target=0.01, to_stop=0.01, variance=1e-4, to_breakeven=-0.02)
    assert said.stop > 0.1
    assert said.profit == 1


@pytest.mark.parametrize("rounding", [-1e-16, 0.0, 1e-16])
def test_a_stop_at_the_break_even_is_no_profit_however_it_is_rounded(rounding: float) -> None:
    said = chances(to_target=0.01, to_stop=0.005, variance=1e-4, to_breakeven=-0.005 + rounding)
    assert said.profit == pytest.approx(1 - said.stop, abs=EXACT)
    rows = np.full(50, 0.01), np.full(50, 0.005), np.full(50, 1e-4)
    assert chances_many(*rows, 0.0, -0.005 + rounding).profit[0] == pytest.approx(said.profit, abs=EXACT)


@pytest.mark.parametrize("rounding", [-1e-16, 0.0, 1e-16])
def test_a_target_at_the_break_even_is_no_profit_however_it_is_rounded(rounding: float) -> None:
    assert chances(to_target=0.01, to_stop=0.005, variance=1e-4, to_breakeven=0.01 + rounding).profit == 0


# ---------------------------------------------------------------- limits


def test_at_the_stop_or_beyond_it_the_trade_ends_where_it_is() -> None:
    for to_stop in (0.0, -0.01):
        assert chances(to_target=0.01, to_stop=to_stop, variance=1e-4) == Chances(0.0, 1.0, 0.0, 0.0, 0.0)
    assert chances(to_target=0.01, to_stop=0.0, variance=1e-4, to_breakeven=-0.01).profit == 1


def test_at_the_target_or_beyond_it_the_trade_ends_where_it_is() -> None:
    for to_target in (0.0, -0.01):
        said = chances(to_target=to_target, to_stop=0.01, variance=1e-4, to_breakeven=-0.001)
        assert said == Chances(1.0, 0.0, 0.0, 1.0, 0.0)


def test_at_both_barriers_the_stop_comes_first() -> None:
    assert chances(to_target=-0.01, to_stop=-0.01, variance=1e-4).stop == 1


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        (0.0, Chances(0.0, 0.0, 1.0, 0.0, 0.0)),
        (0.005, Chances(0.0, 0.0, 1.0, 1.0, 0.005)),
        (0.02, Chances(1.0, 0.0, 0.0, 1.0, 0.01)),
        (-0.02, Chances(0.0, 1.0, 0.0, 0.0, -0.01)),
    ],
)
def test_without_variance_the_price_goes_along_its_drift(drift: float, expected: Chances) -> None:
    assert chances(to_target=0.01, to_stop=0.01, variance=0.0, drift=drift) == expected
    zero = np.zeros(1)
    assert chances_many(zero + 0.01, zero + 0.01, zero, drift).at(0) == expected


@pytest.mark.parametrize("variance", [1e-14, 1e-30, 1e-200, 5e-324])
def test_hardly_any_variance_is_nearly_none(variance: float) -> None:
    through = chances(to_target=0.01, to_stop=0.01, variance=variance, drift=0.02)
    assert through.target == pytest.approx(1, abs=EXACT)
    assert through.expected_return == pytest.approx(0.01, rel=1e-6)
    short = chances(to_target=0.01, to_stop=0.01, variance=variance, drift=-0.005, to_breakeven=-0.006)
    assert (short.neither, short.profit) == pytest.approx((1, 1), abs=EXACT)
    assert chances(to_target=0.01, to_stop=0.01, variance=variance).neither == pytest.approx(1, abs=EXACT)


def test_barriers_within_a_hair_are_decided_at_once() -> None:
    said = chances(to_target=3e-9, to_stop=1e-9, variance=1.0)
    assert said.target == pytest.approx(0.25, abs=1e-9)
    assert said.stop == pytest.approx(0.75, abs=1e-9)
    pulled = chances(to_target=3e-9, to_stop=1e-9, variance=1.0, drift=1e10)
    assert pulled.target == pytest.approx(math.expm1(-20) / math.expm1(-80), abs=1e-3)


@pytest.mark.parametrize("size", [1e3, 1e8, 1e200])
def test_an_overwhelming_drift_decides(size: float) -> None:
    up = chances(to_target=0.5, to_stop=0.01, variance=1e-4, drift=size, variance_uncertainty=0.0)
    assert up.target == pytest.approx(1, abs=EXACT)
    assert up.expected_return == pytest.approx(0.5, abs=size * 1e-14)
    down = chances(to_target=0.5, to_stop=0.01, variance=1e-4, drift=-size, variance_uncertainty=0.0)
    assert down.stop == pytest.approx(1, abs=EXACT)


def test_a_target_out_of_reach_is_no_target() -> None:
    none = chances(to_target=None, to_stop=0.01, variance=1e-4, drift=0.001, to_breakeven=0.0003)
    for to_target in (1.0, 1e6, 1e300, math.inf):
        far = chances(to_target=to_target, to_stop=0.01, variance=1e-4, drift=0.001, to_breakeven=0.0003)
        for name in FIELDS:
            assert getattr(far, name) == pytest.approx(getattr(none, name), abs=EXACT)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("to_target", math.nan),
        ("to_stop", math.nan),
        ("to_breakeven", math.nan),
        ("variance", math.nan),
        ("variance", -1e-9),
        ("variance", math.inf),
        ("drift", math.nan),
        ("drift", -math.inf),
        ("variance_uncertainty", -0.1),
        ("variance_uncertainty", math.nan),
    ],
)
def test_what_is_no_number_is_refused_by_name_and_row(name: str, value: float) -> None:
    given = {"to_target": 0.01, "to_stop": 0.01, "variance": 1e-4, "drift": 0.0, "to_breakeven": 0.0}
    given |= {"variance_uncertainty": 0.7}
    with pytest.raises(ValueError, match=rf"{name} is {value}"):
        chances(**{**given, name: value})
    columns = {key: np.full(5, number) for key, number in given.items()}
    columns[name][3] = value
    with pytest.raises(ValueError, match=rf"{name} of row 3 is {value}"):
        chances_many(**columns)
