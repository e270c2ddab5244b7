"""A progress bar over rows, on a terminal, for what takes longer than a moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from console.output import Output
from persistence.backup import Progress as Advance

MOMENT_SECONDS = 0.5


@contextmanager
def rows_progress(output: Output, what: str) -> Iterator[Advance]:
    """What to call with the rows done and the rows in all. Nothing is shown for the first moment."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = Progress(*columns, console=output.aside, transient=True, disable=not output.aside.is_terminal)
    task = shown.add_task(what, total=None)
    began = time.monotonic()

    def advance(done: int, total: int) -> None:
        if time.monotonic() - began > MOMENT_SECONDS:
            shown.start()
            shown.update(task, completed=done, total=total)

    try:
        yield advance
    finally:
        shown.stop()
