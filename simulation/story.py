"""What happened in one run, line by line, and one hash over all of it: the same everywhere for the same seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable

WORLD = "world"


class Story:
    """Lines of ``elapsed seconds, process, actor or place, what``."""

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._lines: list[str] = []
        self.struck: Counter[str] = Counter()  # how often each kind of fault did
        self.count: Counter[str] = Counter()  # of what else happened: kills, orders, takeovers ...

    def tell(self, process: str, where: str, what: str) -> None:
        """One more line."""
        self._lines.append(f"{self._elapsed():10.3f}  {process:<7} {where:<14} {what}")

    def strike(self, kind: str, process: str, where: str, what: str) -> None:
        """A fault strikes."""
        self.struck[kind] += 1
        self.tell(process, where, f"! {kind}: {what}")

    def last(self, count: int) -> list[str]:
        """The newest lines, oldest first."""
        return self._lines[-count:]

    def digest(self) -> str:
        """SHA-256 over all lines."""
        return hashlib.sha256("\n".join(self._lines).encode()).hexdigest()
