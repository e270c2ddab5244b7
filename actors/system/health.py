"""The health round: it stands outside the levels, asks every actor whether it still takes messages, and never stops.

A service manager's watchdog is fed from a full round only. So a process in which one actor hangs, or the timers have
died, is restarted, however busy the rest of it looks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from actors.system.system import System

# One message of an actor may take as long as its broker's deadline, 20 s, and the ping waits behind it.
ANSWER_SECONDS = 25.0
INTERVAL_SECONDS = 10.0
JOIN_SECONDS = 1.0

log = logging.getLogger("watchbill.actors")


class HealthRound:
    """Pings every actor: on a thread of its own with `start`, or whenever `round_once` is called."""

    def __init__(
        self,
        system: System,
        *,
        interval_seconds: float = INTERVAL_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        on_full_round: Callable[[], None] | None = None,
    ) -> None:
        """``on_full_round`` is called after each round in which every actor answered within ``answer_seconds``."""
        if not interval_seconds > 0:
            raise ValueError(f"interval_seconds must be above 0, not {interval_seconds}")
        if not answer_seconds > 0:
            raise ValueError(f"answer_seconds must be above 0, not {answer_seconds}")
        self._system = system
        self._interval_seconds = interval_seconds
        self._answer_seconds = answer_seconds
        self._on_full_round = on_full_round
        self._known_silent: set[str] = set()  # actors that are not vital, and whose silence was told
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go_round, name="health", daemon=True)

    def round_once(self) -> list[str]:
        """One round. Alerts each actor that did not answer, with its last message, and returns their names.

        One that is not vital is told of once for as long as it is silent, and its silence leaves the round full.
        """
        silent = self._system.ping_all(self._answer_seconds)
        if self._stopping.is_set():
            return silent  # actors that stop in order are no cause for alarm
        stats = self._system.stats()
        for name in silent:
            if name in self._known_silent:
                continue
            actor = stats[name]
            self._system.alert(
                name,
                "does not answer",
                f"{actor.state}, last message {actor.last_message or 'none'}, {actor.depth} wait",
            )
        self._known_silent = {name for name in silent if not self._system.is_vital(name)}
        fault = self._system.runtime_fault()
        if fault is not None:
            self._system.alert("runtime", "fault", fault)
        if self._known_silent.issuperset(silent) and fault is None and self._on_full_round is not None:
            self._on_full_round()
        return silent

    def start(self) -> None:
        """Go round on a thread, the first time at once. May be called once."""
        self._thread.start()

    def stop(self) -> None:
        """No more rounds. One that waits for an answer just now reports nothing any more, and is not waited for."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)

    def _go_round(self) -> None:
        while not self._stopping.is_set():
            try:
                self.round_once()
            except BaseException as error:  # whatever it was, the rounds must go on
                log.exception("the health round failed")
                self._system.alert("health", "round failed", f"{type(error).__name__}: {error}")
            self._stopping.wait(self._interval_seconds)
