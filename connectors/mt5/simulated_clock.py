"""The clock of a simulated trade server: a zone of its own, which the broker may change while it runs.

MetaTrader writes the server's local time as if it were UTC. A zone is a function from an instant to what its clock is
ahead of UTC, in seconds.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import TypeAlias
from zoneinfo import ZoneInfo

from trading.market import SECOND, Instant, moment

Zone: TypeAlias = Callable[[Instant], int]
"""``zone(instant)``: how many seconds the server's clock is ahead of UTC then."""

NEW_YORK = ZoneInfo("America/New_York")
EASTERN_EUROPE = ZoneInfo("Europe/Athens")
AHEAD_OF_NEW_YORK_SECONDS = 7 * 3_600  # so that the day ends with New York's at 17:00, and a week has five days
FIXED = re.compile(r"([+-])(\d{1,2})(?::([0-5]\d))?")
LONGEST_HOURS = 14
DEFAULT_ZONE = "new-york"


def new_york_close(at: Instant) -> int:
    """New York and seven hours: the usual one, with the American dates of daylight saving."""
    return _ahead(NEW_YORK, at) + AHEAD_OF_NEW_YORK_SECONDS


def eastern_europe(at: Instant) -> int:
    """Two hours, in summer three, with the European dates of daylight saving."""
    return _ahead(EASTERN_EUROPE, at)


def fixed(seconds: int) -> Zone:
    """The same all the year."""
    return lambda at: seconds


def zone_named(name: str) -> Zone:
    """``new-york``, ``europe``, or hours such as ``+2`` and ``-5:30``. Raises ``ValueError`` for anything else."""
    if name == "new-york":
        return new_york_close
    if name == "europe":
        return eastern_europe
    found = FIXED.fullmatch(name)
    if found is None or int(found[2]) > LONGEST_HOURS:
        raise ValueError(f"zone is {name!r}; expected new-york, europe, or hours from -14 to +14 such as +2 or +5:30")
    seconds = int(found[2]) * 3_600 + int(found[3] or 0) * 60
    return fixed(-seconds if found[1] == "-" else seconds)


class ServerClock:
    """The zones that a server has had, each from an instant on: what was stamped before a change keeps its stamp."""

    def __init__(self, zone: Zone = new_york_close) -> None:
        self._since: list[Instant] = []
        self._zones: list[Zone] = [zone]

    def change(self, zone: Zone, at: Instant) -> None:
        """Keep another zone from ``at`` on. Raises ``ValueError`` for one before the last change."""
        if self._since and at < self._since[-1]:
            raise ValueError(f"at is {at}; expected no earlier than the last change, {self._since[-1]}")
        self._since.append(at)
        self._zones.append(zone)

    def ahead_seconds(self, at: Instant) -> int:
        """What the server's clock was ahead of UTC at an instant."""
        return self._zones[bisect_right(self._since, at)](at)

    def milliseconds(self, at: Instant) -> int:
        """The instant as the server stamps it, as in fields whose names end in ``_msc``."""
        return at + self.ahead_seconds(at) * SECOND

    def seconds(self, at: Instant) -> int:
        """The instant as the server stamps it, in whole seconds."""
        return self.milliseconds(at) // SECOND


def _ahead(zone: ZoneInfo, at: Instant) -> int:
    offset = moment(at).astimezone(zone).utcoffset()
    assert offset is not None, "an aware moment has an offset"
    return int(offset.total_seconds())
