"""Scores that another program pushes into a JSON file: one object, or a list of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from feeds.errors import FeedError
from feeds.instants import EARLIEST, FIRST_MILLISECONDS, LATEST
from trading.commodities import Commodity
from trading.market import SECOND, Instant, instant
from trading.moods import PushedScore, Scores
from trading.settings_feeds import ScoreFeed

MOST_SCORES = 100_000
LARGEST_NAME = 64
KEYS = frozenset({"commodity", "bullishness", "at", "source"})
REQUIRED = ("commodity", "bullishness", "at")


def parse_scores(data: bytes, settings: ScoreFeed, commodities: Mapping[str, Commodity]) -> Scores:
    """The scores, oldest first. Raises `FeedError` naming the first fault: a file that is half right is not taken."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FeedError(f"{settings.source}: is not JSON: {error}") from error
    given = found if isinstance(found, list) else [found]
    if len(given) > MOST_SCORES:
        raise FeedError(f"{settings.source}: {len(given)} scores; expected at most {MOST_SCORES}")
    scores = [_score(f"{settings.source}: score {i}", value, commodities) for i, value in enumerate(given)]
    return Scores(tuple(sorted(scores, key=lambda score: score.at)))


def _score(where: str, value: Any, commodities: Mapping[str, Commodity]) -> PushedScore:
    if not isinstance(value, Mapping):
        raise FeedError(f"{where} is {str(value)[:40]!r}; expected an object with commodity, bullishness and at")
    for name in REQUIRED:
        if name not in value:
            raise FeedError(f"{where} has no {name}")
    unknown = sorted(set(map(str, value)) - KEYS)
    if unknown:
        raise FeedError(f"{where} has {unknown[0][:40]!r}; expected only {', '.join(sorted(KEYS))}")
    commodity, bullishness, source = value["commodity"], value["bullishness"], value.get("source", "")
    if not isinstance(commodity, str) or commodity not in commodities:
        raise FeedError(f"{where}: commodity is {str(commodity)[:40]!r}; expected one of {', '.join(commodities)}")
    if isinstance(bullishness, bool) or not isinstance(bullishness, int | float) or not 0 <= bullishness <= 1:
        raise FeedError(f"{where}: bullishness is {str(bullishness)[:40]!r}; expected 0 to 1")
    if not isinstance(source, str) or len(source) > LARGEST_NAME:
        raise FeedError(f"{where}: source is {str(source)[:80]!r}; expected a text of at most {LARGEST_NAME} letters")
    return PushedScore(commodity, float(bullishness), _at(where, value["at"]), source)


def _at(where: str, value: Any) -> Instant:
    """ISO 8601, in UTC where it names no zone, or seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
            at = instant(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
        elif isinstance(value, int) and not isinstance(value, bool):
            at = value if abs(value) >= FIRST_MILLISECONDS else value * SECOND
        else:
            raise TypeError("neither a text nor a whole number")
        if not EARLIEST <= at <= LATEST:
            raise ValueError("out of range")
    except (TypeError, ValueError, OverflowError) as error:
        said = f"at is {str(value)[:40]!r}; expected an ISO 8601 time between 1900 and 2200, or milliseconds since 1970"
        raise FeedError(f"{where}: {said}") from error
    return at
