"""What happened in virtual time, line by line, and one hash over all of it."""

from __future__ import annotations

import hashlib
from typing import Any


class Trace:
    """Every item that an actor took out of its mailbox, in order.

    Lines hold the ``repr`` of messages, which must not contain addresses; those of dataclasses of values do not.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._hash = hashlib.sha256()

    def record(self, elapsed_nanoseconds: int, owner: str, actor: str, item: Any) -> None:
        """One more line."""
        line = f"{elapsed_nanoseconds} {owner} {actor} {item!r}"
        self._lines.append(line)
        self._hash.update(line.encode())
        self._hash.update(b"\n")

    def lines(self) -> list[str]:
        """``elapsed nanoseconds, process, actor, item``, separated by blanks."""
        return list(self._lines)

    def hexdigest(self) -> str:
        """SHA-256 over all lines."""
        return self._hash.hexdigest()
