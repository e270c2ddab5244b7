"""The normal distribution's tail in columns, beside the standard library's for one number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading.normal_distribution import FAR, NEAR, erfc_column, exp_of_minus_square, scaled_erfc, scaled_erfc_column

EDGES = [edge + step for edge in (NEAR, 2.0, FAR) for step in (-1e-12, 0.0, 1e-12)]


def test_a_column_says_what_the_standard_library_says_of_each_number() -> None:
    x = np.concatenate([np.linspace(-27, 27, 20_001), EDGES, [0.0, 1e-300]])
    expected = np.array([math.erfc(one) for one in x])
    whole = expected > 1e-290  # below there are fewer digits
    assert np.abs(erfc_column(x)[whole] / expected[whole] - 1).max() < 1.5e-15
    assert erfc_column(x) == pytest.approx(expected, abs=1e-300, rel=1e-12)


def test_nothing_is_too_far_out() -> None:
    far = np.array([1e5, 1e300, np.inf, -1e300, -np.inf])
    assert erfc_column(far).tolist() == [0, 0, 0, 2, 2]
    assert exp_of_minus_square(far).tolist() == [0, 0, 0, 0, 0]


def test_the_scaled_tail_is_the_same_for_one_number_and_for_columns() -> None:
    x = np.concatenate([np.linspace(0, 30, 10_001), EDGES, [1e3, 1e8, 1e200]])
    assert scaled_erfc_column(x) == pytest.approx([scaled_erfc(one) for one in x.tolist()], rel=2e-15)


def test_the_scaled_tail_is_the_tail_scaled() -> None:
    for x in (0.0, 0.3, 1.0, 1.99, 2.01, 3.9, 4.1, 9.0, 20.0):
        assert scaled_erfc(x) * math.exp(-x * x) == pytest.approx(math.erfc(x), rel=1e-13)


def test_far_out_the_scaled_tail_falls_as_its_asymptote() -> None:
    for x in (50.0, 1e3, 1e6):
        asymptote = (1 - 1 / (2 * x * x) + 3 / (4 * x**4)) / (x * math.sqrt(math.pi))
        assert scaled_erfc(x) == pytest.approx(asymptote, rel=1e-9)
