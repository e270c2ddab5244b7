"""What commands are given, and what they answer."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from actors.commands import CommandState
from console.api.asked import LARGEST_NUMBER, LONGEST_NAME, NAME
from console.api.problems import Problem
from feeds.signed_analyses import LONGEST_TEXT

REQUEST_ID = r"^[A-Za-z0-9_-]{8,64}$"
LONGEST_REASON = 200
NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f]*$"

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=NAME)]
Reason: TypeAlias = Annotated[str, Field(max_length=LONGEST_REASON, pattern=NO_CONTROL_CHARACTERS)]


class Asked(BaseModel):
    """What every command is given."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    request_id: Annotated[
        str,
        Field(pattern=REQUEST_ID, description="Chosen by you. Nothing is done twice under one."),
    ]


class AskedPause(Asked):
    """Open nothing: at all, on an account, of a commodity, or of a commodity on an account."""

    platform: Name | None = None
    commodity: Name | None = None
    reason: Reason = ""


class AskedResume(Asked):
    """Lift the pause of just this scope."""

    platform: Name | None = None
    commodity: Name | None = None


class AskedHalt(Asked):
    """Open nothing, and guard nothing either."""

    reason: Reason = ""
    confirmed: Annotated[
        bool, Field(description="Unless it is true, the answer names the positions that nobody would guard.")
    ] = False


class AskedLift(Asked):
    """Lift the halt."""


class AskedReset(Asked):
    """Lift what a loop of crashes has set."""


class AskedForgiveness(Asked):
    """Have the drawdown of an account forgotten."""

    platform: Name


def _as_whole(given: Any) -> Any:
    """To JSON, 7.0 is the whole number 7."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


class AskedClose(Asked):
    """Close one trade."""

    trade_id: Annotated[int, Field(ge=1, le=LARGEST_NUMBER), BeforeValidator(_as_whole)]


class AskedCloseAll(Asked):
    """Close every open trade: at all, on an account, of a commodity, or of a commodity on an account."""

    platform: Name | None = None
    commodity: Name | None = None
    confirmed: Annotated[bool, Field(description="Unless it is true, the answer names what would be closed.")] = False


class AskedAnalysis(Asked):
    """Decide on an analysis."""

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, description="As its source has signed it.")]


class OutcomeAnswer(BaseModel):
    """What is known of a command."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request_id: str
    command: str
    state: CommandState
    said: str
    detail: dict[str, Any]
    by: str  # who asked first
    at: str | None  # market time, when it was asked first
    is_repeated: bool  # the id was asked before


class RefusedProblem(Problem):
    """Nothing was done, and nothing will be."""

    outcome: OutcomeAnswer | None = None


class NotConfirmedProblem(Problem):
    """What it would concern; nothing was done."""

    positions: list[str]
    trade_ids: list[int]


class NobodyProblem(Problem):
    """Nobody here can do it now."""

    retry_after_seconds: float
