"""What is known live of one commodity's bars on one account: their tail, and the forecast that grew with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from trading.bars import BarSeries
from trading.market import Instant
from trading.volatility import Forecaster

LONGEST_TAIL_BARS = 16_000  # of hours: with so many, a longer history no longer changes any confidence (measured)


@dataclass(slots=True)
class LiveBars:
    """A tail of bars, and a forecaster of their variance that was shown every one since its first."""

    tail: BarSeries
    forecaster: Forecaster
    first: Instant  # the opening instant of the first bar that the forecaster saw

    @classmethod
    def of(cls, series: BarSeries) -> Self:
        """Begin with these bars."""
        forecaster = Forecaster(series.bar_seconds)
        forecaster.update(series)
        return cls(series, forecaster, int(series.time[0]))

    def take(self, newer: BarSeries) -> None:
        """Add the bars that are new.

        A history that reaches farther back than what the forecaster saw makes it begin anew. After a hole the tail
        begins anew and the forecaster goes on: what it has learnt of the hours of the day holds all the same.
        """
        if newer.bar_seconds != self.tail.bar_seconds or newer.time[0] < self.first:
            begun = LiveBars.of(newer)
            self.tail, self.forecaster, self.first = begun.tail, begun.forecaster, begun.first
            return
        self.tail = joined(self.tail, newer)
        self.forecaster.update(newer)


def joined(tail: BarSeries, newer: BarSeries) -> BarSeries:
    """The tail with the bars that come after it, cut to the longest tail that is kept.

    A series that leaves a hole after the tail, or reaches back before its start, replaces it.
    """
    if newer.bar_seconds != tail.bar_seconds or newer.time[0] <= tail.time[0]:
        return newer
    fresh = newer.window(int(np.searchsorted(newer.time, tail.time[-1], side="right")), len(newer))
    if len(fresh) == 0:
        return tail
    if len(fresh) == len(newer) and len(newer) > 1:
        return newer  # nothing in common: what lies between is not known
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(tail, name), getattr(fresh, name)])[-LONGEST_TAIL_BARS:]
        for name in ("time", "open", "high", "low", "close", "spread")
    }
    return BarSeries(commodity=tail.commodity, bar_seconds=tail.bar_seconds, **columns)
