"""Mailboxes and actors on threads."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pykka

from actors.system.in_flight import InFlight
from actors.system.items import Wake
from actors.system.mailbox import Envelope, Mailbox
from actors.system.shell import Shell


class ThreadMailbox(Mailbox):
    """A mailbox on a ``SimpleQueue``, which is three times as fast as Pykka's ``Queue``."""

    def __init__(self, name: str, capacity: int, in_flight: InFlight) -> None:
        super().__init__(name, capacity)
        self._queue: queue.SimpleQueue[Envelope] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._in_flight = in_flight

    def put(self, envelope: Envelope, /) -> None:
        """Queue it, or raise `NotExecuted`."""
        with self._lock:
            if self._admit(envelope):
                self._in_flight.enter()
                self._queue.put(envelope)

    def get(self) -> Envelope:
        """Wait for the next envelope."""
        envelope = self._queue.get()
        if self._pending:
            with self._lock:
                self._taken_out(envelope)
        return envelope

    def depth(self) -> int:
        """How many items wait."""
        return self._queue.qsize()

    def close(self) -> list[Any]:
        """Refuse everything from now on, and return what was left."""
        with self._lock:
            self._closed = True
            left = []
            while True:
                try:
                    left.append(self._queue.get_nowait().message)
                except queue.Empty:
                    return left
                self._in_flight.leave()

    def wake(self) -> None:
        """Make the actor's thread look up."""
        self._in_flight.enter()
        self._queue.put(_Nothing())

    def began(self) -> None:
        """The actor's start is under way like a message."""
        self._in_flight.enter()

    def handled(self) -> None:
        """One message fewer is under way."""
        self._in_flight.leave()


class _Nothing:
    """An envelope that carries a `Wake`."""

    def __init__(self) -> None:
        self.message: Any = Wake()
        self.reply_to = None


class ThreadShell(Shell, pykka.ThreadingActor):
    """An actor on a thread of its own. Being a daemon, one that hangs does not keep the process alive."""

    use_daemon_thread = True

    def _actor_loop(self) -> None:
        threading.current_thread().name = self.spec.name
        try:
            super()._actor_loop()
        except BaseException as error:  # from outside any handler, so no message is lost by it but the actor is
            self._end_of_loop(error)
        finally:
            self.mailbox.close()  # again, for the `Wake` that nobody took out
