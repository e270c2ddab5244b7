"""A Windows Python that has the real MetaTrader5 package, where there is one."""

from __future__ import annotations

import shlex

WINDOWS_PYTHON = "WATCHBILL_WINE_PYTHON"
"""The environment variable that may name the command."""


def words_of(command: str) -> list[str]:
    """The command's words; a backslash is what paths have on Windows."""
    reader = shlex.shlex(command, posix=True)
    reader.whitespace_split, reader.escape, reader.commenters = True, "", ""
    return list(reader)
