"""What a signal does before a command can answer it itself: one line, the exit code, and the process is gone.

Until `serve` stands by, nothing has begun that would have to be stopped in order. An exception raised by a handler
amid the loading of a compiled module may be swallowed there or printed as a traceback; so the handler writes to the
descriptors and ends the process.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

OTHER_COMMANDS = frozenset(
    {
        "replay",
        "status",
        "trades",
        "why",
        "init",
        "doctor",
        "backup",
        "restore",
        "close",
        "pause",
        "resume",
        "halt",
        "reset",
        "adopt",
        "disown",
    }
)
SIGNALLED = 128  # and the signal's number, as shells have it


class EarlySignals:
    """Handlers of SIGINT, SIGTERM and, where there is one, SIGHUP, until `end`; ``words`` are the command line's.

    A signal that the caller has the process ignore (`nohup`) stays ignored.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._as_json = "--json" in words
        self._serves = OTHER_COMMANDS.isdisjoint(words)
        self._before: dict[int, Any] = {}  # as `signal.signal` has it: a function, or a number
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may set handlers
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            before = None if number is None else signal.getsignal(number)
            if number is not None and before not in (None, signal.SIG_IGN):
                self._before[number] = signal.signal(number, self._answer)

    def end(self) -> None:
        """Put back the handlers that were there before."""
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._answer:
                signal.signal(number, handler)

    def _answer(self, number: int, frame: FrameType | None) -> None:
        stopping = signal.getsignal(signal.SIGTERM)
        if callable(stopping) and stopping != self._answer:
            stopping(number, frame)  # a hang-up, once `serve` answers SIGTERM itself
            return
        said = f"stopped by {signal.Signals(number).name}"
        result = {"stopped_by": signal.Signals(number).name, "escalated": None} if self._serves else {"error": said}
        _write(2, said if self._serves else f"error: {said}")
        if self._as_json:
            _write(1, json.dumps(result))
        os._exit(0 if self._serves else SIGNALLED + number)


def _write(descriptor: int, line: str) -> None:
    try:
        os.write(descriptor, f"{line}\n".encode())
    except OSError:
        return  # nobody reads it; the exit code still tells
