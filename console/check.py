"""One thing that `doctor` looked at, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    saw: str
    advice: str = ""  # what to do; empty when there is nothing to do


def made(name: str, check: Callable[[], Check]) -> Check:
    """The check, or that it could not be made: a defect in one must not hide what the others see."""
    try:
        return check()
    except Exception as error:
        return Check(name, "failed", f"{type(error).__name__}: {error}", "report it, with this line")
