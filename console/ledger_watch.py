"""Notices that the ledger's file was deleted or exchanged while the program runs on it.

The database goes on writing into a file without a name, and the next process would begin with an empty ledger.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_SECONDS = 2.0


@contextmanager
def watched(file: Path | None, on_gone: Callable[[str], None], look_seconds: float = LOOK_SECONDS) -> Iterator[None]:
    """Call ``on_gone`` once, on a thread of its own, when the path does not lead to the same file any more.

    ``file`` exists; None: the ledger is no file, and nothing is watched.
    """
    if file is None:
        yield
        return
    opened = file.stat()
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(look_seconds):
            if not _is_still(file, opened):
                on_gone(f"the ledger's file {file} is gone, or another one lies in its place")
                return

    thread = threading.Thread(target=watch, name="ledger-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _is_still(file: Path, opened: os.stat_result) -> bool:
    try:
        return os.path.samestat(file.stat(), opened)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # it cannot be asked now, which says nothing about the file
