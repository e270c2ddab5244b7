"""What a feed's actor is given to have its source read, and what it hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trading.moods import Knowledge


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one reading."""

    knowledge: Knowledge | None = None  # None without an error: it is what it was
    error: str = ""


class FeedReader(Protocol):
    """Reads one source. None of its methods waits for what is being read."""

    @property
    def reads_again(self) -> bool:
        """False for what cannot change: it is read once."""
        ...

    def begin(self) -> None:
        """Begin to read it; a reading that is not over is given up."""
        ...

    def result(self) -> Outcome | None:
        """What came of it, once; None while it is being read."""
        ...

    def cancel(self) -> None:
        """Give up a reading that is not over, and forget what was known to be unchanged."""
        ...
