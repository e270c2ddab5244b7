"""`status` shows what holds an account back while it lasts, and `reset --drawdown` lets a drawdown be forgotten."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_ledger_file import NOON, OWNER, History, configuration_of

from actors.track_record import DAILY_LOSS, DRAWDOWN, LOSSES_IN_A_ROW, TrackRecord
from console import modes, status
from console.arguments import Reset, Status
from console.configuration import Configuration
from console.errors import CommandError
from console.operating import asked_by
from console.output import Output
from persistence.journal import DRAWDOWN_FORGIVEN, JournalEntry
from persistence.ledger import Ledger
from trading.market import DAY, HOUR, MINUTE


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return configuration_of(tmp_path)


@pytest.fixture
def history(configuration: Configuration) -> Iterator[History]:
    history = History(configuration)
    history.nothing(NOON)
    yield history
    history.close()


def say(command: Any, configuration: Configuration, *, as_json: bool = False) -> str:
    """What the command prints on standard output."""
    stdout = io.StringIO()
    module = status if isinstance(command, Status) else modes
    assert module.run(command, configuration, Output(as_json=as_json, stdout=stdout, stderr=io.StringIO())) == 0
    return stdout.getvalue()


def note(history: History, kind: str, said: str, at: int = NOON + 3 * HOUR, **detail: object) -> None:
    history.ledger.journal.append(JournalEntry(at, kind, said, "alpha", detail=detail))


def held_back(configuration: Configuration) -> list[str]:
    """The kinds of what holds alpha back."""
    accounts = json.loads(say(Status(), configuration, as_json=True))["accounts"]
    assert accounts[1]["held_back"] == []
    return [held["kind"] for held in accounts[0]["held_back"]]


def test_each_halt_is_shown_while_it_lasts(configuration: Configuration, history: History) -> None:
    assert held_back(configuration) == []
    until = NOON + 5 * HOUR
    note(history, DAILY_LOSS, "312.00 lost today", until=until)
    note(history, LOSSES_IN_A_ROW, "5 losses in a row", until=until + HOUR)
    note(history, DRAWDOWN, "6.29% below the peak of the results", factor_before=1.0, factor_after=0.75)
    assert held_back(configuration) == [DAILY_LOSS, LOSSES_IN_A_ROW, DRAWDOWN]
    assert "alpha since 2026-03-04 15:00: 312.00 lost today" in say(Status(), configuration)
    history.refuse(until)
    assert held_back(configuration) == [LOSSES_IN_A_ROW, DRAWDOWN]
    history.refuse(until + HOUR)
    note(history, DRAWDOWN, "4.80% below the peak of the results", until + HOUR, factor_before=0.75, factor_after=1.0)
    assert held_back(configuration) == []


def test_a_drawdown_that_a_person_has_forgotten_counts_from_then_on(
    configuration: Configuration, history: History
) -> None:
    history.finish(history.open(NOON), NOON + HOUR)
    note(history, DRAWDOWN, "21% below the peak of the results", factor_before=0.25, factor_after=0.0)
    assert record_of(history.ledger).standing.results.realised < 0
    said = say(Reset(drawdown="alpha"), configuration)
    assert said.splitlines()[-1] == "the drawdown of alpha counts from now on"
    assert held_back(configuration) == []
    results = record_of(history.ledger).standing.results
    assert (results.realised, results.peak, results.losses_in_a_row) == (0.0, 0.0, 1)
    (line,) = history.ledger.journal.list(kind=DRAWDOWN_FORGIVEN)
    assert line.detail == {"by": asked_by()}


def test_a_forgotten_drawdown_outlives_every_other_line_of_the_journal(
    configuration: Configuration, history: History
) -> None:
    say(Reset(drawdown="alpha"), configuration)
    history.ledger.retention.step(NOON + 5_000 * DAY, 1, valuations_keep_days=1)
    assert [line.kind for line in history.ledger.journal.list()] == [DRAWDOWN_FORGIVEN]


def test_an_account_that_is_not_there_has_no_drawdown(configuration: Configuration, history: History) -> None:
    with pytest.raises(CommandError, match="--drawdown is 'gamma'; expected one of alpha, beta"):
        say(Reset(drawdown="gamma"), configuration)
    assert history.ledger.journal.list(kind=DRAWDOWN_FORGIVEN) == []


def record_of(ledger: Ledger) -> TrackRecord:
    """What a process that begins a minute later knows of alpha."""
    assert ledger.reservations.all()[0].owner == OWNER
    record = TrackRecord()
    record.read(ledger, "alpha", NOON + 4 * HOUR + MINUTE)
    return record
