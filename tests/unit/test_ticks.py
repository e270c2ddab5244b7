"""Four ticks from each bar: when they come, in which order, and at what price."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.bars import BarSeries
from trading.market import HOUR, MINUTE, SECOND, Side
from trading.ticks import (
    Phase,
    bar_ends,
    driving_instants,
    phase_offset,
    price,
    tick_at,
    tick_time,
    tick_times,
)


def bars(times: list[int], bar_seconds: int = 3600, *, rising: bool = True) -> BarSeries:
    """Bars from 10 to 11 (or back) that reach 9 and 12."""
    count = len(times)
    opened, closed = (10.0, 11.0) if rising else (11.0, 10.0)
    return BarSeries(
        commodity="EURUSD",
        bar_seconds=bar_seconds,
        time=np.array(times, dtype=np.int64),
        open=np.full(count, opened),
        high=np.full(count, 12.0),
        low=np.full(count, 9.0),
        close=np.full(count, closed),
        spread=np.full(count, np.nan),
    )


def test_a_bar_ticks_at_its_opening_at_both_thirds_and_a_second_before_its_end() -> None:
    assert tick_times(bars([HOUR])).tolist() == [HOUR, HOUR + 20 * MINUTE, HOUR + 40 * MINUTE, 2 * HOUR - SECOND]


@pytest.mark.parametrize(
    ("side", "rising", "expected"),
    [
        (Side.BUY, False, [11, 9, 12, 10]),
        (Side.BUY, True, [10, 9, 12, 11]),
        (Side.SELL, False, [11, 12, 9, 10]),
        (Side.SELL, True, [10, 12, 9, 11]),
    ],
)
def test_the_extreme_that_hurts_the_position_comes_first(side: Side, rising: bool, expected: list[float]) -> None:
    series = bars([0], rising=rising)

    assert [price(series, 0, phase, side) for phase in Phase] == expected


@pytest.mark.parametrize(("rising", "expected"), [(True, [10, 9, 12, 11]), (False, [11, 12, 9, 10])])
def test_without_a_position_the_low_comes_first_in_a_bar_that_does_not_fall(
    rising: bool, expected: list[float]
) -> None:
    series = bars([0], rising=rising)

    assert [price(series, 0, phase, None) for phase in Phase] == expected


def test_a_driver_stops_at_every_tick_and_every_bars_end_once_and_in_order() -> None:
    together, apart = bars([0, HOUR]), bars([0, 10 * MINUTE], 300)

    instants = driving_instants([together, apart], 0, 2 * HOUR)

    everything = {*tick_times(together), *tick_times(apart), *bar_ends(together), *bar_ends(apart)}
    assert instants.tolist() == sorted(everything)
    assert 2 * HOUR in instants  # the last bar can be read then, although none follows


def test_a_driver_keeps_to_its_span_both_ends_included() -> None:
    instants = driving_instants([bars([0, HOUR])], 20 * MINUTE, HOUR)

    assert instants.tolist() == [20 * MINUTE, 40 * MINUTE, HOUR - SECOND, HOUR]


def test_without_series_there_is_nothing_to_drive() -> None:
    assert driving_instants([], 0, HOUR).tolist() == []


def test_before_the_first_bar_there_is_no_tick() -> None:
    assert tick_at(bars([HOUR]), HOUR - 1) is None


def test_after_the_last_bar_its_closing_tick_grows_old() -> None:
    series = bars([0, HOUR])

    assert tick_at(series, 40 * HOUR) == (1, Phase.CLOSE)
    assert tick_time(series, 1, Phase.CLOSE) == 2 * HOUR - SECOND


@given(
    steps=st.lists(st.integers(1, 50), min_size=1, max_size=20),
    bar_seconds=st.sampled_from([4, 60, 3600]),
    now=st.integers(-5, 2_000_000),
)
def test_the_tick_at_an_instant_is_the_last_one_not_after_it(steps: list[int], bar_seconds: int, now: int) -> None:
    series = bars((np.cumsum(steps) * bar_seconds * SECOND).tolist(), bar_seconds)
    at = now * bar_seconds

    past = [number for number, time in enumerate(tick_times(series).tolist()) if time <= at]

    expected = (past[-1] // 4, Phase(past[-1] % 4)) if past else None
    assert tick_at(series, at) == expected


def test_bars_too_short_for_four_ticks_are_refused_by_length() -> None:
    with pytest.raises(ValueError, match="bar_seconds is 3; expected at least 4"):
        phase_offset(3, Phase.CLOSE)


def test_the_shortest_bar_has_four_ticks_in_order() -> None:
    assert np.all(np.diff(tick_times(bars([0], 4))) > 0)
