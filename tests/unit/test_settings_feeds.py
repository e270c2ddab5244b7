"""The settings of feeds: what is refused, and in which words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from console.configuration import load
from console.errors import ConfigurationError
from trading.settings_feeds import CalendarFeed, Feeds, HeadlineFeed, PositionFeed, ScoreFeed


@pytest.mark.parametrize(
    "source",
    [
        "state/news.xml",
        "C:\\feeds\\news.xml",
        "https://example.org/rss?a=1",
        "http://[::1]:8080/x",
        "HTTPS://EXAMPLE.ORG/x",
    ],
)
def test_files_and_web_addresses_are_sources(source: str) -> None:
    assert HeadlineFeed(name="wire", source=source).sources == (source,)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ftp://example.org/x", "begins with ftp://; expected http://, https:// or the path of a file"),
        ("file:///etc/passwd", "begins with file://"),
        ("https://", "is not an address"),
        ("https://user:secret@example.org/", "has a user or a password in it"),
        ("https://example.org/a b", "is not an address"),
        ("https://example.org:port/", "is not an address"),
        ("", "at least 1 character"),
    ],
)
def test_other_sources_are_refused(source: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HeadlineFeed(name="wire", source=source)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_age_seconds", -1), ("max_age_seconds", 0), ("weight", 0), ("every_seconds", 0), ("half_life_seconds", -5)],
)
def test_ages_intervals_and_weights_must_be_positive(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        HeadlineFeed.model_validate({"name": "wire", "source": "x", field: value})


def test_a_time_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="'Mars/Olympus' is not a time zone"):
        CalendarFeed(name="events", source="x", time_zone="Mars/Olympus")


def test_two_sources_of_one_name_are_refused_whatever_their_kind() -> None:
    with pytest.raises(ValidationError, match="two sources are named 'Wire'; expected one name each"):
        Feeds(headlines=(HeadlineFeed(name="wire", source="x"),), scores=(ScoreFeed(name="Wire", source="y"),))


def test_only_enabled_sources_are_read() -> None:
    feeds = Feeds(
        headlines=(HeadlineFeed(name="wire", source="x", enabled=False),),
        positions=(PositionFeed(name="cot", sources=("y",)),),
    )
    assert [feed.name for feed in feeds.enabled] == ["cot"]


def test_a_commodity_that_the_catalogue_does_not_have_is_named_in_the_words_of_the_file() -> None:
    headlines = '[{"name": "w", "source": "x", "keywords": {"EURSUD": {"euro": 1}}}]'
    with pytest.raises(ConfigurationError) as caught:
        load(None, {"WATCHBILL__FEEDS__HEADLINES": headlines})
    assert "feeds.headlines[0].keywords names EURSUD, which is not a commodity of the catalogue" in str(caught.value)
    positions = '[{"name": "c", "sources": ["x"], "contracts": {"EURUSD": {"1": 1}}}]'
    with pytest.raises(ConfigurationError) as caught:
        load(None, {"WATCHBILL__FEEDS__POSITIONS": positions})
    assert "feeds.positions[0].contracts.EURUSD" in str(caught.value)
