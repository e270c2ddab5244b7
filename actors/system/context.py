"""All that a behaviour sees of the world, and what the system expects of a behaviour."""

from __future__ import annotations

import random
from typing import Any, Protocol, runtime_checkable

from trading.attention import Attention
from trading.market import Instant

DEFAULT_ASK_SECONDS = 5.0


class TimerHandle(Protocol):
    """A timer that has been armed."""

    def cancel(self) -> None:
        """The message will not be received, even if the timer has fired and the message waits in the mailbox."""


class Context(Protocol):
    """A behaviour's view of the world. Everything but `tell` is for the behaviour's own thread."""

    @property
    def name(self) -> str:
        """The actor's own name."""

    @property
    def owner(self) -> str:
        """The process's name as an owner of leases: ``host:pid:uuid``, or ``sim:1`` in virtual time."""

    @property
    def rng(self) -> random.Random:
        """The actor's own random numbers; in virtual time they follow from the seed."""

    def now(self) -> Instant:
        """Market time: rules, ages, cooldowns and calendars go by it."""

    def elapsed(self) -> float:
        """Monotonic seconds since an arbitrary beginning: deadlines, back-off and the holding of leases go by it."""

    def tell(self, name: str, message: Any) -> None:
        """Send, and go on. What cannot be delivered is counted and alerted; it never raises here."""

    def ask(self, name: str, message: Any, timeout_seconds: float = DEFAULT_ASK_SECONDS) -> Any:
        """Send to an actor of a strictly lower level, and wait for its answer.

        Raises `Refusal` when the actor refused, `NotExecuted` when nothing happened, `OutcomeUnknown` (`AskTimeout`,
        `Crashed`) when something may have, and `AskUpwards` when the actor is not on a lower level.
        """

    def later(self, delay_seconds: float, message: Any) -> TimerHandle:
        """Send ``message`` to oneself after some elapsed time; 0 means once all that is due now has been done."""

    def at(self, instant: Instant, message: Any) -> TimerHandle:
        """Send ``message`` to oneself when market time has reached ``instant``."""

    def sleep(self, seconds: float) -> None:
        """Wait, as elapsed time goes; the mailbox waits too."""

    def identifier(self, kind: str) -> str:
        """A new unique identifier that begins with ``kind``; in virtual time it follows from the seed."""

    def alert(self, reason: str, detail: str = "") -> None:
        """Tell the operator."""


class Behaviour(Protocol):
    """A plain class that an actor hosts. It may also have ``start(context)`` and ``stop(context)``.

    `start` rebuilds the state from what is durable, and arms the timers; it runs again, on a new object, after every
    crash. `stop` runs once, when the system stops in order; not after a crash, when the object is not to be trusted.
    """

    def receive(self, message: Any, context: Context) -> Any:
        """Handle one message. What it returns is the answer to an ask."""


@runtime_checkable
class Attentive(Protocol):
    """A behaviour that says what it waits for. One that does not waits for everything."""

    def attention(self, now: Instant) -> Attention:
        """What must happen before it acts again, now that every message has been handled. It changes nothing."""
