"""What a scripted broker can be told to do with one call: the vocabulary of `MockConnector.script`.

A plain `Outcome` in a script is given as the answer, and nothing is executed: a broker that says one thing and does
another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from connectors.base import ConnectorError, Done, Rejected, Unknown


@dataclass(frozen=True, slots=True)
class AsUsual:
    """Execute at once at the current price."""


@dataclass(frozen=True, slots=True)
class LostReply:
    """The order arrives, the answer does not: Unknown, at once."""

    executed: bool
    rejected: Rejected | None = None  # what the broker wrote into its history instead of executing


@dataclass(frozen=True, slots=True)
class Reject:
    """A definite no."""

    answer: Rejected


@dataclass(frozen=True, slots=True)
class Partly:
    """Execute a fraction of the volume, floored to the volume step."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Delay:
    """Answer, and execute, after so many seconds; where the deadline comes first, execute all the same."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Execute the order twice, and answer with the first."""


@dataclass(frozen=True, slots=True)
class FillsLater:
    """Unknown, at once; executed so many seconds of market time later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer, never execute: the call ends at its deadline."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Raise this error: the call has no usable answer."""

    error: ConnectorError


Step: TypeAlias = (
    AsUsual | LostReply | Reject | Partly | Delay | Duplicate | FillsLater | Hang | Fail | Done | Rejected | Unknown
)

ORDERS = ("open", "close")
QUESTIONS = ("connect", "fence", "instruments", "account", "quotes", "bars", "positions", "orders", "deals")
STEPS_OF_QUESTIONS = (AsUsual, Delay, Hang, Fail)


class Script:
    """The steps that are still to come, by the name of the call."""

    def __init__(self) -> None:
        self._steps: dict[str, deque[Step]] = {call: deque() for call in ORDERS + QUESTIONS}

    def add(self, call: str, steps: Sequence[Step]) -> None:
        """Append steps. Raises ``ValueError`` for a call that there is not, and for a step that it cannot take."""
        if call not in self._steps:
            raise ValueError(f"there is no call {call!r}; expected one of {', '.join(self._steps)}")
        for step in steps:
            if call in QUESTIONS and not isinstance(step, STEPS_OF_QUESTIONS):
                raise ValueError(f"{call} cannot be answered with {step}; expected as_usual, delay, hang or fail")
        self._steps[call].extend(steps)

    def next_step(self, call: str) -> Step:
        """Take the next step of this call; as usual where none is left."""
        steps = self._steps[call]
        return steps.popleft() if steps else AsUsual()


def as_usual() -> Step:
    """Let one call through untouched."""
    return AsUsual()


def lost_reply(*, executed: bool) -> Step:
    """The order reaches the broker and is executed, or does not reach it; the caller cannot tell."""
    return LostReply(executed)


def lost_rejection(code: str, reason: str = "scripted") -> Step:
    """The broker rejects the order and writes that into its history; the caller hears nothing."""
    return LostReply(executed=False, rejected=Rejected(code, reason))


def reject(code: str, reason: str = "scripted") -> Step:
    """A definite no; a rejected open stands in the order history."""
    return Reject(Rejected(code, reason))


def requote() -> Step:
    """A definite no because the price moved."""
    return Reject(Rejected("requote", "scripted", requote=True))


def partly(fraction: float) -> Step:
    """Execute a fraction of the volume. Raises ``ValueError`` outside 0..1, both excluded."""
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}; expected more than 0 and less than 1")
    return Partly(fraction)


def delay(seconds: float) -> Step:
    """A slow broker. Where the deadline comes first, the answer is lost and the order is executed all the same.

    (Unless the mock was given the capability ``expires_requests``: then nothing comes of it.)
    """
    return Delay(_not_negative(seconds))


def duplicate() -> Step:
    """A broker that executes one order twice."""
    return Duplicate()


def fills_later(seconds: float) -> Step:
    """A broker that executes late, after the caller was left without an answer."""
    return FillsLater(_not_negative(seconds))


def hang() -> Step:
    """A broker that never answers."""
    return Hang()


def fail(error: ConnectorError | None = None) -> Step:
    """A call that raises; for questions, and for orders that raise against the rules."""
    return Fail(ConnectorError("scripted") if error is None else error)


def _not_negative(seconds: float) -> float:
    if not seconds >= 0:
        raise ValueError(f"seconds is {seconds}; expected 0 or more")
    return seconds
