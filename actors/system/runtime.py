"""What the shell and the `System` need of a runtime, and what a runtime needs of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Protocol

import pykka

from actors.system.errors import Refusal
from actors.system.spec import Spec
from actors.system.timers import Timer, TimerOwner
from trading.market import Instant

if TYPE_CHECKING:
    from actors.system.shell import Shell


class Host(Protocol):
    """What a shell and a runtime need of the `System`."""

    def kill(self) -> None:
        """The process is gone."""

    def tell(self, name: str, message: Any) -> None:
        """Deliver, or count a dead letter."""

    def ask_below(self, level: int, asker: str, name: str, message: Any, timeout_seconds: float) -> Any:
        """An ask by an actor of ``level``."""

    def dead_letter(self, actor: str, message: Any, why: str) -> None:
        """Count and alert a message that reached nobody."""

    def alert(self, actor: str, reason: str, detail: str) -> None:
        """Tell the operator."""

    def refused(self, actor: str, message: Any, refusal: Refusal) -> None:
        """A told message was refused: there is nobody to whom the refusal could travel."""

    def crashed(self, actor: str, error: BaseException) -> None:
        """``actor`` is about to be restarted, or given up."""

    def escalate(self, actor: str, error: BaseException) -> None:
        """The process cannot go on: ``actor`` has been given up."""


class Runtime(Protocol):
    """One process's threads, or its share of virtual time."""

    @property
    def owner(self) -> str:
        """The process's name as an owner of leases."""

    def now(self) -> Instant:
        """Market time."""

    def elapsed(self) -> float:
        """Monotonic seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait, as elapsed time goes."""

    def identifier(self, kind: str) -> str:
        """A new unique identifier that begins with ``kind``."""

    def rng(self, name: str) -> random.Random:
        """Random numbers for the actor ``name``."""

    def attach(self, host: Host) -> None:
        """Called once, by the `System` that this runtime carries."""

    def new_shell(self, host: Host, spec: Spec) -> Shell:
        """An actor that does not run yet, with its mailbox. Its rank is its place in the order of these calls."""

    def new_reply(self) -> pykka.Future[Any]:
        """A place for one answer. Its ``get`` raises ``pykka.Timeout``."""

    def arm_elapsed(self, timer: Timer, delay_seconds: float) -> None:
        """Fire ``timer`` after ``delay_seconds``."""

    def arm_market(self, timer: Timer, instant: Instant) -> None:
        """Fire ``timer`` when market time has reached ``instant``."""

    def drop_timers(self, owner: TimerOwner) -> None:
        """Forget every timer of one actor."""

    def unwinds(self, error: BaseException) -> bool:
        """True when ``error`` is the runtime's own way of ending an actor, which supervision must let pass."""

    def fault(self) -> str | None:
        """What is wrong with the runtime itself, or None."""

    def kill(self) -> None:
        """The process is gone: nothing of it runs on, as far as this runtime can see to it."""

    def close(self) -> None:
        """The system has stopped in order."""
