"""Blocks a process as the real package does: for as long as its call takes, no other thread of Python runs."""

from __future__ import annotations

import ctypes
import math
import sys

LONGEST_SLEEP_SECONDS = 24 * 3_600  # of one call; then it is made again
MICROSECONDS, MILLISECONDS = 1_000_000, 1_000


def hold_the_interpreter(seconds: float) -> None:
    """Return after so many seconds, or never; until then this process does nothing else.

    `ctypes.PyDLL` calls a function of the C library without letting go of the interpreter's lock. A signal that Python
    handles waits, too; one that it does not, such as SIGKILL, ends the process.
    """
    remaining = seconds
    while remaining > 0:
        now = min(remaining, LONGEST_SLEEP_SECONDS)
        _sleep(now)
        remaining = math.inf if math.isinf(remaining) else remaining - now


def _sleep(seconds: float) -> None:
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(round(seconds * MILLISECONDS))
        return
    library = ctypes.PyDLL(None)
    whole = int(seconds)
    while whole > 0:
        whole = library.sleep(ctypes.c_uint(whole))  # what is left of it when a signal came in between
    library.usleep(ctypes.c_uint(round((seconds - int(seconds)) * MICROSECONDS)))
