"""The one error of this room."""

from __future__ import annotations


class FeedError(ValueError):
    """The file cannot be read as bars; the message names the file, and the row, the column and the value at fault."""
