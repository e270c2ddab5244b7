"""Recorded markets made to order, and trades that are followed along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from made_trades import a_trade

from trading.bars import BarSeries, check_bars
from trading.calendar_rules import fx_rule
from trading.calendars import flatten
from trading.course import Course
from trading.market import DAY, HOUR, Instant, Side
from trading.settings import Settings
from trading.trade import Trade

Bar = tuple[float, float, float, float]  # open, high, low, close


def bars_at(times: Sequence[Instant], prices: Sequence[Bar], spread: float = 0.0) -> BarSeries:
    """Hours of EURUSD that begin at these instants."""
    columns = np.array(prices, dtype=np.float64)
    return check_bars(
        BarSeries(
            commodity="EURUSD",
            bar_seconds=3600,
            time=np.array(times, dtype=np.int64),
            open=columns[:, 0],
            high=columns[:, 1],
            low=columns[:, 2],
            close=columns[:, 3],
            spread=np.full(len(times), spread),
        )
    )


def hours_from(start: Instant, prices: Sequence[Bar], spread: float = 0.0) -> BarSeries:
    """One hour after another."""
    return bars_at([start + number * HOUR for number in range(len(prices))], prices, spread)


def course_of(bars: BarSeries, settings: Settings | None = None) -> Course:
    """The market of these bars, in the hours of FX."""
    times = flatten(bars.commodity, fx_rule(), int(bars.time[0]) - DAY, bars.end(len(bars) - 1) + 20 * DAY)
    return Course(bars, times, Settings() if settings is None else settings, point=1e-5)


def a_trade_at(at: Instant, side: Side = Side.BUY, entry: float = 1.1, **changes: Any) -> Trade:
    """An OPEN trade of account alpha that was entered then; the stop is 0.01 away, and nothing else."""
    usual: dict[str, Any] = {
        "platform": "alpha",
        "expected_price": entry,
        "entry_price": entry,
        "stop_distance": 0.01,
        "stop_price": entry - side.sign * 0.01,
        "target_price": None,
        "trailing_distance": None,
        "daily_volatility": 0.01,
        "submitted_at": at,
        "opened_at": at,
        "time_stop_at": at + 5 * HOUR,
        "closes_at_day_end": False,
    }
    return a_trade(side, **{**usual, **changes})
