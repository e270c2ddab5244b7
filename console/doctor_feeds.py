"""`run.py doctor` on sources of sentiment: each is read once, as the crew does it, and what it knows is said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from console.check import Check, made
from console.configuration import Configuration
from console.figures import clock
from console.sentiment_sources import readers
from feeds.reading import FeedReader, Outcome
from trading.market import HOUR, MINUTE, SECOND, Instant
from trading.moods import Events, Headlines, Knowledge, Positions, Scores
from trading.settings_feeds import FeedSettings

LOOK_SECONDS = 0.05
ADVICE = "until it can be read it is absent from sentiment, and holds up nothing: docs/feeds.md"
OLD = "it says nothing now: a newer file, or a longer max_age_seconds"


def feed_checks(configuration: Configuration, now: Instant) -> Iterator[Check]:
    """A check for each enabled source. All are read at the same time, each by a process of its own."""
    settings = configuration.settings
    reading = readers(settings, configuration.commodities)
    for reader in reading.values():
        reader.begin()
    for feed in settings.feeds.enabled:
        yield made(f"feed {feed.name}", partial(_check, feed, reading[feed.name], now))


def _check(feed: FeedSettings, reader: FeedReader, now: Instant) -> Check:
    name = f"feed {feed.name}"
    outcome = _awaited(reader)
    if outcome.error or outcome.knowledge is None:
        return Check(name, "warning", outcome.error, ADVICE)
    saw, newest = _told(outcome.knowledge, now)
    if newest is None or now - newest > feed.max_age_seconds * SECOND:
        return Check(name, "warning", saw, OLD)
    return Check(name, "ok", saw)


def _awaited(reader: FeedReader) -> Outcome:
    """What came of the reading, which ends at its own deadline."""
    while (outcome := reader.result()) is None:
        time.sleep(LOOK_SECONDS)
    return outcome


def _told(knowledge: Knowledge, now: Instant) -> tuple[str, Instant | None]:
    """What it knows, in words, and how new that is; None: it knows nothing yet."""
    match knowledge:
        case Headlines(items):
            newest = max((item.at for item in items if item.at <= now), default=None)
            return f"{len(items)} headlines name a commodity, {_age('the newest', newest, now)}", newest
        case Positions(reports, _):
            known = [report for each in reports.values() for report in each if report.released_at <= now]
            last = max(known, key=lambda report: report.released_at, default=None)
            count = sum(len(each) for each in reports.values())
            of = "none released" if last is None else f"the newest of {last.as_of}"
            return f"{count} reports on {len(reports)} contracts, {of}", None if last is None else last.released_at
        case Events(windows, last_at):
            following = next((window for window in windows if window.ends_at > now), None)
            said = "none is ahead" if following is None else f"the next: {following}"
            return f"{len(windows)} events that matter, {said}", None if last_at is None else min(last_at, now)
        case Scores(items):
            newest = max((item.at for item in items if item.at <= now), default=None)
            return f"{len(items)} scores, {_age('the newest', newest, now)}", newest


def _age(what: str, at: Instant | None, now: Instant) -> str:
    if at is None:
        return "none of them made by now"
    hours, minutes = divmod((now - at) // MINUTE, HOUR // MINUTE)
    return f"{what} of {clock(at)}, {hours} h {minutes} min old"
