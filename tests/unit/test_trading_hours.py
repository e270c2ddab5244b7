"""Hours as people write them, and what becomes of a calendar when they are laid over it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trades import a_bitcoin, a_commodity, utc
from pydantic import ValidationError

from trading.calendar_days import number_of
from trading.calendars import BadCalendar, ExchangeSchedule, OutsideSpan, TradingTimes, build
from trading.commodities import Commodity, catalogue
from trading.holidays import NAMES
from trading.market import DAY, HOUR, MINUTE, iso
from trading.sessions import Session, sessions_of, week_of
from trading.settings import Settings
from trading.settings_commodities import CommodityOverride
from trading.settings_hours import Hours

FIRST, LAST = utc("2026-01-05T00:00"), utc("2026-12-20T00:00")
OPENS, CLOSES = 9 * HOUR, 17 * HOUR + 30 * MINUTE


def an_exchange(*, closed: str = "2026-05-01", early: str = "2026-10-30", late: str = "2026-02-03") -> ExchangeSchedule:
    """Monday to Friday from 09:00 to 17:30 UTC, without one day, with one that ends at 12:00 and one from 11:00 on."""
    first, last = date(2025, 1, 1), date(2027, 12, 31)
    every_day = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    days = [day for day in every_day if day.weekday() < 5 and day != date.fromisoformat(closed)]
    numbers = np.array([number_of(day) for day in days])
    opens, closes = numbers * DAY + OPENS, numbers * DAY + CLOSES
    opens[numbers == number_of(date.fromisoformat(late))] += 2 * HOUR
    closes[numbers == number_of(date.fromisoformat(early))] -= 5 * HOUR + 30 * MINUTE
    return ExchangeSchedule("XAMS", "UTC", first, last, date(2026, 12, 31), numbers, opens, closes)


EXCHANGE = an_exchange()


def a_share(**changes: object) -> Commodity:
    """A commodity of that exchange."""
    return a_commodity(**{"id": "SHARE", "calendar": "XAMS", "zone": "UTC", "day_end": "18:00", **changes})


def times_with(*hours: Hours, **changes: object) -> TradingTimes:
    """Its trading times with these hours over them."""
    return build(a_share(**changes), FIRST, LAST, schedule=EXCHANGE, hours=hours)


def on(times: TradingTimes, day: str) -> str:
    """The hours of one trading date; ``shut``."""
    sessions = times.sessions(date.fromisoformat(day))
    return " ".join(f"{iso(opens)[11:16]}-{iso(closes)[11:16]}" for opens, closes in sessions) or "shut"


def refusal(**fields: Any) -> str:
    """What is said of such hours."""
    with pytest.raises(ValidationError) as caught:
        Hours(**fields)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "sessions"),
    [
        ("Mon-Wed 09:00-17:30", (Session(0, 540, 1050), Session(1, 540, 1050), Session(2, 540, 1050))),
        ("Fri 20:00-17:00", (Session(4, -240, 1020),)),
        ("Fri 17:00-17:00", (Session(4, -420, 1020),)),
        ("Sun-Mon 00:00-24:00", (Session(0, 0, 1440), Session(6, 0, 1440))),
        ("Mon,thu 01:00 - 02:00", (Session(0, 60, 120), Session(3, 60, 120))),
    ],
)
def test_a_line_of_hours_is_read_as_trading_dates(line: str, sessions: tuple[Session, ...]) -> None:
    assert sessions_of(line) == sessions


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("Mon-Fry 09:00-17:30", "'Fry' is not a day of the week"),
        ("Mon-Fri 9:00-17:30", "'9:00' is not a time of day"),
        ("Mon-Fri 09:00-25:00", "'25:00' is not a time of day"),
        ("Mon-Fri 24:00-09:00", "midnight opens a day as 00:00"),
        ("Mon-Fri 09:00-00:00", "midnight opens a day as 00:00"),
        ("09:00-17:30", "expected days and hours"),
        ("Mon-Fri", "expected days and hours"),
        ("", "expected days and hours"),
    ],
)
def test_a_line_that_is_none_is_refused_with_what_it_says(line: str, fault: str) -> None:
    said = refusal(sessions=(line,))
    assert fault in said
    assert f"'{line}'" in said
    assert "Mon-Fri 09:00-17:30" in said


@pytest.mark.parametrize(
    "lines",
    [
        ("Mon-Fri 09:00-17:00", "Wed 16:00-18:00"),
        ("Mon 00:00-24:00", "Tue 23:00-17:00"),
        ("Sun 00:00-24:00", "Mon 23:00-17:00"),
        ("Mon 09:00-10:00", "Mon 09:00-10:00"),
    ],
)
def test_hours_that_overlap_are_refused(lines: tuple[str, ...]) -> None:
    assert "overlap" in refusal(sessions=lines)


def test_hours_that_touch_are_one_session_after_the_other() -> None:
    assert len(week_of(("Mon-Fri 17:00-17:00",))) == 5
    assert len(week_of(("Mon-Fri 19:00-07:45", "Mon-Fri 08:30-13:20"))) == 10
    assert len(week_of(("Mon-Sun 00:00-24:00",))) == 7


@pytest.mark.parametrize("key", ["2026-02-30", "13-01", "2026", "", "24.12."])
@pytest.mark.parametrize("field", ["closed", "open", "early_closes", "late_opens"])
def test_a_date_that_is_none_is_refused_with_the_names_that_are_known(field: str, key: str) -> None:
    said = refusal(**{field: {key: "12:00"} if field.endswith("s") else (key,)})
    assert f"{key!r} is no date; expected a date such as 2026-12-24" in said
    assert "good_friday" in said


def test_a_misspelt_holiday_is_refused_with_the_nearest_names() -> None:
    said = refusal(closed=("christmess",))
    assert "'christmess' is no date" in said
    assert "a holiday's name such as christmas, christmas_eve" in said
    assert "good_friday" not in said


def test_a_date_cannot_be_closed_and_open() -> None:
    assert "closed and open both have 'juneteenth'" in refusal(closed=("juneteenth",), open=("12-24", "juneteenth"))


def test_a_bad_line_in_the_settings_says_where_it_is() -> None:
    account = {"name": "alpha", "symbols": {"EURUSD": "EURUSD"}, "hours": {"EURUSD": {"sessions": ["Mon-Fry 1-2"]}}}
    with pytest.raises(ValidationError, match=r"accounts\.0\.hours\.EURUSD\.sessions\n"):
        Settings.model_validate({"accounts": [account]})
    with pytest.raises(ValidationError, match=r"commodities\.GOLD\.hours\.early_closes\.12-24\n"):
        Settings.model_validate({"commodities": {"GOLD": {"hours": {"early_closes": {"12-24": "25:00"}}}}})


def test_without_hours_a_calendar_stays_to_the_minute_as_the_exchange_has_it() -> None:
    times = times_with()
    shown = EXCHANGE.dates[(EXCHANGE.dates >= FIRST // DAY) & (EXCHANGE.dates <= LAST // DAY)]
    for day in (date(1970, 1, 1) + timedelta(days=number) for number in shown.tolist()):
        place = np.flatnonzero(EXCHANGE.dates == number_of(day))
        assert times.sessions(day) == ((int(EXCHANGE.opens[place[0]]), int(EXCHANGE.closes[place[0]])),)
    assert on(times, "2026-05-01") == "shut"
    assert times.known_until == date(2026, 12, 31)
    assert times.zone == "UTC"


def test_other_weekly_hours_keep_holidays_and_short_days() -> None:
    times = times_with(Hours(sessions=("Mon-Fri 08:00-12:30", "Mon-Fri 13:00-20:00"), day_end="20:00"))
    assert on(times, "2026-03-03") == "08:00-12:30 13:00-20:00"
    assert on(times, "2026-05-01") == "shut"
    assert on(times, "2026-10-30") == "08:00-12:00"
    assert on(times, "2026-02-03") == "11:00-12:30 13:00-20:00"
    assert times.is_short(date(2026, 10, 30))
    assert not times.is_short(date(2026, 2, 3))
    assert not times.is_short(date(2026, 5, 1))


def test_hours_may_have_days_that_the_calendar_has_not() -> None:
    times = times_with(Hours(sessions=("Mon-Sat 09:00-17:30",)))
    assert on(times, "2026-03-07") == "09:00-17:30"
    assert times.week_end(utc("2026-03-03T10:00")) == utc("2026-03-07T17:30")


def test_a_date_may_be_shut_opened_shortened_and_begun_late() -> None:
    times = times_with(
        Hours(
            closed=("2026-03-03", "07-14", "good_friday"),
            open=("2026-05-01",),
            early_closes={"2026-03-04": "15:00", "2026-10-30": "16:00", "thanksgiving": "13:00"},
            late_opens={"2026-03-05": "10:30", "2026-02-03": "09:30"},
        )
    )
    found = ("03-03", "07-14", "04-03", "05-01", "03-04", "10-30", "11-26", "03-05", "02-03", "03-06")
    assert {day: on(times, f"2026-{day}") for day in found} == {
        "03-03": "shut",
        "07-14": "shut",
        "04-03": "shut",
        "05-01": "09:00-17:30",
        "03-04": "09:00-15:00",
        "10-30": "09:00-16:00",
        "11-26": "09:00-13:00",
        "03-05": "10:30-17:30",
        "02-03": "09:30-17:30",
        "03-06": "09:00-17:30",
    }


def test_a_date_goes_before_a_day_of_every_year_and_that_before_a_name() -> None:
    keys = {"thanksgiving": "13:00", "11-26": "14:00", "2026-11-26": "15:00"}
    assert on(times_with(Hours(early_closes=keys)), "2026-11-26") == "09:00-15:00"
    del keys["2026-11-26"]
    assert on(times_with(Hours(early_closes=keys)), "2026-11-26") == "09:00-14:00"
    assert on(times_with(Hours(closed=("thanksgiving",), open=("11-26",))), "2026-11-26") == "09:00-17:30"


def test_each_layer_lies_over_the_one_before_whatever_its_keys() -> None:
    catalogue = Hours(closed=("2026-03-03", "2026-03-04"), early_closes={"2026-03-05": "12:00"})
    users = Hours(open=("03-03",), early_closes={"03-05": "13:00"}, auto_close_minutes_before=30)
    account = Hours(early_closes={"2026-03-05": "14:00"}, auto_close_minutes_before=45)
    times = times_with(users, account, hours=catalogue)
    assert on(times, "2026-03-03") == "09:00-17:30"
    assert on(times, "2026-03-04") == "shut"
    assert on(times, "2026-03-05") == "09:00-14:00"
    assert times.auto_close_minutes == 45
    assert times_with(users, hours=catalogue).auto_close_minutes == 30
    assert on(times_with(users, hours=catalogue), "2026-03-05") == "09:00-13:00"
    assert times_with().auto_close_minutes is None


@pytest.mark.parametrize("users", [{"christmas_eve": "11:00"}, {"12-24": "11:00"}, {"2026-12-24": "11:00"}])
def test_what_a_user_says_of_a_commodity_goes_before_its_catalogue_however_exact_that_is(users: dict[str, str]) -> None:
    table = {**a_share().model_dump(exclude={"id"}), "hours": {"early_closes": {"2026-12-24": "13:00"}}}
    changed = catalogue({"SHARE": table}, {"SHARE": CommodityOverride(hours=Hours(early_closes=users))})["SHARE"]
    last = utc("2027-01-20T00:00")
    assert on(build(changed, FIRST, last, schedule=EXCHANGE), "2026-12-24") == "09:00-11:00"


def test_the_same_hours_twice_are_the_same_as_once() -> None:
    hours = Hours(closed=("good_friday",), open=("05-01",), early_closes={"12-01": "12:00"}, friday_end="16:00")
    assert np.array_equal(times_with(hours).opens, times_with(hours, hours).opens)
    assert np.array_equal(times_with(hours).closes, times_with(hours, hours).closes)


@pytest.mark.parametrize(
    ("hours", "fault"),
    [
        (Hours(early_closes={"2026-03-03": "09:00"}), "hours.early_closes.2026-03-03 is '09:00', which leaves nothing"),
        (Hours(late_opens={"good_friday": "17:30"}), "hours.late_opens.good_friday is '17:30', which leaves nothing"),
        (Hours(open=("2026-03-07",)), "hours.open has '2026-03-07', a weekday on which there are no sessions"),
        (Hours(friday_end="08:00"), "hours.friday_end is '08:00', which leaves nothing of "),
        (
            Hours(sessions=("Mon-Sun 00:00-24:00",), friday_end="16:00"),
            "hours.friday_end is '16:00', but it trades on all seven days",
        ),
    ],
)
def test_hours_that_leave_nothing_are_refused_with_their_field(hours: Hours, fault: str) -> None:
    with pytest.raises(BadCalendar, match=f"SHARE: {fault}"):
        times_with(hours)


def test_an_early_close_of_the_calendar_may_leave_nothing_of_other_hours() -> None:
    assert on(times_with(Hours(sessions=("Mon-Fri 13:00-17:00",))), "2026-10-30") == "shut"


def test_a_week_may_end_earlier_than_its_days() -> None:
    times = times_with(Hours(friday_end="16:00"))
    assert on(times, "2026-03-05") == "09:00-17:30"
    assert on(times, "2026-03-06") == "09:00-16:00"
    assert times.week_end(utc("2026-03-03T10:00")) == utc("2026-03-06T16:00")


def test_a_week_has_the_same_days_however_short_the_span_and_however_many_of_them_are_holidays() -> None:
    christmas = an_exchange(closed="2026-12-25", early="2026-12-24", late="2026-12-22")
    hours = Hours(closed=("2027-01-01", "2026-12-18"), friday_end="16:00")
    at = utc("2026-12-28T12:00")
    times = build(a_share(), at, at, schedule=christmas, hours=(hours,))
    assert times.week_end(at) == utc("2026-12-31T17:30")
    assert times.next_close(at) == utc("2026-12-28T17:30")


def test_what_trades_after_the_days_end_belongs_to_the_next_day_and_on_friday_to_none() -> None:
    times = times_with(Hours(day_end="16:00"))
    assert on(times, "2026-03-03") == "16:00-17:30 09:00-16:00"  # the first of them on Monday
    assert on(times, "2026-03-09") == "09:00-16:00"
    assert times.day_end(utc("2026-03-03T16:30")) == utc("2026-03-04T16:00")
    assert not times.is_open(utc("2026-03-06T16:30"))
    assert on(times, "2026-10-30") == "16:00-17:30 09:00-12:00"


def test_a_week_from_sunday_to_thursday_ends_on_thursday() -> None:
    times = times_with(Hours(sessions=("Sun-Thu 09:00-15:00",)))
    assert times.week_end(utc("2026-03-01T10:00")) == utc("2026-03-05T15:00")
    assert times.is_last_day_of_week(utc("2026-03-05T10:00"))
    assert times.ends_week


def test_a_day_before_dates_without_trading_goes_on_to_its_last_closing() -> None:
    """Otherwise the broker would trade for hours in which no stop is guarded, since the market counts as shut."""
    hours = Hours(sessions=("Mon-Fri 00:00-24:00",), closed=("2026-11-26",))
    times = build(a_bitcoin(day_end="17:00"), FIRST, LAST, hours=(hours,))
    saturday = utc("2026-11-07T05:00")  # midnight in New York
    assert times.is_open(saturday - MINUTE)
    assert times.day_end(saturday - MINUTE) == times.week_end(saturday - MINUTE) == saturday
    assert not times.is_open(saturday)
    assert times.day_end_of(date(2026, 11, 5)) == utc("2026-11-05T22:00")
    assert times.day_end_of(date(2026, 11, 25)) == utc("2026-11-26T05:00")  # before a holiday
    assert times.day_end_of(date(2026, 11, 27)) == utc("2026-11-28T05:00")


def test_a_day_end_that_a_user_says_goes_before_all_of_the_catalogue() -> None:
    table = {**a_share().model_dump(exclude={"id"}), "hours": {"sessions": ["Mon-Fri 09:00-17:30"], "day_end": "17:30"}}
    changed = catalogue({"SHARE": table}, {"SHARE": CommodityOverride(day_end="16:00")})["SHARE"]
    times = build(changed, FIRST, LAST, schedule=EXCHANGE)
    assert times.day_end_of(date(2026, 3, 4)) == utc("2026-03-04T16:00")
    assert not times.is_open(utc("2026-03-06T16:30"))  # a Friday


def test_a_market_of_all_seven_days_has_no_week_unless_its_broker_shuts() -> None:
    always = build(a_bitcoin(), FIRST, LAST)
    broker = build(a_bitcoin(), FIRST, LAST, hours=(Hours(sessions=("Mon-Fri 17:00-17:00",)),))
    assert not always.ends_week
    assert broker.ends_week
    assert broker.week_end(utc("2026-03-03T10:00")) == utc("2026-03-06T22:00")


def test_a_saturday_on_which_an_exchange_once_traded_makes_no_other_one_a_trading_day() -> None:
    saturday = number_of(date(2026, 3, 7))
    place = int(np.searchsorted(EXCHANGE.dates, saturday))
    once = replace(
        EXCHANGE,
        dates=np.insert(EXCHANGE.dates, place, saturday),
        opens=np.insert(EXCHANGE.opens, place, saturday * DAY + 10 * HOUR),
        closes=np.insert(EXCHANGE.closes, place, saturday * DAY + 12 * HOUR),
    )
    times = build(a_share(), FIRST, LAST, schedule=once)
    assert on(times, "2026-03-07") == "10:00-12:00"
    assert times.week_end(utc("2026-03-06T10:00")) == utc("2026-03-07T12:00")
    assert times.week_end(utc("2026-03-13T10:00")) == utc("2026-03-13T17:30")
    with pytest.raises(BadCalendar, match=r"hours.open has '2026-03-14', a weekday on which there are no sessions"):
        build(a_share(), FIRST, LAST, schedule=once, hours=(Hours(open=("2026-03-14",)),))


def test_sessions_that_midnight_alone_divides_are_one() -> None:
    times = build(a_bitcoin(), FIRST, LAST)
    assert on(times, "2026-03-03") == "22:00-22:00"
    assert len(times.opens) == 1


def test_a_schedule_that_is_too_short_or_of_another_exchange_is_refused() -> None:
    short = replace(EXCHANGE, last=date(2026, 12, 31))
    with pytest.raises(OutsideSpan, match="SHARE: the schedule of 'XAMS' is for 2025-01-01 to 2026-12-31"):
        build(a_share(), FIRST, LAST, schedule=short)
    with pytest.raises(BadCalendar, match="SHARE: calendar is 'XAMS', but the schedule of 'XPAR' is given"):
        build(a_share(), FIRST, LAST, schedule=replace(EXCHANGE, name="XPAR"))
    with pytest.raises(BadCalendar, match="EURUSD: calendar is 'fx', but the schedule of 'XAMS' is given"):
        build(a_commodity(), FIRST, LAST, schedule=EXCHANGE)


def test_a_date_outside_of_the_span_is_refused_with_the_span() -> None:
    times = times_with()
    for day in (date(2026, 1, 4), date(2026, 12, 21)):
        with pytest.raises(OutsideSpan, match="SHARE are built for 2026-01-05 to 2026-12-20; they were asked for"):
            times.sessions(day)
    assert times.day_end_of(date(2026, 12, 20)) is None
    assert times.day_end_of(date(2026, 12, 18)) == utc("2026-12-18T17:30")


clock_times = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))
dates = st.dates(date(2026, 1, 1), date(2026, 12, 31)).map(date.isoformat)
date_keys = st.one_of(dates, dates.map(lambda day: day[5:]), st.sampled_from(sorted(NAMES)))
lines = st.builds(
    "{}-{} {}-{}".format,
    st.sampled_from(("Mon", "Tue", "Fri", "Sun")),
    st.sampled_from(("Mon", "Thu", "Fri", "Sat")),
    clock_times,
    clock_times,
)


@st.composite
def any_hours(draw: st.DrawFn) -> Hours | None:
    """Hours that a person might write, sensible or not; None where they are refused as they stand."""
    try:
        return Hours(
            sessions=draw(st.none() | st.lists(lines, min_size=1, max_size=2).map(tuple)),
            closed=tuple(draw(st.lists(date_keys, max_size=3))),
            open=tuple(draw(st.lists(date_keys, max_size=2))),
            early_closes=draw(st.dictionaries(date_keys, clock_times, max_size=3)),
            late_opens=draw(st.dictionaries(date_keys, clock_times, max_size=3)),
            day_end=draw(st.none() | clock_times),
            friday_end=draw(st.none() | clock_times),
        )
    except ValidationError:
        return None


@settings(max_examples=50)
@given(st.lists(any_hours(), min_size=1, max_size=2), st.sampled_from(("UTC", "Europe/London", "America/New_York")))
def test_hours_are_refused_or_give_days_that_are_sorted_and_do_not_overlap(
    layers: list[Hours | None], zone: str
) -> None:
    try:
        times = times_with(*(hours for hours in layers if hours is not None), zone=zone)
    except BadCalendar:
        return
    assert (times.opens < times.closes).all()
    assert (times.closes[:-1] < times.opens[1:]).all()
    assert (np.diff(times.day_ends) > 0).all()
    assert (times.week_ends >= times.day_ends).all()
    assert np.isin(times.week_ends, times.day_ends).all()
    day = times.day_sessions
    assert (day.opens < day.closes).all()
    assert (day.closes[:-1] <= day.opens[1:]).all()
    assert (np.diff(day.days) >= 0).all()
    assert int((day.closes - day.opens).sum()) == int((times.closes - times.opens).sum())
    assert times.are_open(np.clip(day.closes, FIRST + 1, LAST) - 1)[(day.closes > FIRST) & (day.closes <= LAST)].all()
