"""The catalogue's markets on their real calendars: holidays, short days, weeks with two clocks; all in UTC."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import date
from importlib.resources import files

import pytest
from made_sessions import utc

from feeds.market_calendars import CalendarStore
from trading.calendars import TradingTimes
from trading.commodities import catalogue
from trading.market import HOUR, iso
from trading.settings_hours import Hours

CATALOGUE = catalogue(tomllib.loads(files("trading").joinpath("commodities.toml").read_text("utf-8")))
FIRST, LAST = utc("2024-01-01T00:00"), utc("2028-01-01T00:00")
METALS = ("GOLD", "SILVER", "PLATINUM", "PALLADIUM", "COPPER")
ENERGIES = ("WTI_CRUDE", "NATURAL_GAS")
INDICES = ("NASDAQ_100", "SP_500", "DOW_30", "RUSSELL_2000")
GRAINS = ("WHEAT", "CORN", "SOYBEANS")
SOFTS = ("COFFEE", "COCOA", "SUGAR")
FX = ("EURUSD", "USDJPY")
CRYPTO = ("BITCOIN", "ETHEREUM")

TimesOf = Callable[..., TradingTimes]


@pytest.fixture(scope="module")
def times_of(calendars: CalendarStore) -> TimesOf:
    """The trading times of a commodity of the catalogue, built once for each set of hours."""
    built: dict[str, TradingTimes] = {}

    def times(commodity: str, *hours: Hours) -> TradingTimes:
        if hours:
            return calendars.times(CATALOGUE[commodity], FIRST, LAST, *hours)
        if commodity not in built:
            built[commodity] = calendars.times(CATALOGUE[commodity], FIRST, LAST)
        return built[commodity]

    return times


def hours_on(times: TradingTimes, day: str) -> str:
    """The sessions of a trading date, such as ``08T22:00-09T21:00``: the days of the month and UTC; ``shut``."""
    sessions = times.sessions(date.fromisoformat(day))
    return " ".join(f"{iso(opens)[8:16]}-{iso(closes)[8:16]}" for opens, closes in sessions) or "shut"


@pytest.mark.parametrize(
    ("commodities", "day", "hours", "why"),
    [
        (METALS, "2026-03-09", "08T22:00-09T21:00", "New York has changed its clocks, Europe has not"),
        (ENERGIES, "2026-03-09", "08T22:00-09T21:00", "New York has changed its clocks, Europe has not"),
        (METALS, "2025-10-27", "26T22:00-27T21:00", "Europe has changed its clocks, New York has not"),
        (INDICES, "2025-10-27", "26T22:00-27T21:00", "Europe has changed its clocks, New York has not"),
        (METALS, "2026-01-14", "13T23:00-14T22:00", "winter"),
        (METALS, "2026-11-26", "25T23:00-26T19:30", "Thanksgiving"),
        (INDICES, "2026-11-26", "25T23:00-26T18:00", "Thanksgiving"),
        (GRAINS, "2026-11-26", "shut", "Thanksgiving"),
        (SOFTS, "2026-11-26", "shut", "Thanksgiving"),
        (METALS, "2026-11-27", "26T23:00-27T19:45", "the Friday after Thanksgiving"),
        (INDICES, "2026-11-27", "26T23:00-27T18:15", "the Friday after Thanksgiving"),
        (GRAINS, "2026-11-27", "27T14:30-27T18:05", "the Friday after Thanksgiving, without an evening before it"),
        (METALS, "2026-04-03", "shut", "Good Friday"),
        (ENERGIES, "2026-04-03", "shut", "Good Friday"),
        (GRAINS, "2026-04-03", "shut", "Good Friday"),
        (SOFTS, "2026-04-03", "shut", "Good Friday"),
        (INDICES, "2026-04-03", "02T22:00-03T13:15", "Good Friday, with the employment report"),
        (INDICES, "2027-03-26", "shut", "Good Friday, a week before the employment report"),
        (FX, "2026-04-03", "02T21:00-03T21:00", "Good Friday is no holiday of FX"),
        (("ZINC",), "2026-04-03", "shut", "Good Friday"),
        (("ZINC",), "2026-04-06", "shut", "Easter Monday"),
        (METALS, "2026-04-06", "05T22:00-06T21:00", "Easter Monday is no holiday of New York"),
        (METALS, "2026-07-03", "02T22:00-03T17:00", "Independence Day on a Saturday"),
        (GRAINS, "2026-07-03", "shut", "Independence Day on a Saturday"),
        (METALS, "2026-06-19", "18T22:00-19T17:00", "Juneteenth on a Friday"),
        (GRAINS, "2026-06-19", "shut", "Juneteenth"),
        (SOFTS, "2026-06-19", "shut", "Juneteenth"),
        (METALS, "2025-12-24", "23T23:00-24T18:45", "Christmas Eve"),
        (INDICES, "2025-12-24", "23T23:00-24T18:15", "Christmas Eve"),
        (GRAINS, "2025-12-24", "24T01:00-24T13:45 24T14:30-24T18:05", "Christmas Eve"),
        (METALS, "2025-12-25", "shut", "Christmas"),
        (METALS, "2025-09-01", "31T22:00-01T18:30", "Labor Day, on which the library is wrong"),
        (ENERGIES, "2025-11-28", "27T23:00-28T19:45", "the Friday after Thanksgiving, on which the library is wrong"),
        (GRAINS, "2026-01-02", "02T14:30-02T19:20", "the day after New Year, without an evening before it"),
        (GRAINS, "2025-01-09", "09T01:00-09T13:45 09T14:30-09T18:15", "a president's funeral"),
        (INDICES, "2025-01-09", "08T23:00-09T14:30", "a president's funeral, which shut shares"),
        (METALS, "2025-01-09", "08T23:00-09T22:00", "a president's funeral, which shut shares alone"),
        (("BRENT_CRUDE",), "2025-01-09", "09T01:00-09T22:00", "a funeral in Washington shuts nothing in London"),
        (METALS, "2025-12-26", "25T23:00-26T22:00", "the day after Christmas, from the evening of Christmas on"),
        (METALS, "2025-12-31", "30T23:00-31T22:00", "New Year's Eve is whole"),
        (METALS, "2026-01-01", "shut", "New Year"),
        (METALS, "2026-01-02", "01T23:00-02T22:00", "the day after New Year, from the evening of New Year on"),
        (FX, "2025-12-25", "shut", "Christmas"),
        (FX, "2025-12-26", "25T22:00-26T22:00", "the day after Christmas"),
        (("BRENT_CRUDE",), "2026-03-09", "08T22:00-09T21:00", "on Sundays from 18:00 New York"),
        (("BRENT_CRUDE",), "2026-03-10", "10T00:00-10T21:00", "on other days from 20:00 New York"),
        (("BRENT_CRUDE",), "2026-11-26", "26T01:00-26T18:30", "Thanksgiving: 18:30 London"),
        (("BRENT_CRUDE",), "2026-05-25", "24T22:00-25T17:30", "Memorial Day: 18:30 London"),
        (("BRENT_CRUDE",), "2026-06-19", "19T00:00-19T17:30", "Juneteenth: 18:30 London"),
        (("BRENT_CRUDE",), "2026-11-27", "27T01:00-27T19:00", "the Friday after Thanksgiving: 19:00 London"),
        (("BRENT_CRUDE",), "2026-12-24", "24T01:00-24T19:00", "Christmas Eve: 19:00 London"),
        (("BRENT_CRUDE",), "2026-12-31", "31T01:00-31T20:00", "New Year's Eve: 20:00 London"),
        (("BRENT_CRUDE",), "2026-04-03", "shut", "Good Friday, as the library has it"),
        (("COFFEE",), "2026-03-09", "09T08:15-09T17:30", "04:15 to 13:30 New York"),
        (("COCOA",), "2026-03-09", "09T08:45-09T17:30", "04:45 to 13:30 New York"),
        (("SUGAR",), "2026-03-09", "09T07:30-09T17:00", "03:30 to 13:00 New York"),
        (("COFFEE",), "2026-04-06", "06T11:30-06T17:30", "Easter Monday: London's banks are shut"),
        (("SUGAR",), "2026-08-31", "31T11:30-31T17:00", "London's holiday in August"),
        (("COTTON",), "2026-08-31", "31T01:00-31T18:20", "London's holiday in August is none of cotton's"),
        (("COTTON",), "2026-11-27", "27T13:00-27T18:30", "the Friday after Thanksgiving, without an evening before it"),
        (("DAX_40", "EURO_STOXX_50"), "2025-12-24", "shut", "Eurex shuts on 24 and 31 December"),
        (("DAX_40", "EURO_STOXX_50"), "2026-12-28", "28T01:15-28T21:00", "Eurex moves no holiday from a Saturday"),
        (("ZINC",), "2026-03-27", "27T01:00-27T19:00", "01:00 to 19:00 London, in winter"),
        (("ZINC",), "2026-03-30", "30T00:00-30T18:00", "01:00 to 19:00 London, in summer"),
        (("ZINC",), "2026-08-31", "shut", "London's holiday in August"),
        (("ZINC",), "2026-12-28", "shut", "Boxing Day on a Saturday is kept on Monday"),
        (CRYPTO, "2026-03-07", "06T22:00-07T22:00", "a Saturday"),
        (CRYPTO, "2026-12-25", "24T22:00-25T22:00", "Christmas"),
    ],
)
def test_a_day_has_the_hours_that_its_exchange_keeps(
    times_of: TimesOf, commodities: tuple[str, ...], day: str, hours: str, why: str
) -> None:
    assert {name: hours_on(times_of(name), day) for name in commodities} == dict.fromkeys(commodities, hours), why


@pytest.mark.parametrize(
    ("commodities", "opens"),
    [
        (METALS, "2026-03-08T22:00"),
        (ENERGIES, "2026-03-08T22:00"),
        (METALS, "2026-01-11T23:00"),
        (INDICES, "2026-01-11T23:00"),
        (FX, "2026-01-11T22:00"),
        (FX, "2026-03-08T21:00"),
        (GRAINS, "2026-01-12T01:00"),
        (GRAINS, "2026-03-09T00:00"),
        (SOFTS, None),
    ],
)
def test_a_market_opens_on_sunday_evening_or_not_at_all(
    times_of: TimesOf, commodities: tuple[str, ...], opens: str | None
) -> None:
    for name in commodities:
        times = times_of(name)
        if opens is None:
            monday = times.next_open(utc("2026-03-07T12:00"))
            assert monday is not None
            assert monday > utc("2026-03-09T04:00")
        else:
            assert times.next_open(utc(opens) - 24 * HOUR) == utc(opens)


@pytest.mark.parametrize(
    ("shut", "reopens"),
    [
        ("2025-12-24T19:00", "2025-12-25T23:00"),
        ("2025-12-25T12:00", "2025-12-25T23:00"),
        ("2025-12-31T22:30", "2026-01-01T23:00"),
        ("2026-01-01T12:00", "2026-01-01T23:00"),
        ("2026-12-24T19:00", "2026-12-27T23:00"),
        ("2026-12-31T22:30", "2027-01-03T23:00"),
    ],
)
def test_what_christmas_and_new_year_shut_opens_again_at_six_in_new_york(
    times_of: TimesOf, shut: str, reopens: str
) -> None:
    for name in (*METALS, *ENERGIES, *INDICES):
        assert times_of(name).next_open(utc(shut)) == utc(reopens), name
        assert not times_of(name).is_open(utc(shut)), name


def test_nothing_is_open_inside_the_break_of_the_grains(times_of: TimesOf) -> None:
    inside = utc("2026-03-09T13:00")
    for name in GRAINS:
        times = times_of(name)
        assert not times.is_open(inside)
        assert times.day_end(inside) is None
        assert times.next_open(inside) == utc("2026-03-09T13:30")
        assert times.trading_date(inside) == date(2026, 3, 9)
        assert times.day_end(inside - HOUR) == utc("2026-03-09T18:20")


def test_markets_end_their_friday_at_different_times(times_of: TimesOf) -> None:
    friday = utc("2026-03-06T15:00")
    ends = {name: times_of(name).week_end(friday) for name in ("GOLD", "WHEAT", "COFFEE", "SUGAR", "ZINC", "BITCOIN")}
    assert {name: end if end is None else iso(end)[11:16] for name, end in ends.items()} == {
        "GOLD": "22:00",
        "WHEAT": "19:20",
        "COFFEE": "18:30",
        "SUGAR": "18:00",
        "ZINC": "19:00",
        "BITCOIN": None,
    }


def test_the_thursday_before_good_friday_ends_the_week_of_metals_and_not_that_of_indices(times_of: TimesOf) -> None:
    thursday = utc("2026-04-02T15:00")
    for name in (*METALS, *ENERGIES, *GRAINS, *SOFTS, "ZINC", "BRENT_CRUDE"):
        assert times_of(name).is_last_day_of_week(thursday), name
    for name, end in (*((name, "2026-04-03T13:15") for name in INDICES), ("EURUSD", "2026-04-03T21:00")):
        assert not times_of(name).is_last_day_of_week(thursday), name
        assert times_of(name).week_end(thursday) == utc(end), name


def test_the_friday_after_thanksgiving_is_a_friday_with_an_early_end(times_of: TimesOf) -> None:
    friday = utc("2026-11-27T15:00")
    for name, end in (("GOLD", "19:45"), ("NASDAQ_100", "18:15"), ("WHEAT", "18:05"), ("EURUSD", "22:00")):
        times = times_of(name)
        assert times.week_end(friday) == times.day_end(friday) == utc(f"2026-11-27T{end}"), name
        assert times.is_last_day_of_week(friday)
        assert times.is_short(date(2026, 11, 27)) == (name != "EURUSD")


def test_christmas_within_a_week_ends_a_day_and_no_week(times_of: TimesOf) -> None:
    eve = utc("2025-12-24T15:00")
    for name in ("GOLD", "NASDAQ_100", "WHEAT", "EURUSD"):
        times = times_of(name)
        assert not times.is_last_day_of_week(eve), name
        assert times.trading_date(utc("2025-12-25T15:00")) == date(2025, 12, 26)


def test_crypto_trades_on_saturday_and_its_week_ends_only_where_its_broker_shuts(times_of: TimesOf) -> None:
    saturday, friday = utc("2026-03-07T12:00"), utc("2026-03-06T12:00")
    always, shut = times_of("BITCOIN"), times_of("BITCOIN", Hours(sessions=("Mon-Fri 17:00-17:00",)))
    assert always.is_open(saturday)
    assert always.day_end(saturday) == utc("2026-03-07T22:00")
    assert always.week_end(friday) is None
    assert not shut.is_open(saturday)
    assert shut.week_end(friday) == utc("2026-03-06T22:00")


def test_a_broker_that_shuts_earlier_shortens_every_day_and_keeps_the_holidays(times_of: TimesOf) -> None:
    broker = Hours(sessions=("Mon-Fri 18:01-16:55",), friday_end="16:45", auto_close_minutes_before=20)
    times = times_of("GOLD", broker)
    assert hours_on(times, "2026-03-10") == "09T22:01-10T20:55"
    assert hours_on(times, "2026-03-13") == "12T22:01-13T20:45"
    assert hours_on(times, "2026-11-26") == "25T23:01-26T19:30"
    assert hours_on(times, "2026-04-03") == "shut"
    assert times.auto_close_minutes == 20
    assert times.day_end(utc("2026-03-10T12:00")) == utc("2026-03-10T20:55")


def test_years_that_nobody_has_announced_are_told_from_those_that_are_known(times_of: TimesOf) -> None:
    known = times_of("GOLD").known_until
    assert known is not None
    assert date(2025, 12, 31) <= known < date(2040, 1, 1)
    assert times_of("EURUSD").known_until is None
    assert times_of("BITCOIN").known_until is None
    assert times_of("ZINC").known_until == date(2027, 12, 31)
