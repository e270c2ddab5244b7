"""What a hosted behaviour's `Context` really is."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from actors.system.context import DEFAULT_ASK_SECONDS
from actors.system.runtime import Host, Runtime
from actors.system.spec import Spec
from actors.system.timers import Timer
from trading.market import Instant


class ShellContext:
    """The `Context` of a hosted behaviour."""

    __slots__ = ("_host", "_level", "_new_timer", "_runtime", "name", "owner", "rng")

    def __init__(self, spec: Spec, host: Host, runtime: Runtime, new_timer: Callable[[Any], Timer]) -> None:
        """``new_timer``: makes a timer of the behaviour's present life from a message."""
        self._level = spec.level
        self._host = host
        self._runtime = runtime
        self._new_timer = new_timer
        self.name = spec.name
        self.owner = runtime.owner
        self.rng: random.Random = runtime.rng(spec.name)

    def now(self) -> Instant:
        """Market time."""
        return self._runtime.now()

    def elapsed(self) -> float:
        """Monotonic seconds."""
        return self._runtime.elapsed()

    def tell(self, name: str, message: Any) -> None:
        """Send, and go on."""
        self._host.tell(name, message)

    def ask(self, name: str, message: Any, timeout_seconds: float = DEFAULT_ASK_SECONDS) -> Any:
        """Send downwards, and wait for the answer."""
        return self._host.ask_below(self._level, self.name, name, message, timeout_seconds)

    def later(self, delay_seconds: float, message: Any) -> Timer:
        """Send to oneself after some elapsed time."""
        if not 0 <= delay_seconds < float("inf"):
            raise ValueError(f"delay_seconds must be finite and not negative, not {delay_seconds}")
        timer = self._new_timer(message)
        self._runtime.arm_elapsed(timer, delay_seconds)
        return timer

    def at(self, instant: Instant, message: Any) -> Timer:
        """Send to oneself at a market instant."""
        timer = self._new_timer(message)
        self._runtime.arm_market(timer, int(instant))
        return timer

    def sleep(self, seconds: float) -> None:
        """Wait, as elapsed time goes."""
        self._runtime.sleep(seconds)

    def identifier(self, kind: str) -> str:
        """A new unique identifier."""
        return self._runtime.identifier(kind)

    def alert(self, reason: str, detail: str = "") -> None:
        """Tell the operator."""
        self._host.alert(self.name, reason, detail)
