"""The weekly hours of a market as a person writes them: ``"Mon-Fri 09:00-17:30"``.

The days are *trading dates*: the local dates on which the trading closes. An opening that does not lie before its
closing is on the evening before, so ``"Tue-Fri 20:00-17:00"`` is 21 hours, of which four are on the day before, and
``"Mon-Fri 17:00-17:00"`` is all day. ``24:00`` may close: ``"Mon-Sun 00:00-24:00"`` never shuts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DAY_MINUTES = 24 * 60
WEEK_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXPECTED = 'expected days and hours, such as "Mon-Fri 09:00-17:30"'
LINE = re.compile(r"(?P<days>[A-Za-z,-]+) +(?P<opens>[0-9:]+) *- *(?P<closes>[0-9:]+)")
CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


@dataclass(frozen=True, slots=True)
class Session:
    """One stretch of trading of a trading date, in minutes of the local clock from midnight of that date."""

    weekday: int  # of the trading date; Monday is 0
    opens_minute: int  # negative: on the evening before; -420 is 17:00 the day before
    closes_minute: int


def minute_of(local_time: str) -> int:
    """Minutes since midnight of ``HH:MM``, 24:00 included. Raises ``ValueError`` for anything else."""
    if not CLOCK.fullmatch(local_time):
        raise ValueError(f"{local_time!r} is not a time of day, such as 17:00")
    hours, minutes = local_time.split(":")
    return int(hours) * 60 + int(minutes)


def end_minute_of(local_time: str) -> int:
    """The same for the end of a date: midnight ends it, so 00:00 is 24:00."""
    return minute_of(local_time) or DAY_MINUTES


def sessions_of(line: str) -> tuple[Session, ...]:
    """What one line says, a session for each of its days, Monday first.

    Raises ``ValueError`` that shows the line, for days or times that are none.
    """
    found = LINE.fullmatch(line.strip())
    if found is None:
        raise ValueError(f"{line!r}: {EXPECTED}")
    try:
        opens, closes = minute_of(found["opens"]), minute_of(found["closes"])
        weekdays = sorted(set(_weekdays(found["days"])))
    except ValueError as error:
        raise ValueError(f"{line!r}: {error}; {EXPECTED}") from error
    if opens == DAY_MINUTES or closes == 0:
        raise ValueError(f"{line!r}: midnight opens a day as 00:00 and closes one as 24:00; {EXPECTED}")
    if opens >= closes:
        opens -= DAY_MINUTES
    return tuple(Session(weekday, opens, closes) for weekday in weekdays)


def week_of(lines: Iterable[str]) -> tuple[Session, ...]:
    """A whole week, by trading date and opening. Raises ``ValueError`` for a bad line, and for hours that overlap."""
    week = sorted(
        (session for line in lines for session in sessions_of(line)),
        key=lambda session: (session.weekday, session.opens_minute),
    )
    ends = 0
    for session in (*week, *week[:1]):
        base = DAY_MINUTES * session.weekday
        again = 7 * DAY_MINUTES if ends and session is week[0] else 0  # the week after, which may reach back into this
        if ends and base + again + session.opens_minute < ends:
            day = WEEK_DAYS[session.weekday].capitalize()
            raise ValueError(f"the sessions of {day} overlap with others; expected one after the other")
        ends = base + again + session.closes_minute
    return tuple(week)


def _weekdays(words: str) -> Iterator[int]:
    """``Mon``, ``Mon,Wed``, ``Mon-Fri``; ``Sun-Thu`` goes on past the end of the week."""
    for part in words.split(","):
        first, dash, last = part.partition("-")
        start = _weekday(first)
        length = (_weekday(last) - start) % 7 if dash else 0
        yield from ((start + step) % 7 for step in range(length + 1))


def _weekday(word: str) -> int:
    if word.casefold() not in WEEK_DAYS:
        raise ValueError(f"{word!r} is not a day of the week, such as Mon")
    return WEEK_DAYS.index(word.casefold())
