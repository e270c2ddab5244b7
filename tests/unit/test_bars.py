"""Bars are checked where they come in, and known to be complete by the clock alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trading.bars import BadBars, BarSeries, check_bars
from trading.market import HOUR


def hourly(count: int = 5) -> BarSeries:
    """Good bars: 10, 11, 12, ... each opening where the one before closed."""
    close = np.arange(10, 10 + count, dtype=np.float64)
    return BarSeries(
        commodity="EURUSD",
        bar_seconds=3600,
        time=np.arange(count, dtype=np.int64) * HOUR,
        open=close - 1,
        high=close + 0.5,
        low=close - 1.5,
        close=close,
        spread=np.full(count, np.nan),
    )


def spoilt(column: str, row: int, value: float) -> BarSeries:
    """Good bars with one value changed."""
    series = hourly()
    values = getattr(series, column).copy()
    values[row] = value
    return replace(series, **{column: values})


def test_good_bars_pass_as_they_are() -> None:
    series = hourly()
    assert check_bars(series) is series
    assert check_bars(replace(series, spread=np.full(5, 0.1))).spread[0] == 0.1


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("close", float("nan"), r"row 2 \(1970-01-01T02:00:00Z\): close is nan; expected a finite price"),
        ("high", float("inf"), "row 2 .*: high is inf; expected a finite price"),
        ("low", 0.0, "row 2 .*: low is 0.0; expected a price above zero"),
        ("low", -1.0, "row 2 .*: low is -1.0; expected a price above zero"),
        ("high", 10.0, "row 2 .*: high is 10.0; expected at least the low"),
        ("open", 13.0, "row 2 .*: open is 13.0; expected a price between low and high"),
        ("close", 10.0, "row 2 .*: close is 10.0; expected a price between low and high"),
        ("spread", -0.1, "row 2 .*: spread is -0.1; expected an ask that is not below the bid"),
        ("time", HOUR, "row 2 .*: time is 1970-01-01T01:00:00Z; expected a time that was not there before"),
        ("time", HOUR - 1, "row 2 .*: time is 1970-01-01T00:59:59.999Z; expected times in rising order"),
    ],
)
def test_the_first_bad_value_is_named_with_its_row_and_what_was_expected(
    column: str, value: float, message: str
) -> None:
    with pytest.raises(BadBars, match=rf"prices\.csv: {message}"):
        check_bars(spoilt(column, 2, value), source="prices.csv")


def test_negative_prices_pass_only_where_they_are_allowed() -> None:
    series = hourly()
    oil = replace(series, **{name: getattr(series, name) - 40 for name in ("open", "high", "low", "close")})
    with pytest.raises(BadBars, match="EURUSD allows no other"):
        check_bars(oil)
    assert check_bars(oil, may_be_negative=True) is oil


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(BadBars, match=r"close has \(4,\) values for \(5,\) times"):
        check_bars(replace(hourly(), close=hourly().close[:4]))


def test_no_bars_at_all_are_refused() -> None:
    with pytest.raises(BadBars, match="there are no bars of EURUSD"):
        check_bars(hourly(0))


def test_a_bar_is_complete_when_the_clock_says_so() -> None:
    series = hourly()
    assert series.end(0) == HOUR
    assert [series.completed(now) for now in (0, HOUR - 1, HOUR, 2 * HOUR, 9 * HOUR)] == [0, 0, 1, 2, 5]


def test_completeness_does_not_depend_on_later_bars() -> None:
    """After a gap the last bar before it is complete at its own end, whether or not the next one is there."""
    series = hourly()
    gapped = replace(series, time=series.time + np.array([0, 0, 0, 40, 40]) * HOUR)
    for now in range(0, 60 * HOUR, HOUR // 2):
        assert gapped.window(0, 3).completed(now) == min(3, gapped.completed(now))


def test_a_window_is_a_view_of_the_same_bars() -> None:
    series = hourly()
    window = series.window(1, 3)
    assert (len(window), window.commodity, window.bar_seconds) == (2, "EURUSD", 3600)
    assert window.close.tolist() == [11.0, 12.0]
    assert np.shares_memory(window.close, series.close)
