"""Bounded mailboxes: room kept for commands, and conflation of what only the newest matters of.

A mailbox is a Pykka inbox (``put``, ``get``, ``empty``) that can be closed. Closing and putting exclude each other, so
no message can slip in behind a dying actor, where Pykka would leave its asker waiting for ever.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any, Protocol

from actors.system.errors import ActorDead, MailboxFull
from actors.system.items import Call, Control
from actors.system.message import Message

BULK_SHARE = 0.8


class Envelope(Protocol):
    """What Pykka puts into an inbox."""

    message: Any


class Mailbox(ABC):
    """The rules of admission. Subclasses keep the queue, for threads or for virtual time."""

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.conflated = 0
        self._capacity = capacity
        self._bulk_capacity = max(1, int(capacity * BULK_SHARE))
        self._closed = False
        self._pending: dict[tuple[type, Hashable], Envelope] = {}  # told, conflating, and not yet taken out

    @abstractmethod
    def put(self, envelope: Envelope, /) -> None:
        """Queue it. Raises `ActorDead` when the mailbox is closed and `MailboxFull` when there is no room."""

    @abstractmethod
    def get(self) -> Any:
        """Wait for the next envelope and take it out."""

    @abstractmethod
    def depth(self) -> int:
        """How many items wait."""

    @abstractmethod
    def close(self) -> list[Any]:
        """Refuse everything from now on, and return the items that were left."""

    @abstractmethod
    def wake(self) -> None:
        """Make an actor that waits at its empty mailbox look up, even when the mailbox is closed."""

    @abstractmethod
    def began(self) -> None:
        """The actor begins to start."""

    @abstractmethod
    def handled(self) -> None:
        """The actor has started, or has dealt with the item that it took out last."""

    def empty(self) -> bool:
        """For Pykka, which drops what is left of an ended actor: whoever closed the mailbox has settled that."""
        return self._closed or self.depth() == 0

    def _admit(self, envelope: Envelope) -> bool:
        """Whether to queue the envelope; False when its message has taken the place of one that was waiting."""
        item = envelope.message
        if self._closed:
            raise ActorDead(self.name)
        bulk, key = False, None
        if isinstance(item, Message):
            bulk, named = item.bulk, item.conflation_key()
            if named is not None:
                key = type(item), named
                if (waiting := self._pending.get(key)) is not None:
                    waiting.message = item
                    self.conflated += 1
                    return False
        elif isinstance(item, Control):
            return True
        elif type(item) is Call and isinstance(item.message, Message):
            bulk = item.message.bulk
        if self.depth() >= (self._bulk_capacity if bulk else self._capacity):
            message = item.message if type(item) is Call else item
            raise MailboxFull(self.name, type(message).__name__)
        if key is not None:
            self._pending[key] = envelope
        return True

    def _taken_out(self, envelope: Envelope) -> None:
        """From now on a message of the same key is a new one."""
        if self._pending and isinstance(envelope.message, Message):
            key = _conflation_key(envelope.message)
            if key is not None:
                del self._pending[key]


def _conflation_key(message: Message) -> tuple[type, Hashable] | None:
    """Messages of different types never conflate, whatever they call their key."""
    key = message.conflation_key()
    return None if key is None else (type(message), key)
