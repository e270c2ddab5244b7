"""Exits on closes: of each bar the closing tick alone."""

from __future__ import annotations

from made_bars import steady

from trading.market import HOUR, SECOND
from trading.ticks import PHASES, Phase, driving_instants, tick_at, tick_times

CLOSES = PHASES[1]


def test_the_closing_tick_alone_comes_a_second_before_each_bar_ends() -> None:
    assert tick_times(steady([1.0, 1.1]), CLOSES).tolist() == [HOUR - SECOND, 2 * HOUR - SECOND]


def test_until_a_bar_closes_the_close_of_the_bar_before_it_stands() -> None:
    bars = steady([1.0, 1.1])
    assert tick_at(bars, HOUR - SECOND - 1, CLOSES) is None, "nothing has closed yet"
    assert tick_at(bars, HOUR - SECOND, CLOSES) == (0, Phase.CLOSE)
    assert tick_at(bars, 2 * HOUR - SECOND - 1, CLOSES) == (0, Phase.CLOSE)
    assert tick_at(bars, 2 * HOUR - SECOND, CLOSES) == (1, Phase.CLOSE)


def test_a_driver_stops_at_closes_and_at_the_ends_of_bars_alone() -> None:
    instants = driving_instants([steady([1.0, 1.1])], 0, 2 * HOUR, phases=CLOSES)
    assert instants.tolist() == [HOUR - SECOND, HOUR, 2 * HOUR - SECOND, 2 * HOUR]
