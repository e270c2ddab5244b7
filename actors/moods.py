"""What the feeds have told: the newest of each source, and what follows from it for one commodity at one instant.

Both books outlive a new life of the actor that reads them, because a feed tells only what has changed.
"""

from __future__ import annotations

from actors.messages import EventsKnown, Mood
from trading.market import Instant
from trading.moods import Events, combined, reading
from trading.sentiment import Sentiment, SourceReading
from trading.settings_feeds import CalendarFeed, Feeds, FeedSettings

NOT_READ_YET = "not read yet"
CALENDAR_NOT_READ = "calendar not read"


class MoodBook:
    """The newest mood of each configured source."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds.enabled
        self._moods: dict[str, Mood] = {}  # by source

    def take(self, mood: Mood) -> None:
        """Put it in the place of the source's last one."""
        self._moods[mood.source] = mood

    def sentiment(self, commodity: str, now: Instant) -> Sentiment | None:
        """What all sources together say of the commodity; None where none is configured.

        An event that is known stays pending, though its calendar cannot be read any more.
        """
        if not self._feeds:
            return None
        readings = [self._reading(feed, commodity, now) for feed in self._feeds]
        calendars = [mood.knowledge for mood in self._moods.values() if isinstance(mood.knowledge, Events)]
        pending = next((event for known in calendars if (event := known.pending(commodity, now)) is not None), None)
        return combined(readings, pending)

    def _reading(self, feed: FeedSettings, commodity: str, now: Instant) -> SourceReading:
        weight = 0.0 if isinstance(feed, CalendarFeed) else feed.weight
        mood = self._moods.get(feed.name)
        if mood is None or mood.knowledge is None or mood.dead_because:
            why = mood.dead_because if mood is not None and mood.dead_because else NOT_READ_YET
            return SourceReading(feed.name, None, None, weight, f"absent: {why}")
        return reading(feed.name, weight, feed.max_age_seconds, mood.knowledge, commodity, now)


class EventBook:
    """The events that bar opens, by the calendar that told of them."""

    def __init__(self, feeds: Feeds) -> None:
        self._unread = [feed.name for feed in feeds.calendars if feed.enabled and feed.bars_opens]
        self._events: dict[str, Events] = {}

    def take(self, told: EventsKnown) -> None:
        """Put them in the place of what the calendar told before."""
        self._events[told.source] = told.events
        if told.source in self._unread:
            self._unread.remove(told.source)

    def barring(self, commodity: str, now: Instant) -> dict[str, object] | None:
        """What bars opens in this commodity now, for the journal; None: nothing does.

        A calendar that has not been read since this process began may hold any event, so it bars every commodity.
        """
        if self._unread:
            return {"calendar": self._unread[0], "why": CALENDAR_NOT_READ}
        for events in self._events.values():
            if (event := events.pending(commodity, now, only_bars=True)) is not None:
                return event.as_detail()
        return None
