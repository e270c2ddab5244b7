"""Counts what is under way, so that a driver can wait until nothing is."""

from __future__ import annotations

import threading


class InFlight:
    """How many messages have been accepted and are not yet dealt with completely. Safe to use from any thread."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting = 0
        self._lock = threading.Lock()
        self._none_left = threading.Condition(self._lock)

    def enter(self) -> None:
        """One more."""
        with self._lock:
            self._count += 1

    def leave(self) -> None:
        """One fewer."""
        with self._lock:
            self._count -= 1
            if self._waiting and not self._count:
                self._none_left.notify_all()

    def wait_for_none(self, timeout_seconds: float) -> bool:
        """Wait until nothing is under way; False when that took too long."""
        with self._none_left:
            self._waiting += 1
            try:
                return self._none_left.wait_for(lambda: self._count == 0, timeout_seconds)
            finally:
                self._waiting -= 1
