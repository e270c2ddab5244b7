"""What becomes of a trade on the bars that follow, as the paper broker would fill it."""

from __future__ import annotations

import numpy as np
import pytest

from trading.bars import BarSeries
from trading.market import HOUR
from trading.mid_life import SIDES, ClosingSide, Positions
from trading.outcomes import Outcomes, outcomes

ENTRY, STOP, TARGET = 100.0, 98.0, 103.0
QUIET = (100.0, 100.5, 99.5, 100.0)


def became(
    *bars: tuple[float, float, float, float],
    sign: int = 1,
    spread: float = 0.0,
    stop: float = STOP,
    entry: float = ENTRY,
) -> Outcomes:
    """The outcome of a trade that is judged at the end of a quiet bar, with these (open, high, low, close) after it.

    A sell is met with the mirrored bars, so that the same must come of it.
    """
    columns = np.array([QUIET, *bars], dtype=np.float64)
    if sign < 0:
        columns = (200 - columns)[:, [0, 2, 1, 3]]
    opened, high, low, close = columns.T
    series = BarSeries(
        "EURUSD", 3600, np.arange(len(columns)) * HOUR, opened, high, low, close, np.full(len(columns), spread)
    )
    shift = 0.0 if sign > 0 else -200.0  # what a sell sees is the negative of the price
    sides = {each: ClosingSide.of(series, series.spread, each, len(columns)) for each in SIDES}
    one = np.ones(1)
    position = Positions(
        bar=np.zeros(1, dtype=np.int64),
        entry_bar=np.zeros(1, dtype=np.int64),
        sign=np.array([sign]),
        strategy=np.zeros(1, dtype=np.int64),
        price=(100.0 + shift) * one,
        entry=(entry + shift) * one,
        stop=(stop + shift) * one,
        target=(TARGET + shift) * one,
        until=np.array([len(columns)]),
        horizon_at=np.array([len(columns) * HOUR]),
    )
    found = outcomes(position, sides)
    return Outcomes(found.target, found.stop, found.profit, found.exit - shift)


both_sides = pytest.mark.parametrize("sign", SIDES)


@both_sides
def test_a_target_that_is_touched_first_is_reached_at_its_price(sign: int) -> None:
    found = became(QUIET, (100.0, 103.0, 99.0, 102.0), (102.0, 102.0, 97.0, 97.5), sign=sign)
    assert (found.target[0], found.stop[0], found.profit[0], found.exit[0]) == (True, False, True, TARGET)


@both_sides
def test_a_stop_comes_before_a_target_inside_a_bar(sign: int) -> None:
    found = became((100.0, 104.0, 97.0, 103.0), sign=sign)
    assert (found.target[0], found.stop[0], found.profit[0], found.exit[0]) == (False, True, False, STOP)


@both_sides
def test_a_gap_through_the_target_comes_before_the_rest_of_its_bar_and_fills_at_the_open(sign: int) -> None:
    found = became((104.0, 104.5, 97.0, 98.0), sign=sign)
    assert (found.target[0], found.stop[0], found.exit[0]) == (True, False, 104.0)


@both_sides
def test_a_gap_through_the_stop_fills_at_the_open(sign: int) -> None:
    found = became((96.0, 104.0, 95.0, 103.5), sign=sign)
    assert (found.stop[0], found.exit[0]) == (True, 96.0)


@both_sides
def test_a_gap_through_a_stop_that_had_a_profit_in_it_may_lose_it(sign: int) -> None:
    kept = became((101.0, 101.0, 98.9, 99.0), sign=sign, stop=99.0, entry=98.5)
    lost = became((98.0, 99.0, 97.0, 98.0), sign=sign, stop=99.0, entry=98.5)
    assert (kept.profit[0], lost.profit[0]) == (True, False)


@both_sides
@pytest.mark.parametrize(("close", "profit"), [(100.5, True), (100.0, False), (99.0, False)])
def test_what_touches_nothing_is_closed_at_the_last_close(sign: int, close: float, profit: bool) -> None:
    found = became(QUIET, (100.0, 101.0, 99.0, close), sign=sign)
    assert (found.target[0], found.stop[0], found.profit[0], found.exit[0]) == (False, False, profit, close)


@both_sides
def test_half_the_spread_is_lost_on_the_way_out(sign: int) -> None:
    found = became((100.0, 103.0, 99.0, 100.1), sign=sign, spread=0.4)
    assert (found.target[0], found.profit[0]) == (False, False)
    assert found.exit[0] == pytest.approx(99.9)
    assert became((100.0, 103.0, 98.2, 100.1), sign=sign, spread=0.4).stop[0]
