"""The Pykka actor that hosts a behaviour, supervises it, and lets nothing escape into Pykka.

Pykka ends an actor for good when a tell raises, silently drops what was queued behind it, and stops *every* actor of
the process on a ``SystemExit``. So nothing is allowed to reach it: every exception ends here. A crash rebuilds the
behaviour in place, while the thread, the reference and the mailbox with its messages survive; too many crashes in a
short time, and the actor is given up and the process is told so.

What a crash ends is the behaviour's *life*: the object, and the timers that it armed, even those whose messages wait in
the mailbox. The next life arms its own in ``start``; old ones beside them would double every periodic job.
"""

from __future__ import annotations

import queue
from collections import deque
from enum import StrEnum
from typing import Any

import pykka

from actors.system.context import Attentive, Behaviour, Context
from actors.system.errors import ActorDead, Crashed, Expired, NotExecuted, Refusal, TooManyTimers
from actors.system.items import Call, Control, Ping, Stop, fail
from actors.system.mailbox import Mailbox
from actors.system.message import Message
from actors.system.runtime import Host, Runtime
from actors.system.shell_context import ShellContext
from actors.system.spec import Spec
from actors.system.timers import Timer
from trading.attention import EVERYTHING, Attention
from trading.histogram import Histogram
from trading.market import Instant

LONGEST_BACKOFF_SECONDS = 5.0


class ActorState(StrEnum):
    """Where an actor is in its life."""

    WAITING = "waiting"  # it has a mailbox, but does not run yet
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPED = "stopped"  # in order
    DEAD = "dead"  # given up
    KILLED = "killed"  # with its whole system


ENDED = frozenset({ActorState.STOPPED, ActorState.DEAD, ActorState.KILLED})


class Shell(pykka.Actor):
    """One actor. The runtimes' subclasses say on what its loop runs."""

    def __init__(self, host: Host, spec: Spec, runtime: Runtime, mailbox: Mailbox, rank: int) -> None:
        super().__init__()
        self.actor_inbox = mailbox
        self._actor_ref = pykka.ActorRef(self)  # again, because a reference remembers the inbox
        self.spec = spec
        self.mailbox = mailbox
        self.rank = rank
        self.state = ActorState.WAITING
        self.is_handling = False  # a message, or its own start
        self.restarts = 0
        self.processed = 0  # messages that the behaviour took, refused ones among them
        self.answered_at: float | None = None  # elapsed seconds, of the last ping
        self.last_message: type | None = None
        self.last_error: BaseException | None = None  # of the last crash
        self.ping: Ping | None = None  # sent and not yet answered
        self.handling: Histogram | None = None  # seconds that each message kept the actor; None: not measured
        self._host = host
        self._runtime = runtime
        self._context: Context = ShellContext(spec, host, runtime, self.new_timer)
        self._behaviour: Behaviour | None = None
        self._attentive: Attentive | None = None  # the same, where it says what it waits for
        self._crashed_at: deque[float] = deque()
        self._life = 0
        self._timers_armed = 0
        self._timers_ever = 0

    @staticmethod
    def _create_actor_inbox() -> queue.SimpleQueue[Any]:
        """Pykka wants one before it knows for whom; `__init__` puts the bounded mailbox in its place."""
        return queue.SimpleQueue()

    def launch(self) -> None:
        """Begin. The actor stays out of Pykka's registry, which is global, and through which others could stop it."""
        self.state = ActorState.STARTING
        self.is_handling = True
        self.mailbox.began()
        self._start_actor_loop()

    def post(self, item: Any) -> None:
        """Put ``item`` into the mailbox. Raises `NotExecuted` when that cannot be."""
        try:
            self._actor_ref.tell(item)
        except pykka.ActorDeadError:
            raise ActorDead(self.spec.name) from None

    def undelivered(self, item: Any, error: NotExecuted) -> None:
        """An accepted item that will not be handled: the asker sees ``error``, a told message is a dead letter."""
        match item:
            case Call() | Ping():
                fail(item.reply, error)
            case Stop():
                item.reply.set(None)
            case Control():
                pass
            case _:
                self._host.dead_letter(self.spec.name, item, str(error))

    def never_began(self) -> None:
        """Stop an actor whose loop does not run."""
        self._end(ActorState.STOPPED)

    def kill(self) -> None:
        """Let go of everything at once. Whoever asked gets no answer; only the system's own requests end."""
        self.state = ActorState.KILLED
        self._life += 1
        self.actor_stopped.set()
        self._runtime.drop_timers(self)
        for left in self.mailbox.close():
            if isinstance(left, Ping | Stop):
                self.undelivered(left, ActorDead(self.spec.name))
        self.mailbox.wake()

    def attention(self, now: Instant) -> Attention:
        """What the behaviour waits for. Asked while nothing is being handled, by whoever drives a world of ticks."""
        if self.state is not ActorState.RUNNING or self._attentive is None:
            return EVERYTHING
        return self._attentive.attention(now)

    # ---- timers; all but `timer_due` are called on the actor's own thread

    def new_timer(self, message: Any) -> Timer:
        """A timer of the present life. Raises `TooManyTimers`."""
        if self._timers_armed >= self.spec.mailbox_capacity:
            raise TooManyTimers(self.spec.name, self._timers_armed)
        self._timers_armed += 1
        self._timers_ever += 1
        return Timer(message, self, self._life, self.rank, self._timers_ever)

    def timer_due(self, timer: Timer) -> None:
        """Put the timer into the mailbox, unless the life that armed it has ended."""
        if timer.life != self._life:
            return
        try:
            self.post(timer)
        except ActorDead:
            return

    def timer_gone(self, timer: Timer) -> None:
        """It was cancelled, or its message has been taken out."""
        if timer.life == self._life:
            self._timers_armed -= 1

    # ---- Pykka's hooks

    def on_start(self) -> None:
        """Build and start the behaviour, with supervision."""
        try:
            try:
                self._begin_life()
            except BaseException as error:
                self._recover(error)
        except BaseException as error:
            self._end_of_loop(error)
        finally:
            self._at_rest()

    def on_receive(self, message: Any) -> None:
        """Handle one item of the mailbox. It neither raises nor returns anything: calls are answered here."""
        self.is_handling = True
        try:
            if self.handling is None or isinstance(message, Ping):
                self._handle(message)
            else:
                self._handle_measured(message, self.handling)
        except BaseException as error:
            self._end_of_loop(error)
        finally:
            self._at_rest()

    # ---- handling

    def _at_rest(self) -> None:
        self.is_handling = False
        self.mailbox.handled()

    def _handle(self, item: Any) -> None:
        if self._behaviour is None:
            self.undelivered(item, ActorDead(self.spec.name))
            return
        match item:
            case Message():
                self._receive(item, self._behaviour)
            case Call():
                self._answer(item, self._behaviour)
            case Timer():
                if item.life == self._life and not item.cancelled:
                    item.cancel()  # what comes only once cannot come again
                    self._receive(item.message, self._behaviour)
            case Ping():
                self.ping = None
                self.answered_at = self._runtime.elapsed()
                item.reply.set(None)
            case Stop():
                self._stop_in_order(item, self._behaviour)
            case _:  # a plain value will do for a message too
                self._receive(item, self._behaviour)

    def _handle_measured(self, item: Any, handling: Histogram) -> None:
        began = self._runtime.elapsed()
        try:
            self._handle(item)
        finally:
            handling.observe(self._runtime.elapsed() - began)

    def _receive(self, message: Any, behaviour: Behaviour) -> None:
        """A message for whose answer nobody waits."""
        self.last_message = type(message)
        try:
            behaviour.receive(message, self._context)
            self.processed += 1
        except Refusal as refusal:
            self.processed += 1
            self._host.refused(self.spec.name, message, refusal)
        except BaseException as error:
            self._recover(error)

    def _answer(self, call: Call, behaviour: Behaviour) -> None:
        """A message that was asked. Whatever happens, the asker hears of it before anything else is done."""
        if self._runtime.elapsed() >= call.deadline:
            call.fail(Expired(self.spec.name, type(call.message).__name__))
            return
        self.last_message = type(call.message)
        try:
            answer = behaviour.receive(call.message, self._context)
        except Refusal as refusal:
            self.processed += 1
            call.fail(refusal)
        except BaseException as error:
            if not self._runtime.unwinds(error):
                crashed = Crashed(self.spec.name, type(call.message).__name__)
                crashed.__cause__ = error
                call.fail(crashed)
            self._recover(error)
        else:
            self.processed += 1
            call.reply.set(answer)

    # ---- supervision

    def _begin_life(self) -> None:
        behaviour = self.spec.factory()
        start = getattr(behaviour, "start", None)
        if start is not None:
            start(self._context)
        if self.state is not ActorState.KILLED:
            self._behaviour = behaviour
            self._attentive = behaviour if isinstance(behaviour, Attentive) else None
            self.state = ActorState.RUNNING

    def _end_life(self) -> None:
        self._behaviour = None
        self._life += 1
        self._timers_armed = 0
        self._runtime.drop_timers(self)

    def _recover(self, error: BaseException) -> None:
        """Begin new lives until one starts, or give up."""
        while True:
            if self._runtime.unwinds(error) or self.state is ActorState.KILLED:
                raise error
            self._end_life()
            self.last_error = error
            crashes = self._count_crash()
            self._host.crashed(self.spec.name, error)
            if crashes > self.spec.max_restarts:
                self._give_up(error)
                return
            self.state = ActorState.RESTARTING
            try:
                self._runtime.sleep(min(LONGEST_BACKOFF_SECONDS, self.spec.backoff_seconds * 2 ** (crashes - 1)))
                if self.state is ActorState.RESTARTING:
                    self._begin_life()
            except BaseException as another:
                error = another
            else:
                self.restarts += 1
                return

    def _count_crash(self) -> int:
        """How many crashes there were within the window, this one among them."""
        now = self._runtime.elapsed()
        self._crashed_at.append(now)
        while self._crashed_at[0] < now - self.spec.restart_window_seconds:
            self._crashed_at.popleft()
        return len(self._crashed_at)

    def _give_up(self, error: BaseException) -> None:
        self._end(ActorState.DEAD)
        self._host.escalate(self.spec.name, error)

    def _stop_in_order(self, item: Stop, behaviour: Behaviour) -> None:
        stop = getattr(behaviour, "stop", None)
        try:
            if stop is not None:
                stop(self._context)
        except BaseException as error:
            if self._runtime.unwinds(error):
                raise
            self._host.alert(self.spec.name, "failed to stop in order", f"{type(error).__name__}: {error}")
        self._end(ActorState.STOPPED)
        item.reply.set(None)

    def _end(self, state: ActorState) -> None:
        """Leave Pykka's loop once this item is done, and settle what is left in the mailbox."""
        self._end_life()
        self.state = state
        self.actor_stopped.set()
        for left in self.mailbox.close():
            self.undelivered(left, ActorDead(self.spec.name))

    def _end_of_loop(self, error: BaseException) -> None:
        """Something got past the supervision. It must not reach Pykka, which would stop every actor of the process."""
        self.actor_stopped.set()
        if not self._runtime.unwinds(error) and self.state not in ENDED:
            self._host.crashed(self.spec.name, error)
            self._give_up(error)
