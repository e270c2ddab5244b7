"""Starts the real program, reads what it says, and signals it."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

from run import main

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 150.0  # generous: the machine may be busy with other tests
FOR_THE_TESTS = ("WATCHBILL_DATA", "WATCHBILL_MT5_FACTS", "WATCHBILL_WINE_PYTHON")  # the program would warn of them
WITHOUT_CONSOLE = {"CONSOLE__ENABLED": "false"}  # tests run beside each other, and its port is one
FIFTY_BARS_A_SECOND = "180000"  # trades begin at once, and the machine has time for the other tests


def environment(**settings: str) -> dict[str, str]:
    """The process's environment, without settings of the one who runs the tests, and with these.

    Without a console, unless they ask for one.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("WATCHBILL__") and name not in FOR_THE_TESTS
    }
    given = {**WITHOUT_CONSOLE, **settings}
    return {**kept, "PYTHONWARNINGS": "default", **{f"WATCHBILL__{name}": value for name, value in given.items()}}


def run(words: Sequence[str], directory: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *words],
        cwd=directory,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def answer(words: Sequence[str], directory: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """One command as `run` has it, in the process of the tests: for many inputs of a kind, of which `run` shows one.

    A process takes longer to start than to refuse its input.
    """
    output, errors = StringIO(), StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with (
        chdir(directory),
        patch.dict(os.environ, environment(**settings), clear=True),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        try:
            code = main(words)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
    return subprocess.CompletedProcess(list(words), code, output.getvalue(), errors.getvalue())


def run_json(words: Sequence[str], directory: Path, **settings: str) -> dict[str, Any]:
    """One command with `--json`: it succeeds, and its standard output is exactly one JSON object.

    It is asked in the process of the tests: beside a program that runs, it is another process all the same.
    """
    done = answer([*words, "--json"], directory, **settings)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert isinstance(data, dict)
    return data


class Program:
    """A running `run.py serve`. Killed at the end of the block, if nobody stopped it."""

    def __init__(
        self,
        directory: Path,
        *words: str,
        code: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """``code``: Python that stands in for `run.py`, to start the program with a part replaced."""
        command = [sys.executable, "-c", code] if code is not None else [sys.executable, str(ROOT / "run.py")]
        env = environment(**(settings or {}))
        env["PYTHONPATH"] = str(ROOT)
        self.process = subprocess.Popen(
            [*command, *words],
            cwd=directory,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def said(self) -> str:
        """Everything on standard error so far."""
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, deadline_seconds: float = DEADLINE_SECONDS, *, lines: int = 1) -> re.Match[str]:
        """Wait until so many lines match; the last of them. Fails with all that was said when they do not."""
        deadline = time.monotonic() + deadline_seconds
        seen = 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if (match := re.search(pattern, line)) is not None:
                        lines -= 1
                        if lines == 0:
                            return match
                seen = len(self.lines)
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._ended:
                    raise AssertionError(f"{lines} lines that match {pattern!r} are missing in:\n{self.said}")
                self._changed.wait(remaining)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def freeze(self) -> None:
        """Stop it where it is, and wait until it stands: a signal that is on its way stops nothing yet."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def end(self, deadline_seconds: float = DEADLINE_SECONDS) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait(deadline_seconds)
        self._reader.join(deadline_seconds)
        return code

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Signal it and wait for an orderly end; how long that took, in seconds."""
        began = time.monotonic()
        self.send(number)
        code = self.end()
        assert code == 0, self.said
        return time.monotonic() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()
