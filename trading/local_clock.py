"""Local times and instants, a whole column at once.

A local time that daylight saving skips is read on the clock of before the change; one that happens twice is its first
occurrence: as `zoneinfo` reads them with ``fold=0``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from trading.bars import Instants
from trading.market import DAY, MINUTE

WEEK = 7 * DAY
EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday


def weekdays_of(days: Instants) -> Instants:
    """The weekday of each date, Monday being 0; dates are days since 1970-01-01."""
    return (days + EPOCH_WEEKDAY) % 7


def years_of(days: Instants) -> Instants:
    """The year of each date."""
    years: Instants = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    return years


@dataclass(frozen=True, slots=True, eq=False)
class LocalClock:
    """The clock of one zone, good for the years that it was made for."""

    changes: Instants = field(repr=False)  # (n,) the instants at which the offset changes, sorted
    offsets: Instants = field(repr=False)  # (n + 1,) local time minus UTC before the first, between and after, in ms

    def instants(self, days: Instants, minutes: Instants) -> Instants:
        """The instants at which the clock shows these minutes after midnight of these dates."""
        local = days * DAY + minutes * MINUTE
        # The first local time that is read by the new offset: after a gap, and after the second of two equal hours.
        turns = self.changes + np.maximum(self.offsets[:-1], self.offsets[1:])
        found: Instants = local - self.offsets[np.searchsorted(turns, local, side="right")]
        return found

    def minutes(self, at: Instants, days: Instants) -> Instants:
        """What the clock shows at these instants, in whole minutes after midnight of these dates."""
        local = at + self.offsets[np.searchsorted(self.changes, at, side="right")]
        shown: Instants = (local - days * DAY) // MINUTE
        return shown

    def dates(self, at: Instants) -> Instants:
        """The local dates at these instants."""
        shown: Instants = (at + self.offsets[np.searchsorted(self.changes, at, side="right")]) // DAY
        return shown


@lru_cache(maxsize=64)  # a dozen zones serve all commodities
def local_clock(zone: str, first_year: int, last_year: int) -> LocalClock:
    """The clock of a zone from the year before ``first_year`` to the year after ``last_year``.

    Offsets are looked up once a week and the change between is found by halving, so a zone whose clocks change twice
    within a week is not read rightly: none has done so since clocks are changed for daylight saving.
    """
    name = ZoneInfo(zone)

    def offset(at: int) -> int:
        # By timedelta: a timestamp before 1970 is refused on Windows.
        shown = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(name).utcoffset()
        return 0 if shown is None else round(shown.total_seconds() * 1_000)

    first, last = (
        int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000 for year in (first_year - 1, last_year + 2)
    )
    changes: list[int] = []
    offsets = [offset(first)]
    for before in range(first, last, WEEK):
        after = before + WEEK
        if offset(after) != offsets[-1]:
            low, high = before, after
            while high - low > MINUTE:
                middle = (low + high) // 2 // MINUTE * MINUTE
                low, high = (low, middle) if offset(middle) != offsets[-1] else (middle, high)
            changes.append(high)
            offsets.append(offset(after))
    return LocalClock(np.array(changes, dtype=np.int64), np.array(offsets, dtype=np.int64))
