"""Holidays by name, and the keys by which the hours of a market name dates.

A key is a date (``2026-12-24``), a date of every year (``12-24``) or a name of `NAMES` (``good_friday``). Where keys
name the same date the more exact one holds: a date before a date of every year before a name.

United States: a holiday on a Saturday is kept on the Friday before it and one on a Sunday on the Monday after it, but
New Year's Day on a Saturday is not kept, for that Friday ends the year's books. England: a bank holiday at a weekend
is kept on the next weekday that is none; the one-offs are those that were proclaimed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType

from trading.easter import good_friday
from trading.us_holidays import FRIDAY, MONDAY, SATURDAY, SUNDAY, THURSDAY, memorial_day, nth_weekday, observed

JUNETEENTH_SINCE = 2022  # exchanges kept it from its second year on
A_LEAP_YEAR = 2024
EXACT = 2
EXPECTED = "expected a date such as 2026-12-24, a day of every year such as 12-24, or a holiday's name such as"

_MONDAYS_OF_ENGLAND: Mapping[date, tuple[date, ...]] = MappingProxyType(
    {  # bank holidays that were moved, and to where
        date(2012, 5, 28): (date(2012, 6, 4),),
        date(2020, 5, 4): (date(2020, 5, 8),),
        date(2022, 5, 30): (date(2022, 6, 2),),
    }
)
_ONCE_IN_ENGLAND = tuple(
    date.fromisoformat(day) for day in ("2011-04-29", "2012-06-05", "2022-06-03", "2022-09-19", "2023-05-08")
)


def _thanksgiving(year: int) -> date:
    return nth_weekday(year, 11, THURSDAY, 4)


def _new_year(year: int) -> Iterable[date]:
    day = date(year, 1, 1)
    return () if day.weekday() == SATURDAY else (observed(day),)


def _juneteenth(year: int) -> Iterable[date]:
    return (observed(date(year, 6, 19)),) if year >= JUNETEENTH_SINCE else ()


def _day_after(kept: Iterable[date]) -> Iterable[date]:
    """The day after a holiday within the week: the first day again, without the evening before it."""
    return tuple(day + timedelta(days=1) for day in kept if day.weekday() < FRIDAY)


def _weekend_to_monday(day: date) -> date:
    return day + timedelta(days={SATURDAY: 2, SUNDAY: 1}.get(day.weekday(), 0))


def _bank_holidays(year: int) -> Iterable[date]:
    """Those of England and Wales, as LME and London's banks keep them."""
    christmas, boxing_day = date(year, 12, 25), date(year, 12, 26)
    kept = {
        _weekend_to_monday(date(year, 1, 1)),
        good_friday(year),
        good_friday(year) + timedelta(days=3),
        _weekend_to_monday(christmas) + timedelta(days=christmas.weekday() == SUNDAY),
        _weekend_to_monday(boxing_day) + timedelta(days=boxing_day.weekday() == SUNDAY),
        *(day for day in _ONCE_IN_ENGLAND if day.year == year),
    }
    for monday in (
        nth_weekday(year, 5, MONDAY, 1),
        memorial_day(year),  # the last Monday of May in both countries
        nth_weekday(year, 9, MONDAY, 1) - timedelta(weeks=1),
    ):
        kept.update(_MONDAYS_OF_ENGLAND.get(monday, (monday,)))
    return kept


NAMES: Mapping[str, Callable[[int], Iterable[date]]] = MappingProxyType(
    {
        "new_year": _new_year,
        "martin_luther_king": lambda year: (nth_weekday(year, 1, MONDAY, 3),),
        "presidents_day": lambda year: (nth_weekday(year, 2, MONDAY, 3),),
        "good_friday": lambda year: (good_friday(year),),
        "easter_monday": lambda year: (good_friday(year) + timedelta(days=3),),
        "memorial_day": lambda year: (memorial_day(year),),
        "juneteenth": _juneteenth,
        "independence_day": lambda year: (observed(date(year, 7, 4)),),
        "labor_day": lambda year: (nth_weekday(year, 9, MONDAY, 1),),
        "columbus_day": lambda year: (nth_weekday(year, 10, MONDAY, 2),),
        "veterans_day": lambda year: (observed(date(year, 11, 11)),),
        "thanksgiving": lambda year: (_thanksgiving(year),),
        "black_friday": lambda year: (_thanksgiving(year) + timedelta(days=1),),
        "christmas_eve": lambda year: (date(year, 12, 24),),
        "christmas": lambda year: (observed(date(year, 12, 25)),),
        "day_after_new_year": lambda year: _day_after(_new_year(year)),
        "day_after_independence_day": lambda year: _day_after((observed(date(year, 7, 4)),)),
        "day_after_christmas": lambda year: _day_after((observed(date(year, 12, 25)),)),
        "new_years_eve": lambda year: (date(year, 12, 31),),
        "english_bank_holidays": _bank_holidays,
    }
)
"""Each name, and its dates in a year: none, one or several."""


def require_key(key: str) -> None:
    """Raise ``ValueError`` for a key that names no date."""
    if key not in NAMES and _as_date(key) is None and _as_yearly(key) is None:
        from difflib import get_close_matches  # for the message alone: no start should wait for it

        near = get_close_matches(key, NAMES) or NAMES
        raise ValueError(f"{key!r} is no date; {EXPECTED} {', '.join(near)}")


def exactness(key: str) -> int:
    """0 for a name, 1 for a day of every year, 2 for a date: the higher one holds."""
    return 0 if key in NAMES else 1 if _as_date(key) is None else EXACT


@lru_cache(maxsize=1024)  # the same few keys for every commodity of an exchange
def dates_of(key: str, first_year: int, last_year: int) -> tuple[date, ...]:
    """The dates that a key names from one year to another, both included. Raises ``ValueError`` as `require_key`."""
    require_key(key)
    exact, yearly = _as_date(key), _as_yearly(key)
    if exact is not None:
        return (exact,) if first_year <= exact.year <= last_year else ()
    years = range(first_year, last_year + 1)
    if yearly is not None:
        days = (_as_date(f"{year}-{key}") for year in years)  # 29 February is none in most years
        return tuple(day for day in days if day is not None)
    # A year's holiday can be kept in another one: 1 January 2033 is a Saturday.
    around = range(max(first_year - 1, 1), min(last_year + 2, 10_000))
    found = (day for year in around for day in NAMES[key](year))
    return tuple(sorted(day for day in found if first_year <= day.year <= last_year))


def names_on(day: date) -> tuple[str, ...]:
    """The holidays that are kept on a date; for people, who want to know why a day is short."""
    return tuple(name for name in NAMES if day in dates_of(name, day.year, day.year))


def _as_date(key: str) -> date | None:
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", key):
        return None
    try:
        return date.fromisoformat(key)
    except ValueError:
        return None


def _as_yearly(key: str) -> date | None:
    return _as_date(f"{A_LEAP_YEAR}-{key}") if re.fullmatch("[0-9]{2}-[0-9]{2}", key) else None
