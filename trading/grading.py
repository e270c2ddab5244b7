"""Readings turned into grades from 0 to 1: more of a good thing raises a grade step by step, never all at once."""

from __future__ import annotations

import numpy as np

from trading.bars import Floats


def ramp(reading: Floats, low: float, high: float) -> Floats:
    """0 up to ``low``, 1 from ``high``, a straight line between. NaN stays NaN."""
    return np.clip((reading - low) / (high - low), 0.0, 1.0)


def falling(reading: Floats, low: float, high: float) -> Floats:
    """1 up to ``low``, 0 from ``high``: the ramp turned over."""
    return 1.0 - ramp(reading, low, high)


def trapezoid(reading: Floats, start: float, full: float, fade: float, end: float) -> Floats:
    """Rises from ``start`` to ``full``, stays 1 until ``fade``, and is back at 0 at ``end``. NaN stays NaN."""
    return np.minimum(ramp(reading, start, full), falling(reading, fade, end))
