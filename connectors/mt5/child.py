"""A worker as a child process: the one way to use a package that blocks without limit, for a process can be killed.

At the deadline the worker is killed, whatever it is doing. Then the system has let go of everything that it held, and
whether its last call came true is unknown, unless its request never left us whole.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors import wire
from connectors.base import ConnectorError
from connectors.mt5.calls import WorkerTerms
from connectors.mt5.channel import AnswerLost, NotSent
from connectors.mt5.channel_errors import error_of
from connectors.mt5.worker_process import WorkerProcess
from connectors.wire import BadMessage, Json

log = logging.getLogger("watchbill.mt5")

ROOT = Path(__file__).resolve().parents[2]
"""Where `connectors` is found, from whatever directory we were started."""

SETTINGS = "WATCHBILL_"  # how the variables with settings begin
BEGINNING = "import sys; sys.path.insert(0, sys.argv[1]); from connectors.mt5.worker import main; main()"


class ChildChannel:
    """As `Channel`: the worker is a child of this process."""

    def __init__(self, terms: WorkerTerms, command: Sequence[str] | None = None) -> None:
        """``command``: what to run in place of the worker, for those who bring a package of their own."""
        self._terms = terms
        self._command = worker_command() if command is None else tuple(command)
        self._name = f"worker of {terms.login} at {terms.server}"
        self._number = 0
        self._worker: WorkerProcess | None = None
        self._change = threading.Lock()  # of the worker: `close` may come from another thread

    @property
    def is_open(self) -> bool:
        """As `Channel.is_open`."""
        worker = self._worker
        return worker is not None and worker.is_alive

    @property
    def process_id(self) -> int | None:
        """Of the worker; None: there is none."""
        worker = self._worker
        return worker.process_id if worker is not None and worker.is_alive else None

    def open(self, seconds: float) -> None:
        """As `Channel.open`."""
        if self.is_open:
            return
        until = time.monotonic() + seconds
        self.close()
        if seconds <= 0:
            raise NotSent(f"{self._name}: there was no time left to start it")
        try:
            worker = WorkerProcess(self._command, _environment(), self._name)
        except OSError as error:
            raise NotSent(f"{self._name} cannot be started: {error}") from error
        with self._change:
            self._worker = worker
        try:
            self._asked(worker, {"terms": wire.encode(self._terms)}, 0, until)
        except ConnectorError as error:
            self.close()
            raise NotSent(f"no worker has started: {error}") from error
        log.info("%s: process %d", self._name, worker.process_id)

    def close(self) -> None:
        """As `Channel.close`. From any thread: a call that is under way in another one ends as `AnswerLost`."""
        with self._change:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def call(self, call: str, arguments: Mapping[str, Json], seconds: float) -> Json:
        """As `Channel.call`."""
        worker = self._worker
        if worker is None or not worker.is_alive:
            raise NotSent(f"{self._name}: {call} was not asked, for there is no worker")
        if seconds <= 0:
            raise NotSent(f"{self._name}: there was no time left for {call}")
        until = time.monotonic() + seconds
        self._number += 1
        request = {"id": self._number, "call": call, "arguments": dict(arguments), "expires": until}
        return self._asked(worker, request, self._number, until)

    def _asked(self, worker: WorkerProcess, request: Mapping[str, Json], number: int, until: float) -> Json:
        try:
            reply = wire.message(worker.ask(wire.line(request), until))
            refusal = wire.mapping(reply.get("error", {}), "error")
        except BadMessage as error:
            worker.end()
            raise AnswerLost(f"{self._name}: {error}") from error
        if "error" in reply and reply.get("id") in (number, None):
            raise error_of(refusal.get("kind"), f"{self._name}: {refusal.get('message')}")
        if "answer" not in reply or reply.get("id") != number:
            worker.end()  # out of step: whatever it says next would be taken for the answer to something else
            raise AnswerLost(f"{self._name}: {str(reply)[:60]} is no answer to request {number}")
        return reply["answer"]


def worker_command() -> tuple[str, ...]:
    """What starts a worker with this Python: our own files wherever we are (-P), and UTF-8 on every system.

    Not ``-m`` with a PYTHONPATH: the Python that Windows programs are shipped with does not look at that.
    """
    return (sys.executable, "-P", "-X", "utf8", "-c", BEGINNING, str(ROOT))


def _environment() -> dict[str, str]:
    """Ours without our settings, among which may be the passwords of all accounts: a worker is told what it needs."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(SETTINGS)}
