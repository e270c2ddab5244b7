"""Why `serve` ends, or steps down; and that it does end, within ten seconds of being told to.

The first signal asks for an orderly end. A second one, half a second later or more, ends the process at once, and so
does the clock when the orderly end takes too long, whatever hangs: that is safe at any instant, as a crash is.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

STOP_SECONDS = 8.0  # for the actors to finish what is in flight
LAST_RESORT_SECONDS = 9.5  # of the ten that a service manager is told to give
TOGETHER_SECONDS = 0.5  # signals no further apart are one: of a shell to its group, and of `timeout` to its child
SIGNAL_SECONDS = 0.5  # how late a signal may be noticed
SIGNALLED = 128  # and the signal's number, as shells have it
LEAVE_THE_VIEW = b"\x1b[?1049l\x1b[?25h"  # the terminal's other screen, and its cursor


@dataclass(slots=True)
class Ending:
    """Why the program ends, or the crew steps down; set from signal handlers and actors' threads."""

    event: threading.Event = field(default_factory=threading.Event)
    stopped: str = ""  # by a signal
    escalated: str = ""  # an actor was given up
    lost: str = ""  # the ledger is not where it was
    deposed: str = ""  # the crew's lease was lost
    left_behind: bool = False  # an actor hangs in a thread that nothing can end
    stop_by: float = float("inf")  # of the clock: when a signal wants the actors to have stopped
    clock: Callable[[], float] = time.monotonic
    # The one way from a handler to a thread that cannot deadlock: a handler may run while its own thread is amid `set`.
    _signals: queue.SimpleQueue[int | None] = field(default_factory=queue.SimpleQueue)

    @property
    def has_failed(self) -> bool:
        """True when the process is to be started again, and its end counts as a crash."""
        return bool(self.escalated or self.lost)

    @property
    def is_final(self) -> bool:
        """True when there is no further term."""
        return bool(self.stopped or self.escalated or self.lost)

    @property
    def reason(self) -> str:
        """Why, in a few words."""
        return self.stopped or self.escalated or self.lost or self.deposed

    def stop(self, number: int, frame: FrameType | None) -> None:
        """A signal handler: an orderly end, and the second time an immediate one."""
        now = self.clock()
        if self.stopped:
            if now - (self.stop_by - STOP_SECONDS) >= TOGETHER_SECONDS:
                leave_at_once(number, "stopped again: ended at once")
            return
        self.stopped = signal.Signals(number).name
        self.stop_by = now + STOP_SECONDS
        self._signals.put(number)

    def escalate(self, name: str, error: BaseException) -> None:
        """For `System(on_escalate=...)`."""
        self.escalated = f"{name}: {type(error).__name__}: {error}"
        self.event.set()

    def lose(self, reason: str) -> None:
        """The ledger's file is gone."""
        self.lost = reason
        self.event.set()

    def depose(self, reason: str) -> None:
        """The crew has another leader, or may have."""
        self.deposed = reason
        self.event.set()

    def rise_again(self) -> None:
        """Stand by for another term."""
        self.deposed = ""
        self.event.clear()
        if self.is_final:  # also when a signal came between the two
            self.event.set()

    def seconds_to_stop(self) -> float:
        """How long the actors may take to stop."""
        return max(0.5, min(STOP_SECONDS, self.stop_by - self.clock()))

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Stop in order on Ctrl-C and on SIGTERM."""
        thread = threading.Thread(target=self._follow_signals, name="signals", daemon=True)
        thread.start()
        before = {number: signal.signal(number, self.stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._signals.put(None)
            thread.join()

    def _follow_signals(self) -> None:
        number = self._signals.get()
        if number is None:
            return
        self.event.set()
        try:
            self._signals.get(timeout=LAST_RESORT_SECONDS)
        except queue.Empty:
            leave_at_once(number, f"the orderly end takes more than {LAST_RESORT_SECONDS:g} s: ended at once")


def wait_for(event: threading.Event) -> None:
    """Wait on the main thread until it is set.

    The system may give a signal to any thread, and its handler runs on the main one when that next does anything. On
    Windows no signal ends a wait that has no end.
    """
    while not event.wait(SIGNAL_SECONDS):
        pass


def leave_now(code: int) -> NoReturn:
    """End the process after an orderly end that left a hanging thread behind: the interpreter would wait for it."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def leave_at_once(number: int, said: str) -> NoReturn:
    """End the process here and now: nothing is released, and recovery does the rest. Does not return."""
    try:
        if os.isatty(1):
            os.write(1, LEAVE_THE_VIEW)
        os.write(2, f"{said}\n".encode())
    finally:
        os._exit(SIGNALLED + number)
