"""Crews that begin shortly before the end of a day or a week, for the tests of what happens there."""

from __future__ import annotations

from datetime import UTC, datetime

from crew_helpers import BID, move

from actors.scripted_crew import ScriptedCrew
from trading.market import DAY, HOUR, MINUTE, SECOND, Instant, Side, instant


def utc(text: str) -> Instant:
    """The instant of an ISO 8601 date and time in UTC."""
    return instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


# 16:40 in New York, whose clocks are five hours behind UTC in this week: five minutes before the window.
WEDNESDAY = utc("2026-03-04T21:40")
FRIDAY = utc("2026-03-06T21:40")
WINDOW_BEGINS = 21 * HOUR + 45 * MINUTE  # after midnight in UTC
WINDOW_SECONDS = 15 * 60
WEDNESDAYS_KEY = "day_end:EURUSD:alpha:2026-03-04"


def rules(crew: ScriptedCrew) -> list[str]:
    """What was judged, oldest first."""
    return [line.reason for line in crew.ledger.journal.list(kind="rule", newest_first=False)]


def win(crew: ScriptedCrew, side: Side = Side.BUY) -> None:
    """Let the price run so that a trade of this side has a profit, charges included, far from its target."""
    move(crew, BID + side.sign * 0.0020)


def lose(crew: ScriptedCrew, side: Side = Side.BUY) -> None:
    """Let the price run against a trade of this side, far from its stop."""
    move(crew, BID - side.sign * 0.0020)


def to_window(crew: ScriptedCrew, plus_seconds: float = 0.0) -> None:
    """Let time flow to the beginning of today's window, and some seconds more."""
    begins = crew.now // DAY * DAY + WINDOW_BEGINS
    crew.run_for((begins - crew.now) / SECOND + plus_seconds)
