"""Bars as a trade server gives them: of bids, in its own clock, in MetaTrader's time frames."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from trading.bars import BarSeries
from trading.market import Instant

MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS = 60, 3_600, 86_400
OF_HOURS, OF_WEEKS, OF_MONTHS = 0x4000, 0x8000, 0xC000  # in TIMEFRAME_*, beside the count
WEEK_BEGINS_SECONDS = 4 * DAY_SECONDS  # from the beginning of a week, a Sunday, to the epoch's beginning, a Thursday
TICKS_A_BAR = 4

Rate: TypeAlias = tuple[int, float, float, float, float, int, int, int]
"""time, open, high, low, close, tick_volume, spread, real_volume"""


def frame_seconds(timeframe: int) -> int:
    """The length of a bar of TIMEFRAME_*; of a month, the longest."""
    count, kind = timeframe & 0x3FFF, timeframe & 0xC000
    unit = {0: MINUTE_SECONDS, OF_HOURS: HOUR_SECONDS, OF_WEEKS: 7 * DAY_SECONDS, OF_MONTHS: 31 * DAY_SECONDS}[kind]
    return count * unit


def rates(
    bars: BarSeries, timeframe: int, start: int, count: int, digits: int, stamp: Callable[[Instant], int]
) -> list[Rate]:
    """``count`` bars of the frame, the last one ``start`` before the newest, oldest first.

    ``bars``: as `Market.bars` gives them. ``stamp(instant)``: the server's seconds.
    """
    rows: list[Rate] = []
    scale = 10**digits
    is_longer = frame_seconds(timeframe) > bars.bar_seconds  # or the clock may stand between two hours
    for index in range(len(bars)):
        stamped = stamp(int(bars.time[index]))
        begins = _period_start(stamped, timeframe) if is_longer else stamped
        first, high, low, last = (float(column[index]) for column in (bars.open, bars.high, bars.low, bars.close))
        ticks, spread = TICKS_A_BAR, round(float(bars.spread[index]) * scale)
        if rows and rows[-1][0] == begins:
            _, first, before_high, before_low, _, before_ticks, _, _ = rows.pop()
            high, low, ticks = max(high, before_high), min(low, before_low), ticks + before_ticks
        rows.append((begins, first, high, low, last, ticks, spread, 0))
    end = max(0, len(rows) - start)
    return rows[max(0, end - count) : end]


def bars_needed(bars_seconds: int, timeframe: int, start: int, count: int) -> int:
    """How many recorded bars make so many of the frame, the first of them whole."""
    return (start + count + 1) * max(1, -(-frame_seconds(timeframe) // bars_seconds))


def _period_start(seconds: int, timeframe: int) -> int:
    kind, length = timeframe & 0xC000, frame_seconds(timeframe)
    if kind == OF_MONTHS:
        first = datetime.fromtimestamp(seconds, UTC).replace(day=1, hour=0, minute=0, second=0)
        return int(first.timestamp())
    if kind == OF_WEEKS:
        return seconds - (seconds + WEEK_BEGINS_SECONDS) % length
    return seconds - seconds % length
