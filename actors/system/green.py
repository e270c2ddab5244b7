"""Mailboxes, answers and actors in virtual time: one greenlet per actor, all in one thread."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pykka

from actors.system.errors import NotExecuted
from actors.system.items import Control
from actors.system.mailbox import Envelope, Mailbox
from actors.system.runtime import Host, Runtime
from actors.system.schedules import Task
from actors.system.shell import Shell
from actors.system.spec import Spec

if TYPE_CHECKING:
    from actors.system.runtime_virtual import VirtualWorld


class Letter:
    """What Pykka's envelope is, without an answer: calls bring their own."""

    __slots__ = ("message",)
    reply_to = None

    def __init__(self, message: Any) -> None:
        self.message = message


class GreenMailbox(Mailbox):
    """A mailbox whose owner gives its turn away while there is nothing in it."""

    def __init__(self, spec: Spec, task: Task, world: VirtualWorld) -> None:
        super().__init__(spec.name, spec.mailbox_capacity)
        self.last_arrivals: dict[Task, int] = {}  # elapsed nanoseconds, by sender; only when messages take their time
        self.returned: Callable[[Any, NotExecuted], None] | None = None  # takes delayed items that did not get in
        self._items: deque[Envelope] = deque()
        self._task = task
        self._world = world

    def put(self, envelope: Envelope, /) -> None:
        """Queue it, perhaps with a delay, or raise `NotExecuted`. Sending is where others may get a turn."""
        world = self._world
        if world.is_delaying and not isinstance(envelope.message, Control):
            world.delay(self, envelope)
        else:
            self.arrive(envelope)
        if world.is_interrupting:
            world.checkpoint()

    def arrive(self, envelope: Envelope) -> None:
        """Queue it now, or raise `NotExecuted`."""
        if self._admit(envelope):
            self._items.append(envelope)
            if self._task.is_idle:
                self._world.make_ready(self._task)

    def arrive_late(self, envelope: Envelope) -> None:
        """Queue it now; its sender has gone on, so what does not get in is settled here."""
        try:
            self.arrive(envelope)
        except NotExecuted as error:
            if self.returned is not None:
                self.returned(envelope.message, error)

    def get(self) -> Envelope:
        """Wait for a turn, and for the next envelope. An actor takes one message a turn."""
        task, items, world = self._task, self._items, self._world
        if items:
            world.make_ready(task)
        else:
            task.is_idle = True
        world.give_turn_away()
        while not items:
            world.give_turn_away()
        task.is_idle = False
        envelope = items.popleft()
        self._taken_out(envelope)
        if world.is_tracing:
            world.record(task, envelope.message)
        return envelope

    def depth(self) -> int:
        """How many items wait."""
        return len(self._items)

    def close(self) -> list[Any]:
        """Refuse everything from now on, and return what was left."""
        self._closed = True
        left = [envelope.message for envelope in self._items]
        self._items.clear()
        return left

    def wake(self) -> None:
        """Nothing to do: a killed actor is never resumed in virtual time."""

    def began(self) -> None:
        """Nothing to do: the world knows who runs."""

    def handled(self) -> None:
        """Nothing to do: the world knows who runs."""


class GreenFuture(pykka.Future[Any]):
    """One answer. Waiting for it lets the others run, and always has a deadline."""

    def __init__(self, world: VirtualWorld) -> None:
        super().__init__()
        self.is_done = False
        self.waiter: Task | None = None
        self._world = world
        self._value: Any = None
        self._error: BaseException | None = None

    def get(self, *, timeout: float | None = None) -> Any:
        """The answer. Raises it when it is an error, and ``pykka.Timeout`` when there is none in time."""
        if timeout is None:
            raise ValueError("timeout: whoever waits in virtual time needs a deadline, or could wait for ever")
        if not self.is_done:
            self._world.wait(self, timeout)
        if self._error is not None:
            raise self._error
        return self._value

    def set(self, value: Any = None) -> None:
        """Answer."""
        self._value = value
        self._done()

    def set_exception(
        self, exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | Any = None
    ) -> None:
        """Answer with an error: the one given, or the one that is being handled."""
        self._error = (exc_info or sys.exc_info())[1]
        self._done()

    def _done(self) -> None:
        self.is_done = True
        if self.waiter is not None:
            self._world.make_ready(self.waiter)


class GreenShell(Shell):
    """An actor in a greenlet of its own."""

    def __init__(
        self,
        host: Host,
        spec: Spec,
        runtime: Runtime,
        mailbox: GreenMailbox,
        rank: int,
        begin: Callable[[Callable[[], None]], None],
    ) -> None:
        """``begin``: runs the actor's loop in its greenlet from its first turn on."""
        super().__init__(host, spec, runtime, mailbox, rank)
        self._begin = begin

    def post(self, item: Any) -> None:
        """Put ``item`` into the mailbox, which knows by itself whether it is closed. Raises `NotExecuted`."""
        self.mailbox.put(Letter(item))

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        """For Pykka's own asks, which nothing here uses: an answer in virtual time needs to know its world."""
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self._begin(self._actor_loop)
