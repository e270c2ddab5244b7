"""What is usual for each time of the day: the variance of its slots beside one another, learnt as the days pass.

A slot is an hour, or a bar where that is longer. As a day ends, each slot's mean takes in what its bars were beside the
mood in which the day ended. A day's weight fades over 120 days, and at first every slot counts as usual, with the
weight of ten days.

Markets keep local hours, and those that move prices most change their clocks with New York, or within weeks of it. So
slots of an hour are hours of New York, counted from midnight of its winter; in summer they come an hour earlier in UTC.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from trading.bars import Floats, Instants
from trading.market import DAY, HOUR

MEMORY_DAYS = 120.0
DOUBT_DAYS = 10.0  # the weight of "as usual" at first
LEAST = 0.05  # of the mean: nothing is quieter, so that one price in a dead hour does not count for a storm
NEW_YORK = ZoneInfo("America/New_York")
THE_EPOCH = date(1970, 1, 1)


class DayProfile:
    """The factors of the slots of a day, (slots,), with a mean of 1 over those in which there were bars."""

    __slots__ = ("_seen", "_share", "_sums", "_weights", "factors", "length", "slots")

    def __init__(self, bar_length: int) -> None:
        """Every slot as usual. ``bar_length`` is in milliseconds; bars that do not divide a day make one slot of it."""
        length = max(bar_length, HOUR)
        self.length = length if DAY % length == 0 else DAY  # of a slot, in milliseconds
        self.slots = DAY // self.length
        self.factors: Floats = np.ones(self.slots)
        self._share = min(bar_length / self.length, 1.0)  # what one bar weighs in its slot's mean
        self._sums = np.full(self.slots, DOUBT_DAYS)
        self._weights = np.full(self.slots, DOUBT_DAYS)
        self._seen = np.zeros(self.slots, dtype=np.bool_)

    def places(self, times: Instants) -> tuple[Instants, Instants, Instants]:
        """For bars opening then, (n,) each: the day, the slot of it, and by how many slots UTC is early then."""
        early = hours_early(times) if self.length == HOUR else np.zeros_like(times)
        days, into_day = np.divmod(times + early * HOUR, DAY)
        return days, into_day // self.length, early

    def learn(self, slots: Sequence[int], variances: Sequence[float], mood: float) -> None:
        """Take in a day's bars, the slot and the variance an hour of each, beside the mood that the day ended with."""
        fade = math.exp(-1 / MEMORY_DAYS)
        bars = np.bincount(slots, minlength=self.slots)
        self._sums = self._sums * fade + np.bincount(slots, variances, self.slots) * (self._share / mood)
        self._weights = self._weights * fade + bars * self._share
        self._seen |= bars > 0
        means = self._sums / self._weights
        factors = np.maximum(means / means[self._seen].mean(), LEAST)
        self.factors = np.where(self._seen, factors / factors[self._seen].mean(), 1.0)

    def in_utc(self, early: int) -> Floats:
        """The factors by the slots of the UTC day, at a time when UTC is early by so many."""
        return np.concatenate((self.factors[early:], self.factors[:early]))


def hours_early(times: Instants) -> Instants:
    """1 for each instant on whose date New York has its summer time, 0 for the others; (n,), in rising order."""
    days = times // DAY
    starts = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
    summer = np.array([_is_summer(day) for day in days[starts].tolist()], dtype=np.int64)
    return np.repeat(summer, np.diff(starts, append=len(days)))


@lru_cache(maxsize=20_000)
def _is_summer(day: int) -> bool:
    """Whether New York has its summer time on this day since the epoch."""
    noon = datetime.combine(THE_EPOCH + timedelta(days=day), time(12), NEW_YORK)
    return bool(noon.dst())
