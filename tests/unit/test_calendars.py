"""When markets open, shut, end their day and end their week, across holidays and daylight saving."""

from __future__ import annotations

import math
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import a_bitcoin, a_commodity, a_gold, utc

from trading.calendar_rules import CalendarRule
from trading.calendars import BadCalendar, OutsideSpan, TradingTimes, build, flatten, open_spans
from trading.easter import easter, good_friday
from trading.market import DAY, HOUR, MINUTE, Instant, moment
from trading.settings_hours import Hours

FIRST, LAST = utc("2017-01-01T00:00"), utc("2027-12-31T00:00")
NEW_YORK = ZoneInfo("America/New_York")
FX = build(a_commodity(), FIRST, LAST)
CRYPTO = build(a_bitcoin(), FIRST, LAST)
any_instant = st.integers(FIRST, LAST)

GOLD = flatten(
    "GOLD",
    CalendarRule(
        "America/New_York",
        Hours(
            sessions=("Mon-Fri 18:00-17:00",),
            closed=("christmas", "new_year", "good_friday"),
            early_closes={"thanksgiving": "14:30", "black_friday": "14:45"},
        ),
    ),
    FIRST,
    LAST,
)
GRAINS = flatten(
    "WHEAT",
    CalendarRule(
        "America/Chicago",
        Hours(
            sessions=("Mon-Fri 19:00-07:45", "Mon-Fri 08:30-13:20"),
            closed=("juneteenth", "thanksgiving"),
            early_closes={"black_friday": "12:05"},
            late_opens={"black_friday": "08:30"},
        ),
    ),
    FIRST,
    LAST,
)
COFFEE = flatten("COFFEE", CalendarRule("America/New_York", Hours(sessions=("Mon-Fri 04:15-13:30",))), FIRST, LAST)


def opens_and_shuts(times: TradingTimes, at: Instant) -> tuple[bool, bool]:
    """Whether the market is open just before an instant and at it."""
    return times.is_open(at - 1), times.is_open(at)


OPENS, SHUTS, STAYS_OPEN, STAYS_SHUT = (False, True), (True, False), (True, True), (False, False)


@pytest.mark.parametrize(
    ("sunday", "why"),
    [
        ("2026-01-11T22:00", "winter"),
        ("2026-07-12T21:00", "summer"),
        ("2026-03-01T22:00", "the week before New York changes"),
        ("2026-03-08T21:00", "New York has changed in the morning, Europe has not"),
        ("2025-10-26T21:00", "Europe has changed in the morning, New York has not"),
        ("2025-11-02T22:00", "New York has changed in the morning"),
    ],
)
def test_fx_opens_on_sunday_at_five_in_new_york(sunday: str, why: str) -> None:
    assert opens_and_shuts(FX, utc(sunday)) == OPENS, why
    assert FX.next_open(utc(sunday) - 30 * HOUR) == utc(sunday)


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-03-05T12:00", "2026-03-05T22:00"),
        ("2026-03-09T12:00", "2026-03-09T21:00"),
        ("2025-10-27T12:00", "2025-10-27T21:00"),
        ("2025-11-03T12:00", "2025-11-03T22:00"),
        ("2026-03-08T21:00", "2026-03-09T21:00"),
    ],
)
def test_the_fx_day_ends_at_five_in_new_york_whatever_europe_does(at: str, end: str) -> None:
    assert FX.day_end(utc(at)) == utc(end)


def test_the_instant_of_the_days_end_belongs_to_the_next_day() -> None:
    end = utc("2026-03-04T22:00")
    assert FX.day_end(end - 1) == end
    assert FX.day_end(end) == end + DAY
    assert FX.trading_date(end - 1) == date(2026, 3, 4)
    assert FX.trading_date(end) == date(2026, 3, 5)


def test_the_fx_week_ends_on_friday_at_five_in_new_york() -> None:
    friday = utc("2026-03-06T22:00")
    assert opens_and_shuts(FX, friday) == SHUTS
    assert FX.week_end(utc("2026-03-01T22:00")) == friday
    assert FX.week_end(friday - 1) == friday
    assert not FX.is_last_day_of_week(friday - DAY - 1)
    assert FX.is_last_day_of_week(friday - DAY)
    assert FX.next_close(utc("2026-03-03T12:00")) == friday
    assert FX.minutes_to_close(friday - 90 * MINUTE) == 90


def test_a_shut_market_has_no_day_to_end() -> None:
    saturday = utc("2026-03-07T12:00")
    assert FX.day_end(saturday) is None
    assert FX.week_end(saturday) is None
    assert not FX.is_last_day_of_week(saturday)
    assert FX.minutes_to_close(saturday) == 0
    assert FX.trading_date(saturday) == date(2026, 3, 9)
    assert FX.next_open(saturday) == utc("2026-03-08T21:00")
    assert FX.next_close(saturday) == utc("2026-03-13T21:00")


@pytest.mark.parametrize("holiday", ["2025-12-25", "2026-01-01", "2024-12-25", "2024-01-01"])
def test_fx_is_closed_for_the_day_that_ends_on_christmas_or_new_year(holiday: str) -> None:
    end = utc(f"{holiday}T22:00")
    begins_on_sunday = date.fromisoformat(holiday).weekday() == 0
    assert opens_and_shuts(FX, end - DAY) == (STAYS_SHUT if begins_on_sunday else SHUTS)
    assert not FX.is_open(end - DAY // 2)
    assert opens_and_shuts(FX, end) == OPENS


def test_christmas_on_a_friday_makes_thursday_the_last_day_of_the_week() -> None:
    thursday_end = utc("2026-12-24T22:00")
    assert FX.is_last_day_of_week(thursday_end - 1)
    assert FX.week_end(utc("2026-12-21T12:00")) == thursday_end
    assert FX.next_open(thursday_end) == utc("2026-12-27T22:00")


def test_christmas_on_a_weekend_closes_no_other_day() -> None:
    assert FX.is_open(utc("2022-12-23T21:59"))
    assert opens_and_shuts(FX, utc("2022-12-25T22:00")) == OPENS


def test_fx_trades_on_good_friday() -> None:
    assert FX.is_open(utc("2026-04-03T12:00"))
    assert FX.is_last_day_of_week(utc("2026-04-03T12:00"))


@pytest.mark.parametrize(
    "day", ["1818-03-22", "1943-04-25", "1961-04-02", "2000-04-23", "2019-04-21", "2024-03-31", "2038-04-25"]
)
def test_easter_falls_on_its_known_dates(day: str) -> None:
    expected = date.fromisoformat(day)
    assert easter(expected.year) == expected
    assert good_friday(expected.year) == expected - timedelta(days=2)


def test_crypto_trades_on_saturday_and_its_weeks_do_not_end() -> None:
    saturday = utc("2026-03-07T12:00")
    assert CRYPTO.is_open(saturday)
    assert CRYPTO.day_end(saturday) == utc("2026-03-07T22:00")
    assert CRYPTO.trading_date(saturday) == date(2026, 3, 7)
    assert CRYPTO.week_end(utc("2026-03-06T12:00")) is None
    assert not CRYPTO.is_last_day_of_week(utc("2026-03-06T12:00"))
    assert CRYPTO.next_close(saturday) is None
    assert CRYPTO.next_open(saturday) is None
    assert CRYPTO.minutes_to_close(saturday) == math.inf


def test_the_end_of_the_crypto_day_is_configurable() -> None:
    times = build(a_bitcoin(zone="Europe/London", day_end="00:00"), FIRST, LAST)
    assert times.day_end(utc("2026-01-10T12:00")) == utc("2026-01-11T00:00")
    assert times.trading_date(utc("2026-01-10T23:59")) == date(2026, 1, 10)
    assert times.day_end(utc("2026-07-10T12:00")) == utc("2026-07-10T23:00")


def test_an_fx_day_that_ends_earlier_ends_the_week_earlier_too() -> None:
    times = build(a_commodity(day_end="16:00"), FIRST, LAST)
    assert times.day_end(utc("2026-03-04T12:00")) == utc("2026-03-04T21:00")
    assert opens_and_shuts(times, utc("2026-03-04T21:00")) == STAYS_OPEN
    assert opens_and_shuts(times, utc("2026-03-06T21:00")) == SHUTS
    assert opens_and_shuts(times, utc("2026-03-08T21:00")) == OPENS


def test_an_fx_day_that_ends_later_still_ends_the_week_at_five() -> None:
    times = build(a_commodity(day_end="18:00"), FIRST, LAST)
    assert times.day_end(utc("2026-03-04T22:30")) == utc("2026-03-04T23:00")
    assert opens_and_shuts(times, utc("2026-03-06T22:00")) == SHUTS


def test_an_fx_day_that_ends_at_midnight_belongs_to_the_date_before_it() -> None:
    times = build(a_commodity(day_end="00:00"), FIRST, LAST)
    assert times.day_end(utc("2026-03-04T12:00")) == utc("2026-03-05T05:00")
    assert times.trading_date(utc("2026-03-05T04:59")) == date(2026, 3, 4)
    assert opens_and_shuts(times, utc("2026-03-06T22:00")) == SHUTS
    assert opens_and_shuts(times, utc("2026-03-08T21:00")) == OPENS


@pytest.mark.parametrize(
    ("times", "at", "expected"),
    [
        (GOLD, "2026-03-09T21:00", SHUTS),
        (GOLD, "2025-10-27T21:00", SHUTS),
        (GOLD, "2026-03-08T22:00", OPENS),
        (GOLD, "2026-11-26T19:30", SHUTS),
        (GOLD, "2026-11-27T19:45", SHUTS),
        (GOLD, "2026-04-03T12:00", STAYS_SHUT),
        (GOLD, "2025-12-24T22:00", SHUTS),
        (GOLD, "2025-12-25T23:00", OPENS),
        (GRAINS, "2026-03-09T00:00", OPENS),
        (GRAINS, "2026-03-09T12:45", SHUTS),
        (GRAINS, "2026-03-09T13:00", STAYS_SHUT),
        (GRAINS, "2026-03-09T13:30", OPENS),
        (GRAINS, "2026-03-09T18:20", SHUTS),
        (GRAINS, "2026-06-19T15:00", STAYS_SHUT),
        (GRAINS, "2026-11-26T15:00", STAYS_SHUT),
        (GRAINS, "2026-11-27T03:00", STAYS_SHUT),
        (GRAINS, "2026-11-27T14:30", OPENS),
        (GRAINS, "2026-11-27T18:05", SHUTS),
        (COFFEE, "2026-03-08T23:00", STAYS_SHUT),
        (COFFEE, "2026-03-09T08:15", OPENS),
        (COFFEE, "2026-03-09T17:30", SHUTS),
    ],
)
def test_other_markets_arrive_as_data(times: TradingTimes, at: str, expected: tuple[bool, bool]) -> None:
    assert opens_and_shuts(times, utc(at)) == expected


def test_a_break_is_inside_the_day_and_not_its_end() -> None:
    before, inside = utc("2026-03-09T12:00"), utc("2026-03-09T13:00")
    assert GRAINS.next_close(before) == utc("2026-03-09T12:45")
    assert GRAINS.day_end(before) == utc("2026-03-09T18:20")
    assert GRAINS.day_end(inside) is None
    assert GRAINS.trading_date(inside) == date(2026, 3, 9)


def test_two_markets_may_end_their_friday_at_different_times() -> None:
    friday = utc("2026-03-06T15:00")
    assert COFFEE.week_end(friday) == utc("2026-03-06T18:30")
    assert GOLD.week_end(friday) == utc("2026-03-06T22:00")


@given(any_instant)
def test_fx_agrees_with_the_clock_on_the_wall_in_new_york(at: Instant) -> None:
    """An oracle without tables: seven hours after five in the afternoon a new date begins."""
    shifted = moment(at).astimezone(NEW_YORK).replace(tzinfo=None) + timedelta(hours=7)
    trades = shifted.weekday() < 5 and (shifted.month, shifted.day) not in {(12, 25), (1, 1)}
    assert FX.is_open(at) == trades
    if trades:
        assert FX.trading_date(at) == shifted.date()


@pytest.mark.parametrize("times", [FX, CRYPTO, GOLD, GRAINS, COFFEE], ids=lambda times: times.name)
def test_open_intervals_of_ten_years_are_sorted_and_disjoint(times: TradingTimes) -> None:
    assert times.opens.dtype == times.closes.dtype == np.int64
    assert (times.opens < times.closes).all()
    assert (times.closes[:-1] < times.opens[1:]).all()
    assert (np.diff(times.day_ends) > 0).all()
    assert (times.week_ends >= times.day_ends).all()


@pytest.mark.parametrize(
    ("times", "zone", "local"),
    [(FX, "America/New_York", "17:00"), (CRYPTO, "America/New_York", "17:00"), (COFFEE, "America/New_York", "13:30")],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_local_time_of_the_days_end_never_changes(times: TradingTimes, zone: str, local: str) -> None:
    ends = {moment(end).astimezone(ZoneInfo(zone)).strftime("%H:%M") for end in times.day_ends.tolist()}
    assert ends == {local}


@pytest.mark.parametrize("times", [FX, GOLD, GRAINS, COFFEE], ids=lambda times: times.name)
@given(at=st.integers(FIRST, LAST - 14 * DAY))
def test_what_comes_next_comes_in_order(at: Instant, times: TradingTimes) -> None:
    next_open, next_close = times.next_open(at), times.next_close(at)
    assert next_open is not None
    assert next_close is not None
    assert next_open > at
    assert next_close > at
    if times.is_open(at):
        day_end, week_end = times.day_end(at), times.week_end(at)
        assert day_end is not None
        assert week_end is not None
        assert at < day_end <= week_end
        assert times.is_open(day_end - 1)
        assert next_close < next_open
        assert not times.is_open(next_close)
    else:
        assert next_open < next_close


@pytest.mark.parametrize("times", [FX, CRYPTO, GRAINS], ids=lambda times: times.name)
@given(instants=st.lists(any_instant, max_size=20))
def test_a_column_of_instants_is_looked_up_like_each_of_them(instants: list[Instant], times: TradingTimes) -> None:
    assert times.are_open(np.array(instants, dtype=np.int64)).tolist() == [times.is_open(at) for at in instants]


@pytest.mark.parametrize("at", [FIRST - 1, LAST + 1])
def test_an_instant_outside_of_the_span_is_refused_with_the_span(at: Instant) -> None:
    lookups = (FX.is_open, FX.next_open, FX.next_close, FX.day_end, FX.week_end, FX.minutes_to_close, FX.trading_date)
    for look_up in (*lookups, FX.is_last_day_of_week):
        with pytest.raises(OutsideSpan, match="EURUSD are built from 2017-01-01T00:00:00Z to 2027-12-31T00:00:00Z"):
            look_up(at)
    with pytest.raises(OutsideSpan):
        FX.are_open(np.array([FIRST, at]))


def test_a_span_that_runs_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match=r"EURUSD cannot run from 2027-12-31T00:00:00Z back to"):
        build(a_commodity(), LAST, FIRST)


def test_the_fx_day_may_end_by_another_citys_clock_and_its_hours_stay_those_of_new_york() -> None:
    times = build(a_commodity(zone="Europe/London", day_end="21:00"), FIRST, LAST)
    assert times.day_end(utc("2026-03-12T12:00")) == utc("2026-03-12T21:00")
    assert times.day_end(utc("2026-07-15T12:00")) == utc("2026-07-15T20:00")
    assert opens_and_shuts(times, utc("2026-03-08T21:00")) == OPENS
    at = np.arange(utc("2026-07-12T00:00"), utc("2026-07-17T20:00"), 10 * MINUTE)
    assert np.array_equal(times.are_open(at), FX.are_open(at))


def test_a_calendar_of_an_exchange_needs_its_schedule() -> None:
    with pytest.raises(BadCalendar, match="GOLD: calendar is 'CMEGlobex_GC', but no schedule is given"):
        build(a_gold(), FIRST, LAST)


def test_a_calendar_of_holidays_alone_needs_sessions() -> None:
    with pytest.raises(BadCalendar, match=r"COFFEE: hours.sessions is missing"):
        build(a_commodity(id="COFFEE", calendar="ice_softs"), FIRST, LAST)


def test_a_calendar_without_any_session_around_the_span_is_refused() -> None:
    year = Hours(sessions=("Mon-Fri 09:00-17:00",), closed=tuple(f"2026-{m:02d}-{d:02d}" for m, d in days_of_2026()))
    with pytest.raises(BadCalendar, match="ODD: the calendar has no sessions around 2026-07-01T00:00:00Z"):
        flatten("ODD", CalendarRule("Europe/London", year), utc("2026-06-01T00:00"), utc("2026-07-01T00:00"))


def days_of_2026() -> list[tuple[int, int]]:
    """Month and day of each."""
    days = (date(2026, 1, 1) + timedelta(days=number) for number in range(365))
    return [(day.month, day.day) for day in days]


def test_a_local_time_that_daylight_saving_skips_or_repeats_ends_one_day_only() -> None:
    for day_end in ("02:30", "01:30"):
        times = build(a_bitcoin(day_end=day_end), FIRST, LAST)
        lengths = set(np.diff(times.day_ends).tolist())
        assert lengths == {23 * HOUR, 24 * HOUR, 25 * HOUR}


# ---------------------------------------------------------------- open spans


def test_the_open_spans_of_a_weekend_are_what_is_left_on_both_sides_of_it() -> None:
    friday, monday = utc("2026-01-09T12:00"), utc("2026-01-12T03:00")
    assert list(open_spans(FX, friday, monday)) == [
        (friday, utc("2026-01-09T22:00")),
        (utc("2026-01-11T22:00"), monday),
    ]


def test_open_spans_leave_out_a_daily_break() -> None:
    start, end = utc("2026-01-13T20:00"), utc("2026-01-14T00:00")
    assert list(open_spans(GOLD, start, end)) == [(start, utc("2026-01-13T22:00")), (utc("2026-01-13T23:00"), end)]


def test_there_are_no_open_spans_while_shut_nor_in_no_time_nor_backwards() -> None:
    saturday = utc("2026-01-10T12:00")
    assert list(open_spans(FX, saturday, saturday + HOUR)) == []
    tuesday = utc("2026-01-13T12:00")
    assert list(open_spans(FX, tuesday, tuesday)) == []
    assert list(open_spans(FX, tuesday, tuesday - DAY)) == []


def test_a_market_that_never_shuts_is_one_open_span() -> None:
    start = utc("2026-01-09T12:00")
    assert list(open_spans(CRYPTO, start, start + 9 * DAY)) == [(start, start + 9 * DAY)]


@given(any_instant, st.integers(0, 30 * 24 * 60))
def test_open_spans_are_open_and_all_that_is(start: Instant, minutes: int) -> None:
    end = min(start + minutes * MINUTE, LAST)
    spans = list(open_spans(FX, start, end))
    for opens, closes in spans:
        assert start <= opens < closes <= end
        assert FX.is_open(opens)
        assert FX.is_open(closes - 1)
        assert opens == start or not FX.is_open(opens - 1)
        assert closes == end or not FX.is_open(closes)
    open_minutes = sum(FX.is_open(at) for at in range(start, end, 60 * MINUTE))
    assert abs(sum(closes - opens for opens, closes in spans) / HOUR - open_minutes) <= 2 + 2 * len(spans)


def test_open_spans_outside_of_what_was_built_are_refused_at_once() -> None:
    with pytest.raises(OutsideSpan):
        open_spans(FX, LAST - DAY, LAST + DAY)
