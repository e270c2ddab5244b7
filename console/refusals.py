"""How often analyses led to no trade in this process, by reason."""

from __future__ import annotations

import threading
from collections import Counter

from console.replay_figures import REFUSED
from persistence.journal import DECISION, JournalEntry

MOST_REASONS = 100
OTHER = "other"  # what is left when there are more


class Refusals:
    """Counts them as they are journalled. Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def note(self, entry: JournalEntry) -> None:
        """Count the entry if it tells of a refusal: by the decision, or by the account that was told to open."""
        if entry.kind not in (DECISION, "open_result") or not entry.reason.startswith(REFUSED):
            return
        reason = entry.reason.removeprefix(REFUSED).partition(":")[0].strip()
        with self._lock:
            known = reason in self._counts or len(self._counts) < MOST_REASONS
            self._counts[reason if known else OTHER] += 1

    def read(self) -> dict[str, int]:
        """By reason; of one with details after a colon the part before it."""
        with self._lock:
            return dict(self._counts)
