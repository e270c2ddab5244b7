"""How sure scores are when claims are not independent: intervals from drawing whole groups of them again.

The claims about one trade end alike, and so do those of one day. So whole groups are drawn, with replacement, and the
scores of each drawing counted (the cluster bootstrap: B. Efron and R. J. Tibshirani, "An Introduction to the
Bootstrap", 1993, chapter 8; A. C. Cameron, J. B. Gelbach and D. L. Miller, "Bootstrap-based improvements for inference
with clustered errors", Review of Economics and Statistics 90, 2008). An interval runs from percentile to percentile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.bars import Floats, Instants
from trading.calibration import BINS, Interval, Outcomes
from trading.draws import uniforms

DRAWS = 1_000
TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """95 % intervals of scores. None where there are fewer than two groups, or too few drawings have the score."""

    happened: Interval | None
    calibration_error: Interval | None
    brier: Interval | None
    brier_skill: Interval | None


def bootstrapped(
    claimed: Floats, happened: Outcomes, group: Instants, *, seed: int = 0, draws: int = DRAWS
) -> Bootstrapped:
    """The intervals of the scores of (n,) claims, ``group`` telling which belong together; the same for the same seed.

    A calibration error of few claims is too high, for chance alone takes every bin away from its claim: its interval
    lies too high with it.
    """
    _, place = np.unique(group, return_inverse=True)
    groups = int(place.max(initial=-1)) + 1
    if groups < 2:
        return Bootstrapped(None, None, None, None)
    bins = np.minimum((claimed * BINS).astype(np.int64), BINS - 1)
    biases = [np.where(bins == each, claimed - happened, 0) for each in np.unique(bins)]
    columns = [np.ones(len(claimed)), happened, (claimed - happened) ** 2, *biases]
    sums = np.stack([np.bincount(place, weights=column, minlength=groups) for column in columns], axis=1)
    drawings = ((uniforms(seed, number, groups) * groups).astype(np.int64) for number in range(draws))
    totals = np.stack([np.bincount(drawn, minlength=groups) @ sums for drawn in drawings])
    count = totals[:, 0]
    rate, brier = totals[:, 1] / count, totals[:, 2] / count
    uncertainty = rate * (1 - rate)
    certain = uncertainty <= 0
    skill = np.where(certain, np.nan, 1 - brier / np.where(certain, 1, uncertainty))
    return Bootstrapped(
        happened=_percentiles(rate),
        calibration_error=_percentiles(np.abs(totals[:, 3:]).sum(axis=1) / count),
        brier=_percentiles(brier),
        brier_skill=_percentiles(skill),
    )


def _percentiles(values: Floats) -> Interval | None:
    known = values[np.isfinite(values)]
    if 2 * len(known) < len(values):
        return None
    low, high = np.quantile(known, (TAIL, 1 - TAIL))
    return Interval(float(low), float(high))
