"""What a rehearsal expects, on days that are known: the referee must not be wrong together with what it judges."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import pytest

from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from simulation.rehearsal_hours import ExpectedDays
from simulation.rehearsal_market import ScriptedPrices, opening_tick
from simulation.rehearsal_restarts import draw_blows
from simulation.rehearsal_verdicts import Attempt, Rules, closing_rules, expected_lines
from trading.market import DAY, HOUR, MINUTE, Instant, instant
from trading.trade import CloseReason

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
BEGIN, END = instant(datetime(2025, 10, 1, tzinfo=UTC)), instant(datetime(2027, 4, 1, tzinfo=UTC))


def utc(text: str) -> Instant:
    return instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


def days_of(calendars: CalendarStore, name: str) -> ExpectedDays:
    commodity = read_catalogue()[name]
    return ExpectedDays("alpha", commodity, calendars.times(commodity, BEGIN, END), 15, FIRST, LAST)


@pytest.mark.parametrize(
    ("name", "ends_at", "ends_week", "is_early"),
    [
        ("GOLD", "2026-03-06T22:00", True, False),
        ("GOLD", "2026-03-09T21:00", False, False),  # New York's clocks have changed
        ("GOLD", "2026-04-02T21:00", True, False),  # the Thursday before Good Friday
        ("GOLD", "2026-07-03T17:00", True, True),
        ("GOLD", "2026-11-26T19:30", False, True),
        ("GOLD", "2026-11-27T19:45", True, True),
        ("NASDAQ_100", "2026-04-03T13:15", True, True),
        ("NASDAQ_100", "2026-11-26T18:00", False, True),
        ("NASDAQ_100", "2026-11-27T18:15", True, True),
        ("WHEAT", "2026-11-27T18:05", True, True),
        ("COFFEE", "2026-03-09T17:30", False, False),
        ("EURUSD", "2026-04-03T21:00", True, False),
        ("ZINC", "2026-03-13T19:00", True, False),
        ("BITCOIN", "2026-11-28T22:00", False, False),
    ],
)
def test_on_known_days_the_window_is_where_it_belongs(
    calendars: CalendarStore, name: str, ends_at: str, ends_week: bool, is_early: bool
) -> None:
    end = utc(ends_at)
    window = next(window for window in days_of(calendars, name).windows if window.ends_at == end)
    assert (window.starts_at, window.ends_week, window.is_early) == (end - 15 * MINUTE, ends_week, is_early)
    assert window.starts_at in window
    assert end not in window


@pytest.mark.parametrize(
    ("name", "day"),
    [("GOLD", "2026-04-03"), ("WHEAT", "2026-06-19"), ("WHEAT", "2026-11-26"), ("EURUSD", "2026-12-25")],
)
def test_on_a_holiday_there_is_no_window(calendars: CalendarStore, name: str, day: str) -> None:
    days = days_of(calendars, name)
    assert all(window.trading_date != date.fromisoformat(day) for window in days.windows)
    assert not days.trades_at(utc(f"{day}T15:00"))


def test_a_market_that_never_shuts_has_a_window_every_day_and_no_end_of_a_week(calendars: CalendarStore) -> None:
    days = days_of(calendars, "BITCOIN")
    assert len(days.windows) == 365
    assert not any(window.ends_week for window in days.windows)


def test_other_markets_have_one_end_in_each_week(calendars: CalendarStore) -> None:
    for name in ("EURUSD", "GOLD", "WHEAT", "ZINC"):
        weeks = [
            window.trading_date.isocalendar()[:2] for window in days_of(calendars, name).windows if window.ends_week
        ]
        assert len(weeks) == len(set(weeks)), name
        assert len(weeks) in (52, 53), name


def test_a_price_moves_after_the_opening_and_turns_within_the_window(calendars: CalendarStore) -> None:
    gold, days = read_catalogue()["GOLD"], days_of(calendars, "GOLD")
    prices = ScriptedPrices(gold, days.windows, random.Random(1))
    base, hardly = prices(0)[0], 0
    for window in days.windows:
        opening = opening_tick(window)
        assert opening is not None
        assert prices(opening)[0] == base
        before, after = prices(window.starts_at)[0] - base, prices(window.ends_at - MINUTE)[0] - base
        if abs(before) < 0.001 * base:
            hardly += 1
            assert before == after > 0
        else:
            assert before == pytest.approx(-after)
    assert 0.15 < hardly / len(days.windows) < 0.25


def test_three_kills_are_drawn_for_every_day_in_their_order() -> None:
    ticks = range(0, 10 * DAY, HOUR)
    windows = {at for at in ticks if at % DAY == 21 * HOUR}
    blows = list(draw_blows(ticks, windows, windows, {at + HOUR for at in windows}, random.Random(1)))
    assert [blow.at // DAY for blow in blows] == [day for day in range(10) for _ in range(3)]
    assert [blow.at for blow in blows] == sorted(blow.at for blow in blows)
    assert {blow.moment for blow in blows} == {"after the tick", "before an order", "after an order"}


@pytest.mark.parametrize(
    ("rule", "rules", "closes_at_day_end", "verdicts"),
    [
        (CloseReason.DAY_END, Rules(), True, ["closed", "kept"]),
        (CloseReason.DAY_END, Rules(), False, ["kept", "kept"]),
        (CloseReason.FRIDAY, Rules(), False, ["closed", "kept"]),
        (CloseReason.FRIDAY, Rules(all_friday=True), False, ["closed", "closed"]),
    ],
)
def test_a_rule_closes_what_has_a_profit_and_all_where_it_is_told_to(
    rule: CloseReason, rules: Rules, closes_at_day_end: bool, verdicts: list[str]
) -> None:
    attempts = [Attempt(0, 0.01), Attempt(MINUTE, 0.0)]
    lines = expected_lines(rule, rules, attempts, closes_at_day_end=closes_at_day_end)
    assert lines == dict(zip((0, MINUTE), (f"{rule.value}:{verdict}" for verdict in verdicts), strict=True))


def test_the_friday_rule_comes_first_on_the_last_day_of_a_week_and_on_no_other() -> None:
    assert closing_rules(Rules(), ends_week=True) == (CloseReason.FRIDAY, CloseReason.DAY_END)
    assert closing_rules(Rules(), ends_week=False) == (CloseReason.DAY_END,)
    off = Rules(profitable_daily=False, profitable_friday=False)
    assert closing_rules(off, ends_week=True) == ()
