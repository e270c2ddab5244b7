"""`status` names the sources that cannot be read, each of them, for as long as the leader finds them dead."""

from __future__ import annotations

from contextlib import closing

from actors.names import FEED_BACK, FEED_DEAD
from actors.system.alerts import Alert
from actors.wiring import journal_alert
from console.feed_trouble import dead_feeds, lines
from persistence.journal import JournalLine
from persistence.ledger import Ledger
from trading.market import MINUTE
from trading.settings_feeds import Feeds, ScoreFeed

NOON = 1_772_625_600_000  # 2026-03-04
FEEDS = Feeds(
    scores=(
        ScoreFeed(name="one", source="1.json"),
        ScoreFeed(name="two", source="2.json"),
        ScoreFeed(name="off", source="3.json", enabled=False),
    )
)


def told(*alerts: tuple[str, str]) -> list[JournalLine]:
    """The lines of these alerts, (actor, reason) one minute after the other, newest first."""
    with closing(Ledger.open("sqlite://", writer="me")) as ledger:
        for minute, (actor, reason) in enumerate(alerts):
            journal_alert(ledger, Alert(NOON + minute * MINUTE, actor, reason, f"{actor}: {reason}"))
        return ledger.journal.list(kind="alert")


def test_alerts_of_different_actors_have_a_line_each_and_those_of_one_are_counted() -> None:
    kept = told(*[(f"feed:{name}", FEED_DEAD) for name in ("one", "two", "two", "off")], ("trader", "crashed"))
    assert [(line.detail["actor"], line.repeated) for line in reversed(kept)] == [
        ("feed:one", 1),
        ("feed:two", 2),
        ("feed:off", 1),
        ("trader", 1),
    ]


def test_every_dead_source_is_named_until_it_is_back() -> None:
    found = dead_feeds(told(("feed:one", FEED_DEAD), ("feed:two", FEED_DEAD), ("feed:off", FEED_DEAD)), FEEDS, "me")
    assert [(feed["name"], feed["since"]) for feed in found] == [
        ("one", "2026-03-04T12:00:00Z"),
        ("two", "2026-03-04T12:01:00Z"),
    ]
    assert [line.plain for line in lines(found[:1])] == ["feed one since 2026-03-04 12:00: feed:one: feed"]
    back = told(("feed:one", FEED_DEAD), ("feed:two", FEED_DEAD), ("feed:one", FEED_BACK))
    assert [feed["name"] for feed in dead_feeds(back, FEEDS, "me")] == ["two"]


def test_what_a_process_said_that_leads_no_more_is_over() -> None:
    dead = told(("feed:one", FEED_DEAD))
    assert dead_feeds(dead, FEEDS, "another") == []
    assert dead_feeds(dead, FEEDS, None) == []
