"""How holidays of the United States find their dates."""

from __future__ import annotations

from datetime import date, timedelta

MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6


def nth_weekday(year: int, month: int, weekday: int, number: int) -> date:
    """The first (1), second (2), ... such weekday of a month; Monday is 0."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7, weeks=number - 1)


def memorial_day(year: int) -> date:
    """The last Monday of May."""
    return nth_weekday(year, 6, MONDAY, 1) - timedelta(weeks=1)


def observed(day: date) -> date:
    """A holiday on a Saturday is kept on the Friday before it, on a Sunday on the Monday after it."""
    return day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))
