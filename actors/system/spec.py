"""How an actor is to be hosted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from actors.system.context import Behaviour


@dataclass(frozen=True, slots=True)
class Spec:
    """Names an actor and says how to build, bound and supervise it. Raises ``ValueError`` for what makes no sense."""

    name: str
    factory: Callable[[], Behaviour]  # called at the start and again after every crash
    level: int  # asks must go to a strictly lower level
    mailbox_capacity: int = 1_000  # messages; also the most timers that may be armed at once
    max_restarts: int = 5  # more than this many ...
    restart_window_seconds: float = 30.0  # ... within this time, and the actor is given up
    vital: bool = True  # False: trading goes on without it: given up it ends nothing, silent it holds up no watchdog
    backoff_seconds: float = 0.05  # before the first restart; doubled before each further one in the window, up to 5

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name: an actor needs one")
        for field, value, least in (
            ("level", self.level, 0),
            ("mailbox_capacity", self.mailbox_capacity, 1),
            ("max_restarts", self.max_restarts, 0),
            ("restart_window_seconds", self.restart_window_seconds, 0),
            ("backoff_seconds", self.backoff_seconds, 0),
        ):
            if not (math.isfinite(value) and value >= least):
                raise ValueError(f"{self.name}: {field} must be at least {least} and finite, not {value}")
