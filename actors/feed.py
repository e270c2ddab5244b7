"""FeedActor: has one source of sentiment read now and then, and tells the analyst and the trader what it knows.

It never waits for the source: a reader does, in a process of its own where time is real. A source that cannot be read
is said to be dead once, and absent until it can be read again; nobody else notices.
"""

from __future__ import annotations

from actors.messages import EventsKnown, FeedState, HowIsFeed, LookAtReading, Mood, ReadFeed
from actors.names import ANALYST, FEED_BACK, FEED_DEAD, TRADER
from actors.system.context import Context
from feeds.reading import FeedReader, Outcome
from trading.attention import EVERYTHING, NOTHING, Attention
from trading.market import Instant
from trading.moods import Events, Knowledge
from trading.settings_feeds import FeedSettings

LOOK_SECONDS = 0.25  # between two looks at a reading that is not over
FIRST_RETRY_SECONDS = 15.0  # after a source was found dead; doubled each time, up to its own interval


class FeedActor:
    """Keeps one source's knowledge, and tells it when it changes."""

    def __init__(self, settings: FeedSettings, reader: FeedReader) -> None:
        self._settings = settings
        self._reader = reader
        self._knowledge: Knowledge | None = None  # the last that could be read
        self._dead_because = ""
        self._failures = 0  # in a row
        self._read_at_elapsed: float | None = None  # when it last could be read

    def start(self, context: Context) -> None:
        """Begin to read: what an earlier life has begun is given up."""
        self._reader.cancel()
        self._begin(context)

    def stop(self, context: Context) -> None:
        """Leave no process behind."""
        self._reader.cancel()

    def attention(self, now: Instant) -> Attention:
        """A source that is read once has said all; a reading that goes on is looked at as time passes."""
        return EVERYTHING if self._reader.reads_again else NOTHING

    def receive(self, message: object, context: Context) -> FeedState | None:
        """Begin a reading, or look at the one that has begun; answer `HowIsFeed`."""
        match message:
            case ReadFeed():
                self._begin(context)
            case LookAtReading():
                self._look(context)
            case HowIsFeed():
                return self._state(context)
            case _:
                raise TypeError(f"a feed does not take {type(message).__name__}")
        return None

    def _state(self, context: Context) -> FeedState:
        read_at = self._read_at_elapsed
        return FeedState(bool(self._dead_because), None if read_at is None else context.elapsed() - read_at)

    def _begin(self, context: Context) -> None:
        self._reader.begin()
        self._look(context)

    def _look(self, context: Context) -> None:
        outcome = self._reader.result()
        if outcome is None:
            context.later(LOOK_SECONDS, LookAtReading())
            return
        self._note(outcome, context)
        if self._reader.reads_again:
            context.later(self._pause_seconds(), ReadFeed())

    def _pause_seconds(self) -> float:
        if not self._failures:
            return self._settings.every_seconds
        doublings = min(self._failures - 1, 20)
        return min(self._settings.every_seconds, FIRST_RETRY_SECONDS * 2.0**doublings)

    def _is_hollow(self, knowledge: Knowledge) -> bool:
        """Whether it is a calendar without a single event in the place of one that had some: it takes nothing back."""
        return isinstance(self._knowledge, Events) and isinstance(knowledge, Events) and knowledge.last_at is None

    def _note(self, outcome: Outcome, context: Context) -> None:
        """Tell what is new: other knowledge, that the source is dead, or that it is alive again."""
        before = self._knowledge, self._dead_because
        was_dead = bool(self._dead_because)
        self._dead_because = outcome.error
        self._failures = self._failures + 1 if outcome.error else 0
        if not outcome.error:
            self._read_at_elapsed = context.elapsed()
        if outcome.knowledge is not None and not self._is_hollow(outcome.knowledge):
            self._knowledge = outcome.knowledge
        name = self._settings.name
        if outcome.error and not was_dead:
            context.alert(FEED_DEAD, f"{name} is absent from sentiment until it can be read: {outcome.error}")
        if was_dead and not outcome.error:
            context.alert(FEED_BACK, f"{name} can be read again")
        if before == (self._knowledge, self._dead_because):
            return
        context.tell(ANALYST, Mood(name, self._knowledge, self._dead_because))
        if isinstance(self._knowledge, Events):
            context.tell(TRADER, EventsKnown(name, self._knowledge))
