"""Longer bars made of the working ones, and when each of them is complete, as the clock alone tells it.

A bar of four hours that still lacks its last hour must not be read: its close is not known yet. Whether it is
complete follows from the instant at which the working bar ends. Telling it from the next row instead would look
ahead, since that row does not exist yet when the decision is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from trading.bars import BarSeries, Floats, Instants
from trading.market import HOUR, Instant, instant, moment

NEW_YORK = ZoneInfo("America/New_York")
DAY_BOUNDARY = time(17)  # in New York: there the trading day of currencies and metals ends, and a week has five days


class TimeFrame(StrEnum):
    """The frames in which the trend is read, shortest first."""

    H1 = "H1"
    H4 = "H4"
    D1 = "D1"


@dataclass(frozen=True, slots=True, eq=False)
class FrameBars:
    """The m bars of a longer frame that n working bars make. The first may lack its beginning, the newest its end."""

    frame: TimeFrame
    start: Instants  # (m,) opening instants by the clock, whenever the first price came
    high: Floats  # (m,)
    low: Floats  # (m,)
    close: Floats  # (m,)
    completed: Instants  # (n,) how many of the m bars are complete when each working bar ends

    def at_working_bars(self, values: Floats) -> Floats:
        """For each working bar, the value (m,) of the newest completed bar; NaN while none is complete. Shape (n,)."""
        spread_out = np.full(self.completed.shape, np.nan)
        known = self.completed > 0
        spread_out[known] = values[self.completed[known] - 1]
        return spread_out


def aggregate(bars: BarSeries, frame: TimeFrame) -> FrameBars:
    """The bars of ``frame`` that ``bars`` make. A part of a day with prices makes a bar; an empty one makes none.

    Raises ``ValueError`` for no bars, and where an hour is not a whole number of working bars: the three frames would
    then be one and the same.
    """
    if len(bars) == 0:
        raise ValueError(f"there are no bars of {bars.commodity}; expected at least one")
    if bars.bar_seconds <= 0 or HOUR % bars.bar_length:
        raise ValueError(f"bar_seconds is {bars.bar_seconds}; expected a divisor of 3600, so that bars fill an hour")
    start = period_starts(frame, bars.time)
    opens = np.diff(start, prepend=start[0] - 1) > 0
    first = np.flatnonzero(opens)
    last = np.append(first[1:], len(bars)) - 1
    ends = period_starts(frame, bars.time + bars.bar_length) > start
    return FrameBars(
        frame=frame,
        start=start[first],
        high=np.maximum.reduceat(bars.high, first),
        low=np.minimum.reduceat(bars.low, first),
        close=bars.close[last],
        completed=np.cumsum(opens) - 1 + ends,
    )


def period_starts(frame: TimeFrame, times: Instants) -> Instants:
    """The opening instant of the period of ``frame`` that holds each instant. Shape (n,) in, (n,) out, sorted or not.

    H1 and H4 are whole hours of UTC. D1 runs from 17:00 to 17:00 in New York and so is 23 or 25 hours long when
    daylight saving changes.
    """
    if frame is TimeFrame.D1:
        days = day_starts(int(times.min()), int(times.max()))
        return days[np.searchsorted(days, times, side="right") - 1]
    length = HOUR if frame is TimeFrame.H1 else 4 * HOUR
    return times // length * length


def day_starts(first: Instant, last: Instant) -> Instants:
    """The instants of 17:00 in New York of each date, from one at or before ``first`` to one after ``last``."""
    # New York is behind UTC: its 17:00 of the previous UTC date has always passed at the instant itself.
    date = moment(first).date() - timedelta(days=1)
    until = moment(last).date() + timedelta(days=1)
    dates = [date + timedelta(days=passed) for passed in range((until - date).days + 1)]
    return np.array([instant(datetime.combine(day, DAY_BOUNDARY, NEW_YORK)) for day in dates], dtype=np.int64)
