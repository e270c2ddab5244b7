"""Headlines: what is read from a feed, how it sounds, and that no file harms its reader."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_feeds import ATOM, CATALOGUE, PAIRS, RSS

from feeds.errors import FeedError
from feeds.headlines import LARGEST_FEED_BYTES, MOST_ENTRIES, parse_headlines
from feeds.keywords import keyword_signs
from feeds.tone import Subjects, tones
from trading.market import iso
from trading.moods import Headlines
from trading.settings_feeds import HeadlineFeed

FEED = HeadlineFeed(name="wire", source="wire.xml")


def parsed(data: bytes, media_type: str = "", feed: HeadlineFeed = FEED) -> Headlines:
    return parse_headlines(data, media_type, feed, PAIRS)


def tone_of(title: str, commodity: str) -> float:
    return tones(title, {commodity: Subjects(keyword_signs(CATALOGUE[commodity], {}))}).get(commodity, 0.0)


def test_each_headline_is_read_once_with_its_instant_in_utc_oldest_first() -> None:
    found = [(iso(item.at), item.title) for item in parsed(RSS).items]
    assert found == [
        ("2026-03-02T09:00:00Z", "Dollar slumps as euro rallies"),
        ("2026-03-02T10:00:00Z", "Euro climbs to a three-month high"),
        ("2026-03-02T14:00:00Z", "Yen plunges"),
    ]


def test_a_charset_that_the_file_names_is_understood() -> None:
    assert [item.title for item in parsed(ATOM).items] == ["Euro fällt nicht, euro gains"]


def test_a_wrong_charset_of_the_server_loses_no_headline() -> None:
    assert len(parsed(ATOM, "application/atom+xml; charset=utf-8").items) == 1
    assert len(parsed(RSS, "text/xml; charset=no-such-charset").items) == 3


@pytest.mark.parametrize(
    ("title", "commodity", "is_good"),
    [
        ("Dollar slumps as euro rallies", "EURUSD", True),
        ("Dollar slumps as euro rallies", "USDJPY", False),
        ("Euro climbs against the dollar", "EURUSD", True),
        ("EUR/USD falls ahead of US jobs data", "EURUSD", False),
        ("Fed cuts rates by 50 basis points", "EURUSD", True),
        ("BOJ stays dovish", "USDJPY", True),
        ("No rally for the dollar", "EURUSD", True),
        ("Bitcoin crashes below $50,000", "BITCOIN", False),
    ],
)
def test_the_tone_is_that_of_the_commodity_s_own_side(title: str, commodity: str, is_good: bool) -> None:
    assert (tone_of(title, commodity) > 0.2) is is_good
    assert (tone_of(title, commodity) < -0.2) is not is_good


@pytest.mark.parametrize(
    ("title", "commodity"),
    [
        ("Canadian dollar falls after oil drops", "EURUSD"),  # another dollar
        ("Crude stocks of the United States", "EURUSD"),  # no word that tells in markets
        ("Pound sterling steadies before the decision", "GBPUSD"),
        ("European shares rally", "EURUSD"),  # the euro is a word, not a part of one
    ],
)
def test_what_is_not_about_a_commodity_or_tells_nothing_has_no_tone_for_it(title: str, commodity: str) -> None:
    assert tone_of(title, commodity) == 0


def test_keywords_of_the_settings_are_laid_over_the_defaults() -> None:
    feed = HeadlineFeed(name="wire", source="x", keywords={"EURUSD": {"Bund yields": 1, "yen": -0.5, "dollar": 0}})
    signs = keyword_signs(PAIRS["EURUSD"], feed.keywords["EURUSD"])
    words = {"EURUSD": Subjects(signs)}
    assert tones("Bund yields jump", words)["EURUSD"] > 0
    assert tones("Yen rallies", words)["EURUSD"] < 0
    assert tones("Dollar slumps", words) == {}


def test_entities_that_explode_and_files_outside_are_not_followed() -> None:
    bomb = '<!DOCTYPE r [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(97 + n)} "{f"&{chr(96 + n)};" * 10}">' for n in range(1, 12)
    )
    item = "<item><title>Euro rallies {}</title><pubDate>Mon, 02 Mar 2026 09:00:00 GMT</pubDate></item>"
    outside = '<!ENTITY out SYSTEM "file:///etc/passwd">]>'
    feed = f'<rss version="2.0"><channel>{item.format("&l; &out;")}</channel></rss>'
    document = f'<?xml version="1.0"?>{bomb}{outside}{feed}'
    began = time.process_time()  # of this process alone: the machine may be busy
    try:
        titles = [headline.title for headline in parsed(document.encode()).items]
    except FeedError:
        titles = []
    assert time.process_time() - began < 5
    assert all("root" not in title and len(title) <= 400 for title in titles)


def test_a_feed_that_is_too_large_is_refused_and_of_too_many_entries_some_are_read() -> None:
    with pytest.raises(FeedError, match="expected a feed of at most"):
        parsed(RSS.ljust(LARGEST_FEED_BYTES + 1))
    item = b"<item><title>Euro rallies %d</title><pubDate>Mon, 02 Mar 2026 09:00:00 GMT</pubDate></item>"
    body = b"".join(item % number for number in range(MOST_ENTRIES + 10))
    assert len(parsed(b'<rss version="2.0"><channel>' + body + b"</channel></rss>").items) == MOST_ENTRIES


@pytest.mark.parametrize("data", [b"", b"<html><body>moved</body></html>", b'{"items": []}', b"\x00\xff" * 50])
def test_what_is_no_feed_is_an_error_that_names_it(data: bytes) -> None:
    with pytest.raises(FeedError, match=r"wire\.xml: "):
        parsed(data)


def test_a_feed_without_entries_is_a_feed() -> None:
    assert parsed(b'<rss version="2.0"><channel><title>Markets</title></channel></rss>').items == ()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, len(RSS)), st.integers(0, len(RSS)))
def test_nothing_but_a_feed_error_ever_comes_out_of_a_damaged_feed(noise: bytes, cut: int, again: int) -> None:
    with suppress(FeedError):
        parsed(RSS[:cut] + noise + RSS[again:])
