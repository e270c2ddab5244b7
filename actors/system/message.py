"""What a message may say about how a mailbox should treat it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar


class Message:
    """Base of messages, which are frozen, slotted dataclasses. Both features below are opt-in."""

    __slots__ = ()

    bulk: ClassVar[bool] = False
    """Bulk messages are refused once a mailbox is four fifths full, so that room is kept for commands."""

    def conflation_key(self) -> Hashable | None:
        """A mailbox keeps at most one told message per type and key: the newest, in the place of the first.

        None, the default, keeps them all. Asks and timer messages are never conflated: somebody waits for each.
        """
        return None
