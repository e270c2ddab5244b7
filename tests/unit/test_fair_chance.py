"""The exact test of a share, against its own definition in exact fractions."""

from __future__ import annotations

import itertools
import math
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.fair_chance import two_sided_probability


@given(number=st.integers(1, 200), size=st.integers(2, 6), data=st.data())
def test_with_one_size_of_tie_it_is_the_exact_binomial_test(number: int, size: int, data: st.DataObject) -> None:
    wins = data.draw(st.integers(0, number))
    chances = [math.comb(number, won) * Fraction(size - 1) ** (number - won) for won in range(number + 1)]
    expected = float(sum(chance for chance in chances if chance <= chances[wins]) / Fraction(size) ** number)
    assert two_sided_probability(wins, {size: number}) == pytest.approx(expected, rel=1e-6, abs=1e-300)


@pytest.mark.parametrize(
    ("wins", "ties", "expected"), [(131, 139, 8.595603982907898e-30), (18, 20, 0.0004024505615234375), (10, 20, 1.0)]
)
def test_it_gives_what_other_programs_give(wins: int, ties: int, expected: float) -> None:
    """Figures of ``scipy.stats.binomtest``, version 1.17."""
    assert two_sided_probability(wins, {2: ties}) == pytest.approx(expected)


@given(sizes=st.lists(st.integers(2, 4), min_size=1, max_size=9), data=st.data())
def test_with_several_sizes_it_counts_every_way_in_which_they_can_fall(sizes: list[int], data: st.DataObject) -> None:
    wins = data.draw(st.integers(0, len(sizes)))
    chances = [0.0] * (len(sizes) + 1)
    for falls in itertools.product((0, 1), repeat=len(sizes)):
        chances[sum(falls)] += math.prod(
            1 / size if won else 1 - 1 / size for won, size in zip(falls, sizes, strict=True)
        )
    expected = sum(chance for chance in chances if chance <= chances[wins] * (1 + 1e-7))
    counts = {size: sizes.count(size) for size in set(sizes)}
    assert two_sided_probability(wins, counts) == pytest.approx(expected)


def test_a_tie_with_nobody_else_is_always_won() -> None:
    assert two_sided_probability(7, {1: 7}) == 1.0
    assert two_sided_probability(6, {1: 7}) == 0.0


def test_no_ties_are_no_surprise() -> None:
    assert two_sided_probability(0, {}) == 1.0


def test_a_hundred_thousand_ties_are_tested_at_once() -> None:
    began = time.process_time()
    assert 0.01 < two_sided_probability(41_900, {2: 50_000, 3: 50_000 - 400}) < 1
    assert two_sided_probability(100_000, {2: 100_000}) == 0.0
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(("wins", "ties"), [(-1, {2: 5}), (6, {2: 5}), (0, {0: 5}), (0, {2: -1})])
def test_counts_that_cannot_be_are_refused(wins: int, ties: dict[int, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        two_sided_probability(wins, ties)
