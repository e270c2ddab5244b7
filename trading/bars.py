"""Bars as columns, checked once, where they come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from trading.market import SECOND, Instant, iso

Floats: TypeAlias = NDArray[np.float64]
Instants: TypeAlias = NDArray[np.int64]


class BadBars(ValueError):
    """The bars cannot be used; the message names the row, the column and the value."""


@dataclass(frozen=True, slots=True, eq=False)
class TickSpans:
    """Before when the ticks of each bar come, in milliseconds after its opening."""

    extremes: Instants  # (n,) the high and the low
    closing: Instants  # (n,) the close

    def taken(self, which: slice | NDArray[np.bool_]) -> TickSpans:
        """Those of some of the bars."""
        return TickSpans(self.extremes[which], self.closing[which])


@dataclass(frozen=True, slots=True, eq=False)
class BarSeries:
    """Bars of one commodity in one time frame, oldest first. All arrays have the same length n.

    Prices are mid prices in the commodity's price units; ``spread`` is ask minus bid at the bar's close, or NaN where
    the source has none (the paper broker then takes the commodity's typical spread).
    """

    commodity: str
    bar_seconds: int
    time: Instants  # (n,) opening instants
    open: Floats  # (n,)
    high: Floats
    low: Floats
    close: Floats
    spread: Floats
    # None: every bar ticks from its opening to its end (see `trading/ticks.py`)
    tick_spans: TickSpans | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def bar_length(self) -> int:
        """The length of a bar in milliseconds, the unit of ``time``."""
        return self.bar_seconds * SECOND

    def end(self, index: int) -> Instant:
        """The instant at which bar ``index`` is complete, by the clock alone."""
        return int(self.time[index]) + self.bar_length

    def completed(self, now: Instant) -> int:
        """How many bars are complete at ``now``, by the clock alone (no later row is looked at)."""
        return int(self.time.searchsorted(now - self.bar_length, side="right"))

    def window(self, start: int, stop: int) -> BarSeries:
        """Bars ``start`` up to but not including ``stop``, without copying."""
        return self._taken(slice(start, stop))

    def where(self, wanted: NDArray[np.bool_]) -> BarSeries:
        """The bars for which ``wanted``, of shape (n,), is true."""
        return self._taken(wanted)

    def _taken(self, which: slice | NDArray[np.bool_]) -> BarSeries:
        return BarSeries(
            self.commodity,
            self.bar_seconds,
            self.time[which],
            self.open[which],
            self.high[which],
            self.low[which],
            self.close[which],
            self.spread[which],
            tick_spans=None if self.tick_spans is None else self.tick_spans.taken(which),
        )


def check_bars(series: BarSeries, *, may_be_negative: bool = False, source: str = "bars") -> BarSeries:
    """The same series, or ``BadBars`` naming the first row at fault, what is wrong and what was expected.

    Refused: unequal columns, no rows, NaN or infinite prices, prices at or below zero (unless ``may_be_negative``),
    a high below the low, an open or close outside low..high, an infinite or negative (crossed) spread, unsorted or
    duplicate times. That times lie on a grid of ``bar_seconds`` is for whoever found that length to check.
    """
    columns = {"open": series.open, "high": series.high, "low": series.low, "close": series.close}
    if len(series) == 0:
        raise BadBars(f"{source}: there are no bars of {series.commodity}")
    for name, column in {**columns, "spread": series.spread}.items():
        if column.shape != series.time.shape:
            raise BadBars(f"{source}: {name} has {column.shape} values for {series.time.shape} times")

    def refuse(bad: NDArray[np.bool_], column: str, values: NDArray[np.generic], expected: str) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            at = iso(int(series.time[row]))
            value = at if column == "time" else values[row]
            raise BadBars(f"{source}: row {row} ({at}): {column} is {value}; expected {expected}")

    for name, column in columns.items():
        refuse(~np.isfinite(column), name, column, "a finite price")
        if not may_be_negative:
            refuse(column <= 0, name, column, f"a price above zero ({series.commodity} allows no other)")
    refuse(series.high < series.low, "high", series.high, "at least the low")
    for name in ("open", "close"):
        column = columns[name]
        refuse((column > series.high) | (column < series.low), name, column, "a price between low and high")
    refuse(np.isinf(series.spread), "spread", series.spread, "a finite spread, or none (NaN)")
    refuse(series.spread < 0, "spread", series.spread, "an ask that is not below the bid")
    step = np.diff(series.time, prepend=series.time[:1] - 1)
    refuse(step == 0, "time", series.time, "a time that was not there before (duplicate)")
    refuse(step < 0, "time", series.time, "times in rising order (unsorted)")
    return series
