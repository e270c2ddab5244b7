"""What the system itself puts into mailboxes, beside plain messages that were told."""

from __future__ import annotations

from typing import Any

import pykka


class Control:
    """Items that are never refused for want of room: each is bounded in number by other means."""

    __slots__ = ()


class Call:
    """A message that was asked. The deadline travels with it, and whoever takes it out must answer it."""

    __slots__ = ("deadline", "message", "reply")

    def __init__(self, message: Any, deadline: float, reply: pykka.Future[Any]) -> None:
        self.message = message
        self.deadline = deadline  # elapsed seconds
        self.reply = reply

    def fail(self, error: BaseException) -> None:
        """Let the asker see ``error``."""
        fail(self.reply, error)

    def __repr__(self) -> str:
        return f"ask {self.message!r}"


class Ping(Control):
    """Answered by the shell itself, in turn: it shows that the actor takes messages."""

    __slots__ = ("reply",)

    def __init__(self, reply: pykka.Future[Any]) -> None:
        self.reply = reply

    def __repr__(self) -> str:
        return "ping"


class Stop(Control):
    """The last message that an actor handles."""

    __slots__ = ("reply",)

    def __init__(self, reply: pykka.Future[Any]) -> None:
        self.reply = reply

    def __repr__(self) -> str:
        return "stop"


class Wake(Control):
    """Carries nothing: it makes an actor that waits at its empty mailbox see that it has been killed."""

    __slots__ = ()


def fail(reply: pykka.Future[Any], error: BaseException) -> None:
    """Answer with an error."""
    reply.set_exception((type(error), error, error.__traceback__))
