"""A configured source, read once: fetched, unpacked and parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from feeds.fetching import Fetched, Stamp, fetch, texts_in
from trading.commodities import Commodity
from trading.moods import Events, Headlines, Knowledge, Positions, Scores
from trading.settings_feeds import CalendarFeed, FeedSettings, HeadlineFeed, PositionFeed, ScoreFeed

Commodities: TypeAlias = Mapping[str, Commodity]

SETTINGS: Mapping[str, type[FeedSettings]] = {
    kind.kind: kind for kind in (HeadlineFeed, PositionFeed, CalendarFeed, ScoreFeed)
}
KNOWLEDGE: Mapping[str, type[Knowledge]] = {
    HeadlineFeed.kind: Headlines,
    PositionFeed.kind: Positions,
    CalendarFeed.kind: Events,
    ScoreFeed.kind: Scores,
}
"""What a source of each kind knows."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a source knows, and by what each of its parts is known to be unchanged."""

    knowledge: Knowledge
    stamps: tuple[Stamp, ...]


def read_source(
    settings: FeedSettings, commodities: Commodities, deadline: float, known: Sequence[Stamp] = ()
) -> Read | None:
    """Read it; None when every part is still what ``known`` has the stamps of. ``deadline``: on ``time.monotonic``.

    Raises `FeedError`.
    """
    stamps = known if len(known) == len(settings.sources) else [None] * len(settings.sources)
    parts = [fetch(location, deadline, stamp) for location, stamp in zip(settings.sources, stamps, strict=True)]
    if not any(parts):
        return None
    fetched = [
        (location, part or _again(location, deadline)) for location, part in zip(settings.sources, parts, strict=True)
    ]
    return Read(_parsed(settings, fetched, commodities), tuple(part.stamp for _, part in fetched))


def _again(location: str, deadline: float) -> Fetched:
    """All of a part that is unchanged, where another one is not."""
    part = fetch(location, deadline)
    assert part is not None  # only what has a stamp can be unchanged
    return part


def _parsed(settings: FeedSettings, fetched: Sequence[tuple[str, Fetched]], commodities: Commodities) -> Knowledge:
    """Each parser is imported where it is needed: one source needs one of them."""
    first = fetched[0][1]
    match settings:
        case HeadlineFeed():
            from feeds.headlines import parse_headlines

            return parse_headlines(first.data, first.media_type, settings, commodities)
        case PositionFeed():
            from feeds.positions import parse_positions

            texts = [(location, text) for location, part in fetched for text in texts_in(location, part.data)]
            return parse_positions(texts, settings, commodities)
        case CalendarFeed():
            from feeds.economic_calendar import parse_calendar

            return parse_calendar(first.data, settings, commodities)
        case ScoreFeed():
            from feeds.scores import parse_scores

            return parse_scores(first.data, settings, commodities)
