"""Times as people write them into files, turned into instants one by one, so that the first bad one can be named."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np

from trading.bars import Instants
from trading.market import SECOND, Instant, instant

EXPECTED = "an ISO 8601 time, or seconds or milliseconds since 1970"
FIRST_MILLISECONDS = 10**11  # as seconds this would be the year 5138, so it is milliseconds
LENGTH_OF_DATE = 8  # 20170419 is a date without dashes, not a second of August 1970
EARLIEST, LATEST = instant(datetime(1900, 1, 1, tzinfo=UTC)), instant(datetime(2200, 1, 1, tzinfo=UTC))


class UnreadableTime(ValueError):
    """One value is no time; it says which and why."""

    def __init__(self, row: int, value: object, expected: str) -> None:
        super().__init__(f"row {row}: {value!r}; expected {expected}")
        self.row, self.value, self.expected = row, value, expected


def instants_of(values: Iterable[object], zone: ZoneInfo | None) -> Instants:
    """The instants of texts, numbers or ``datetime`` values, in their order.

    ``zone`` is that of the times which name none; without it they are UTC. Where the clocks are put back an hour comes
    twice: the second one is recognised by following the first. Numbers are all in seconds or all in milliseconds, as
    the first one is. Raises `UnreadableTime`.
    """
    found: list[Instant] = []
    unit: int | None = None
    for row, value in enumerate(values):
        try:
            number = _number(value)
            if number is None:
                at = _moment(value, zone, found[-1] if found else None)
            else:
                unit = unit or (1 if abs(number) >= FIRST_MILLISECONDS else SECOND)
                at = number * unit
        except ValueError as error:
            raise UnreadableTime(row, value, str(error)) from error
        if not EARLIEST <= at <= LATEST:
            raise UnreadableTime(row, value, "a time between the years 1900 and 2200")
        found.append(at)
    return np.array(found, dtype=np.int64)


def _number(value: object) -> int | None:
    if isinstance(value, str):
        digits = value.strip()
        return int(digits) if digits.lstrip("-").isdecimal() and len(digits) != LENGTH_OF_DATE else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: object, zone: ZoneInfo | None, previous: Instant | None) -> Instant:
    if isinstance(value, str):
        text = value.strip()
        if text[4:5] == "." and text[7:8] == ".":
            text = text[:10].replace(".", "-") + text[10:]
        try:
            value = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(EXPECTED) from error
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    if not isinstance(value, datetime):
        raise ValueError(EXPECTED)
    if value.tzinfo is not None:
        return instant(value)
    return instant(value.replace(tzinfo=UTC)) if zone is None else _in_zone(value, zone, previous)


def _in_zone(local: datetime, zone: ZoneInfo, previous: Instant | None) -> Instant:
    first = instant(local.replace(tzinfo=zone, fold=0))
    second = instant(local.replace(tzinfo=zone, fold=1))
    if first > second:
        raise ValueError(f"a time that exists in {zone.key}: the clocks jump over this one")
    return second if previous is not None and previous >= first else first
