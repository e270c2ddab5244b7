"""The market hours of QuantConnect's Lean, an independent table of sessions, holidays, early closes and late opens.

The table speaks of calendar dates on the market's clock. With an early close at 14:30 and a late open at 18:00 a market
shuts at 14:30 and opens for the next trading date at 18:00; without the late open it stays shut until midnight. A *bank
holiday* of the table is for the counting of days until a contract expires, and changes no hours.

An entry also has the holidays of its whole market (``Future-comex-[*]`` for ``Future-comex-GC``). They are those of the
New York Stock Exchange, which knows no evenings, so they are read as trading dates: shut with the evening before, while
the evening after them is open unless the next date opens late. Read by the clock they would leave gold open on the
evening before Good Friday and shut on that of Christmas, and where an entry has hours of its own for such days it says
the opposite. What an entry says of a date goes before the whole market.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 24 * 60
SATURDAY = 5

Span = tuple[int, int]  # minutes after midnight of a date, on the market's clock; negative ones are on days before it
Entries = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class LeanMarket:
    """One entry of the table, with the holidays of its whole market."""

    zone: str
    week: tuple[tuple[Span, ...], ...]  # by weekday, Monday first
    holidays: frozenset[date]  # the entry's own: calendar dates
    whole_market_holidays: frozenset[date]  # trading dates
    early_closes: Mapping[date, int]  # minutes after midnight
    late_opens: Mapping[date, int]

    @property
    def rests(self) -> bool:
        """Whether it is shut at weekends."""
        return not self.week[SATURDAY]

    def open_on(self, day: date) -> list[Span]:
        """When the market is open on a calendar date, holidays of the whole market left aside."""
        if day in self.holidays and not self.says_hours(day):
            return []
        spans = self.week[day.weekday()]
        early, late = self.early_closes.get(day, DAY_MINUTES), self.late_opens.get(day, 0)
        if early < late:
            return clipped(spans, 0, early) + clipped(spans, late, DAY_MINUTES)
        return clipped(spans, late, early)

    def says_hours(self, day: date) -> bool:
        """Whether the entry itself has hours for the date, which go before its holidays."""
        return day in self.early_closes or day in self.late_opens

    def trading_date(self, day: date, day_end: int) -> list[Span]:
        """All from the end of the trading date before it to its own end, ``day_end`` minutes after midnight.

        Saturday and Sunday belong to Monday where the market rests at weekends.
        """
        if day in self.whole_market_holidays and not self.says_hours(day):
            return []
        back = 3 if self.rests and day.weekday() == 0 else 1
        found: list[Span] = []
        for days in range(-back, 1):
            calendar_date = day + timedelta(days=days)
            after_holiday = calendar_date in self.whole_market_holidays and not self.says_hours(calendar_date)
            if not (days and after_holiday and day in self.late_opens):
                base = days * DAY_MINUTES
                found += [(base + opens, base + closes) for opens, closes in self.open_on(calendar_date)]
        return without_seams(clipped(found, day_end - back * DAY_MINUTES, day_end))


def read_table(path: Path) -> Entries:
    """The entries of the table by their names."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        entries: Entries = json.load(file)["entries"]
    return entries


def market_of(entries: Entries, name: str, states: Sequence[str]) -> LeanMarket:
    """An entry as a market; ``states`` of its sessions that count as open."""
    entry = entries[name]
    whole_market = f"{name.rpartition('-')[0]}-[*]"
    of_all = () if whole_market == name else entries.get(whole_market, {}).get("holidays", ())
    early, late = (
        {_date(day): _minute(at) for day, at in entry.get(key, {}).items()} for key in ("earlyCloses", "lateOpens")
    )
    return LeanMarket(
        zone=entry["exchangeTimeZone"],
        week=tuple(_stretches(entry.get(weekday, ()), states) for weekday in WEEKDAYS),
        holidays=frozenset(_date(text) for text in entry.get("holidays", ())),
        whole_market_holidays=frozenset(_date(text) for text in of_all),
        early_closes=early,
        late_opens=late,
    )


def clipped(spans: Iterable[Span], first: int, last: int) -> list[Span]:
    """The parts of the spans between two minutes."""
    parts = [(max(opens, first), min(closes, last)) for opens, closes in spans]
    return [(opens, closes) for opens, closes in parts if opens < closes]


def without_seams(spans: Iterable[Span]) -> list[Span]:
    """Spans that follow each other without a break as one."""
    joined: list[Span] = []
    for opens, closes in spans:
        if joined and opens == joined[-1][1]:
            joined[-1] = (joined[-1][0], closes)
        else:
            joined.append((opens, closes))
    return joined


def words_of(spans: Sequence[Span]) -> str:
    """Spans as a person reads them: ``eve 18:00-17:00`` begins on the evening before; ``shut``."""
    return " ".join(f"{_clock(opens)}-{_clock(closes)}" for opens, closes in spans) or "shut"


def _clock(minute: int) -> str:
    days, rest = divmod(minute, DAY_MINUTES)
    if days > 0:  # only the midnight that ends the date
        return "24:00"
    return "eve " * -days + f"{rest // 60:02d}:{rest % 60:02d}"


def _stretches(segments: Iterable[Mapping[str, str]], states: Sequence[str]) -> tuple[Span, ...]:
    counted = [(_minute(part["start"]), _minute(part["end"])) for part in segments if part["state"] in states]
    return tuple(without_seams(counted))


def _minute(text: str) -> int:
    """``16:45:00``, or ``1.00:00:00`` for the midnight that ends a day."""
    days, _, clock = text.rpartition(".")
    hours, minutes, _ = clock.split(":")
    return int(days or 0) * DAY_MINUTES + int(hours) * 60 + int(minutes)


def _date(text: str) -> date:
    month, day, year = (int(part) for part in text.split("/"))
    return date(year, month, day)
