"""The few causal array operations that TA-Lib lacks."""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np

from trading.bars import Floats


def lagged(values: Floats, bars: int) -> Floats:
    """The value ``bars`` bars earlier; NaN where there was none. Shape (n,) in, (n,) out."""
    earlier = np.full(values.shape, np.nan)
    earlier[bars:] = values[: max(len(values) - bars, 0)]
    return earlier


def change(values: Floats, bars: int) -> Floats:
    """The value less the one ``bars`` bars earlier; NaN where there was none."""
    return values - lagged(values, bars)


def over(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient, or NaN where the denominator is not above zero: without movement there is nothing to measure by."""
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def rolling_median(values: Floats, window: int, minimum: int) -> Floats:
    """The median of the known values among the last ``window``; NaN while fewer than ``minimum`` of them are known.

    A window kept in order costs one insertion and one removal per bar: 100,000 bars of a window of 480 take about
    0.1 s, where a median over each window from scratch takes several.
    """
    medians = np.full(values.shape, np.nan)
    row: list[float] = values.tolist()
    ordered: list[float] = []
    for index, value in enumerate(row):
        if value == value:  # NaN is the only value that differs from itself; it has no place in an order
            insort(ordered, value)
        leaving = row[index - window] if index >= window else np.nan
        if leaving == leaving:
            del ordered[bisect_left(ordered, leaving)]
        count = len(ordered)
        if count >= minimum:
            medians[index] = (ordered[count // 2] + ordered[(count - 1) // 2]) / 2
    return medians
