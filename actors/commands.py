"""What a person asks for: the messages to the OperatorActor, and what became of them.

Every command carries the id of its request, and who asked. Asked again under the same id it is not done again: it is
answered with what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from actors.system.message import Message


class CommandState(StrEnum):
    """How far a command has come."""

    DONE = "done"
    REFUSED = "refused"  # nothing was done, and nothing will be
    UNRESOLVED = "unresolved"  # it was begun, and what came of it is not known yet: it is being found out


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Message):
    """What every command has. Asked, and answered by an `Outcome` of what is known then."""

    request_id: str  # chosen by whoever asks; 8 to 64 of A-Z a-z 0-9 _ -
    by: str  # who asks, for the journal


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseOpening(Command):
    """No opens, until resumed: at all, on an account, of a commodity, or of a commodity on an account."""

    platform: str | None = None  # None: on every account
    commodity: str | None = None  # None: of everything
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeOpening(Command):
    """Lift the pause of just this scope."""

    platform: str | None = None
    commodity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt(Command):
    """No opens, and no guarding either: the caller has seen to it that this is meant."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift(Command):
    """Lift the operator's halt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetCrashLoop(Command):
    """Lift what a loop of crashes has set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgiveDrawdown(Command):
    """Have the drawdown of an account forgotten."""

    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTrade(Command):
    """Close one trade, whatever the rules say."""

    trade_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAll(Command):
    """Close every open trade: at all, on an account, of a commodity."""

    platform: str | None = None
    commodity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitAnalysis(Command):
    """Decide on an analysis of a source outside."""

    text: str  # as its source has signed it


@dataclass(frozen=True, slots=True)
class OutcomeOf(Message):
    """Ask: what became of a command? Answers its `Outcome`, or None for an id that is not known."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of a command."""

    request_id: str
    command: str  # the kind, such as close_trade
    state: CommandState
    said: str  # in words
    detail: Mapping[str, object] = field(default_factory=dict)  # in JSON's types
    by: str = ""  # who asked first
    at: int = 0  # market time, when it was asked first
    is_repeated: bool = False  # the id was asked before
