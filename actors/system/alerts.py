"""What the operator is told, and the count of messages that reached nobody."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from trading.market import Instant

DEFECTS = frozenset({"crashed", "given up"})


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that the operator should know."""

    at: Instant
    actor: str
    reason: str
    detail: str

    @property
    def is_defect(self) -> bool:
        """Whether it tells of what a program without defects does not do."""
        return self.reason in DEFECTS


class DeadLetters:
    """Counts messages that were not delivered, by actor and kind of message. Safe to use from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def count(self, actor: str, kind: str) -> int:
        """Count one more, and return how many of this actor and kind there are now."""
        with self._lock:
            self._counts[actor, kind] += 1
            return self._counts[actor, kind]

    def counts(self) -> dict[tuple[str, str], int]:
        """By (actor, kind)."""
        with self._lock:
            return dict(self._counts)

    def of(self, actor: str) -> int:
        """All that one actor missed."""
        return sum(number for (name, _), number in self.counts().items() if name == actor)


def is_worth_an_alert(count: int) -> bool:
    """True for 1, 10, 100, ...: a flood of dead letters must not become a flood of alerts."""
    while count >= 10 and count % 10 == 0:
        count //= 10
    return count == 1
