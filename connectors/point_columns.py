"""The prices of a recorded series in whole points, as columns: one tick of them, or what a stretch of them reaches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trading.bars import BarSeries, Floats
from trading.market import Side
from trading.ticks import Phase

FIRST_STRETCH_BARS = 64  # what is looked for is often near; each further stretch is twice as long


class PointColumns:
    """Bids and asks of the four prices of each bar."""

    def __init__(self, series: BarSeries, scale: int, typical_spread_points: float) -> None:
        """``scale``: points in one unit of price. The bid lies half a spread below the mid, the ask a spread above."""
        spread = series.spread * scale
        spread = np.where(np.isfinite(spread), spread, typical_spread_points)
        self._scale = scale
        self._width = np.rint(spread).astype(np.int64)
        self._bids = {
            name: np.rint(getattr(series, name) * scale - spread / 2).astype(np.int64)
            for name in ("open", "high", "low", "close")
        }
        self._closing: dict[tuple[Side, str], Floats] = {}  # as far as it was asked for
        self._rises = series.close >= series.open

    def of(self, index: int, phase: Phase, adverse_side: Side | None) -> tuple[int, int]:
        """Bid and ask of one tick; see `trading.ticks.price`."""
        if phase is Phase.OPEN:
            name = "open"
        elif phase is Phase.CLOSE:
            name = "close"
        else:
            low_first = bool(self._rises[index]) if adverse_side is None else adverse_side is Side.BUY
            name = "low" if low_first is (phase is Phase.ADVERSE) else "high"
        bid = int(self._bids[name][index])
        return bid, bid + int(self._width[index])

    def closing(self, side: Side, name: str) -> Floats:
        """What closing ``side`` costs at the ``name`` of each bar: its open, high, low or close."""
        prices = self._closing.get((side, name))
        if prices is None:
            points = self._bids[name] if side is Side.BUY else self._bids[name] + self._width
            prices = self._closing[side, name] = points / self._scale
        return prices

    def reaches(self, side: Side, phases: Sequence[Phase]) -> Reaches:
        """The lowest and the highest price at which ``side`` closes in each bar, with these ticks of it."""
        low, high = ("low", "high") if len(phases) > 1 else ("close", "close")
        return Reaches(self.closing(side, low), self.closing(side, high))


class Reaches:
    """The lowest and the highest price of each bar."""

    def __init__(self, low: Floats, high: Floats) -> None:
        self._low = low
        self._high = high

    def first_outside(self, low: float, high: float, first: int, last: int) -> int | None:
        """The first bar from ``first`` up to, not including, ``last`` that reaches ``low`` or ``high``, if one does."""
        length = FIRST_STRETCH_BARS
        while first < last:
            stretch = slice(first, min(first + length, last))
            outside: NDArray[np.bool_] = (self._low[stretch] <= low) | (self._high[stretch] >= high)
            found = int(outside.argmax())
            if outside[found]:
                return first + found
            first, length = stretch.stop, 2 * length
        return None

    def worst(self, side: Side, first: int, last: int) -> float:
        """The lowest price of these bars for a buy, the highest for a sell. There is at least one."""
        return float(self._low[first:last].min() if side is Side.BUY else self._high[first:last].max())
