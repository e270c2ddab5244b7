"""Four ticks from each bar, for the times when bars are all there is: replay, the sample, a paper account.

A bar says where the price was, not in which order. Each bar becomes four ticks:

====== ========== ============================== ===============================
phase  name       instant                        price
====== ========== ============================== ===============================
0      OPEN       the bar's opening              the open
1      ADVERSE    a third of the bar later       the extreme that hurts the position
2      FAVOURABLE two thirds of the bar later    the other extreme
3      CLOSE      one second before the bar ends the close
====== ========== ============================== ===============================

The adverse extreme comes first (low for a buy, high for a sell), so that a stop inside a bar is always reached before a
target inside the same bar: the order that we cannot know is the one that we like least. Where nothing is held, the
classic order is taken: low first in a bar that closes at or above its open, high first in one that falls.

A tick stands until the next one. After the closing tick, and past the bar's end, the last price merely gets older.

Where the trading day ends inside a bar (gold at 14:30 in New York, on hourly bars), the bar ticks before that end: the
closing tick comes one second before it, and so inside the window of the rules that close before the day's end. Bars
that go on into the next day, such as four hours across 17:00 in New York, then close on a price that was reached up to
their own end: nothing in a bar says what the price was in between. And in a day's last bar both extremes come before
the window, where the bar is longer than it: the rules are judged on its close, and not on its best price.

Who wants exits on closes alone asks for one tick a bar, the closing one. What is known between two closes is then the
first of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import IntEnum

import numpy as np

from trading.bars import BarSeries, Instants, TickSpans
from trading.calendars import TradingTimes
from trading.market import MINUTE, SECOND, Instant, Side

SHORTEST_BAR_SECONDS = 4  # below this the favourable tick would not come before the closing one


class Phase(IntEnum):
    """Which of a bar's four ticks."""

    OPEN = 0
    ADVERSE = 1
    FAVOURABLE = 2
    CLOSE = 3


PHASES: dict[int, tuple[Phase, ...]] = {4: tuple(Phase), 1: (Phase.CLOSE,)}
"""The ticks that a bar becomes, by how many of them are wanted."""

FOUR_TICKS = PHASES[4]


def phase_offset(bar_seconds: int, phase: Phase) -> int:
    """How long after the bar's opening this tick comes, in milliseconds.

    Raises ``ValueError`` for bars shorter than `SHORTEST_BAR_SECONDS`.
    """
    if bar_seconds < SHORTEST_BAR_SECONDS:
        raise ValueError(f"bar_seconds is {bar_seconds}; expected at least {SHORTEST_BAR_SECONDS} (four ticks a bar)")
    return _offsets(bar_seconds * SECOND, bar_seconds * SECOND)[phase]


def _offsets(extremes: int, closing: int) -> tuple[int, int, int, int]:
    return 0, extremes // 3, 2 * extremes // 3, closing - SECOND


def within_days(series: BarSeries, times: TradingTimes, windows_minutes: Iterable[float] = ()) -> BarSeries:
    """The same bars, each with its ticks inside the trading day that it begins in.

    ``windows_minutes``: how long before a day's end rules may be judged; see above. What leaves less than
    `SHORTEST_BAR_SECONDS` for the ticks is left as it is, and so is a bar that begins while the market is shut.
    """
    shortest = SHORTEST_BAR_SECONDS * SECOND
    whole = np.full(len(series), series.bar_length, dtype=np.int64)
    day = np.searchsorted(times.day_ends, series.time, side="right")
    left = times.day_ends[np.minimum(day, len(times.day_ends) - 1)] - series.time  # of the day, at the bar's opening
    is_last = (shortest <= left) & (left <= whole) & times.are_open(series.time)
    closing = np.where(is_last, left, whole)
    extremes = closing
    for minutes in sorted(windows_minutes):
        before = closing - round(minutes * MINUTE)
        extremes = np.where(is_last & (shortest <= before) & (before <= 2 * closing // 3), before, extremes)
    if np.array_equal(extremes, whole):
        return series
    return replace(series, tick_spans=TickSpans(extremes, closing))


def offsets_of(series: BarSeries, index: int) -> tuple[int, int, int, int]:
    """How long after a bar's opening each of its four ticks comes, in milliseconds."""
    spans = series.tick_spans
    if spans is None:
        return _offsets(series.bar_length, series.bar_length)
    return _offsets(int(spans.extremes[index]), int(spans.closing[index]))


def tick_times(series: BarSeries, phases: Sequence[Phase] = FOUR_TICKS) -> Instants:
    """The instants of all ticks of a series, p for each of its n bars, oldest first: shape (p * n,)."""
    spans = series.tick_spans
    if spans is None:
        offsets = np.array([phase_offset(series.bar_seconds, phase) for phase in phases], dtype=np.int64)
        return (series.time[:, np.newaxis] + offsets).reshape(-1)
    columns = (np.zeros_like(spans.closing), spans.extremes // 3, 2 * spans.extremes // 3, spans.closing - SECOND)
    times: Instants = series.time[:, np.newaxis] + np.stack([columns[phase] for phase in phases], axis=1)
    return times.reshape(-1)


def bar_ends(series: BarSeries) -> Instants:
    """The instant at which each bar is complete by the clock: shape (n,)."""
    return series.time + series.bar_length


def driving_instants(
    series_list: Iterable[BarSeries],
    start: Instant,
    stop: Instant,
    poll_seconds: float = 1.0,
    phases: Sequence[Phase] = FOUR_TICKS,
) -> Instants:
    """When a driver of these series moves its clock: every tick, every bar's end, and a poll after it; each once.

    Both ends are included. A bar's end is among them even where no bar follows: that is when it can be read. Who polls
    at the closing tick polls again ``poll_seconds`` later, and must not find the clock a third of a bar farther on: by
    then the bar would be old news.
    """
    poll = round(poll_seconds * SECOND)
    instants = [
        part
        for series in series_list
        for part in (tick_times(series, phases), bar_ends(series), tick_times(series, (Phase.CLOSE,)) + poll)
    ]
    if not instants:
        return np.empty(0, dtype=np.int64)
    merged = np.unique(np.concatenate(instants))
    first, last = np.searchsorted(merged, start, side="left"), np.searchsorted(merged, stop, side="right")
    return merged[first:last]


def tick_at(series: BarSeries, now: Instant, phases: Sequence[Phase] = FOUR_TICKS) -> tuple[int, Phase] | None:
    """The bar and the phase of the latest tick at ``now``, or None before the first tick. Keeps no state."""
    index = int(series.time.searchsorted(now, side="right")) - 1
    if index < 0:
        return None
    age, offsets = now - int(series.time[index]), offsets_of(series, index)
    for phase in reversed(phases):
        if age >= offsets[phase]:
            return index, phase
    return None if index == 0 else (index - 1, phases[-1])


def tick_time(series: BarSeries, index: int, phase: Phase) -> Instant:
    """The instant of one tick."""
    return int(series.time[index]) + offsets_of(series, index)[phase]


def price(series: BarSeries, index: int, phase: Phase, adverse_side: Side | None) -> float:
    """The mid price of one tick.

    ``adverse_side`` is the side of the position that the bar is to be hard on; None takes the classic order.
    """
    if phase is Phase.OPEN:
        return float(series.open[index])
    if phase is Phase.CLOSE:
        return float(series.close[index])
    rises = bool(series.close[index] >= series.open[index])
    low_first = rises if adverse_side is None else adverse_side is Side.BUY
    takes_low = low_first is (phase is Phase.ADVERSE)
    return float((series.low if takes_low else series.high)[index])
