"""The runtime of replay and simulation: a world whose time is a number, in which several processes may live.

Everything runs in the one thread that drives the world, each actor in a greenlet of its own. With the same seed the
same things happen in the same order, in every process and whatever ``PYTHONHASHSEED`` says.

Time stands still while anybody can act, and then moves to the next event. Elapsed and market time move together in
`VirtualWorld.run_for`. `VirtualWorld.advance_to` drives by ticks instead: market time jumps to the new instant and
stands there, elapsed time jumps as far, and what happens then happens in the order that `runtime_threads` describes:
the market timers that were due, one at a time; then the elapsed ones, those without delay among them, one at a time.
Sleeping and waiting then consume elapsed time only, and no timer fires before the handlers that an earlier one set off
have ended. Market time keeps standing until the next `advance_to`, or flows again from the next `run_for` on.

A process that is killed leaves its actors as they are, in the middle of whatever they did: nothing of them runs on, no
``finally`` either, until the world is closed and ends their greenlets. By then their `System.is_killed` is true.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self

import greenlet
import pykka

from actors.system.agenda import Agenda
from actors.system.errors import NotQuiet
from actors.system.green import GreenFuture, GreenMailbox
from actors.system.mailbox import Envelope
from actors.system.schedules import Task, schedule_of
from actors.system.trace import Trace
from actors.system.virtual_process import VirtualRuntime
from actors.system.virtual_time import NANOSECONDS_PER_SECOND, VirtualTime, nanoseconds
from trading.market import Instant


class VirtualWorld:
    """Time, and the order in which actors take turns. Use it as a context manager, or `close` it."""

    def __init__(
        self,
        origin: Instant,
        seed: int | None = None,
        *,
        strategy: Literal["random", "pct"] = "random",
        preemption: float = 0.2,
        pct_depth: int = 3,
        pct_steps: int = 1_000,
        latency_seconds: float = 0.0,
        ticking: bool = False,
        tracing: bool = False,
        max_turns: int = 10_000_000,
    ) -> None:
        """Market time begins at ``origin``, elapsed time at 0.

        ``seed``: None for first come, first served; otherwise it chooses who runs next, by ``strategy``: "random"
        (with ``preemption``, the probability of losing the turn at a send) or "pct" (`PriorityBased`: ``pct_depth``,
        ``pct_steps``). ``latency_seconds``: half of all messages between actors take up to so long; no message
        overtakes another from the same sender. ``ticking``: market time stands from the beginning, until the first
        `advance_to` or `run_for`. ``tracing``: keep what `trace` returns. ``max_turns``: in one call of a driver's
        method; beyond them it raises `NotQuiet`.
        """
        self.is_tracing = tracing
        self.is_delaying = latency_seconds > 0
        self.is_interrupting = seed is not None
        self._label = "" if seed is None else f"s{seed}-"
        self._seed = seed
        self._latency = nanoseconds(latency_seconds)
        self._rng = random.Random(f"{seed}/world")
        self._schedule = schedule_of(seed, strategy, preemption, pct_depth, pct_steps)
        self._trace = Trace()
        self._time = VirtualTime(origin, flowing=not ticking)
        self._agenda = Agenda(self._time)
        self._hub = greenlet.getcurrent()
        self._running: Task | None = None
        self._interruption: KeyboardInterrupt | None = None
        self._blocked = 0  # actors that sleep or wait for an answer
        self._on_their_way = 0  # messages
        self._turns = 0
        self._max_turns = max_turns
        self._last_turn = max_turns
        self._runtimes: list[VirtualRuntime] = []
        self._ranks = 0
        self._identifiers = 0
        self._closed = False

    # ---- for drivers

    def process(self) -> VirtualRuntime:
        """A new process in this world, for one `System`. Its owner is ``sim:1``, ``sim:2``, and so on."""
        runtime = VirtualRuntime(self, self._agenda, f"sim:{len(self._runtimes) + 1}", self._seed)
        self._runtimes.append(runtime)
        return runtime

    def now(self) -> Instant:
        """Market time."""
        return self._time.market

    def elapsed(self) -> float:
        """Seconds since the world began."""
        return self._time.elapsed / NANOSECONDS_PER_SECOND

    @property
    def is_anybody_running(self) -> bool:
        """Whether an actor has its turn just now, and not the driver."""
        return self._running is not None

    @property
    def turns(self) -> int:
        """How many turns have been taken since the beginning."""
        return self._turns

    def run_until_quiet(self) -> None:
        """Until no message waits, is on its way or is being handled, and no timer is due.

        Time moves only as far as sleeping and waiting actors need.
        """
        self._begin_drive()
        self._take_turns()
        while self._blocked or self._on_their_way or self._agenda.is_anything_due():
            self._agenda.move_on()
            self._take_turns()

    def run_for(self, seconds: float) -> None:
        """Let time flow, from event to event, for as long."""
        self._begin_drive()
        self._time.flow()
        self._run_to(self._time.elapsed + nanoseconds(seconds))

    def advance_to(self, instant: Instant) -> None:
        """Move the market to ``instant`` in one jump, and do all that follows from it.

        Each timer that is due fires once: one that is armed again meanwhile waits for the next advance. Raises
        ``ValueError`` when ``instant`` lies before the present one.
        """
        self.run_until_quiet()
        due = deque(self._agenda.begin_tick(int(instant)))
        try:
            while due:
                due.popleft().fire()
                self._settle()
            while (timer := self._agenda.next_elapsed_of_tick()) is not None:
                timer.fire()
                self._settle()
        finally:
            self._agenda.end_tick(list(due))

    def step_market(self, seconds: float) -> None:
        """Set the market's clock forwards, or back, while elapsed time goes on as before.

        Raises ``ValueError`` where market time stands: it is then moved by `advance_to` alone.
        """
        self._time.step(seconds)

    def trace(self) -> list[str]:
        """Every message that was taken out of a mailbox, in order. Empty without ``tracing``."""
        return self._trace.lines()

    def trace_hash(self) -> str:
        """One hash over the whole trace."""
        return self._trace.hexdigest()

    def checkpoint(self) -> None:
        """Where another actor may run instead. Sends are; doubles of ledgers and brokers may add more."""
        task = self._running
        if task is not None and self.is_interrupting and self._schedule.interrupts():
            self.make_ready(task)
            self.give_turn_away()

    def close(self) -> None:
        """Kill every process and end every greenlet. The world can only be looked at from then on."""
        if self._closed:
            return
        self._must_be_the_driver()
        for runtime in self._runtimes:
            if runtime.host is not None:
                runtime.host.kill()
        self._closed = True
        for runtime in self._runtimes:
            for task in runtime.tasks:
                self._running = task
                if task.thread is not None and not task.thread.dead:
                    task.thread.throw(greenlet.GreenletExit)
        self._running = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # ---- for mailboxes, answers and processes

    def make_ready(self, task: Task) -> None:
        """``task`` wants a turn."""
        if task.is_paused:
            task.is_due = True
        elif not task.is_ready and not task.is_frozen:
            task.is_ready = True
            self._schedule.add(task)

    def give_turn_away(self) -> None:
        """Come back when it is this actor's turn again."""
        if self._closed:
            raise greenlet.GreenletExit
        self._hub.switch()

    def begin(self, task: Task, loop: Callable[[], None]) -> None:
        """Give ``task`` its greenlet, and a turn."""
        task.begin(greenlet.greenlet(loop, parent=self._hub))
        self.make_ready(task)

    def wait(self, reply: GreenFuture, timeout_seconds: float) -> None:
        """Until there is an answer. Raises ``pykka.Timeout``."""
        deadline = self._time.elapsed + nanoseconds(timeout_seconds)
        task = self._running
        if task is None:
            self._begin_drive()
            self._run_to(deadline, reply)
        else:
            reply.waiter = task
            self._block(task, deadline)
            reply.waiter = None
        if not reply.is_done:
            raise pykka.Timeout(f"{timeout_seconds:g} seconds")

    def sleep(self, seconds: float) -> None:
        """Let elapsed time pass for the running actor."""
        if self._running is None:
            raise RuntimeError("a driver does not sleep: it lets the world run_for some time")
        self._block(self._running, self._time.elapsed + nanoseconds(seconds))

    def delay(self, mailbox: GreenMailbox, envelope: Envelope) -> None:
        """Perhaps let a message between actors take its time, but never overtake another from the same sender."""
        sender = self._running
        if sender is None:
            mailbox.arrive(envelope)
            return
        delay = self._rng.choice((0, self._rng.randrange(self._latency)))
        arrival = max(self._time.elapsed + delay, mailbox.last_arrivals.get(sender, 0))
        if arrival == self._time.elapsed:
            mailbox.arrive(envelope)
            return
        mailbox.last_arrivals[sender] = arrival
        self._on_their_way += 1
        self._agenda.add_event(arrival, self._arrive, (mailbox, envelope))

    def record(self, task: Task, item: Any) -> None:
        """Trace what ``task`` has taken out of its mailbox."""
        self._trace.record(self._time.elapsed, task.owner, task.name, item)

    def next_rank(self) -> int:
        """The rank of one more actor."""
        self._ranks += 1
        return self._ranks

    def identifier(self, kind: str) -> str:
        """Unique in this world."""
        self._identifiers += 1
        return f"{kind}-{self._label}{self._identifiers}"

    def freeze(self, tasks: list[Task]) -> None:
        """None of them ever runs again; if one of them is running, this does not return before the world closes."""
        for task in tasks:
            task.is_frozen = True
            if task.is_ready:
                self._schedule.remove(task)
                task.is_ready = False
            if task.is_blocked:
                task.is_blocked = False
                self._blocked -= 1
        if self._running in tasks:
            self.give_turn_away()

    def pause(self, tasks: list[Task], seconds: float) -> None:
        """None of them runs for so long, wherever it stands; then all go on there, as after SIGSTOP and SIGCONT.

        If one of them is running, this returns when they go on. Their timers fire meanwhile, into their mailboxes.
        """
        stopped = [task for task in tasks if not (task.is_paused or task.is_frozen)]
        for task in stopped:
            task.is_paused = True
            task.is_due = task.is_ready or task is self._running
            if task.is_ready:
                self._schedule.remove(task)
                task.is_ready = False
        self._agenda.add_event(self._time.elapsed + nanoseconds(seconds), self._go_on, stopped)
        if self._running in stopped:
            self.give_turn_away()

    def unwinds(self, error: BaseException) -> bool:
        """True for the end of a greenlet, and for Ctrl-C, which is meant for the driver and is handed to it."""
        if isinstance(error, KeyboardInterrupt) and self._running is not None:
            self._interruption = error
            return True
        return isinstance(error, greenlet.GreenletExit)

    # ---- how

    def _must_be_the_driver(self) -> None:
        if self._closed:
            raise RuntimeError("the world is closed")
        if greenlet.getcurrent() is not self._hub:
            raise RuntimeError("only the thread that made the world may drive it, and no behaviour")

    def _begin_drive(self) -> None:
        self._must_be_the_driver()
        self._last_turn = self._turns + self._max_turns

    def _take_turns(self, reply: GreenFuture | None = None) -> None:
        """Until nobody is ready, or ``reply`` is there."""
        schedule = self._schedule
        try:
            while schedule:
                if self._turns >= self._last_turn:
                    raise NotQuiet(f"after {self._max_turns} turns", f"the last was {_whose(self._running)}")
                self._turns += 1
                task = schedule.pick()
                task.is_ready = False
                self._running = task
                task.resume()
                interruption = self._interruption
                if interruption is not None:
                    self._interruption = None
                    raise interruption
                if reply is not None and reply.is_done:
                    return
        finally:
            self._running = None

    def _run_to(self, deadline: int, reply: GreenFuture | None = None) -> None:
        """From event to event, until ``deadline`` in elapsed nanoseconds, or until ``reply`` is there."""
        while True:
            self._take_turns(reply)
            if reply is not None and reply.is_done:
                return
            next_time = self._agenda.next_time()
            if next_time is None or next_time > deadline:
                break
            self._agenda.move_on()
        self._time.move_to(deadline)

    def _settle(self) -> None:
        """Until every handler has ended. Sleeping ones wake in time, but no timer fires."""
        self._take_turns()
        while self._blocked or self._on_their_way:
            self._agenda.move_on_in_tick()
            self._take_turns()

    def _block(self, task: Task, deadline: int) -> None:
        """The running ``task`` does nothing until somebody makes it ready, at the latest at ``deadline``."""
        alarm = self._agenda.add_event(deadline, self.make_ready, task)
        task.is_blocked = True
        self._blocked += 1
        self.give_turn_away()
        self._blocked -= 1
        task.is_blocked = False
        alarm.cancel()

    def _go_on(self, tasks: list[Task]) -> None:
        for task in tasks:
            task.is_paused = False
            if task.is_due:
                task.is_due = False
                self.make_ready(task)

    def _arrive(self, delayed: tuple[GreenMailbox, Envelope]) -> None:
        self._on_their_way -= 1
        mailbox, envelope = delayed
        mailbox.arrive_late(envelope)


def _whose(task: Task | None) -> str:
    return "nobody's" if task is None else f"{task.owner} {task.name}'s"
