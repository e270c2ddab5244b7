"""`run.py calendar` for exchanges: what is known of their days from other places than this program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from processes import answer, run

from feeds.market_calendars import CalendarStore


@pytest.fixture
def place(calendars: CalendarStore) -> dict[str, str]:
    """Settings whose calendars are kept where all tests keep them: an exchange is asked for once."""
    assert calendars.folder is not None
    return {"DATABASE_URL": f"sqlite:///{(calendars.folder.parent / 'ledger.sqlite').as_posix()}"}


def day(commodity: str, at: str, directory: Path, place: dict[str, str]) -> dict[str, Any]:
    told = answer(["calendar", commodity, "--at", at, "--json"], directory, **place)
    assert told.returncode == 0, told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def test_the_process_needs_no_file_of_settings_and_no_ledger_and_prints_one_object(
    tmp_path: Path, place: dict[str, str]
) -> None:
    told = run(["calendar", "GOLD", "--at", "2026-03-09", "--json"], tmp_path, **place)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["day_end"] == "2026-03-09T21:00:00Z", "summer time has begun in New York"
    assert found["effective_close"] == "2026-03-09T20:45:00Z"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("commodity", "at", "sessions"),
    [
        ("GOLD", "2025-10-27", [("2025-10-26T22:00:00Z", "2025-10-27T21:00:00Z")]),  # summer time has ended in London
        ("GOLD", "2026-04-03", []),  # Good Friday
        ("GOLD", "2026-11-26", [("2026-11-25T23:00:00Z", "2026-11-26T19:30:00Z")]),  # Thanksgiving
        ("WHEAT", "2026-11-26", []),
        ("WHEAT", "2026-11-27", [("2026-11-27T14:30:00Z", "2026-11-27T18:05:00Z")]),
        ("WHEAT", "2026-06-19", []),  # Juneteenth
        ("NASDAQ_100", "2026-04-03", [("2026-04-02T22:00:00Z", "2026-04-03T13:15:00Z")]),
        ("EURUSD", "2026-04-03", [("2026-04-02T21:00:00Z", "2026-04-03T21:00:00Z")]),
        ("BITCOIN", "2026-04-04", [("2026-04-03T21:00:00Z", "2026-04-04T21:00:00Z")]),  # a Saturday
    ],
)
def test_the_day_trades_just_then(
    commodity: str, at: str, sessions: list[tuple[str, str]], tmp_path: Path, place: dict[str, str]
) -> None:
    found = day(commodity, at, tmp_path, place)
    assert [(session["opens"], session["closes"]) for session in found["sessions"]] == sessions
    assert found["day_end"] == (sessions[-1][1] if sessions else None)
    assert (found["effective_close"] is None) == (not sessions)


def test_a_short_day_says_what_is_usual_and_why(tmp_path: Path, place: dict[str, str]) -> None:
    told = answer(["calendar", "WHEAT", "--at", "2026-11-27"], tmp_path, **place).stdout
    assert "early close, usually 13:20 at the exchange: Black Friday" in told
    assert "late open, usually 19:00 at the exchange: Black Friday" in told


def test_the_break_of_a_day_belongs_to_no_day_and_knows_when_it_ends(tmp_path: Path, place: dict[str, str]) -> None:
    found = day("WHEAT", "2026-11-24", tmp_path, place)
    assert found["breaks"] == [{"from": "2026-11-24T13:45:00Z", "until": "2026-11-24T14:30:00Z"}]
    inside = day("WHEAT", "2026-11-24T14:00Z", tmp_path, place)
    assert (inside["day_end"], inside["next_open"]) == (None, "2026-11-24T14:30:00Z")
    assert inside["next_day"]["trading_date"] == "2026-11-24"


def test_a_year_that_was_not_announced_yet_says_so_in_words(tmp_path: Path, place: dict[str, str]) -> None:
    found = day("GOLD", "2027-06-01", tmp_path, place)
    assert found["is_by_rule_alone"] is True
    told = answer(["calendar", "GOLD", "--at", "2027-06-01"], tmp_path, **place).stdout
    said = f"What was announced for after {found['known_until']} is not known here: this day is by rule alone."
    assert said in " ".join(told.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["GOLD", "--at", "2026-13-45"], "argument --at: it is '2026-13-45': month must be in 1..12; expected a date"),
        (["GOLD", "--at", "2026-02-30"], "argument --at: it is '2026-02-30': day is out of range for month; expected"),
        (["GOLD", "--at", "yesterday"], "argument --at: it is 'yesterday'; expected a date such as"),
        (["GOLDD"], "COMMODITY is 'GOLDD', which is no commodity; did you mean GOLD?"),
        (["GOLD", "--account", "nobody"], "--account is 'nobody'; expected one of alpha, beta"),
    ],
)
def test_what_cannot_be_answered_is_named(words: list[str], said: str, tmp_path: Path, place: dict[str, str]) -> None:
    told = answer(["calendar", *words], tmp_path, **place)
    assert told.returncode == 2
    assert said in told.stderr
