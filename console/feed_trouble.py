"""Which sources of sentiment cannot be read at the moment, by what the leading process has said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from actors.names import FEED_BACK, FEED_DEAD, feed_actor
from console.figures import time_of
from console.records import Data
from persistence.journal import JournalLine
from trading.market import iso
from trading.settings_feeds import Feeds


def dead_feeds(alerts: Iterable[JournalLine], feeds: Feeds, leader: str | None) -> list[Data]:
    """Since when and why, by the names of the sources. ``alerts``: the lines of that kind, newest first.

    Each process tells anew what it cannot read, so what another than the ``leader`` has said is over.
    """
    names = {feed_actor(feed.name): feed.name for feed in feeds.enabled}
    newest: dict[str, JournalLine] = {}
    for line in alerts:
        actor = str(line.detail.get("actor"))
        if actor in names and line.writer == leader and line.reason in (FEED_DEAD, FEED_BACK):
            newest.setdefault(actor, line)
    return [
        {"name": names[actor], "since": iso(line.at), "said": str(line.detail.get("said"))}
        for actor, line in sorted(newest.items())
        if line.reason == FEED_DEAD
    ]


def lines(feeds: Iterable[Mapping[str, Any]]) -> list[Text]:
    """One for each."""
    return [Text(f"feed {feed['name']} since {time_of(feed['since'])}: {feed['said']}", "yellow") for feed in feeds]
