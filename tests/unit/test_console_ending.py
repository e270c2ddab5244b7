"""What one signal, and another one, does to a process that serves."""

from __future__ import annotations

import signal
from typing import NoReturn

import pytest

from console import ending
from console.ending import STOP_SECONDS, TOGETHER_SECONDS, Ending

FIRST_AT = 100.0


class EndedAtOnceError(Exception):
    """In place of the end of the process."""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = FIRST_AT

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signalled(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Ending:
    """Told to stop, by one signal so far."""

    def leave(number: int, said: str) -> NoReturn:
        raise EndedAtOnceError(said)

    monkeypatch.setattr(ending, "leave_at_once", leave)
    made = Ending(clock=clock)
    made.stop(signal.SIGINT, None)
    return made


def test_the_first_signal_asks_for_an_orderly_end(signalled: Ending) -> None:
    assert signalled.stopped == "SIGINT"
    assert signalled.is_final
    assert not signalled.has_failed
    assert signalled.seconds_to_stop() == STOP_SECONDS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_come_together_are_one(signalled: Ending, clock: Clock, number: signal.Signals) -> None:
    """A shell signals its whole group, and `timeout` its child and the group besides."""
    for _ in range(3):
        clock.now += TOGETHER_SECONDS / 4
        signalled.stop(number, None)
    assert signalled.stopped == "SIGINT"


def test_a_second_signal_ends_it_at_once(signalled: Ending, clock: Clock) -> None:
    clock.now += TOGETHER_SECONDS
    with pytest.raises(EndedAtOnceError, match="stopped again"):
        signalled.stop(signal.SIGTERM, None)
