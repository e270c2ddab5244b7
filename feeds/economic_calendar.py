"""A calendar of economic events from CSV or JSON, whatever its columns are called.

What is recognised, in any case of letters: the title (``title``, ``event``, ``name``), the currency or country
(``currency``, ``country``, ``ccy``, ``symbol``), the impact (``impact``, ``importance``, ``volatility``), and the time,
in one column (``date``, ``datetime``, ``timestamp``, ``time``, ``at``) or as ``date`` and ``time``: ForexFactory's file
of the week is such a one. A zone in the time itself goes before the one of the settings.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from feeds.errors import FeedError
from feeds.instants import EARLIEST, FIRST_MILLISECONDS, LATEST
from feeds.keywords import subject
from feeds.places import CURRENCIES, currency_of
from trading.commodities import Commodity
from trading.market import MINUTE, Instant, instant
from trading.moods import Events, EventWindow
from trading.settings_feeds import CalendarFeed

TITLES = ("title", "event", "name", "indicator", "description")
PLACES = ("currency", "country", "ccy", "symbol", "region")
IMPACTS = ("impact", "importance", "volatility", "priority")
TIMES_OF_DAY = ("time",)
MOMENTS = ("datetime", "date", "timestamp", "date_time", "start", "at", "when", "time")
LISTS = ("events", "weeklyevents", "calendar", "data", "items", "result")
SEPARATORS = ",;\t"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
MOST_EVENTS = 50_000
LONGEST_TITLE = 200

ONSHORE: Mapping[str, str] = MappingProxyType({"CNH": "CNY"})  # a currency traded abroad by what it is called at home
LEVELS: Mapping[str, int] = MappingProxyType({"low": 1, "medium": 2, "high": 3})
NO_LEVEL_WORDS = ("holiday", "non-economic", "none", "gray", "grey", "white")
LEVEL_WORDS = (("high", 3), ("red", 3), ("medium", 2), ("moderate", 2), ("orange", 2), ("low", 1), ("yellow", 1))
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?\s*([ap]m)?", re.IGNORECASE)
DAY_FIRST_OR_MONTH = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:[ T](.*))?")
NO_TIME_OF_DAY = re.compile(r"all day|tentative|day \d+|tbd|n/?a|-*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Event:
    """One event; without a time of day it is the whole of its local day."""

    title: str
    currency: str
    level: int
    starts_at: Instant
    ends_at: Instant


def parse_calendar(data: bytes, settings: CalendarFeed, commodities: Mapping[str, Commodity]) -> Events:
    """The events that matter by the settings, each with the commodities that it concerns. Raises `FeedError`."""
    rows = _rows(settings.source, data)
    zone = ZoneInfo(settings.time_zone)
    events = list(_events(settings.source, rows, zone))
    windows = {
        EventWindow(
            title=event.title,
            currency=event.currency,
            at=event.starts_at,
            starts_at=event.starts_at - settings.minutes_before * MINUTE,
            ends_at=event.ends_at + settings.minutes_after * MINUTE,
            commodities=concerned,
            bars_opens=settings.bars_opens,
        )
        for event in events
        if event.level >= LEVELS[settings.least_impact] and (concerned := _concerned(event.currency, commodities))
    }
    return Events.of(windows, max((event.ends_at for event in events), default=None))


def _concerned(currency: str, commodities: Mapping[str, Commodity]) -> tuple[str, ...]:
    """Those with the currency. A word that stands for none may mean any: nobody should take it for harmless."""
    of = {
        name: {ONSHORE.get(code or "", code) for code in (each.base_currency, each.profit_currency, subject(each))}
        for name, each in commodities.items()
    }
    found = tuple(sorted(name for name, concerns in of.items() if currency in concerns))
    is_known = currency != "" and (found or currency in CURRENCIES)
    return found if is_known else tuple(sorted(commodities))


def _rows(source: str, data: bytes) -> list[dict[str, Any]]:
    """The rows by the names of their columns in lower case. Raises `FeedError`."""
    text = _decoded(data)
    rows: Sequence[Any]
    if text.lstrip()[:1] in ("[", "{"):
        rows = _json_rows(source, text)
    else:
        try:
            rows = _csv_rows(source, text)
        except csv.Error as error:
            raise FeedError(f"{source}: cannot be read as CSV: {error}") from error
    if len(rows) > MOST_EVENTS:
        raise FeedError(f"{source}: {len(rows)} events; expected at most {MOST_EVENTS}")
    found = []
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise FeedError(f"{source}: event {number} is {str(row)[:40]!r}; expected an object")
        found.append({str(name).strip().lower(): value for name, value in row.items() if name is not None})
    return found


def _csv_rows(source: str, text: str) -> list[dict[str, Any]]:
    """Raises `FeedError` for what has not the columns of a calendar, such as a page that says why there is none."""
    lines = text.lstrip()
    separator = max(SEPARATORS, key=lines.partition("\n")[0].count)
    table = csv.DictReader(io.StringIO(lines, newline=""), delimiter=separator, restkey="beyond", restval="")
    names = {name.strip().lower() for name in table.fieldnames or ()}
    for what, known in (("title", TITLES), ("time", MOMENTS), ("impact", IMPACTS)):
        if names.isdisjoint(known):
            columns = ", ".join(sorted(names))[:200] or "none"
            raise FeedError(f"{source}: there is no column of the {what} (such as {known[0]}); its columns: {columns}")
    return list(table)


def _decoded(data: bytes) -> str:
    if data[:2] in UTF16_MARKS:
        return data.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", "windows-1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _json_rows(source: str, text: str) -> Sequence[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FeedError(f"{source}: is not JSON: {error}") from error
    if isinstance(found, Mapping):
        found = next((found[name] for name in LISTS if isinstance(found.get(name), list)), None)
    if not isinstance(found, list):
        raise FeedError(f"{source}: has no list of events; expected one, or an object with one in {', '.join(LISTS)}")
    return found


def _events(source: str, rows: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> Iterator[_Event]:
    if rows and not any(_text(row, IMPACTS) for row in rows):
        raise FeedError(f"{source}: no event has an impact; expected a column {' or '.join(IMPACTS)}")
    month_first = _month_first(source, rows)
    for number, row in enumerate(rows):
        title = _text(row, TITLES)
        moment, clock = _text(row, MOMENTS), _text(row, TIMES_OF_DAY)
        if not title or not moment:
            missing, columns = "time" if title else "title", ", ".join(row)[:200]
            raise FeedError(f"{source}: event {number} has no {missing}; its columns are {columns}")
        where = f"{source}: event {number}"
        whole_day, at = _moment(where, moment, "" if clock == moment else clock, zone, month_first)
        if not EARLIEST <= at <= LATEST:
            raise FeedError(f"{where}: the time is {moment[:60]!r}; expected one between the years 1900 and 2200")
        yield _Event(
            title=title[:LONGEST_TITLE],
            currency=currency_of(_text(row, PLACES)),
            level=_level(where, _text(row, IMPACTS)),
            starts_at=at,
            ends_at=at + whole_day,
        )


def _text(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of these columns that holds something."""
    for name in names:
        value = row.get(name)
        if value is not None and not isinstance(value, list | dict) and str(value).strip():
            return str(value).strip()
    return ""


def _level(where: str, impact: str) -> int:
    """1 low, 2 medium, 3 high; 0 for what is no event that moves a price, such as a holiday.

    Raises `FeedError` for another word: who trusts the calendar must not take a strange one for harmless.
    """
    text = impact.casefold()
    if not text or any(word in text for word in NO_LEVEL_WORDS):
        return 0
    if text.isdecimal() and len(text) == 1:
        return min(int(text), 3)
    if set(text) <= {"*"}:
        return min(len(text), 3)
    for word, level in LEVEL_WORDS:
        if word in text:
            return level
    raise FeedError(f"{where}: the impact is {impact[:40]!r}; expected low, medium or high, 1 to 3, or stars")


def _month_first(source: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether dates such as 03-04-2026 begin with the month; with dashes they do, as ForexFactory's, where they can.

    Raises `FeedError` where slashes or points do not tell.
    """
    firsts, seconds, separators = set(), set(), set()
    for row in rows:
        if found := DAY_FIRST_OR_MONTH.fullmatch(_text(row, MOMENTS)):
            firsts.add(int(found[1]))
            seconds.add(int(found[3]))
            separators.add(found[2])
    if not firsts:
        return True
    if max(firsts) > 12 and max(seconds) > 12:
        raise FeedError(f"{source}: in some dates the month comes first, in others the day")
    if max(firsts) <= 12 and max(seconds) <= 12 and separators != {"-"}:
        raise FeedError(f"{source}: the dates do not tell whether the month comes first; expected such as 2026-03-02")
    return max(firsts) <= 12


def _moment(where: str, text: str, clock: str, zone: ZoneInfo, month_first: bool) -> tuple[int, Instant]:
    """How long the event is, in milliseconds (0, or the whole of its local day), and when it begins."""
    try:
        if text.isdecimal() and len(text) > 8:
            number = int(text)
            moment = datetime.fromtimestamp(number / 1_000 if number >= FIRST_MILLISECONDS else number, UTC)
            return 0, instant(moment)
        if found := DAY_FIRST_OR_MONTH.fullmatch(text):
            first, second = int(found[1]), int(found[3])
            day = date(int(found[4]), first if month_first else second, second if month_first else first)
            return _on_day(day, found[5] or clock, zone)
        iso = text.replace(".", "-", 2) if re.match(r"\d{4}\.\d{2}\.\d{2}", text) else text
        if len(iso) <= 10:
            return _on_day(date.fromisoformat(iso), clock, zone)
        moment = datetime.fromisoformat(iso)
        return 0, instant(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError, OSError) as error:
        said = f"{text} {clock}".strip()
        raise FeedError(f"{where}: the time is {said[:60]!r}; expected such as 2026-03-02T13:30:00Z") from error


def _on_day(day: date, clock: str, zone: ZoneInfo) -> tuple[int, Instant]:
    if found := CLOCK.fullmatch(clock.strip()):
        hour, minute, half = int(found[1]), int(found[2]), (found[3] or "").lower()
        if half:
            if not 1 <= hour <= 12:
                raise ValueError(f"{clock} is no time of day")
            hour = hour % 12 + (12 if half == "pm" else 0)
        return 0, instant(datetime.combine(day, time(hour, minute), zone))
    if not NO_TIME_OF_DAY.fullmatch(clock.strip()):
        raise ValueError(f"{clock} is no time of day")
    begins = instant(datetime.combine(day, time.min, zone))
    ends = instant(datetime.combine(day + timedelta(days=1), time.min, zone))
    return ends - begins, begins
