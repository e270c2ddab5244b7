"""Whether the process is ready is asked of its actors, once at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from console.web.probes import Rounds


@dataclass
class Actors:
    """As much of a system as is asked."""

    silent: Sequence[str] = ()
    vital: Sequence[str] = ("monitor", "reservation")
    fault: str | None = None
    rounds: int = 0
    answers: threading.Event = field(default_factory=threading.Event)

    def ping_all(self, timeout_seconds: float) -> list[str]:
        assert timeout_seconds <= 0.5
        self.rounds += 1
        self.answers.wait(5.0)
        return list(self.silent)

    def is_vital(self, name: str) -> bool:
        return name in self.vital

    def runtime_fault(self) -> str | None:
        return self.fault


def rounds(actors: Actors | None, *, leads: bool = True, holder: str | None = "somebody") -> Rounds:
    """Of a process that stands so."""
    if actors is not None:
        actors.answers.set()
    moment = None if actors is None else SimpleNamespace(system=actors, leads=leads)
    window: Any = SimpleNamespace(
        running=SimpleNamespace(moment=moment),
        configuration=SimpleNamespace(settings=SimpleNamespace(crew="default")),
        ledger=SimpleNamespace(reservations=SimpleNamespace(holder=lambda _: holder)),
    )
    return Rounds(window)


@pytest.mark.parametrize(
    ("asked", "state"),
    [
        (rounds(Actors()), "leading"),
        (rounds(Actors(), leads=False), "standing by"),
        (rounds(Actors(), leads=False, holder=None), "not ready"),
        (rounds(None), "not ready"),
        (rounds(Actors(silent=["monitor", "inbox"])), "not ready"),
        (rounds(Actors(silent=["reservation"]), leads=False), "not ready"),
        (rounds(Actors(silent=["inbox"])), "leading"),
        (rounds(Actors(fault="the timers have died")), "not ready"),
    ],
)
def test_it_is_ready_when_every_actor_that_it_cannot_do_without_answers(asked: Rounds, state: str) -> None:
    assert asyncio.run(asked.readiness()).state == state


@pytest.mark.parametrize("actors", [Actors(silent=["monitor", "inbox"]), Actors(fault="monitor: it broke")])
def test_what_is_wrong_inside_is_told_to_the_log_once_and_to_no_stranger(
    actors: Actors, caplog: pytest.LogCaptureFixture
) -> None:
    asked = rounds(actors)
    for _ in range(3):
        found = asked._look()
        assert "monitor" not in found.model_dump_json()
    (line,) = caplog.messages
    assert "monitor" in line
    assert "inbox" not in line


def test_many_who_ask_at_once_are_told_of_one_round() -> None:
    actors = Actors()
    asked = rounds(actors)
    actors.answers.clear()

    async def many() -> list[str]:
        asking = [asyncio.create_task(asked.readiness()) for _ in range(50)]
        while not actors.rounds:
            await asyncio.sleep(0.001)
        actors.answers.set()
        return [found.state for found in await asyncio.gather(*asking)]

    assert asyncio.run(many()) == ["leading"] * 50
    assert actors.rounds == 1
