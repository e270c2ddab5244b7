"""The calendar of events: its layouts, its times, whom an event concerns and when it is pending."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_feeds import CALENDAR_CSV, CALENDAR_JSON, CATALOGUE, PAIRS

from feeds.economic_calendar import parse_calendar
from feeds.errors import FeedError
from trading.market import MINUTE, Instant, iso
from trading.moods import Events
from trading.settings_feeds import CalendarFeed, Impact


def feed(least_impact: Impact = "high", time_zone: str = "UTC", bars_opens: bool = False) -> CalendarFeed:
    return CalendarFeed(
        name="events", source="events.csv", least_impact=least_impact, time_zone=time_zone, bars_opens=bars_opens
    )


def parsed(data: bytes | str, settings: CalendarFeed | None = None) -> Events:
    return parse_calendar(data.encode() if isinstance(data, str) else data, settings or feed(), PAIRS)


def shown(events: Events) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(window.title, iso(window.at), window.commodities) for window in events.windows]


CPI = ("CPI m/m", "2026-03-02T13:30:00Z", ("EURUSD", "USDJPY"))


def test_forexfactory_s_week_is_read_as_it_is_exported() -> None:
    assert shown(parsed(CALENDAR_CSV)) == [CPI, ("BOJ Policy Rate", "2026-03-03T00:00:00Z", ("USDJPY",))]
    assert [title for title, _, _ in shown(parsed(CALENDAR_CSV, feed("low")))] == [
        *("German PPI m/m", "CPI m/m", "BOJ Policy Rate", "Retail Sales"),
    ]


def test_its_json_has_zones_of_its_own_and_events_for_all() -> None:
    assert shown(parsed(CALENDAR_JSON, feed(time_zone="Asia/Tokyo"))) == [
        CPI,
        ("G7 Meetings", "2026-03-05T05:00:00Z", ("EURUSD", "USDJPY")),
    ]


def test_an_event_is_pending_from_before_until_after_it_and_one_without_a_time_all_day() -> None:
    events = parsed(CALENDAR_CSV)
    (cpi, boj) = events.windows
    assert (iso(cpi.starts_at), iso(cpi.ends_at)) == ("2026-03-02T13:00:00Z", "2026-03-02T14:00:00Z")
    assert (iso(boj.starts_at), iso(boj.ends_at)) == ("2026-03-02T23:30:00Z", "2026-03-04T00:30:00Z")
    assert pending(events, "EURUSD", cpi.starts_at - 1) is None
    assert pending(events, "EURUSD", cpi.starts_at) == "CPI m/m"
    assert pending(events, "EURUSD", cpi.ends_at - 1) == "CPI m/m"
    assert pending(events, "EURUSD", cpi.ends_at) is None
    assert pending(events, "USDJPY", boj.at) == "BOJ Policy Rate"
    assert pending(events, "EURUSD", boj.at) is None


def pending(events: Events, commodity: str, now: Instant) -> str | None:
    event = events.pending(commodity, now)
    return None if event is None else event.title


def test_a_long_event_is_still_pending_when_later_ones_have_begun_and_ended() -> None:
    rows = [{"title": f"Short {hour}", "currency": "USD", "date": f"2026-03-02T{hour:02}:00:00Z", "impact": "3"}
            for hour in range(1, 20)]  # fmt: skip
    rows.append({"title": "Long", "currency": "EUR", "date": "2026-03-02", "time": "All Day", "impact": "3"})
    events = parsed(json.dumps(rows))
    assert pending(events, "EURUSD", events.windows[-1].ends_at + 2 * MINUTE) == "Long"


def test_only_calendars_that_may_bar_opens_do() -> None:
    at = parsed(CALENDAR_CSV).windows[0].at
    assert parsed(CALENDAR_CSV).pending("EURUSD", at, only_bars=True) is None
    assert parsed(CALENDAR_CSV, feed(bars_opens=True)).pending("EURUSD", at, only_bars=True) is not None


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("2026-07-01", "8:30am", "2026-07-01T12:30:00Z"),
        ("2026.07.01", "08:30", "2026-07-01T12:30:00Z"),
        ("07-01-2026", "12:05am", "2026-07-01T04:05:00Z"),
        ("25/12/2026", "12:05pm", "2026-12-25T17:05:00Z"),
        ("12/25/2026 08:30", "", "2026-12-25T13:30:00Z"),
        ("2026-07-01T08:30:00", "", "2026-07-01T12:30:00Z"),
        ("2026-07-01T08:30:00Z", "", "2026-07-01T08:30:00Z"),
        ("1782894600", "", "2026-07-01T08:30:00Z"),
        ("1782894600000", "", "2026-07-01T08:30:00Z"),
    ],
)
def test_times_are_read_in_the_forms_that_people_write(date: str, time: str, expected: str) -> None:
    text = f"Date,Time,Currency,Impact,Event\n{date},{time},USD,High,CPI\n"
    assert shown(parsed(text, feed(time_zone="America/New_York")))[0][1] == expected


def test_dates_that_do_not_tell_whether_the_month_comes_first_are_refused() -> None:
    with pytest.raises(FeedError, match="do not tell whether the month comes first"):
        parsed("Date,Currency,Impact,Event\n03/04/2026 08:30,USD,High,CPI\n")
    with pytest.raises(FeedError, match="in some dates the month comes first"):
        parsed("Date,Currency,Impact,Event\n13/01/2026,USD,High,A\n01/13/2026,USD,High,B\n")


@pytest.mark.parametrize(
    ("impact", "matters"),
    [("High", True), ("High Impact Expected", True), ("red", True), ("3", True), ("***", True), ("Medium", False),
     ("1", False), ("Holiday", False), ("Non-Economic", False)],
)  # fmt: skip
def test_the_impact_is_known_by_word_colour_number_and_stars(impact: str, matters: bool) -> None:
    text = f"Date,Currency,Impact,Event\n2026-03-02T13:30:00Z,USD,{impact},CPI\n"
    assert bool(parsed(text).windows) is matters


def test_countries_stand_for_their_currencies() -> None:
    text = "Date,Country,Importance,Event\n2026-03-02T13:30:00Z,Japan,High,GDP\n2026-03-02T13:30:00Z,Germany,High,Ifo\n"
    assert [commodities for _, _, commodities in shown(parsed(text))] == [("EURUSD",), ("USDJPY",)]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "null", "<html><body>503 Service Unavailable</body></html>", "no,such,columns\n1,2,3\n"]
)
def test_what_is_no_calendar_is_an_error_and_not_a_week_without_events(text: str) -> None:
    with pytest.raises(FeedError, match=r"events\.csv: there is no column of the title"):
        parsed(text)


@pytest.mark.parametrize("text", ["[]", '{"events": []}', "Date,Currency,Impact,Event\n"])
def test_a_week_may_be_without_events(text: str) -> None:
    assert parsed(text) == Events.of([], None)


@pytest.mark.parametrize(
    ("place", "concerned"),
    [
        ("GER", ("EURUSD",)),
        ("ECB", ("EURUSD",)),
        ("nl", ("EURUSD",)),
        ("SEK", ()),
        ("Brazil", ()),
        ("ZZZ", ("EURUSD", "USDJPY")),
        ("Utopia", ("EURUSD", "USDJPY")),
    ],
)
def test_an_event_of_a_place_that_nobody_knows_concerns_all(place: str, concerned: tuple[str, ...]) -> None:
    events = parsed(f"Date,Country,Impact,Event\n2026-03-02T13:30:00Z,{place},High,CPI\n")
    assert [window.commodities for window in events.windows] == ([concerned] if concerned else [])


def test_a_calendar_may_have_semicolons_and_be_in_utf_16() -> None:
    text = "Date;Currency;Impact;Event\n2026-03-02T13:30:00Z;USD;High;CPI m/m\n"
    assert shown(parsed(text.encode("utf-16"))) == shown(parsed(text)) == [CPI]


def test_an_event_of_the_dollar_concerns_all_that_is_paid_in_it() -> None:
    window = parse_calendar(CALENDAR_JSON, feed(), CATALOGUE).windows[0]
    assert {"EURUSD", "USDJPY", "BITCOIN"} <= set(window.commodities)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Date,Currency,Impact,Event\nsoon,USD,High,CPI\n", "events.csv: event 0: the time is 'soon'"),
        ("Date,Time,Currency,Impact,Event\n2026-03-02,25:00,USD,High,CPI\n", "event 0: the time is '2026-03-02 25:00'"),
        ("Currency,Impact,Event\nUSD,High,CPI\n", "of the time (such as datetime); its columns: currency, event"),
        ("Date,Currency,Impact\n2026-03-02,USD,High\n", "there is no column of the title"),
        ("Date,Currency,Impact,Event\n2026-03-02,USD,High,\n", "event 0 has no title"),
        ('[{"title": "CPI", "impact": "high"}]', "event 0 has no time; its columns are title, impact"),
        ("Date,Currency,Impact,Event\n2026-03-02,USD,Hoch,CPI\n", "event 0: the impact is 'Hoch'; expected low"),
        ("Date,Currency,Event\n2026-03-02,USD,CPI\n", "there is no column of the impact"),
        ('{"events": 3}', "has no list of events"),
        ("[1]", "event 0 is '1'; expected an object"),
        ("{", "is not JSON"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(FeedError) as caught:
        parsed(text)
    assert said in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.integers(0, 400), st.integers(0, 400), st.booleans())
def test_nothing_but_a_feed_error_ever_comes_out_of_a_damaged_calendar(
    noise: str, cut: int, again: int, as_json: bool
) -> None:
    whole = (CALENDAR_JSON if as_json else CALENDAR_CSV).decode()
    with suppress(FeedError):
        parsed(whole[:cut] + noise + whole[again:])
