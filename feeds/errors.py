"""The errors of this room."""

from __future__ import annotations


class FeedError(ValueError):
    """A source is not what it should be; the message names it, and the row, the column and the value at fault."""


class CalendarUnavailable(FeedError):
    """The trading times of an exchange cannot be had; the message names the commodity, its calendar and what to do."""


class AnalysisRefused(ValueError):
    """An analysis from outside is not taken, and the message says why."""

    def __init__(self, reason: str, message: str, source: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason  # one word, for the journal's counts
        self.source = source  # who signed it, or is said to have; None: not known
