"""The runtime of production: one thread per actor, and one for all timers.

Market time is either the wall clock (`WallClock`) or moved by a driver (`TickClock`, with `advance_to`). One rule of
order holds here and in virtual time: of what is due together, market timers fire before elapsed ones.

What one `ThreadedRuntime.advance_to` does:

1. Market time moves to the new instant.
2. The market timers that are due by then fire one at a time, in order, each once every actor has come to rest after the
   one before. A timer that is armed meanwhile waits for the next advance even if it is due, so a periodic job runs at
   most once per tick, however long the tick was.
3. Messages that were sent to oneself with a delay of zero meanwhile come last, one at a time in the same manner, with
   those that they send in turn.

Elapsed timers with a real delay take no part: they fire when their time comes.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

import pykka

from actors.system.alerts import is_worth_an_alert
from actors.system.clocks import TickClock, WallClock
from actors.system.errors import NotQuiet
from actors.system.in_flight import InFlight
from actors.system.runtime import Host
from actors.system.shell import ENDED, Shell
from actors.system.spec import Spec
from actors.system.threads import ThreadMailbox, ThreadShell
from actors.system.timers import Timer, TimerOwner, TimerQueue
from trading.market import SECOND, Instant

JOIN_SECONDS = 5.0
PAUSE_AFTER_FAILURE_SECONDS = 1.0


class ThreadedRuntime:
    """Threads, for one `System`."""

    def __init__(self, clock: WallClock | TickClock | None = None, *, owner: str | None = None) -> None:
        """``clock``: the market's, by default the wall clock. ``owner``: by default ``host:pid:uuid``, made now."""
        self.owner = owner or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
        self._clock = clock or WallClock()
        self._host: Host | None = None
        self._shells: list[Shell] = []
        self._in_flight = InFlight()
        self._changed = threading.Condition()  # guards everything below
        self._elapsed_timers = TimerQueue()
        self._market_timers = TimerQueue()
        self._at_once: deque[Timer] = deque()  # with no delay; each of them counts as under way
        self._held = TimerQueue()  # with no delay, armed during an advance
        self._advancing = False
        self._closed = False
        self._failures = 0  # of the timer thread
        self._thread = threading.Thread(target=self._fire_for_ever, name="timers", daemon=True)

    # ---- for the shell and the system

    def now(self) -> Instant:
        """Market time."""
        return self._clock.now()

    def elapsed(self) -> float:
        """The process's monotonic clock, in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)

    def identifier(self, kind: str) -> str:
        """``kind`` and a random UUID."""
        return f"{kind}-{uuid.uuid4().hex}"

    def rng(self, name: str) -> random.Random:
        """Seeded by the operating system, whatever the name."""
        return random.Random()

    def attach(self, host: Host) -> None:
        """Begin firing timers. Raises ``ValueError`` when this runtime carries a system already."""
        if self._host is not None:
            raise ValueError("runtime: it carries a system already")
        self._host = host
        self._thread.start()

    def new_shell(self, host: Host, spec: Spec) -> ThreadShell:
        """An actor that does not run yet."""
        mailbox = ThreadMailbox(spec.name, spec.mailbox_capacity, self._in_flight)
        shell = ThreadShell(host, spec, self, mailbox, rank=len(self._shells))
        self._shells.append(shell)
        return shell

    def new_reply(self) -> pykka.Future[Any]:
        """Pykka's own future for threads."""
        return pykka.ThreadingFuture()

    def arm_elapsed(self, timer: Timer, delay_seconds: float) -> None:
        """Fire after ``delay_seconds``; with none, after the market timers that are due now."""
        with self._changed:
            if self._closed:
                return
            if delay_seconds > 0:
                self._elapsed_timers.add(time.monotonic() + delay_seconds, timer)
            elif self._advancing:
                self._held.add(0, timer)
                return
            else:
                self._in_flight.enter()
                self._at_once.append(timer)
            self._changed.notify_all()

    def arm_market(self, timer: Timer, instant: Instant) -> None:
        """Fire when market time has reached ``instant``."""
        with self._changed:
            self._market_timers.add(instant, timer)
            self._changed.notify_all()

    def drop_timers(self, owner: TimerOwner) -> None:
        """Forget every timer of one actor. Those with no delay notice by themselves, being counted."""
        with self._changed:
            for timers in (self._elapsed_timers, self._market_timers, self._held):
                timers.drop(lambda timer: timer.owner is owner)

    def unwinds(self, error: BaseException) -> bool:
        """Never: a thread ends only by itself."""
        return False

    def fault(self) -> str | None:
        """Whether the thread that fires all timers is alive."""
        return None if self._closed or self._thread.is_alive() else "the timer thread is dead"

    def kill(self) -> None:
        """Fire nothing any more."""
        self.close()

    def close(self) -> None:
        """End the timer thread."""
        with self._changed:
            self._closed = True
            while self._at_once:
                self._at_once.popleft()
                self._in_flight.leave()
            self._changed.notify_all()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(JOIN_SECONDS)

    # ---- for drivers

    def alert(self, actor: str, reason: str, detail: str) -> None:
        """Alert in the name of an actor, as whoever drives the market may have to while its time stands still."""
        if self._host is not None:
            self._host.alert(actor, reason, detail)

    def wait_until_quiet(self, timeout_seconds: float = 30.0) -> None:
        """Wait until no message waits or is being handled, and no timer without delay is about to fire.

        Raises `NotQuiet`, with the names of the busy actors, and alerts it.
        """
        if not self._in_flight.wait_for_none(timeout_seconds):
            busy = [
                f"{shell.spec.name} ({shell.mailbox.depth()} wait, last message {_kind(shell.last_message)})"
                for shell in self._shells
                if shell.state not in ENDED and (shell.mailbox.depth() or shell.is_handling)
            ]
            error = NotQuiet(f"after {timeout_seconds:g} seconds", *busy)
            if self._host is not None:
                self._host.alert("driver", "not quiet", str(error))
            raise error

    def advance_to(self, instant: Instant, timeout_seconds: float = 30.0) -> None:
        """Move the market to ``instant``, and return when all that follows from it has been done.

        Only with a `TickClock`, and from one thread. The module says in which order things happen. Raises
        ``ValueError`` when ``instant`` lies before the present one, and `NotQuiet` when the actors do not come to rest
        within ``timeout_seconds``; timers that did not get their turn then stay armed.
        """
        deadline = time.monotonic() + timeout_seconds

        def settle() -> bool:
            self.wait_until_quiet(max(0.0, deadline - time.monotonic()))
            return True

        self._move(instant, settle)

    def move_on_to(self, instant: Instant, patience_seconds: float) -> None:
        """As `advance_to`, in a market that waits for nobody: once patience is used up, it moves on regardless.

        What is due then fires without waiting for rest, and an actor that is busy finds it in its mailbox. Raises
        ``ValueError`` as `advance_to` does.
        """
        deadline = time.monotonic() + patience_seconds
        self._move(instant, lambda: self._in_flight.wait_for_none(max(0.0, deadline - time.monotonic())))

    def rests_within(self, seconds: float) -> bool:
        """Whether the actors come to rest within so long: `wait_until_quiet`, where it is no fault if they do not."""
        return self._in_flight.wait_for_none(seconds)

    # ---- how

    def _move(self, instant: Instant, settle: Callable[[], bool]) -> None:
        """Move market time in the order that the module has. ``settle``: wait for rest; False: do not wait again."""
        if not isinstance(self._clock, TickClock):
            raise TypeError("clock: only a TickClock can be advanced")
        settle()
        with self._changed:
            self._clock.move_to(instant)
            self._advancing = True
            due = deque(self._market_timers.pop_due(instant))
        try:
            while due:
                due.popleft().fire()
                settle()
            while settle() and (timer := self._next_held()) is not None:
                timer.fire()
        finally:
            self._end_advance(due)

    def _next_held(self) -> Timer | None:
        with self._changed:
            return self._held.pop_first(0)

    def _end_advance(self, not_fired: deque[Timer]) -> None:
        with self._changed:
            self._advancing = False
            for timer in not_fired:
                self._market_timers.add(timer.due, timer)
            while (held := self._held.pop_first(0)) is not None:
                self._in_flight.enter()
                self._at_once.append(held)
            self._changed.notify_all()

    def _fire_for_ever(self) -> None:
        while not self._closed:
            try:
                self._fire_what_is_due()
            except BaseException as error:
                self._report(error)
                with self._changed:  # a fault that stays must not become a busy loop
                    self._changed.wait(PAUSE_AFTER_FAILURE_SECONDS)

    def _fire_what_is_due(self) -> None:
        """Wait until something is due, and fire it."""
        with self._changed:
            at_once: list[Timer] = []
            due = self._pop_due()
            while self._at_once:
                at_once.append(self._at_once.popleft())
            if not due and not at_once:
                if not self._closed:
                    self._changed.wait(self._seconds_to_wait())
                return
        self._fire_each(due, Timer.fire)
        self._fire_each(at_once, self._fire_counted)

    def _pop_due(self) -> list[Timer]:
        """Market timers first. The clock is read before anything is taken out, so that its failure loses nothing."""
        due = []
        if isinstance(self._clock, WallClock) and len(self._market_timers):
            due = self._market_timers.pop_due(self._clock.now())
        return due + self._elapsed_timers.pop_due(time.monotonic())

    def _seconds_to_wait(self) -> float | None:
        """Until the next timer is due. The wall clock may step, so it is looked at again before long."""
        waits = []
        elapsed_due = self._elapsed_timers.next_due()
        if elapsed_due is not None:
            waits.append(elapsed_due - time.monotonic())
        if isinstance(self._clock, WallClock):
            market_due = self._market_timers.next_due()
            if market_due is not None:
                waits.append(min(self._clock.recheck_seconds, (market_due - self._clock.now()) / SECOND))
        return max(0.0, min(waits)) if waits else None

    def _fire_each(self, timers: list[Timer], fire: Callable[[Timer], None]) -> None:
        for timer in timers:
            try:
                fire(timer)
            except BaseException as error:  # one failure must not cost the others their turn
                self._report(error)

    def _fire_counted(self, timer: Timer) -> None:
        try:
            timer.fire()
        finally:
            self._in_flight.leave()

    def _report(self, error: BaseException) -> None:
        self._failures += 1
        if self._host is not None and is_worth_an_alert(self._failures):
            self._host.alert("timers", "failed", f"{type(error).__name__}: {error} (number {self._failures})")


def _kind(message_type: type | None) -> str:
    return "none" if message_type is None else message_type.__name__
