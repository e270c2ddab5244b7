"""The name under which this process holds reservations."""

from __future__ import annotations

import os
import socket
from uuid import uuid4

HOST_CHARACTERS = 120  # what remains of the column's 200 after the process number and the identifier

_start = uuid4().hex


def _start_anew() -> None:
    global _start
    _start = uuid4().hex


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_start_anew)


def owner_name() -> str:
    """``host:pid:identifier``, the same until the process ends or forks.

    The identifier is new with every process start and every fork, because hosts and process numbers come again: a
    restarted process must never be taken for the one that died holding a reservation.
    """
    return f"{socket.gethostname()[:HOST_CHARACTERS]}:{os.getpid()}:{_start}"
