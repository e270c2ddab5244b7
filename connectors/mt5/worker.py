"""The process beside a terminal: it has the package, does the calls of one account, and can be killed at any moment.

Its parent (`child.py`) starts it; ``python -m connectors.mt5.worker`` is the same. Requests come as lines of JSON on
standard input, answers go as lines to standard output:

- first ``{"terms": {...}}`` (`WorkerTerms`), answered ``{"id": 0, "answer": {"process": ...}}``: neither the command
  line nor the environment tells what a worker is for, for others could read a password there;
- then ``{"id": 7, "call": ..., "arguments": {...}, "expires": ...}``, answered with the same number and ``answer``, or
  ``error`` with ``kind`` (`channel_errors.py`) and ``message``. ``expires`` is on ``time.monotonic``, which all
  processes of one machine share: a worker that was stopped, and goes on too late, drops the call.

The end of standard input is its end, so it does not outlive its parent; when it is blocked in the package, the watchdog
sees to that.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, cast

from connectors import wire
from connectors.base import ConnectorError
from connectors.mt5.calls import WorkerTerms
from connectors.mt5.channel import NotSent, NotUnderstood
from connectors.mt5.channel_errors import kind_of
from connectors.mt5.order_floor import DiskFloor
from connectors.mt5.package_face import Package
from connectors.mt5.watchdog import Watchdog
from connectors.mt5.worker_core import WorkerCore
from connectors.wire import BadMessage, Json

log = logging.getLogger("watchbill.mt5")

LONGEST_REQUEST_BYTES = 1 << 20
ENDING_SECONDS = 3.0  # for letting go of the terminal
PACKAGES: Mapping[str, str] = MappingProxyType({"MetaTrader5": "MetaTrader5", "simulator": "connectors.mt5.simulator"})
"""The modules that a worker may be told to import, by name."""


def main() -> None:
    """Serve whoever holds the other ends of standard input and output."""
    _outlast_signals()
    requests, answers = _own_streams()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        serve(requests, answers)
    except BrokenPipeError:
        log.info("nobody reads the answers any more")


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Read the terms, and then do the calls one by one until the requests end."""
    watchdog = Watchdog()
    try:
        core = _begun(requests, answers)
        if core is None:
            return
        while (request := _line(requests)) is not None:
            _answer(core, request, answers, watchdog)
        with watchdog.over(ENDING_SECONDS):
            core.close()
    finally:
        watchdog.close()


def _begun(requests: BinaryIO, answers: BinaryIO) -> WorkerCore | None:
    """A worker on the terms in the first line; None: there were none, or they cannot be met."""
    first = _line(requests)
    if first is None:
        return None
    try:
        core = _core(wire.decode(WorkerTerms, wire.message(first).get("terms"), "terms"))
    except BadMessage as error:
        _write(answers, 0, NotUnderstood(str(error)))
    except ConnectorError as error:
        _write(answers, 0, error)
    else:
        _write(answers, 0, {"process": os.getpid()})
        return core
    return None


def _core(terms: WorkerTerms) -> WorkerCore:
    if terms.package not in PACKAGES:
        raise BadMessage(f"terms.package is {terms.package!r}; expected one of {', '.join(PACKAGES)}")
    try:
        package = cast(Package, importlib.import_module(PACKAGES[terms.package]))
    except Exception as error:  # whatever it does in its own beginning
        raise NotSent(f"the package {terms.package} cannot be imported here: {error}") from error
    floor = DiskFloor(Path(terms.floor_directory), terms.login, terms.server)
    return WorkerCore(package, terms, floor, time.monotonic)


def _answer(core: WorkerCore, request: bytes, answers: BinaryIO, watchdog: Watchdog) -> None:
    """Do what one line asks for. Nothing that stands in it ends the worker."""
    number: int | None = None
    try:
        asked = wire.message(request)
        number = wire.read(int, asked.get("id"), "id")
        call = wire.read(str, asked.get("call"), "call")
        arguments = wire.mapping(asked.get("arguments"), "arguments")
        expires = wire.read(float, asked.get("expires"), "expires")
        if math.isnan(expires):
            raise BadMessage("expires is nan; expected a time")
    except BadMessage as error:
        _write(answers, number, NotUnderstood(str(error)))
        return
    # The answer is watched too: whoever should read it may be stopped, and what is in flight then holds up the worker.
    with watchdog.over(expires - time.monotonic()):
        try:
            answer = core.do(call, arguments, expires)
        except ConnectorError as error:
            answer = error
        _write(answers, number, answer)


def _write(answers: BinaryIO, number: int | None, answer: Json | ConnectorError) -> None:
    told: dict[str, Json] = {"id": number}
    if isinstance(answer, ConnectorError):
        told["error"] = {"kind": kind_of(answer), "message": str(answer)}
    else:
        told["answer"] = answer
    answers.write(wire.line(told))
    answers.flush()


def _line(requests: BinaryIO) -> bytes | None:
    """The next line; None at the end. Of one that is too long only the beginning, which is no JSON."""
    line = requests.readline(LONGEST_REQUEST_BYTES)
    rest = line
    while rest and not rest.endswith(b"\n"):
        rest = requests.readline(LONGEST_REQUEST_BYTES)
    return line if rest else None


def _outlast_signals() -> None:
    """Ctrl-C, or a service manager that signals all processes at once, is the parent's affair: it ends us in order."""
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for ourselves. The package reads nothing there, and what it prints goes to stderr."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return open(requests, "rb"), open(answers, "wb")


if __name__ == "__main__":
    main()
