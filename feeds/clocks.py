"""The clock of a file's times: a zone of the database, or a broker's own clock, which is a zone and some hours.

Brokers keep clocks that no zone has: two hours ahead of UTC in winter and three in summer, on the dates of Europe or,
more often, on those of New York, so that the trading day ends at midnight. Such a clock is a zone whose dates it
follows (London, New York, or UTC for none) plus a fixed shift.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from trading.bars import Instants
from trading.market import DAY, HOUR, MINUTE, Instant, moment

NEW_YORK_HOURS, LONDON_HOURS = -5, 0  # of their winters
BROKER = re.compile(
    r"(?:UTC|GMT)?(?P<winter>[+-]\d{1,2}(?::\d\d)?)(?:/(?P<summer>[+-]\d{1,2}(?::\d\d)?)[ _](?P<dates>EU|US))?", re.I
)
EXPECTED = (
    "a zone such as Europe/Athens, a broker's clock such as UTC+2/+3 EU or UTC+2/+3 US (winter, summer, and whose "
    "dates of summer time), fixed hours such as UTC+2, server (UTC+2/+3 US, the commonest), or measure"
)


class UnknownClock(ValueError):
    """No clock is called so; the message says what is expected."""


class SkippedTime(ValueError):
    """A local time that does not exist: the clocks jump over it. ``row`` is where it stands."""

    def __init__(self, row: int, clock: str) -> None:
        super().__init__(f"a time that exists in {clock}: the clocks jump over this one")
        self.row = row


@dataclass(frozen=True, slots=True)
class FileClock:
    """A wall clock: that of ``zone``, ``shift_minutes`` ahead."""

    name: str  # in words, as it may be given
    zone: tzinfo = UTC
    shift_minutes: int = 0

    def offset(self, at: Instant) -> int:
        """How far the clock is ahead of UTC at an instant, in milliseconds."""
        ahead = moment(at).astimezone(self.zone).utcoffset() or timedelta(0)
        return round(ahead.total_seconds() * 1_000) + self.shift_minutes * MINUTE

    def changes(self, first: Instant, last: Instant) -> tuple[Instants, Instants]:
        """The instants from which each offset holds, and the offsets, both (m,): the first at or before ``first``."""
        starts, offsets = [first], [self.offset(first)]
        day = first
        while day < last:
            following = day + DAY
            if self.offset(following) != offsets[-1]:
                changed = self._change_between(day, following)
                starts.append(changed)
                offsets.append(self.offset(changed))
            day = following
        return np.array(starts, dtype=np.int64), np.array(offsets, dtype=np.int64)

    def to_utc(self, local: Instants) -> Instants:
        """The instants (n,) at which the clock showed ``local``, (n,) milliseconds since 1970 by that clock.

        Where the clocks are put back an hour comes twice: the second one is recognised by following the first. Raises
        `SkippedTime` for a time that the clocks jump over.
        """
        if len(local) == 0:
            return local
        starts, offsets = self.changes(int(local.min()) - 2 * DAY, int(local.max()) + 2 * DAY)
        segment = np.searchsorted(starts + offsets, local, side="right") - 1
        utc: Instants = local - offsets[segment]
        follows = segment + 1
        beyond = (follows < len(starts)) & (utc >= np.append(starts, np.iinfo(np.int64).max)[follows])
        if beyond.any():
            raise SkippedTime(int(np.argmax(beyond)), self.name)
        earlier = local - offsets[np.maximum(segment - 1, 0)]
        twice = (segment > 0) & (earlier < starts[segment])
        for row in np.flatnonzero(twice).tolist():
            if row == 0 or utc[row - 1] < earlier[row]:
                utc[row] = earlier[row]
        return utc

    def _change_between(self, low: Instant, high: Instant) -> Instant:
        before = self.offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.offset(middle) == before else (low, middle)
        return high


UTC_CLOCK = FileClock("UTC")


def clock_named(name: str) -> FileClock:
    """The clock of that name. Raises `UnknownClock`."""
    text = name.strip()
    if text.lower() in ("server", "new-york"):
        return broker_clock(2 * 60, "US")
    if text.lower() == "europe":
        return broker_clock(2 * 60, "EU")
    if text.upper() in ("UTC", "GMT", "Z"):
        return UTC_CLOCK
    found = BROKER.fullmatch(text)
    if found:
        winter = _minutes(found["winter"])
        if found["summer"] is None:
            return broker_clock(winter, "")
        if _minutes(found["summer"]) != winter + 60:
            raise UnknownClock(f"{name!r}; expected a summer that is an hour ahead of its winter")
        return broker_clock(winter, found["dates"].upper())
    try:
        return FileClock(text, ZoneInfo(text))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownClock(f"{name!r}; expected {EXPECTED}") from error


def broker_clock(winter_minutes: int, dates: str) -> FileClock:
    """The clock that is so far ahead of UTC in winter, with summer time on the dates of ``EU``, ``US`` or never."""
    winter = _written(winter_minutes)
    if not dates:
        return FileClock(f"UTC{winter}", UTC, winter_minutes)
    name = f"UTC{winter}/{_written(winter_minutes + 60)} {dates}"
    if dates == "US":
        return FileClock(name, ZoneInfo("America/New_York"), winter_minutes - NEW_YORK_HOURS * 60)
    return FileClock(name, ZoneInfo("Europe/London"), winter_minutes - LONDON_HOURS * 60)


def local_milliseconds(local: datetime) -> int:
    """What a naive time shows, as milliseconds since 1970 by its own clock."""
    since = local - datetime(1970, 1, 1)
    return since.days * DAY + since.seconds * 1_000 + since.microseconds // 1_000


def _minutes(text: str) -> int:
    hours, _, minutes = text[1:].partition(":")
    return (-1 if text[0] == "-" else 1) * (int(hours) * 60 + int(minutes or 0))


def _written(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), HOUR // MINUTE)
    return f"{'-' if minutes < 0 else '+'}{hours}{f':{rest:02d}' if rest else ''}"
