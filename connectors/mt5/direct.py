"""A worker in this process: for simulated worlds and for tests, where nothing blocks but in their own time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.mt5.channel import AnswerLost, NotSent
from connectors.mt5.worker_core import WorkerCore
from connectors.wire import Json


class DirectChannel:
    """As `Channel`, without a process: what a killed worker would lose is lost here too."""

    def __init__(self, start: Callable[[], WorkerCore], elapsed: Callable[[], float]) -> None:
        """``start``: makes a worker's core, as a new process would. ``elapsed``: the scale of all time limits, and the
        same that the core has.
        """
        self._start = start
        self._elapsed = elapsed
        self._core: WorkerCore | None = None
        self.expires = elapsed()
        """When the call that is under way, or was the last, must be answered: a double that blocks goes by it."""

    @property
    def is_open(self) -> bool:
        """As `Channel.is_open`."""
        return self._core is not None

    def open(self, seconds: float) -> None:
        """As `Channel.open`."""
        if seconds <= 0:
            raise NotSent("there was no time left to start a worker")
        if self._core is None:
            self._core = self._start()

    def close(self) -> None:
        """As `Channel.close`."""
        core, self._core = self._core, None
        if core is not None:
            core.close()

    def call(self, call: str, arguments: Mapping[str, Json], seconds: float) -> Json:
        """As `Channel.call`. An answer that comes when its time has passed is lost, and the worker is gone."""
        if self._core is None:
            raise NotSent(f"{call}: there is no worker")
        if seconds <= 0:
            raise NotSent(f"{call}: there was no time left for it")
        self.expires = self._elapsed() + seconds
        try:
            answer = self._core.do(call, dict(arguments), self.expires)
        finally:
            is_late = self._elapsed() >= self.expires
            if is_late:
                self._core = None
        if is_late:
            raise AnswerLost(f"{call} was not answered within {seconds:.3g} s")
        return answer
