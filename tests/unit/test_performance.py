"""The figures of the closing table."""

from __future__ import annotations

import json
import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import NOON, a_trade, utc

from trading.market import DAY, HOUR, Instant
from trading.performance import Performance, max_drawdown, summarise
from trading.trade import CloseReason, Trade, TradeState


def closed(
    profit: float | None, reason: CloseReason = CloseReason.STOP, hold_hours: float = 2, **changes: Any
) -> Trade:
    at = NOON + round(hold_hours * HOUR)
    return a_trade(state=TradeState.CLOSED, profit=profit, close_reason=reason, closed_at=at, **changes)


def curve(*values: float, start: Instant = NOON, step: int = DAY) -> list[tuple[Instant, float]]:
    """One point a day from a Wednesday noon."""
    return [(start + number * step, value) for number, value in enumerate(values)]


def test_without_trades_there_are_no_figures_that_need_them() -> None:
    assert summarise([], []) == Performance(
        trades=0,
        unsettled=0,
        wins=0,
        win_rate=None,
        net_profit=0.0,
        profit_factor=None,
        max_drawdown=0.0,
        max_drawdown_fraction=0.0,
        sharpe=None,
        average_hold_seconds=None,
        closes={},
    )


def test_wins_losses_and_reasons_are_counted() -> None:
    trades = [
        closed(30.0, CloseReason.TARGET, 1),
        closed(-10.0, CloseReason.STOP, 2),
        closed(-5.0, CloseReason.STOP, 3),
        closed(0.0, CloseReason.DAY_END, 6),
    ]
    result = summarise(trades, [])
    assert (result.trades, result.wins, result.win_rate) == (4, 1, 0.25)
    assert (result.net_profit, result.profit_factor) == (15.0, 2.0)
    assert result.average_hold_seconds == 3 * 3600
    assert result.closes == {"stop": 2, "target": 1, "day_end": 1}
    assert sum(result.closes.values()) == result.trades


def test_without_a_loss_there_is_no_profit_factor() -> None:
    result = summarise([closed(30.0)], [])
    assert (result.win_rate, result.profit_factor) == (1.0, None)
    assert summarise([closed(30.0), closed(-0.5)], []).profit_factor == 60.0


def test_a_closed_trade_whose_deals_are_not_all_seen_is_counted_but_not_as_a_loss() -> None:
    result = summarise([closed(None), closed(10.0)], [])
    assert (result.trades, result.unsettled, result.win_rate, result.net_profit) == (2, 1, 1.0, 10.0)


@pytest.mark.parametrize("state", [state for state in TradeState if state is not TradeState.CLOSED])
def test_trades_that_are_not_closed_are_passed_over(state: TradeState) -> None:
    assert summarise([a_trade(state=state, profit=99.0)], []).trades == 0


def test_the_deepest_falls_in_money_and_as_a_fraction_may_be_different_ones() -> None:
    result = summarise([], curve(100.0, 80.0, 90.0, 1_000.0, 900.0, 950.0))
    assert (result.max_drawdown, result.max_drawdown_fraction) == (100.0, 0.2)


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=30))
def test_drawdown_is_the_worst_of_all_pairs_of_an_earlier_and_a_later_point(values: list[float]) -> None:
    pairs = [(early, late) for at, early in enumerate(values) for late in values[at:]]
    drawdown, fraction = max_drawdown(np.array(values))
    assert drawdown == pytest.approx(max(early - late for early, late in pairs))
    assert fraction == pytest.approx(max((early - late) / early for early, late in pairs))
    assert 0 <= fraction < 1


def test_sharpe_is_the_mean_over_the_deviation_of_daily_returns_for_a_year() -> None:
    values = [100.0, 101.0, 100.5, 102.0]
    returns = [0.0, 101 / 100 - 1, 100.5 / 101 - 1, 102 / 100.5 - 1]
    expected = math.sqrt(252) * statistics.mean(returns) / statistics.stdev(returns)
    assert summarise([], curve(*values)).sharpe == pytest.approx(expected)


def test_only_the_last_point_of_a_day_counts_and_days_end_at_five_in_new_york() -> None:
    days = [
        ("2026-03-04T12:00", 100.0),
        ("2026-03-04T21:59", 101.0),  # the last of Wednesday
        ("2026-03-04T22:00", 90.0),
        ("2026-03-05T12:00", 103.0),  # the last of Thursday
        ("2026-03-08T23:00", 104.0),  # Monday's, on Sunday evening
    ]
    returns = [0.01, 103 / 101 - 1, 104 / 103 - 1]
    expected = math.sqrt(252) * statistics.mean(returns) / statistics.stdev(returns)
    assert summarise([], [(utc(at), value) for at, value in days]).sharpe == pytest.approx(expected)


@pytest.mark.parametrize(
    "points",
    [
        [],
        curve(100.0),
        curve(100.0, 101.0, step=HOUR),
        curve(100.0, 100.0, 100.0),
        curve(100.0, -5.0, 100.0),
        curve(0.0, 1.0, 2.0),
    ],
)
def test_where_returns_say_nothing_there_is_no_sharpe_ratio(points: list[tuple[Instant, float]]) -> None:
    assert summarise([], points).sharpe is None


def test_the_figures_are_json() -> None:
    detail = summarise([closed(30.0, CloseReason.TARGET)], curve(100.0, 130.0)).as_detail()
    assert json.loads(json.dumps(detail, allow_nan=False)) == detail
    assert json.dumps(summarise([], []).as_detail(), allow_nan=False)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (curve(100.0, float("nan")), r"equity point 1 \(2026-03-05T12:00:00Z\) is nan"),
        (curve(100.0, 101.0, step=-HOUR), r"equity point 1 \(2026-03-04T11:00:00Z\) is earlier"),
    ],
)
def test_a_broken_curve_is_refused_with_its_first_bad_point(points: list[tuple[Instant, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        summarise([], points)
