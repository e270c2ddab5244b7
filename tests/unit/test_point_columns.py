"""Prices in whole points as columns say the same as one tick at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_bars import walk

from connectors.point_columns import PointColumns, Reaches
from trading.market import Side
from trading.ticks import FOUR_TICKS, PHASES, Phase, price

SCALE = 100_000
SPREAD_POINTS = 7.0
BARS = walk(300)
COLUMNS = PointColumns(BARS, SCALE, SPREAD_POINTS)


@pytest.mark.parametrize("adverse", [None, Side.BUY, Side.SELL])
@pytest.mark.parametrize("phase", list(Phase))
def test_bid_and_ask_are_the_mid_less_half_a_spread_and_a_spread_above_that(phase: Phase, adverse: Side | None) -> None:
    for index in range(len(BARS)):
        bid = round(price(BARS, index, phase, adverse) * SCALE - SPREAD_POINTS / 2)
        assert COLUMNS.of(index, phase, adverse) == (bid, bid + round(SPREAD_POINTS))


@pytest.mark.parametrize("phases", PHASES.values(), ids=PHASES.keys())
@pytest.mark.parametrize("side", list(Side))
def test_no_tick_of_a_bar_lies_beyond_what_it_reaches(side: Side, phases: tuple[Phase, ...]) -> None:
    reaches = COLUMNS.reaches(side, phases)
    for index in range(len(BARS)):
        ticks = [COLUMNS.of(index, phase, side)[side is Side.SELL] / SCALE for phase in phases]
        assert reaches.first_outside(-np.inf, max(ticks), index, index + 1) == index
        assert reaches.first_outside(min(ticks), np.inf, index, index + 1) == index
        assert reaches.first_outside(np.nextafter(min(ticks), 0), np.nextafter(max(ticks), 9), index, index + 1) is None
        assert reaches.worst(side, index, index + 1) == (min(ticks) if side is Side.BUY else max(ticks))


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=300),
    st.integers(-1, 21),
    st.integers(-1, 21),
    st.integers(0, 300),
)
def test_the_first_bar_outside_is_the_one_that_a_search_one_by_one_finds(
    bars: list[tuple[int, int]], low: int, high: int, first: int
) -> None:
    lows = np.array([min(bar) for bar in bars], dtype=np.float64)
    highs = np.array([max(bar) for bar in bars], dtype=np.float64)
    outside = (i for i in range(first, len(bars)) if lows[i] <= low or highs[i] >= high)
    assert Reaches(lows, highs).first_outside(low, high, first, len(bars)) == next(outside, None)


def test_all_four_ticks_are_the_rule() -> None:
    assert PHASES[4] == FOUR_TICKS == tuple(Phase)
