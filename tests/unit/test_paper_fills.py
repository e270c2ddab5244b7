"""At what price a paper order fills on the path between two ticks of a bar. Prices are whole points."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.paper_fills import fill_points, passed

POINTS = st.integers(-2_000, 200_000)
LEVELS = st.floats(-2_000, 200_000)


def closing(previous: int | None, current: int, level: float, *, buying: bool = False, slippage: int = 0) -> int:
    return fill_points(previous, current, level, buying=buying, opening=False, slippage=slippage)


def opening(previous: int | None, current: int, expected: float, *, buying: bool = True, slippage: int = 0) -> int:
    return fill_points(previous, current, expected, buying=buying, opening=True, slippage=slippage)


def test_a_buys_stop_inside_a_bar_fills_at_the_stop_not_at_the_low() -> None:
    assert closing(110_000, 109_000, 109_600) == 109_600


def test_a_sells_stop_inside_a_bar_fills_at_the_stop_not_at_the_high() -> None:
    assert closing(110_000, 111_000, 110_400, buying=True) == 110_400


def test_a_buys_target_inside_a_bar_fills_at_the_target_not_at_the_high() -> None:
    assert closing(110_000, 111_000, 110_400) == 110_400


def test_a_sells_target_inside_a_bar_fills_at_the_target_not_at_the_low() -> None:
    assert closing(110_000, 109_000, 109_600, buying=True) == 109_600


def test_a_gap_through_a_stop_fills_at_the_open_and_never_at_the_stop() -> None:
    assert closing(None, 109_000, 109_600) == 109_000


def test_a_gap_through_a_target_fills_at_the_open() -> None:
    assert closing(None, 111_000, 110_400) == 111_000


def test_a_close_at_the_current_price_gets_the_current_price() -> None:
    assert closing(110_000, 109_000, 109_000) == 109_000


def test_a_level_that_the_previous_tick_stood_at_is_over() -> None:
    assert closing(110_000, 109_000, 110_000) == 109_000
    assert closing(109_000, 110_000, 109_000) == 110_000


def test_a_level_that_the_path_did_not_reach_fills_at_the_current_price() -> None:
    assert closing(110_000, 109_000, 108_900) == 109_000
    assert closing(110_000, 109_000, 110_100) == 109_000


def test_a_level_between_two_points_is_met_at_the_next_one_on_the_way() -> None:
    assert passed(110_000, 109_000, 109_600.4) == 109_600
    assert passed(109_000, 110_000, 109_600.4) == 109_601


@pytest.mark.parametrize("level", [math.nan, math.inf, -math.inf])
def test_a_level_that_is_no_number_is_never_met(level: float) -> None:
    assert closing(110_000, 109_000, level) == 109_000


def test_a_late_open_is_not_filled_at_a_price_that_has_gone_by() -> None:
    assert opening(109_000, 110_000, 109_400) == 110_000  # the ask rose past what was expected
    assert opening(110_000, 109_000, 109_400, buying=False) == 109_000  # the bid fell past it


def test_an_open_that_the_market_came_towards_gets_no_better_than_expected() -> None:
    assert opening(110_000, 109_000, 109_400) == 109_400


def test_slippage_is_against_us_whatever_is_done() -> None:
    assert closing(None, 109_000, 0, slippage=2) == 108_998
    assert closing(None, 109_000, 0, buying=True, slippage=2) == 109_002


@given(
    previous=POINTS | st.none(),
    current=POINTS,
    level=LEVELS,
    buying=st.booleans(),
    opens=st.booleans(),
    slippage=st.integers(0, 50),
)
def test_a_fill_lies_on_the_path_give_or_take_slippage_against_us(
    previous: int | None, current: int, level: float, buying: bool, opens: bool, slippage: int
) -> None:
    price = fill_points(previous, current, level, buying=buying, opening=opens, slippage=slippage)

    start = current if previous is None else previous
    low, high = min(start, current), max(start, current)
    assert (low + slippage <= price <= high + slippage) if buying else (low - slippage <= price <= high - slippage)


@given(previous=POINTS, current=POINTS, level=LEVELS, buying=st.booleans())
def test_a_close_is_never_better_than_both_its_level_and_the_current_price(
    previous: int, current: int, level: float, buying: bool
) -> None:
    price = closing(previous, current, level, buying=buying)

    best = min(level, current) - 1 if buying else max(level, current) + 1  # a point for levels between two points
    assert price >= best if buying else price <= best


@given(previous=POINTS | st.none(), current=POINTS, level=LEVELS, buying=st.booleans())
def test_an_open_is_never_better_than_the_current_price(
    previous: int | None, current: int, level: float, buying: bool
) -> None:
    price = opening(previous, current, level, buying=buying)

    assert price >= current if buying else price <= current
