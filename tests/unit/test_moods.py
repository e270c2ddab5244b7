"""What sources say together: ages, absence, weights, and that no source sees the future."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.market import HOUR, SECOND, Side
from trading.moods import (
    Events,
    EventWindow,
    Headline,
    Headlines,
    Knowledge,
    PositionReport,
    Positions,
    PushedScore,
    Scores,
    combined,
    reading,
)
from trading.sentiment import Sentiment, SourceReading, sentiment_score

NOON = 1_772_452_800_000


def headlines(*items: tuple[float, float], half_life_hours: float = 4, max_age_hours: float = 24) -> Headlines:
    """Headlines of EURUSD, each so many hours before noon and with this tone, oldest first."""
    return Headlines(
        tuple(Headline(NOON - round(hours * HOUR), f"{hours}", {"EURUSD": tone}) for hours, tone in items),
        half_life_hours * 3_600,
        max_age_hours * 3_600,
    )


def event(starts_at: int, ends_at: int, bars_opens: bool = False) -> EventWindow:
    return EventWindow("CPI", "USD", starts_at, starts_at, ends_at, ("EURUSD",), bars_opens)


def test_a_headline_counts_for_half_after_its_half_life() -> None:
    fresh = headlines((0, 1.0)).said("EURUSD", NOON).bullishness
    assert fresh == pytest.approx(0.5 + 0.5 * 1 / 3)  # two neutral ones are counted along
    assert headlines((4, 1.0)).said("EURUSD", NOON).bullishness == pytest.approx(0.5 + 0.5 * 0.5 / 2.5)


def test_many_headlines_of_one_tone_approach_that_tone() -> None:
    said = headlines(*[(0, 0.8)] * 200).said("EURUSD", NOON)
    assert said.bullishness == pytest.approx(0.5 + 0.5 * 0.8, abs=0.01)
    assert said.at == NOON


def test_headlines_beyond_their_age_say_nothing_and_of_others_neither() -> None:
    old = headlines((25, 1.0))
    assert old.said("EURUSD", NOON).bullishness is None
    assert headlines((1, 1.0)).said("USDJPY", NOON).why == "no headline speaks of it"


def test_a_source_that_is_too_old_is_absent_with_its_age() -> None:
    scores = Scores((PushedScore("EURUSD", 0.9, NOON - 5 * HOUR),))
    young, old = (reading("model", 1.0, hours * 3_600, scores, "EURUSD", NOON) for hours in (5, 4.999))
    assert (young.bullishness, young.age_seconds, young.why) == (0.9, 18_000, "")
    assert (old.bullishness, old.age_seconds) == (None, 18_000)
    assert old.why == "absent: older than 17996.4 s"


def test_the_mean_is_weighted_and_what_says_nothing_does_not_count() -> None:
    said = [SourceReading("a", 0.9, 1, 3.0), SourceReading("b", 0.1, 1, 1.0), SourceReading("c", None, None, 50.0)]
    sentiment = combined(said)
    assert sentiment.bullishness == pytest.approx(0.7)
    assert not sentiment.absent
    assert sentiment.score(Side.BUY) + sentiment.score(Side.SELL) == 1


def test_with_nothing_left_sentiment_is_absent_and_neutral() -> None:
    sentiment = combined([SourceReading("a", None, None, 1.0, "absent: no such file")])
    assert sentiment.absent
    assert [sentiment_score(sentiment, side) for side in Side] == [0.5, 0.5]


def test_a_pending_event_scores_nothing_for_either_side_though_no_source_says_anything() -> None:
    sentiment = combined([], event(NOON, NOON + HOUR))
    assert not sentiment.absent
    assert sentiment.event == "USD CPI at 2026-03-02T12:00:00Z"
    assert [sentiment_score(sentiment, side) for side in Side] == [0, 0]


def test_absent_sentiment_that_says_something_is_refused() -> None:
    with pytest.raises(ValueError, match=r"absent sentiment says 0\.6"):
        Sentiment(0.6, absent=True)
    with pytest.raises(ValueError, match=r"expected 0\.5 and no event"):
        Sentiment(0.5, event_pending=True, absent=True)


def test_a_calendar_says_nothing_but_is_there_until_its_last_event_is_too_long_ago() -> None:
    calendar = Events.of([event(NOON, NOON + HOUR)], NOON)
    quiet = reading("events", 0, 3_600, calendar, "EURUSD", NOON - 1)
    assert (quiet.bullishness, quiet.why) == (None, "nothing is pending")
    assert reading("events", 0, 3_600, calendar, "EURUSD", NOON).why.startswith("pending: USD CPI")
    over = reading("events", 0, 3_600, calendar, "EURUSD", NOON + HOUR + SECOND)
    assert over.why == "absent: older than 3600 s"


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 60)), max_size=12), st.integers(-5, 170))
def test_the_search_for_a_pending_event_finds_one_whenever_there_is_one(spans: list[tuple[int, int]], now: int) -> None:
    windows = [event(start, start + length) for start, length in spans]
    there = any(window.concerns("EURUSD", now) for window in windows)
    assert (Events.of(windows, 0).pending("EURUSD", now) is not None) is there


INSTANTS = st.lists(st.integers(0, 1_000), max_size=10).map(sorted)


def of_instants(instants: list[int]) -> list[Knowledge]:
    """One of each kind, which learns something at each of these instants."""
    reports = (PositionReport(at, "", at, at / 1_000) for at in instants)
    return [
        Headlines(tuple(Headline(at, "", {"EURUSD": at / 1_000}) for at in instants), 10, 1_000),
        Positions({"099741": tuple(reports)}, {"EURUSD": {"099741": 1}}),
        Scores(tuple(PushedScore("EURUSD", at / 1_000, at) for at in instants)),
    ]


@given(INSTANTS, st.integers(0, 1_000))
def test_no_source_says_at_an_instant_what_it_learns_later(instants: list[int], now: int) -> None:
    whole, prefix = of_instants(instants), of_instants([at for at in instants if at <= now])
    for later, earlier in zip(whole, prefix, strict=True):
        assert later.said("EURUSD", now) == earlier.said("EURUSD", now)
