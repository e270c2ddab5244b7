"""Takes a command to the OperatorActor, and waits a little for what comes of it.

The waiting is done on the server's loop, the asking on a few threads: what does not answer holds up neither the pages
nor the end of the process. Modes have threads of their own, so that no other command keeps a halt waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from actors.commands import (
    Command,
    CommandState,
    Halt,
    Lift,
    Outcome,
    OutcomeOf,
    PauseOpening,
    ResetCrashLoop,
    ResumeOpening,
    SubmitAnalysis,
)
from actors.names import OPERATOR
from actors.obeying import LedgerAway, kind_of
from actors.system.errors import ActorError, NotExecuted, Refusal
from console.api.daemon_threads import DaemonThreads, NotBegun
from console.api.problems import ProblemError
from console.api.window import NotLeading, Window

WAIT_SECONDS = 5.0  # for the outcome, in all
ASK_SECONDS = 2.0
LOOK_SECONDS = 0.1
LOOK_AGAIN_SECONDS = 1.0  # that the operator may take to say what it knows
LOOK_UP_SECONDS = 5.0  # in the ledger, for what a command names
THREADS = 4
MOST_AT_ONCE = 32
MOST_ANALYSES_AT_ONCE = 8  # whoever may do least is not to keep the others waiting
RETRY_AFTER_SECONDS = 5
MODES = (Halt, Lift, PauseOpening, ResetCrashLoop, ResumeOpening)

NOT_KNOWN = (
    "unknown, being resolved: it was handed over, and nobody has said yet what came of it; ask again under its id"
)


@dataclass(slots=True)
class _Counter:
    """Where commands of one kind are taken."""

    threads: DaemonThreads
    most: Callable[[], int] | None = None  # at once; None: as many as come
    under_way: int = 0


@dataclass(slots=True)
class _Counters:
    """All of them."""

    modes: _Counter = field(default_factory=lambda: _Counter(DaemonThreads("command modes", THREADS)))
    analyses: _Counter = field(
        default_factory=lambda: _Counter(DaemonThreads("command analyses", THREADS), lambda: MOST_ANALYSES_AT_ONCE)
    )
    others: _Counter = field(default_factory=lambda: _Counter(DaemonThreads("command", THREADS), lambda: MOST_AT_ONCE))

    def of(self, command: Command) -> _Counter:
        """Where this one is taken."""
        match command:
            case SubmitAnalysis():
                return self.analyses
            case _ if isinstance(command, MODES):
                return self.modes
            case _:
                return self.others


class Errands:
    """Belongs to the server's loop."""

    def __init__(
        self, window: Window, wait_seconds: float | None = None, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        """``wait_seconds``: for an outcome, before it is said that it is not known yet; None: `WAIT_SECONDS`."""
        self._window = window
        self._wait_seconds = WAIT_SECONDS if wait_seconds is None else wait_seconds
        self._elapsed = elapsed
        self._counters = _Counters()
        self._outcomes = DaemonThreads("command outcomes", THREADS)
        self._looks = DaemonThreads("command looks", THREADS)

    async def run(self, command: Command) -> Outcome:
        """What came of it, as far as is known within the time. Raises `ProblemError` where nobody can do it."""
        counter = self._counters.of(command)
        if counter.most is not None and counter.under_way >= counter.most():
            raise nobody(f"not done: {counter.under_way} commands are under way already")
        deadline = self._elapsed() + self._wait_seconds
        counter.under_way += 1
        try:
            outcome = await self._handed_over(command, counter.threads)
            while (outcome is None or outcome.state is CommandState.UNRESOLVED) and self._elapsed() < deadline:
                await asyncio.sleep(LOOK_SECONDS)
                left = max(deadline - self._elapsed(), LOOK_SECONDS)
                with suppress(ActorError, NotBegun, TimeoutError):  # the term may be over; the next one knows
                    outcome = await self._look(command.request_id, counter.threads, left) or outcome
        finally:
            counter.under_way -= 1
        if outcome is not None:
            return outcome
        return Outcome(command.request_id, kind_of(command), CommandState.UNRESOLVED, NOT_KNOWN, by=command.by)

    async def outcome_of(self, request_id: str) -> Outcome:
        """What is known of a command. Raises `ProblemError` for one that nobody has heard of."""
        try:
            outcome = await self._look(request_id, self._outcomes, self._wait_seconds, ASK_SECONDS)
        except (ActorError, NotBegun, TimeoutError) as error:
            raise nobody(f"not known now: {error or 'nobody answers'}") from error
        if outcome is None:
            raise ProblemError(404, "no_such_request", f"nobody has asked anything under {request_id}", "request_id")
        return outcome

    async def looked_up(self, look: Callable[[], Any]) -> Any:
        """What the ledger says of something that a command names. Raises `ProblemError` where it takes too long."""
        try:
            return await self._looks.run(look, LOOK_UP_SECONDS)
        except (NotBegun, TimeoutError) as error:
            raise nobody("not done: the ledger does not answer") from error

    async def _handed_over(self, command: Command, threads: DaemonThreads) -> Outcome | None:
        """The first answer; None where it is not known whether the operator has begun."""
        try:
            return await threads.run(lambda: self._asked(command, ASK_SECONDS), self._wait_seconds)
        except (LedgerAway, TimeoutError):  # it may have been written down
            return None
        except (NotLeading, NotExecuted, Refusal) as error:
            raise nobody(f"not done: {error}") from error
        except NotBegun:
            raise nobody("not done: other commands are waited for") from None
        except ActorError:
            return None

    async def _look(
        self, request_id: str, threads: DaemonThreads, timeout_seconds: float, ask_seconds: float = LOOK_AGAIN_SECONDS
    ) -> Outcome | None:
        return await threads.run(lambda: self._asked(OutcomeOf(request_id), ask_seconds), timeout_seconds)

    def _asked(self, message: Command | OutcomeOf, timeout_seconds: float) -> Outcome | None:
        found = self._window.ask(OPERATOR, message, timeout_seconds)
        return found if isinstance(found, Outcome) else None


def nobody(said: str, code: str = "nobody_can") -> ProblemError:
    """What is answered where nobody can do it, or say it, now."""
    retry = RETRY_AFTER_SECONDS
    return ProblemError(503, code, said, headers={"Retry-After": str(retry)}, retry_after_seconds=float(retry))
