"""Times as people write them into files: what each says, read one by one, so that the first bad one can be named."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
from numpy.typing import NDArray

from feeds.clocks import FileClock, SkippedTime, local_milliseconds
from trading.bars import Instants
from trading.market import SECOND, instant

EXPECTED = "an ISO 8601 time, or seconds, milliseconds, microseconds or nanoseconds since 1970"
FIRST_MILLISECONDS = 10**11  # as seconds this would be the year 5138, so it is milliseconds
FIRST_MICROSECONDS, FIRST_NANOSECONDS = 10**14, 10**17  # by the same reasoning
LENGTH_OF_DATE = 8  # 20170419 is a date without dashes, not a second of August 1970
EARLIEST, LATEST = instant(datetime(1900, 1, 1, tzinfo=UTC)), instant(datetime(2200, 1, 1, tzinfo=UTC))
DAY_FIRST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(.*)", re.DOTALL)
OFFSET = re.compile(r"\s*(?:GMT|UTC)?\s*([+-]\d{2}:?\d{2})$")


class UnreadableTime(ValueError):
    """One value is no time; it says which and why."""

    def __init__(self, row: int, value: object, expected: str) -> None:
        super().__init__(f"row {row}: {value!r}; expected {expected}")
        self.row, self.value, self.expected = row, value, expected


@dataclass(frozen=True, slots=True, eq=False)
class ShownTimes:
    """What n values show."""

    values: Sequence[object]  # as they stand in the file
    shown: Instants  # (n,) milliseconds since 1970
    is_local: NDArray[np.bool_]  # (n,) by a clock that the value does not name; otherwise in UTC


def settled(times: ShownTimes, clock: FileClock) -> Instants:
    """The instants, (n,), with the local ones as ``clock`` means them. Raises `UnreadableTime`."""
    found = times.shown.copy()
    rows = np.flatnonzero(times.is_local)
    try:
        found[rows] = clock.to_utc(times.shown[rows])
    except SkippedTime as error:
        row = int(rows[error.row])
        raise UnreadableTime(row, times.values[row], str(error)) from error
    return found


def shown_times(values: Sequence[object]) -> ShownTimes:
    """What texts, numbers or ``datetime`` values show, in their order.

    Numbers are all of one unit, as the first one is. Raises `UnreadableTime`.
    """
    month_first = _month_comes_first(values)
    shown: list[int] = []
    local: list[bool] = []
    scale: Callable[[int], int] | None = None
    for row, value in enumerate(values):
        try:
            number = _number(value)
            if number is None:
                at, is_local = _moment(value, month_first)
            else:
                scale = scale or _scale(number)
                at, is_local = scale(number), False
        except ValueError as error:
            raise UnreadableTime(row, value, str(error)) from error
        if not EARLIEST <= at <= LATEST:
            raise UnreadableTime(row, value, "a time between the years 1900 and 2200")
        shown.append(at)
        local.append(is_local)
    return ShownTimes(values, np.array(shown, dtype=np.int64), np.array(local, dtype=np.bool_))


def _scale(number: int) -> Callable[[int], int]:
    """From a number's unit to milliseconds."""
    size = abs(number)
    if size >= FIRST_NANOSECONDS:
        return lambda value: value // 1_000_000
    if size >= FIRST_MICROSECONDS:
        return lambda value: value // 1_000
    return (lambda value: value) if size >= FIRST_MILLISECONDS else (lambda value: value * SECOND)


def _number(value: object) -> int | None:
    if isinstance(value, str):
        digits = value.strip()
        return int(digits) if digits.lstrip("-").isdecimal() and len(digits) != LENGTH_OF_DATE else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: object, month_first: bool | None) -> tuple[int, bool]:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(_as_iso(value.strip(), month_first))
        except ValueError as error:
            raise ValueError(str(error) if "month or the day" in str(error) else EXPECTED) from error
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    if not isinstance(value, datetime):
        raise ValueError(EXPECTED)
    if value.tzinfo is not None:
        return instant(value), False
    return local_milliseconds(value), True


def _as_iso(text: str, month_first: bool | None) -> str:
    """``2017.04.19 03:00``, ``19.04.2017 03:00:00.000 GMT+0200`` and ``04/19/2017`` as ISO 8601."""
    if text[4:5] in "./" and text[7:8] == text[4:5] and text[:4].isdecimal():
        text = f"{text[:4]}-{text[5:7]}-{text[8:]}"
    elif found := DAY_FIRST.match(text):
        first, separator, second, year, rest = found.groups()
        if separator == "/" and month_first is None:
            raise ValueError("a date that tells whether the month or the day comes first; this file has none")
        day, month = (second, first) if separator == "/" and month_first else (first, second)
        text = f"{year}-{int(month):02d}-{int(day):02d}{rest}"
    behind = text[len("2017-04-19") :]
    return OFFSET.sub(r"\1", text) if "+" in behind or "-" in behind else text


def _month_comes_first(values: Sequence[object]) -> bool | None:
    """Whether ``03/04/2017`` is of March, as the first date with a number above 12 shows; None: there is none."""
    for value in values:
        found = DAY_FIRST.match(value.strip()) if isinstance(value, str) else None
        if found is None:
            return None
        if int(found[1]) > 12:
            return False
        if int(found[3]) > 12:
            return True
    return None
