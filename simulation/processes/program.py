"""A running program of ours: started, listened to, signalled, and certain to be gone afterwards.

What all programs of one world say on standard error goes into one list, in the order in which it was heard, so that
"who leads now" is a question to one list and not to many.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]  # beside `run.py`, in a checkout as where it is installed
FRONT_DOOR = ROOT / "run.py"
LAUNCHER = Path(__file__).with_name("child.py")
LINES_SHOWN = 40
END_SECONDS = 30.0
PREFIX = "WATCHBILL__"


class Silence(Exception):
    """What was waited for was not said in time. The message ends with what was said last."""


class Abandoned(Exception):
    """The whole undertaking was interrupted: nobody waits for anything any more."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One line that a program said."""

    number: int  # its place among all lines of the world: the mark right before it
    at: float  # time.monotonic() when it was read
    program: Program
    level: str
    text: str

    def __str__(self) -> str:
        return f"{self.at:.3f} {self.program.name} {self.level} {self.text}"


class Ears:
    """Everything that the programs of one world have said."""

    def __init__(self) -> None:
        self._lines: list[Heard] = []
        self._changed = threading.Condition()
        self._abandoned = False

    def abandon(self) -> None:
        """Let everybody who waits, or wants to, give up with `Abandoned`."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def require_wanted(self) -> None:
        """Raise `Abandoned` after `abandon`."""
        if self._abandoned:
            raise Abandoned

    def hear(self, program: Program, level: str, text: str) -> None:
        """Add a line; for the programs' readers."""
        with self._changed:
            self._lines.append(Heard(len(self._lines), time.monotonic(), program, level, text))
            self._changed.notify_all()

    def wake(self) -> None:
        """Let those who wait look again: a program has ended."""
        with self._changed:
            self._changed.notify_all()

    def mark(self) -> int:
        """How much has been heard: for ``since``."""
        with self._changed:
            return len(self._lines)

    def lines(self, since: int = 0) -> list[Heard]:
        """What was heard since a mark."""
        with self._changed:
            return self._lines[since:]

    def wait(
        self,
        wanted: Callable[[Heard], bool],
        what: str,
        deadline_seconds: float,
        *,
        since: int = 0,
        hopeless: Callable[[], str] = lambda: "",
    ) -> Heard:
        """The first line since a mark that is wanted.

        ``hopeless`` says why waiting is in vain, or nothing. Raises `Silence`, which names ``what`` was waited for, and
        `Abandoned`.
        """
        deadline = time.monotonic() + deadline_seconds
        with self._changed:
            seen = since
            while True:
                self.require_wanted()
                for line in self._lines[seen:]:
                    if wanted(line):
                        return line
                seen = len(self._lines)
                remaining = deadline - time.monotonic()
                why = hopeless() or ("" if remaining > 0 else f"not within {deadline_seconds:g} s")
                if why:
                    last = "\n".join(str(line) for line in self._lines[-LINES_SHOWN:])
                    raise Silence(f"waited for {what}: {why}. Heard last:\n{last}")
                self._changed.wait(remaining)


class Program:
    """One process that runs `run.py` with ``words``. `close` ends it, whatever state it is in."""

    def __init__(
        self, name: str, words: Sequence[str], directory: Path, ears: Ears, settings: Mapping[str, str] | None = None
    ) -> None:
        """``name`` is for reports. ``settings``: the program's own variables; none are inherited."""
        ears.require_wanted()
        self.name = name
        self._ears = ears
        kept = {key: value for key, value in os.environ.items() if not key.upper().startswith(PREFIX)}
        # The directory of `run.py` comes first: `watchbill.toml` of the working directory is read all the same.
        self.process = subprocess.Popen(
            [sys.executable, str(LAUNCHER), str(os.getpid()), str(FRONT_DOOR), "--log-json", *words],
            cwd=directory,
            env={**kept, **{f"{PREFIX}{key}": value for key, value in (settings or {}).items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal is for the one who started it
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream, reading), daemon=True, name=f"{name} {stream_name}")
            for stream, reading, stream_name in (
                (self.process.stderr, _log_line, "stderr"),
                (self.process.stdout, _plain_line, "stdout"),
            )
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self.process.pid

    @property
    def lives(self) -> bool:
        """True until the process has ended; a stopped one lives."""
        return self.process.poll() is None

    def wait_for(self, pattern: str, deadline_seconds: float, *, since: int = 0) -> tuple[Heard, re.Match[str]]:
        """The first line of this program that matches. Raises `Silence`."""
        expression = re.compile(pattern)
        line = self._ears.wait(
            lambda heard: heard.program is self and expression.search(heard.text) is not None,
            f"{pattern!r} of {self.name}",
            deadline_seconds,
            since=since,
            hopeless=lambda: "" if self.lives else f"it ended with code {self.process.returncode}",
        )
        match = expression.search(line.text)
        assert match is not None
        return line, match

    def send(self, number: signal.Signals) -> float:
        """Send a signal; when that was, on the scale of `Heard.at`."""
        at = time.monotonic()
        self.process.send_signal(number)
        return at

    def kill(self) -> float:
        """``kill -9``, and see it gone; when it was sent."""
        at = self.send(signal.SIGKILL)
        self.process.wait(END_SECONDS)
        return at

    def stop(self) -> int:
        """SIGTERM, and wait for the orderly end; the exit code. Raises ``subprocess.TimeoutExpired``."""
        self.send(signal.SIGTERM)
        return self.process.wait(END_SECONDS)

    def close(self) -> None:
        """End it if it has not ended, and let go of its streams. Twice is as good as once."""
        if self.lives:
            self.kill()
        for reader in self._readers:
            reader.join(END_SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read(self, stream: Any, reading: Callable[[str], tuple[str, str]]) -> None:
        for line in stream:
            level, text = reading(line.rstrip("\n"))
            self._ears.hear(self, level, text)
        self._ears.wake()


def _log_line(line: str) -> tuple[str, str]:
    """Level and message of a JSON log line; anything else (a traceback, a warning of Python's) is an error's text.

    Told to stop while it still loads, a program says so before it has a log.
    """
    try:
        entry = json.loads(line)
        return str(entry["level"]), str(entry["message"])
    except (ValueError, KeyError, TypeError):
        return "info" if line.startswith("stopped by ") else "error", line


def _plain_line(line: str) -> tuple[str, str]:
    return "said", line
