"""Runs a Python program so that it dies with the process that started it, however that one ends.

``python child.py PARENT PROGRAM [WORD ...]``. On Linux the kernel sends SIGKILL, which also ends a process that is
stopped; elsewhere the parent's own tidying has to do.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from pathlib import Path

SET_PARENT_DEATH_SIGNAL = 1  # prctl(2), PR_SET_PDEATHSIG


def die_with(parent: int) -> None:
    """Ask the kernel for SIGKILL at the parent's death. Ends at once when that has happened already."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    program = Path(sys.argv[2])
    sys.argv = sys.argv[2:]
    sys.path[0] = str(program.parent)
    runpy.run_path(str(program), run_name="__main__")
