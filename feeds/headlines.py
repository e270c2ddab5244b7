"""Headlines of an RSS or Atom feed: read by feedparser, each once, with its instant and its tone by commodity."""

from __future__ import annotations

import calendar
import io
from collections.abc import Iterable, Mapping
from typing import Any

from feeds.errors import FeedError
from feeds.instants import EARLIEST, LATEST
from feeds.keywords import keyword_signs
from feeds.tone import LONGEST_TITLE, Subjects, tones
from trading.commodities import Commodity
from trading.market import SECOND, Instant
from trading.moods import Headline, Headlines
from trading.settings_feeds import HeadlineFeed

LARGEST_FEED_BYTES = 4 << 20  # of text; ten times what the largest feeds are
MOST_ENTRIES = 2_000


def parse_headlines(
    data: bytes, media_type: str, settings: HeadlineFeed, commodities: Mapping[str, Commodity]
) -> Headlines:
    """The headlines in a feed that name a commodity. ``media_type``: as the server says, with the charset, or empty.

    Raises `FeedError` where it is no feed at all; a damaged one is read as far as it goes.
    """
    if len(data) > LARGEST_FEED_BYTES:
        raise FeedError(f"{settings.source}: {len(data)} bytes; expected a feed of at most {LARGEST_FEED_BYTES}")
    import feedparser  # takes a while to load

    headers = {"content-type": media_type} if media_type else {}
    # A stream, because text that looks like an address or a path would be fetched.
    try:
        parsed = feedparser.parse(
            io.BytesIO(data), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except Exception as error:  # whatever a hostile file has found in a parser ends here
        raise FeedError(f"{settings.source}: cannot be read as a feed: {type(error).__name__}: {error}") from error
    entries = parsed.get("entries", [])
    if not entries and not parsed.get("version"):
        why = parsed.get("bozo_exception", "it has neither a channel nor an entry")
        raise FeedError(f"{settings.source}: is neither RSS nor Atom: {str(why)[:200]}")
    subjects = {
        name: Subjects(keyword_signs(commodity, settings.keywords.get(name, {})))
        for name, commodity in commodities.items()
    }
    return Headlines(
        items=tuple(_headlines(entries[:MOST_ENTRIES], subjects)),
        half_life_seconds=settings.half_life_seconds,
        max_age_seconds=settings.max_age_seconds,
    )


def _headlines(entries: Iterable[Any], subjects: Mapping[str, Subjects]) -> list[Headline]:
    """Oldest first; of those with one id, or one title, the oldest."""
    dated = []
    for entry in entries:
        title = " ".join(str(entry.get("title") or "").split())[:LONGEST_TITLE]
        at = _published(entry)
        if title and at is not None:
            dated.append((at, title, str(entry.get("id") or entry.get("link") or title)))
    seen: set[str] = set()
    found = []
    for at, title, identity in sorted(dated):
        names = {f"id {identity}", f"title {title.casefold()}"}
        if not names & seen and (by_commodity := tones(title, subjects)):
            found.append(Headline(at, title, by_commodity))
        seen |= names
    return found


def _published(entry: Any) -> Instant | None:
    """When it was published, or else changed; None where it does not say, or nonsense."""
    parsed = entry.get("published_parsed")
    if parsed is None and "updated_parsed" in entry:  # asked for without being there, it is made up with a warning
        parsed = entry["updated_parsed"]
    if parsed is None:
        return None
    try:
        at = calendar.timegm(parsed) * SECOND
    except (ValueError, OverflowError, TypeError):
        return None
    return at if EARLIEST <= at <= LATEST else None
