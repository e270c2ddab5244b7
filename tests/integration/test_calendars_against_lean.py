"""Our trading times beside an independent table, day by day: what differs is listed and justified one by one."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from made_lean_of_commodities import OF_COMMODITIES
from made_lean_of_indices import OF_INDICES
from made_lean_readings import ALL_STATES, READINGS, USUAL_HOURS, Difference, Reading
from made_lean_table import (
    DAY_MINUTES,
    Entries,
    LeanMarket,
    Span,
    market_of,
    read_table,
    without_seams,
    words_of,
)

from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from trading.calendar_days import number_of
from trading.calendars import TradingTimes
from trading.local_clock import local_clock
from trading.market import instant
from trading.sessions import minute_of

FOLDER = Path(os.environ.get("WATCHBILL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
TABLE = FOLDER / "lean_market_hours.json.gz"
FIRST_YEAR, LAST_YEAR = 2012, 2027
FIRST, LAST = (instant(datetime(year, month, 1, tzinfo=UTC)) for year, month in ((2011, 12), (2028, 2)))
CATALOGUE = read_catalogue()
DIFFERENCES = (*OF_COMMODITIES, *OF_INDICES)
SATURDAY = 5

Found = dict[tuple[str, date], tuple[str, str]]  # (commodity, trading date) to our hours and theirs

needs_table = pytest.mark.skipif(not TABLE.exists(), reason=f"NOT COMPARED WITH LEAN: no {TABLE.name} (WATCHBILL_DATA)")


@pytest.fixture(scope="module")
def entries() -> Entries:
    """The table."""
    return read_table(TABLE)


@pytest.fixture(scope="module")
def all_times(calendars: CalendarStore) -> dict[str, TradingTimes]:
    """The trading times of every commodity that is compared, built once."""
    compared = {commodity for reading in READINGS for commodity in reading.commodities}
    return {name: calendars.times(CATALOGUE[name], FIRST, LAST) for name in sorted(compared)}


def reading_name(reading: Reading) -> str:
    """What a test is called by."""
    return f"{reading.entry} {reading.first_year}-{reading.last_year} {reading.commodities[0]}"


def our_hours(times: TradingTimes) -> dict[int, list[Span]]:
    """Our sessions by the number of their trading date, in minutes after its midnight."""
    sessions, clock = times.day_sessions, local_clock(times.zone, FIRST_YEAR - 1, LAST_YEAR + 1)
    opens, closes = clock.minutes(sessions.opens, sessions.days), clock.minutes(sessions.closes, sessions.days)
    found: dict[int, list[Span]] = defaultdict(list)
    for day, first, last in zip(sessions.days.tolist(), opens.tolist(), closes.tolist(), strict=True):
        found[day].append((first, last))
    return {day: without_seams(spans) for day, spans in found.items()}


def dates_of(reading: Reading, market: LeanMarket) -> Iterator[date]:
    """The dates to compare: weekends only where one may trade."""
    day = date(reading.first_year, 1, 1)
    while day.year <= reading.last_year:
        if day.weekday() < SATURDAY or not market.rests:
            yield day
        day += timedelta(days=1)


def with_our_usual_hours(entry: str, day: date, spans: Sequence[Span]) -> list[Span]:
    """Their hours with the times of day that always differ replaced by ours."""
    ours = {
        (weekday, minute_of(usual.theirs)): minute_of(usual.ours)
        for usual in USUAL_HOURS
        if usual.entry == entry
        for weekday in usual.weekdays
    }
    if not ours:
        return list(spans)

    def replaced(minute: int) -> int:
        days, clock = divmod(minute, DAY_MINUTES)
        return days * DAY_MINUTES + ours.get(((day.weekday() + days) % 7, clock), clock)

    shifted = [(replaced(opens), replaced(closes)) for opens, closes in spans]
    return without_seams((opens, closes) for opens, closes in shifted if opens < closes)


def differences_of(reading: Reading, entries: Entries, all_times: dict[str, TradingTimes]) -> Found:
    """What differs, trading date by trading date."""
    market = market_of(entries, reading.entry, reading.states)
    found: Found = {}
    for name in reading.commodities:
        commodity, hours = CATALOGUE[name], our_hours(all_times[name])
        day_end = minute_of(commodity.day_end_by_hours)
        for day in dates_of(reading, market):
            ours = hours.get(number_of(day), [])
            theirs = with_our_usual_hours(reading.entry, day, market.trading_date(day, day_end))
            if ours != theirs:
                found[name, day] = words_of(ours), words_of(theirs)
    return found


def listed(difference: Difference, reading: Reading) -> Iterator[tuple[str, date]]:
    """The commodities and dates of a listed difference that a reading is about."""
    if reading.entry in difference.entries:
        names = [name for name in reading.commodities if difference.only in (name, None)]
        yield from ((name, day) for name in names for day in difference.days if reading.covers(day))


@needs_table
@pytest.mark.parametrize("reading", READINGS, ids=reading_name)
def test_what_differs_from_the_table_is_what_is_listed(
    reading: Reading, entries: Entries, all_times: dict[str, TradingTimes]
) -> None:
    expected = {
        key: (difference.ours, difference.theirs) for difference in DIFFERENCES for key in listed(difference, reading)
    }
    found = differences_of(reading, entries, all_times)
    unlisted = {f"{name} {day}": hours for (name, day), hours in found.items() if expected.get((name, day)) != hours}
    gone = {f"{name} {day}": hours for (name, day), hours in expected.items() if found.get((name, day)) != hours}
    assert not unlisted, f"hours (ours, theirs) that are not listed: {unlisted}"
    assert not gone, f"listed (ours, theirs), and no longer so: {gone}"


@needs_table
def test_the_table_is_in_the_zone_of_the_commodities(entries: Entries) -> None:
    for reading in READINGS:
        zones = {CATALOGUE[name].zone for name in reading.commodities}
        always = all(CATALOGUE[name].calendar == "always" for name in reading.commodities)
        assert always or zones == {entries[reading.entry]["exchangeTimeZone"]}, reading.entry


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda one: f"{one.entries[0]} {one.dates[:24]}")
def test_every_listed_difference_is_about_something_that_is_compared(difference: Difference) -> None:
    assert difference.why
    for entry in difference.entries:
        readings = [reading for reading in READINGS if reading.entry == entry]
        for day in difference.days:
            assert any(reading.covers(day) for reading in readings), f"{entry} {day}"


@pytest.mark.parametrize("reading", READINGS, ids=reading_name)
def test_no_date_is_listed_twice(reading: Reading) -> None:
    counts = Counter(key for difference in DIFFERENCES for key in listed(difference, reading))
    assert [key for key, count in counts.items() if count > 1] == []


@needs_table
def test_the_usual_hours_that_are_replaced_are_those_of_the_table(entries: Entries) -> None:
    for usual in USUAL_HOURS:
        week = market_of(entries, usual.entry, ALL_STATES).week
        for weekday in usual.weekdays:
            assert any(minute_of(usual.theirs) in span for span in week[weekday]), f"{usual.entry} {usual.theirs}"


@pytest.mark.parametrize("asset_class", ["fx", "crypto"])
def test_what_is_compared_by_one_of_its_kind_stands_for_all(calendars: CalendarStore, asset_class: str) -> None:
    same = [commodity for commodity in CATALOGUE.values() if commodity.asset_class == asset_class]
    times = [calendars.times(commodity, FIRST, LAST) for commodity in same]
    assert len(times) > 3
    for other in times[1:]:
        assert np.array_equal(other.opens, times[0].opens)
        assert np.array_equal(other.closes, times[0].closes)
        assert np.array_equal(other.day_ends, times[0].day_ends)
