"""What ends a worker whose package never comes back.

MetaTrader5 holds the interpreter's lock in every call and knows no time limit (100 s were measured in an `initialize`
that was given 5), so no Python thread of the worker runs meanwhile. Its parent kills it at the deadline; but the parent
may be dead or stopped, and the worker holds the order floor while it sends. The thread of `faulthandler` is written in
C and needs no interpreter: it ends the process, and with that the system lets go of the floor.
"""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from contextlib import contextmanager

GRACE_SECONDS = 2.0  # after the deadline, at which a parent that is well has killed the worker already
MOST_SECONDS = 3_600.0  # of grace for a call, whatever its deadline says


class Watchdog:
    """Ends this process when a piece of work takes too long. One piece at a time, and one watchdog in a process."""

    def __init__(self) -> None:
        # The traceback goes nowhere: a pipe that nobody reads would hold up the end that it is about.
        self._nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # closed by `close`

    @contextmanager
    def over(self, seconds: float) -> Iterator[None]:
        """Unless what is inside is over so many seconds and the grace from now, the process ends with code 1."""
        seconds = min(max(seconds, 0.0), MOST_SECONDS)
        faulthandler.dump_traceback_later(seconds + GRACE_SECONDS, exit=True, file=self._nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    def close(self) -> None:
        """Nothing is watched any more."""
        self._nowhere.close()
