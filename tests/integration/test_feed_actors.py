"""Feeds in a crew: one alert for a dead one, absence, events that bar opens, and nobody who waits."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from crew_helpers import StartCrew, account, decisions, heard, told
from made_servers import silent_server

from actors.feed import FeedActor
from actors.messages import Mood
from actors.moods import MoodBook
from actors.names import ANALYST, FEED_BACK, FEED_DEAD, TRADER, UPPER_LEVEL, feed_actor
from actors.scripted_crew import A_WEDNESDAY_NOON, ScriptedCrew
from actors.system.alerts import Alert
from actors.system.health import HealthRound
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.spec import Spec
from actors.system.system import System
from console.configuration import load
from console.recorded import Recording, first_judged
from console.replay import Scene, in_virtual_time, on_threads
from console.walk import walk_through
from feeds.catalogue import read_catalogue
from feeds.readers import ChildReader
from feeds.reading import Outcome
from feeds.synthetic import synthetic_bars
from trading.market import DAY, HOUR, MINUTE, iso
from trading.moods import Events, EventWindow, PushedScore, Scores
from trading.settings import Settings
from trading.settings_feeds import CalendarFeed, Feeds, HeadlineFeed, ScoreFeed
from trading.trade import Trade

NOON = A_WEDNESDAY_NOON
WAIT_SECONDS = 20.0
ANSWER_SECONDS = 5.0  # half of what a fetch waits for a server's first word


@dataclass
class ScriptedReader:
    """Gives these outcomes, one for each reading; the last one again and again."""

    outcomes: Sequence[Outcome | None]
    reads_again: bool = True
    begun: int = 0
    given: bool = True
    cancelled: int = 0

    def begin(self) -> None:
        self.begun, self.given = self.begun + 1, False

    def result(self) -> Outcome | None:
        if self.given:
            return None
        outcome = self.outcomes[min(self.begun, len(self.outcomes)) - 1]
        self.given = outcome is not None
        return outcome

    def cancel(self) -> None:
        self.cancelled += 1
        self.given = True


DEAD = Outcome(error="wire.xml: the server answers 503")
SCORE = Outcome(Scores((PushedScore("EURUSD", 0.8, NOON - HOUR),)))


def calendar(starts_at: int = NOON, bars_opens: bool = True) -> Outcome:
    """A calendar with one event of half an hour."""
    window = EventWindow("CPI m/m", "USD", starts_at, starts_at, starts_at + 30 * MINUTE, ("EURUSD",), bars_opens)
    return Outcome(Events.of([window], window.at))


SETTINGS = Settings(
    accounts=(account(),),
    ai_per_account_cooldown_minutes=0,
    feeds=Feeds(
        calendars=(CalendarFeed(name="events", source="events.csv", bars_opens=True),),
        scores=(ScoreFeed(name="model", source="score.json"),),
    ),
)


def alerts(crew: ScriptedCrew) -> list[tuple[str, str]]:
    """The alerts of feeds, oldest first, and who raised them."""
    lines = crew.ledger.journal.list(kind="alert")
    return [(line.reason, str(line.detail["actor"])) for line in reversed(lines) if line.reason.startswith("feed")]


def test_a_feed_that_dies_is_told_of_once_and_once_more_when_it_is_back(start_crew: StartCrew) -> None:
    model = ScriptedReader([SCORE, DEAD, DEAD, DEAD, SCORE, SCORE])
    crew = start_crew(SETTINGS, feeds={"model": model, "events": ScriptedReader([calendar(NOON + DAY)])})
    crew.run_for(600)
    assert alerts(crew) == [(FEED_DEAD, "feed:model"), (FEED_BACK, "feed:model")]
    assert told(crew, "buy") is not None, "the dead one holds up nobody"


def test_a_dead_feed_is_asked_again_less_and_less_often_up_to_its_own_interval(start_crew: StartCrew) -> None:
    settings = Settings(
        accounts=(account(),), feeds=Feeds(scores=(ScoreFeed(name="model", source="x", every_seconds=100),))
    )
    model = ScriptedReader([DEAD])
    crew = start_crew(settings, feeds={"model": model})
    begun = []
    for seconds in (1, 13.5, 1, 29, 1, 59, 1, 99, 1):  # around 15, 30, 60 and 100 s after one another
        crew.run_for(seconds)
        begun.append(model.begun)
    assert begun == [1, 1, 2, 2, 3, 3, 4, 4, 5]


def test_only_what_has_changed_is_told(start_crew: StartCrew) -> None:
    model = ScriptedReader([SCORE, Outcome(), Outcome(SCORE.knowledge), DEAD, DEAD, Outcome()])
    crew = start_crew(SETTINGS, feeds={"model": model})
    moods = heard(crew, ANALYST, Mood)
    crew.run_for(600)
    assert [(mood.knowledge, mood.dead_because) for _, mood in moods] == [
        (SCORE.knowledge, DEAD.error),
        (SCORE.knowledge, ""),
    ]


def test_a_pending_event_bars_opens_of_analyses_from_outside_and_is_named(start_crew: StartCrew) -> None:
    crew = start_crew(SETTINGS, feeds={"events": ScriptedReader([calendar()])})
    crew.run_for(60)
    assert told(crew, "buy") is None
    line = crew.ledger.journal.list(kind="decision")[0]
    assert line.reason == "refused:event"
    assert line.detail["event"] == {
        "title": "CPI m/m",
        "currency": "USD",
        "at": iso(NOON),
        "until": iso(NOON + 30 * MINUTE),
    }
    crew.run_for(30 * 60)
    assert told(crew, "buy") is not None


def test_a_calendar_that_may_not_bar_opens_does_not(start_crew: StartCrew) -> None:
    crew = start_crew(SETTINGS, feeds={"events": ScriptedReader([calendar(bars_opens=False)])})
    crew.run_for(60)
    assert told(crew, "buy") is not None


def test_an_event_that_is_known_stays_so_though_the_calendar_dies_and_the_trader_crashes(start_crew: StartCrew) -> None:
    events = ScriptedReader([calendar(NOON + 10 * MINUTE), DEAD])
    crew = start_crew(SETTINGS, feeds={"events": events})
    crew.run_for(9 * 60)
    assert alerts(crew) == [(FEED_DEAD, "feed:events")]
    crew.tell(TRADER, object())
    crew.run_for(120)
    assert told(crew, "buy") is None
    assert decisions(crew)[-1] == "refused:event"


def test_nothing_is_opened_before_a_calendar_that_bars_opens_was_read(start_crew: StartCrew) -> None:
    crew = start_crew(SETTINGS, feeds={"events": ScriptedReader([DEAD, DEAD, calendar(NOON + DAY), DEAD])})
    crew.run_for(5)
    assert told(crew, "buy") is None
    line = crew.ledger.journal.list(kind="decision")[0]
    assert (line.reason, line.detail["event"]) == (
        "refused:event",
        {"calendar": "events", "why": "calendar not read"},
    )
    crew.run_for(60)
    assert told(crew, "buy") is not None, "it was read, and knows of nothing today"


def test_a_calendar_that_nobody_reads_bars_opens_only_where_it_may(start_crew: StartCrew) -> None:
    feeds = Feeds(
        calendars=(
            CalendarFeed(name="off", source="a.csv", bars_opens=True, enabled=False),
            CalendarFeed(name="told", source="b.csv"),
        )
    )
    crew = start_crew(SETTINGS.model_copy(update={"feeds": feeds}))
    crew.run_for(5)
    assert told(crew, "buy") is not None


def test_a_calendar_that_is_suddenly_empty_takes_nothing_back(start_crew: StartCrew) -> None:
    empty = Outcome(Events.of([], None))
    crew = start_crew(SETTINGS, feeds={"events": ScriptedReader([calendar(NOON), empty, empty])})
    crew.run_for(20 * 60)
    assert told(crew, "buy") is None
    crew.run_for(11 * 60)
    assert told(crew, "buy") is not None


def test_stopping_in_order_leaves_no_reading_behind() -> None:
    model = ScriptedReader([None])
    with ScriptedCrew(SETTINGS, feeds={"model": model}) as crew:
        crew.run_for(5)
        before = model.cancelled
    assert model.cancelled == before + 1


def test_a_mood_says_which_source_is_absent_and_why() -> None:
    book = MoodBook(SETTINGS.feeds)
    sentiment = book.sentiment("EURUSD", NOON)
    assert sentiment is not None
    assert sentiment.absent
    assert [source.why for source in sentiment.sources] == ["absent: not read yet"] * 2
    book.take(Mood("model", SCORE.knowledge))
    book.take(Mood("events", calendar().knowledge, "events.csv: there is no such file"))
    sentiment = book.sentiment("EURUSD", NOON - 1)
    assert sentiment is not None
    assert (sentiment.bullishness, sentiment.event_pending) == (0.8, False)
    assert sentiment.sources[0].why == "absent: events.csv: there is no such file"
    later = book.sentiment("EURUSD", NOON)
    assert later is not None
    assert later.event_pending, "a known event stays pending"
    assert MoodBook(Feeds()).sentiment("EURUSD", NOON) is None


# ---------------------------------------------------------------- on threads, with real processes


@dataclass
class Listener:
    """Keeps what it is told."""

    heard: list[object] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    def receive(self, message: object, context: object) -> None:
        self.heard.append(message)
        self.came.set()


def test_while_a_server_never_answers_the_health_round_is_full_and_the_others_are_read(tmp_path: Path) -> None:
    file = tmp_path / "score.json"
    file.write_text(json.dumps({"commodity": "EURUSD", "bullishness": 0.8, "at": "2026-03-04T11:00:00Z"}))
    catalogue = read_catalogue()
    alerts: list[Alert] = []
    analyst = Listener()
    with silent_server() as address:
        wire, model = HeadlineFeed(name="wire", source=address), ScoreFeed(name="model", source=str(file))
        system = System(ThreadedRuntime(), on_alert=alerts.append)
        readers = (wire, ChildReader(wire, catalogue, seconds=600)), (model, ChildReader(model, catalogue))
        specs = [Spec(feed_actor(feed.name), partial(FeedActor, feed, reader), UPPER_LEVEL) for feed, reader in readers]
        specs.append(Spec(ANALYST, lambda: analyst, UPPER_LEVEL))
        try:
            system.start(specs)
            assert HealthRound(system, answer_seconds=ANSWER_SECONDS).round_once() == []
            assert analyst.came.wait(WAIT_SECONDS), "the file was read"
            assert HealthRound(system, answer_seconds=ANSWER_SECONDS).round_once() == []
        finally:
            hung = system.stop(WAIT_SECONDS)
    assert hung == []
    assert {alert.reason for alert in alerts} <= {FEED_DEAD}
    assert analyst.heard[0] == Mood("model", Scores((PushedScore("EURUSD", 0.8, NOON - HOUR),)))


# ---------------------------------------------------------------- in a replay


@pytest.fixture(scope="module")
def recording() -> Recording:
    series = synthetic_bars(7)
    return Recording({series.commodity: series}, "simulated hours")


@pytest.fixture
def scene(recording: Recording, tmp_path: Path) -> Scene:
    """Two weeks with a score from the second week on, and an event on each day of the first."""
    first = first_judged(recording)
    second = first + 7 * DAY
    (tmp_path / "score.json").write_text(json.dumps({"commodity": "EURUSD", "bullishness": 0.75, "at": second}))
    events = "".join(f"{iso(first + day * DAY)},USD,High,CPI\n" for day in range(7))
    (tmp_path / "events.csv").write_text("Date,Currency,Impact,Event\n" + events)
    configuration = load(None, {})
    feeds = Feeds(
        headlines=(HeadlineFeed(name="wire", source="https://example.org/rss"),),
        calendars=(CalendarFeed(name="events", source=str(tmp_path / "events.csv"), minutes_after=180),),
        scores=(ScoreFeed(name="model", source=str(tmp_path / "score.json"), max_age_seconds=3 * 86_400),),
    )
    settings = configuration.settings.model_copy(update={"feeds": feeds})
    return Scene(settings, replace(configuration, settings=settings), recording, first, first + 14 * DAY)


def replayed(host: Any, scene: Scene) -> tuple[bytes, list[dict[str, Any]], list[Trade]]:
    """The journal, the sentiment pillar of each decision with its instant, and the trades."""
    with host(scene) as crew:
        walk_through(crew, scene.recording, scene.first, scene.last)
        lines = [line for line in crew.ledger.journal.list(kind="decision", limit=10_000) if "analysis" in line.detail]
        moods = [{**line.detail["analysis"]["pillars"]["sentiment"], "at": line.at} for line in reversed(lines)]
        return crew.ledger.journal.export(), moods, crew.ledger.trades.list(newest_first=False)


def test_a_replay_knows_of_a_source_what_was_known_then_and_is_the_same_each_time(scene: Scene) -> None:
    journal, moods, _ = replayed(in_virtual_time, scene)
    assert replayed(in_virtual_time, scene)[0] == journal
    second = scene.first + 7 * DAY
    early, fresh, old = (
        [mood for mood in moods if since <= mood["at"] < until]
        for since, until in ((0, second), (second, second + 3 * DAY), (second + 3 * DAY + MINUTE, scene.last))
    )
    assert early
    assert fresh
    assert old
    assert {mood["readings"]["model.bullishness"] for mood in early} == {None}
    assert {mood["readings"]["model.bullishness"] for mood in fresh} == {0.75}
    assert {mood["notes"]["model"] for mood in old} == {"absent: older than 259200 s"}
    pending = [mood for mood in early if "pending event" in mood["notes"]]
    assert pending
    assert {mood["score"] for mood in pending} == {0}
    assert {(mood["absent"], mood["score"]) for mood in early if mood not in pending} == {(True, 0.5)}
    assert all("expected a file" in mood["notes"]["wire"] for mood in moods)


def test_a_replay_with_feeds_on_threads_makes_the_same_trades(scene: Scene) -> None:
    assert replayed(on_threads, scene)[2] == replayed(in_virtual_time, scene)[2]
