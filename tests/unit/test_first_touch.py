"""The search for the first touch of a level finds what a plain loop finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.first_touch import Lows


@st.composite
def searches(draw: st.DrawFn) -> tuple[list[float], list[tuple[int, int, float]]]:
    """Lows, and spans of them with a level each."""
    lows = draw(st.lists(st.integers(0, 9).map(float), min_size=1, max_size=70))
    place = st.integers(0, len(lows))
    spans = st.tuples(place, place, st.sampled_from([-1.0, 0.0, 2.0, 8.5, 9.0, float("nan"), float("-inf")]))
    return lows, [(min(a, b), max(a, b), level) for a, b, level in draw(st.lists(spans, max_size=12))]


@given(searches())
def test_the_first_touch_is_that_of_a_plain_loop(search: tuple[list[float], list[tuple[int, int, float]]]) -> None:
    lows, spans = search
    expected = [next((at for at in range(a, b) if lows[at] <= level), b) for a, b, level in spans]
    columns = np.array(spans, dtype=np.float64).reshape(-1, 3)
    start, stop = columns[:, 0].astype(np.int64), columns[:, 1].astype(np.int64)
    found = Lows(np.array(lows), longest=len(lows)).first_at_or_below(start, stop, columns[:, 2])
    assert found.tolist() == expected


def test_a_search_of_the_longest_span_reaches_its_end() -> None:
    for longest in range(1, 40):
        lows = Lows(np.ones(50), longest)
        assert lows.first_at_or_below(np.array([3]), np.array([3 + longest]), np.array([0.0])).tolist() == [3 + longest]


def test_a_table_that_spans_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="longest is 0"):
        Lows(np.ones(3), 0)
