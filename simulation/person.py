"""A person at the console of a crew: pauses parts of it, closes trades, halts it, and asks again when in doubt.

Everything is asked of a process that lives, whether that leads or not, and the answer may never come. What was asked
is asked again often, under the same id, of the same process or another, at once or minutes later.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from actors.commands import (
    CloseAll,
    CloseTrade,
    Command,
    CommandState,
    Halt,
    Lift,
    Outcome,
    PauseOpening,
    ResumeOpening,
)
from persistence.journal import Journal
from persistence.modes import Modes
from persistence.pauses import Pauses
from simulation.database import simulated_database
from simulation.invariant import ACTIVE
from simulation.kinds import COMMANDS
from simulation.process import Process
from simulation.referee import Referee
from simulation.scenario import Scenario
from simulation.story import Story
from trading.market import Instant

BY = "a person"
MEAN_SECONDS = 15.0  # between two wishes, at an intensity of 1
UNDONE_AFTER_SECONDS = (5.0, 60.0)  # pauses and halts
INSISTS_EVERY_SECONDS = 5.0  # on what was not answered, and must be
REPEATED_SHARE = 0.4
REPEATED_WITHIN_SECONDS = 200.0  # longer than a request may wait to be begun
CLOSED_SHARE = 0.1  # of closes name any trade, also one that is over


@dataclass(frozen=True, slots=True)
class Asked:
    """A command on its way, and the life of the process that it was given to."""

    command: Command
    process: Process
    life: int


class Person:
    """Wants something at random moments, until it is over."""

    def __init__(
        self,
        scenario: Scenario,
        elapsed: Callable[[], float],
        market_now: Callable[[], Instant],
        story: Story,
        referee: Referee,
        processes: Sequence[Process],
        at: Callable[[float, Callable[[], None]], None],
    ) -> None:
        """``at``: does something at an elapsed time."""
        self._scenario = scenario
        self._elapsed = elapsed
        self._market_now = market_now
        self._story = story
        self._referee = referee
        self._processes = processes
        self._at = at
        self._rng = random.Random(f"{scenario.seed}/person")
        self._asked = 0
        self._unanswered: list[Asked] = []
        self._is_over = False

    def begin(self) -> None:
        """From now on, where the scenario has it."""
        if COMMANDS in self._scenario.intensity:
            self._later_wish()

    def end(self) -> None:
        """Wants nothing any more, and leaves nothing paused."""
        self._is_over = True
        for asked in self._unanswered:
            # It lies in the mailbox of a process that is stopped, perhaps, and would be obeyed in the calm.
            is_there = asked.process.is_alive and asked.process.lives == asked.life
            if is_there and isinstance(asked.command, PauseOpening | Halt):
                asked.process.die()
        database, crew = simulated_database().database, self._scenario.settings.crew
        journal = Journal(database, BY, crew)
        pauses = Pauses(database, journal, Modes(database, journal))
        for record in pauses.of(crew):
            pauses.set(crew, record.scope, paused=False, reason="simulated", by=BY, at=self._market_now())

    # ------------------------------------------------------------ wishes

    def _later_wish(self) -> None:
        mean = MEAN_SECONDS / self._scenario.intensity[COMMANDS]
        self._at(self._elapsed() + self._rng.uniform(0.0, 2 * mean), self._wish)

    def _wish(self) -> None:
        if self._is_over:
            return
        self._later_wish()
        wanted = self._rng.choice((self._pause, self._pause, self._close, self._close, self._close_all, self._halt))
        wanted()

    def _pause(self) -> None:
        """A part, or with neither everything."""
        platform, commodity = self._part()
        self._ask(PauseOpening(request_id=self._new_id(), by=BY, platform=platform, commodity=commodity))
        resume = ResumeOpening(request_id=self._new_id(), by=BY, platform=platform, commodity=commodity)
        self._undo_later(resume)

    def _halt(self) -> None:
        self._ask(Halt(request_id=self._new_id(), by=BY))
        self._undo_later(Lift(request_id=self._new_id(), by=BY))

    def _close(self) -> None:
        """Mostly one that is not over yet."""
        rows = self._referee.scene.rows.values()
        is_any = self._rng.random() < CLOSED_SHARE
        numbers = [row.trade_id for row in rows if is_any or row.state in ACTIVE]
        if numbers:
            self._ask(CloseTrade(request_id=self._new_id(), by=BY, trade_id=self._rng.choice(numbers)))

    def _close_all(self) -> None:
        platform, commodity = self._part()
        self._ask(CloseAll(request_id=self._new_id(), by=BY, platform=platform, commodity=commodity))

    def _part(self) -> tuple[str | None, str | None]:
        market = self._scenario.market
        platforms = [account.name for account in market.settings.accounts]
        return self._rng.choice((None, *platforms)), self._rng.choice((None, *market.commodities))

    def _new_id(self) -> str:
        self._asked += 1
        return f"request-{self._asked}"

    # ------------------------------------------------------------ asking

    def _undo_later(self, command: Command) -> None:
        """Insist on it under ever new ids, for what was refused once stays refused."""
        attempts = 0

        def insist() -> None:
            nonlocal attempts
            if self._is_over or self._referee.scene.commanded.get(asked_as(attempts)) is CommandState.DONE:
                return
            attempts += 1
            self._ask(replace(command, request_id=asked_as(attempts)), repeats=False)
            self._at(self._elapsed() + INSISTS_EVERY_SECONDS, insist)

        def asked_as(attempt: int) -> str:
            return f"{command.request_id}-{attempt}"

        self._at(self._elapsed() + self._rng.uniform(*UNDONE_AFTER_SECONDS), insist)

    def _ask(self, command: Command, *, repeats: bool = True) -> None:
        if self._is_over:
            return
        if repeats and self._rng.random() < REPEATED_SHARE:
            seconds = self._rng.choice((0.0, self._rng.uniform(0.0, REPEATED_WITHIN_SECONDS)))
            self._at(self._elapsed() + seconds, lambda: self._ask(command))
        process = self._rng.choice(self._processes)
        if not process.is_alive:
            return
        self._story.strike(COMMANDS, process.name, "console", f"asked for {described(command)}")
        asked = Asked(command, process, process.lives)
        self._unanswered.append(asked)
        process.command(command, lambda answer: self._answered(asked, answer))

    def _answered(self, asked: Asked, answer: Outcome | str) -> None:
        self._unanswered.remove(asked)
        if isinstance(answer, Outcome):
            self._story.tell(asked.process.name, "console", f"{answer.request_id} is {answer.state}: {answer.said}")
            self._referee.commanded(asked.process, answer)
        else:
            self._story.tell(asked.process.name, "console", f"{asked.command.request_id}: {answer}")


def described(command: Command) -> str:
    """A command in a few words."""
    about = ("platform", "commodity", "trade_id")
    places = [str(getattr(command, name)) for name in about if getattr(command, name, None) is not None]
    return " ".join((command.request_id, type(command).__name__, *places))
