"""The task that every engine of `benchmarks/replay.py` is given, and its right answer by a plain loop.

Hourly bars; wanted is a buy while the mean of the last 10 closes lies above that of the last 30, and a sell while it
lies below, from the 31st bar on. One position at a time, entered at a bar's close. At a later bar's close it is left:
at a loss of 0.5 % or more (the stop), at a gain of 1 % or more (the target), or when the other side is wanted. Where a
position was left, nothing is entered at the same close. No costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feeds.sample import sample_bars
from feeds.synthetic import synthetic_bars
from trading.bars import BarSeries, Floats
from trading.market import HOUR, instant, moment

BARS = 100_000
FAST, SLOW = 10, 30
STOP_FRACTION, TARGET_FRACTION = 0.005, 0.01
DIGITS = 5
BEGINNING = instant(moment(0).replace(year=2000))


@dataclass(frozen=True, slots=True)
class Answer:
    """One trade: bars are counted from 0. ``exit`` is None while it is open at the end."""

    side: int  # +1 for a buy, -1 for a sell
    entry: int
    exit: int | None
    reason: str  # "stop", "target" or "opposite"; empty while it is open, "?" where an engine cannot say


def task_bars(count: int = BARS) -> tuple[BarSeries, str]:
    """``count`` bars, and where they come from: the recorded EURUSD hours, or simulated ones where those are missing.

    The recording is laid end to end, each copy shifted so that it opens where the one before it closed. Times are
    whole hours without a gap: the task is about bars, not about weekends.
    """
    recorded = sample_bars()
    series, source = (synthetic_bars(1), "simulated") if recorded is None else (recorded, "recorded EURUSD")
    copies = -(-count // len(series))
    step = round(float(series.close[-1] - series.close[0]), DIGITS)

    def tiled(column: Floats) -> Floats:
        shifted = np.concatenate([column + copy * step for copy in range(copies)])
        return np.round(shifted[:count], DIGITS)

    bars = BarSeries(
        commodity="EURUSD",
        bar_seconds=3600,
        time=BEGINNING + np.arange(count, dtype=np.int64) * HOUR,
        open=tiled(series.open),
        high=tiled(series.high),
        low=tiled(series.low),
        close=tiled(series.close),
        spread=np.zeros(count),
    )
    return bars, f"{source} hours, {copies} times end to end"


def wanted_sides(close: Floats) -> list[int]:
    """For each bar +1, -1, or 0 where the means are equal, and for the first 30. Sums of whole points, so exact."""
    points = np.concatenate([[0], np.cumsum(np.round(close * 10**DIGITS).astype(np.int64))])
    sides = np.zeros(len(close), dtype=np.int64)
    fast = points[SLOW:] - points[SLOW - FAST : -FAST]
    slow = points[SLOW:] - points[:-SLOW]
    sides[SLOW:] = np.sign(fast * (SLOW // FAST) - slow)[1:]
    return [int(side) for side in sides]


def right_answer(bars: BarSeries) -> list[Answer]:
    """The task done by a plain loop."""
    trades: list[Answer] = []
    side, entry = 0, 0
    wanted, close = wanted_sides(bars.close), bars.close.tolist()
    for index, price in enumerate(close):
        if side:
            gain = side * (price - close[entry]) / close[entry]
            reason = (
                "stop"
                if gain <= -STOP_FRACTION
                else "target"
                if gain >= TARGET_FRACTION
                else "opposite"
                if wanted[index] == -side
                else ""
            )
            if reason:
                trades.append(Answer(side, entry, index, reason))
                side = 0
        elif wanted[index]:
            side, entry = wanted[index], index
    if side:
        trades.append(Answer(side, entry, None, ""))
    return trades


def disagreement(found: list[Answer], right: list[Answer]) -> str:
    """In words, what is wrong with an engine's trades; empty where nothing is."""
    for number, (one, other) in enumerate(zip(found, right, strict=False)):
        reasons_agree = "?" in (one.reason, other.reason) or one.reason == other.reason
        if (one.side, one.entry, one.exit) != (other.side, other.entry, other.exit) or not reasons_agree:
            return f"trade {number} is {one}, and should be {other}"
    if len(found) != len(right):
        return f"{len(found)} trades instead of {len(right)}"
    return ""
