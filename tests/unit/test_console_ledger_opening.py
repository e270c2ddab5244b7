"""A start waits for a server that is away, a little; whoever starts it again need not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from console.configuration import Configuration, load
from console.errors import TryAgain
from console.ledger_opening import AWAY_ATTEMPTS, AWAY_WAIT_SECONDS, opened_ledger
from persistence.errors import LedgerUnavailable
from persistence.ledger import Ledger

SERVER = "postgresql://db/ledger"
AWAY = LedgerUnavailable(SERVER, "connection refused")


@dataclass
class Waits:
    """As much of an `Ending` as is needed: how long was waited, and when a signal came."""

    stopped_after: int | None = None  # waits; None: never
    seconds: list[float] = field(default_factory=list)

    @property
    def event(self) -> Waits:
        """What is waited for."""
        return self

    def wait(self, seconds: float) -> bool:
        """Whether the end came meanwhile."""
        self.seconds.append(seconds)
        return self.stopped_after == len(self.seconds)


@pytest.fixture
def server() -> Configuration:
    """A ledger on a server."""
    return load(None, {"WATCHBILL__DATABASE_URL": SERVER})


def answering(monkeypatch: pytest.MonkeyPatch, *answers: Ledger | LedgerUnavailable) -> None:
    """Let opening the ledger come out so, one time after the other."""
    left = iter(answers)

    def opening(*_arguments: Any, **_named: Any) -> Ledger:
        answer = next(left)
        if isinstance(answer, LedgerUnavailable):
            raise answer
        return answer

    monkeypatch.setattr(Ledger, "open", opening)


def test_a_server_that_comes_back_soon_is_waited_for(monkeypatch: pytest.MonkeyPatch, server: Configuration) -> None:
    ledger, waits = Ledger.open("sqlite://"), Waits()
    answering(monkeypatch, AWAY, AWAY, ledger)
    assert opened_ledger(server, waits) is ledger  # type: ignore[arg-type]  # nothing else of it is asked for
    assert waits.seconds == [AWAY_WAIT_SECONDS] * 2
    ledger.close()


def test_a_server_that_stays_away_ends_the_start_after_a_while(
    monkeypatch: pytest.MonkeyPatch, server: Configuration
) -> None:
    waits = Waits()
    answering(monkeypatch, *[AWAY] * AWAY_ATTEMPTS)
    with pytest.raises(TryAgain, match="connection refused; it may come back: exit code 70"):
        opened_ledger(server, waits)  # type: ignore[arg-type]  # as above
    assert waits.seconds == [AWAY_WAIT_SECONDS] * (AWAY_ATTEMPTS - 1)


def test_a_signal_ends_the_waiting(monkeypatch: pytest.MonkeyPatch, server: Configuration) -> None:
    answering(monkeypatch, AWAY)
    with pytest.raises(TryAgain):
        opened_ledger(server, Waits(stopped_after=1))  # type: ignore[arg-type]  # as above


def test_a_file_that_cannot_be_used_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = Waits()
    answering(monkeypatch, LedgerUnavailable("ledger.sqlite", "it is damaged"))
    with pytest.raises(LedgerUnavailable, match="damaged"):
        opened_ledger(load(None, {}), waits)  # type: ignore[arg-type]  # as above
    assert waits.seconds == []
