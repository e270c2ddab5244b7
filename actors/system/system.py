"""The `System`: the actors of one process, how they start and stop, and how the world outside talks to them."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, TypeAlias

import pykka

from actors.system.alerts import Alert, DeadLetters, is_worth_an_alert
from actors.system.context import DEFAULT_ASK_SECONDS
from actors.system.errors import (
    ActorDead,
    ActorError,
    AskTimeout,
    AskUpwards,
    Crashed,
    NoSuchActor,
    NotExecuted,
    OutcomeUnknown,
    Refusal,
    StartFailed,
    Unanswered,
)
from actors.system.items import Call, Ping, Stop
from actors.system.measures import Measures
from actors.system.runtime import Runtime
from actors.system.shell import ENDED, ActorState, Shell
from actors.system.spec import Spec
from actors.system.stats import ActorStats, stats_of
from persistence.errors import LedgerError, NestedTransaction
from trading.attention import Attention, together

EXIT_ESCALATED = 70
"""The exit code of a process in which an actor was given up: the service manager starts a new one."""

ALERTS_KEPT = 1_000
STOP_SHARE_PER_LEVEL = 0.1  # of the time for stopping, kept for each level that is still to come

CrashKind: TypeAlias = tuple[type[BaseException], str, str, int]
"""What crashed: type and message of the error, file and line where it was raised."""

DEFECTS = (LedgerError, NestedTransaction)
"""Errors of the ledger, of just these types, that mean a defect of the program: a refused statement, for one."""

log = logging.getLogger("watchbill.actors")


def _kind_of(error: BaseException) -> CrashKind:
    frames = list(traceback.walk_tb(error.__traceback__))
    file, line = (frames[-1][0].f_code.co_filename, frames[-1][1]) if frames else ("", 0)
    return type(error), str(error), file, line


def _is_foreseen(error: BaseException) -> bool:
    """Whether the ledger refused for a reason that lies outside of the program, here or in an actor that was asked."""
    cause = error.__cause__ if isinstance(error, Crashed) else error
    return isinstance(cause, LedgerError) and type(cause) not in DEFECTS


class System:
    """The actors of one process. Everything but `stop` and `start` may be called from any thread.

    In virtual time everything is called from the one thread that drives the world.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        on_escalate: Callable[[str, BaseException], None] | None = None,
        on_alert: Callable[[Alert], None] | None = None,
        measures: Measures | None = None,
    ) -> None:
        """``on_escalate(name, error)`` is called once, on the actor's thread, when the first actor is given up: the
        process should stop opening, flush, and exit with `EXIT_ESCALATED`. ``on_alert`` is called on any thread.
        ``measures``: where asks, handling and alerts are measured; None: nowhere, which costs nothing.
        """
        self._runtime = runtime
        self._on_escalate = on_escalate
        self._on_alert = on_alert
        self._measures = measures
        self._shells: dict[str, Shell] = {}
        self._alerts: deque[Alert] = deque(maxlen=ALERTS_KEPT)
        self._dead_letters = DeadLetters()
        self._last_crash: dict[str, CrashKind] = {}  # by actor
        self._escalated = threading.Lock()  # taken for good by the first escalation
        self._stopping = False
        self._killed = False
        self._last_now = runtime.now()
        runtime.attach(self)

    # ---- life

    def spawn(self, spec: Spec) -> None:
        """Begin one actor, without waiting until it has started."""
        self._create(spec).launch()

    def start(self, specs: Iterable[Spec], timeout_seconds: float = 30.0) -> None:
        """Begin all actors, lower levels first, in the order given within a level.

        Every mailbox exists from the beginning, so that a message to a level that has not begun yet waits for it.
        A level begins once every actor of the level below has started. Raises `StartFailed`, with the cause, for the
        first that does not; those that run already are left to `stop`.
        """
        deadline = self._runtime.elapsed() + timeout_seconds
        shells = [self._create(spec) for spec in sorted(specs, key=lambda spec: spec.level)]
        for _, level in groupby(shells, key=lambda shell: shell.spec.level):
            beginning = list(level)
            for shell in beginning:
                shell.launch()
            for shell, problem in self._ping(beginning, deadline):
                raise StartFailed(shell.spec.name, str(problem)) from (shell.last_error or problem)

    def stop(self, timeout_seconds: float = 10.0) -> list[str]:
        """Stop all actors, upper levels first, each after the messages that wait in its mailbox already.

        Returns the names of those that did not stop in time: a thread that hangs cannot be killed. They are alerted.
        """
        self._stopping = True
        deadline = self._runtime.elapsed() + timeout_seconds
        running = sorted(self._shells.values(), key=lambda shell: (-shell.spec.level, -shell.rank))
        levels = [list(level) for _, level in groupby(running, key=lambda shell: shell.spec.level)]
        hung: list[str] = []
        for levels_left, level in zip(range(len(levels) - 1, -1, -1), levels, strict=True):
            reserve = levels_left * STOP_SHARE_PER_LEVEL * timeout_seconds
            hung += self._stop_level(level, deadline - reserve)
        for name in hung:
            self.alert(name, "did not stop in time", self._describe(self._shells[name]))
        self._runtime.close()
        return hung

    def kill(self) -> None:
        """The process is gone: actors vanish, timers are dropped, nothing is answered, stopped or counted any more.

        On threads a handler that is running runs on, cut off from all other actors. In virtual time it never resumes.
        """
        self._killed = True
        for shell in self._shells.values():
            shell.kill()
        self._runtime.kill()

    # ---- messages

    def tell(self, name: str, message: Any) -> None:
        """Send, and go on. What cannot be delivered is counted as a dead letter and alerted; it never raises."""
        shell = self._shells.get(name)
        if shell is None:
            self.dead_letter(name, message, str(NoSuchActor(name)))
            return
        try:
            shell.post(message)
        except NotExecuted as error:
            self.dead_letter(name, message, str(error))

    def ask(self, name: str, message: Any, timeout_seconds: float = DEFAULT_ASK_SECONDS) -> Any:
        """From outside: send to any actor, and wait for its answer.

        Raises `Refusal` when the actor refused, `NotExecuted` when nothing happened and `OutcomeUnknown` when
        something may have. It never waits longer than ``timeout_seconds``.
        """
        return self._ask(self._find(name), message, timeout_seconds)

    def ask_below(self, level: int, asker: str, name: str, message: Any, timeout_seconds: float) -> Any:
        """An ask by the actor ``asker`` of ``level``. Raises `AskUpwards` too."""
        shell = self._find(name)
        if shell.spec.level >= level:
            raise AskUpwards(f"{asker} (level {level}) asked {name} (level {shell.spec.level})")
        return self._ask(shell, message, timeout_seconds)

    # ---- health

    def confirm_all(self, timeout_seconds: float = 30.0) -> None:
        """Ping every actor. Raises `Unanswered` with the names of those that do not answer in time."""
        silent = self.ping_all(timeout_seconds)
        if silent:
            raise Unanswered(*silent)

    def ping_all(self, timeout_seconds: float) -> list[str]:
        """Ping every actor, and return the names of those that did not answer in time."""
        shells = list(self._shells.values())
        return [shell.spec.name for shell, _ in self._ping(shells, self._runtime.elapsed() + timeout_seconds)]

    def is_vital(self, name: str) -> bool:
        """Whether the process cannot go on without this actor."""
        return self._find(name).spec.vital

    def stats(self) -> dict[str, ActorStats]:
        """Every actor at this moment, by name, in the order of spawning."""
        now = self._runtime.elapsed()
        return {name: stats_of(shell, now, self._dead_letters.of(name)) for name, shell in self._shells.items()}

    def attention(self) -> Attention:
        """What all actors together wait for, now that nothing is under way. In virtual time only."""
        now = self._runtime.now()
        return together(shell.attention(now) for shell in self._shells.values())

    def runtime_fault(self) -> str | None:
        """What is wrong with the runtime itself, or None."""
        return self._runtime.fault()

    @property
    def alerts(self) -> Sequence[Alert]:
        """The last thousand alerts, oldest first."""
        return tuple(self._alerts)

    @property
    def dead_letters(self) -> dict[tuple[str, str], int]:
        """How many messages reached nobody, by (actor, kind of message)."""
        return self._dead_letters.counts()

    @property
    def is_killed(self) -> bool:
        """True once the process is gone. Doubles of ledgers and brokers should do nothing for it any more."""
        return self._killed

    # ---- what shells and runtimes report

    def dead_letter(self, actor: str, message: Any, why: str) -> None:
        """Count a message that reached nobody, and alert the 1st, 10th, 100th ... of its kind."""
        if self._killed:
            return
        kind = type(message).__name__
        count = self._dead_letters.count(actor, kind)
        if not self._stopping and is_worth_an_alert(count):
            self.alert(actor, "dead letter", f"{why} ({kind}, number {count})")

    def alert(self, actor: str, reason: str, detail: str) -> None:
        """Keep an alert, log it, and hand it to ``on_alert``, whose failure is only logged."""
        if self._killed:
            return
        with suppress(Exception):  # the alert must go out even when the clock is what fails: its last reading will do
            self._last_now = self._runtime.now()
        alert = Alert(self._last_now, actor, reason, detail)
        self._alerts.append(alert)
        if self._measures is not None:
            self._measures.alerted(reason)
        log.warning("%s: %s: %s", actor, reason, detail)
        if self._on_alert is not None:
            try:
                self._on_alert(alert)
            except Exception as error:
                log.error("on_alert failed for %s: %s: %s: %s", actor, reason, type(error).__name__, error)
                log.debug("on_alert failed for %s", alert, exc_info=error)

    def refused(self, actor: str, message: Any, refusal: Refusal) -> None:
        """Log the refusal of a told message."""
        log.info("%s refused %s: %s", actor, type(message).__name__, refusal)

    def crashed(self, actor: str, error: BaseException) -> None:
        """Log the traceback and alert.

        The traceback is only for debugging where the ledger could not be used, which says all that there is to say,
        and where the actor's last crash was the same: a fault that lasts must not bury everything else.
        """
        if self._killed:
            return
        kind = _kind_of(error)
        is_new = self._last_crash.get(actor) != kind
        self._last_crash[actor] = kind
        level = logging.ERROR if is_new and not _is_foreseen(error) else logging.DEBUG
        log.log(level, "%s crashed", actor, exc_info=error)
        self.alert(actor, "crashed", f"{type(error).__name__}: {error}")

    def escalate(self, actor: str, error: BaseException) -> None:
        """An actor has been given up. The first time, tell the process, if that cannot go on without the actor."""
        self.alert(actor, "given up", f"{type(error).__name__}: {error}")
        if not self.is_vital(actor):
            return
        if self._killed or not self._escalated.acquire(blocking=False) or self._on_escalate is None:
            return
        try:
            self._on_escalate(actor, error)
        except BaseException as failure:  # a SystemExit would end nothing on an actor's thread
            if self._runtime.unwinds(failure):
                raise
            log.exception("on_escalate failed")
            self.alert(actor, "on_escalate failed", f"{type(failure).__name__}: {failure}")

    # ---- how

    def _create(self, spec: Spec) -> Shell:
        if spec.name in self._shells:
            raise ValueError(f"name: there is an actor {spec.name!r} already")
        shell = self._runtime.new_shell(self, spec)
        if self._measures is not None:
            shell.handling = self._measures.handling(spec.name)
        self._shells[spec.name] = shell
        return shell

    def _find(self, name: str) -> Shell:
        shell = self._shells.get(name)
        if shell is None:
            raise NoSuchActor(name)
        return shell

    def _ask(self, shell: Shell, message: Any, timeout_seconds: float) -> Any:
        measures = self._measures
        if measures is None:
            return self._ask_at_once(shell, message, timeout_seconds)
        asked_at = self._runtime.elapsed()
        try:
            answer = self._ask_at_once(shell, message, timeout_seconds)
        except ActorError as error:
            measures.not_answered(shell.spec.name, message, error)
            raise
        measures.asked(shell.spec.name, message, self._runtime.elapsed() - asked_at)
        return answer

    def _ask_at_once(self, shell: Shell, message: Any, timeout_seconds: float) -> Any:
        if not 0 < timeout_seconds < float("inf"):
            raise ValueError(f"timeout_seconds must be above 0 and finite, not {timeout_seconds}")
        reply = self._runtime.new_reply()
        shell.post(Call(message, self._runtime.elapsed() + timeout_seconds, reply))
        try:
            return reply.get(timeout=timeout_seconds)
        except pykka.Timeout:
            raise AskTimeout(
                f"{shell.spec.name}, {type(message).__name__}, after {timeout_seconds:g} seconds"
            ) from None

    def _ping(self, shells: Sequence[Shell], deadline: float) -> list[tuple[Shell, BaseException]]:
        """Those of ``shells`` that do not answer, and why. A ping that waits in a mailbox already is not repeated."""
        silent: list[tuple[Shell, BaseException]] = []
        sent: list[tuple[Shell, Ping]] = []
        for shell in shells:
            ping = shell.ping
            if ping is None:
                ping = shell.ping = Ping(self._runtime.new_reply())
                try:
                    shell.post(ping)
                except ActorDead as error:
                    shell.ping = None
                    silent.append((shell, error))
                    continue
            sent.append((shell, ping))
        for shell, ping in sent:
            try:
                ping.reply.get(timeout=max(0.0, deadline - self._runtime.elapsed()))
            except pykka.Timeout:
                silent.append((shell, AskTimeout(self._describe(shell))))
            except (NotExecuted, OutcomeUnknown) as error:
                silent.append((shell, error))
        return silent

    def _stop_level(self, level: Sequence[Shell], deadline: float) -> list[str]:
        stops: list[tuple[Shell, Stop]] = []
        for shell in level:
            if shell.state is ActorState.WAITING:
                shell.never_began()
            elif shell.state not in ENDED:
                stop = Stop(self._runtime.new_reply())
                try:
                    shell.post(stop)
                except ActorDead:
                    continue  # it was given up meanwhile
                stops.append((shell, stop))
        hung = []
        for shell, stop in stops:
            try:
                stop.reply.get(timeout=max(0.0, deadline - self._runtime.elapsed()))
            except pykka.Timeout:
                hung.append(shell.spec.name)
        return hung

    def _describe(self, shell: Shell) -> str:
        kind = "none" if shell.last_message is None else shell.last_message.__name__
        return f"{shell.spec.name} is {shell.state}, its last message is {kind}, {shell.mailbox.depth()} wait"
