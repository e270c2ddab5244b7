"""A worker's process as its parent has it: three pipes, two threads, and its end.

One thread writes a request and reads its answer, so that whoever asks waits for a time and never for a pipe: a pipe to
a stopped process blocks, and on Windows there is no waiting for one with a time limit. The other thread passes on what
the worker logs.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.mt5.channel import AnswerLost, NotSent

log = logging.getLogger("watchbill.mt5")

LONGEST_ANSWER_BYTES = 1 << 28
LONGEST_LOG_LINE_BYTES = 1 << 13
ENDING_SECONDS = 2.0  # for an idle worker to let go of the terminal before it is killed
DYING_SECONDS = 2.0  # for the system to take away a killed process
CLOSING_SECONDS = 0.5  # for our threads to see the end of its pipes, and to close them


class WorkerProcess:
    """A process that answers lines with lines, one at a time, from its start to its end."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], name: str) -> None:
        """``name``: what it is called in the log. Raises ``OSError`` when it cannot be started."""
        self._name = name
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **_apart_from_us(),
        )
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[bytes | NotSent | AnswerLost] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=work, name=f"{name}: {what}", daemon=True)
            for what, work in (("calls", self._talk), ("log", self._pass_on_log))
        ]
        self._is_asked = False
        self._ending = threading.Lock()
        self._has_ended = False
        for thread in self._threads:
            thread.start()

    @property
    def process_id(self) -> int:
        """Of the process, alive or not."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or is stopped."""
        return self._process.poll() is None

    def ask(self, line: bytes, until: float) -> bytes:
        """The line that answers ``line``. ``until``: on ``time.monotonic``; then the process is killed.

        Raises `NotSent` when the end of the line never left, so that nobody can have acted on it, and else
        `AnswerLost`. After either the process is gone.
        """
        with self._ending:
            if self._has_ended:
                raise NotSent(f"{self._name}: it has ended")
            self._is_asked = True
            self._requests.put(line)
        try:
            reply = self._replies.get(timeout=max(until - time.monotonic(), 0.0))
            came_late = False
        except queue.Empty:
            came_late = True
            self.end()
            reply = self._last_reply()
        finally:
            self._is_asked = False
        if isinstance(reply, bytes):
            return reply
        self.end()
        why = "it did not answer in time and was killed" if came_late else f"it ended with {self._process.returncode}"
        raise type(reply)(f"{self._name}: {reply}: {why}")

    def end(self) -> None:
        """Have the process gone, at once when it is busy, and take away what is left of it. Harmless to repeat."""
        with self._ending:
            if self._has_ended:
                return
            self._requests.put(None)
            if not self._is_asked:
                self._leave_in_peace()
            self._process.kill()
            try:
                self._process.wait(DYING_SECONDS)
            except subprocess.TimeoutExpired:
                log.error("%s, process %d, was killed and does not go", self._name, self._process.pid)
            until = time.monotonic() + CLOSING_SECONDS
            for thread in self._threads:
                thread.join(max(until - time.monotonic(), 0.0))
            self._has_ended = True

    # ------------------------------------------------------------ how

    def _last_reply(self) -> bytes | NotSent | AnswerLost:
        try:
            return self._replies.get_nowait()
        except queue.Empty:
            return AnswerLost("its answer was not read")

    def _leave_in_peace(self) -> None:
        """An idle worker sees the end of its input, and ends by itself."""
        try:
            self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("%s, process %d, does not end by itself", self._name, self._process.pid)

    def _talk(self) -> None:
        """Carry lines there and answers back, until there is nothing more to carry."""
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        with requests, answers:
            while (line := self._requests.get()) is not None:
                try:
                    _write_all(requests.fileno(), line)
                except OSError:
                    self._replies.put(NotSent("the request did not leave"))
                    return
                answer = answers.readline(LONGEST_ANSWER_BYTES)
                if not answer.endswith(b"\n"):
                    self._replies.put(AnswerLost("the request left, and no answer came"))
                    return
                self._replies.put(answer)

    def _pass_on_log(self) -> None:
        """Until the pipe ends: a terminal that the package has started may hold it for longer than the worker."""
        lines = self._process.stderr
        assert lines is not None
        with lines:
            while line := lines.readline(LONGEST_LOG_LINE_BYTES):
                text = line.decode("utf-8", "replace").rstrip()
                level = logging.getLevelNamesMapping().get(text.partition(" ")[0])
                said = text if level is None else text.partition(" ")[2]
                log.log(logging.WARNING if level is None else level, "%s: %s", self._name, said)


def _write_all(descriptor: int, line: bytes) -> None:
    """Write to the last byte. Raises ``OSError`` when not all of it was taken."""
    left = memoryview(line)
    while left:
        left = left[os.write(descriptor, left) :]


def _apart_from_us() -> dict[str, Any]:
    """Ctrl-C in our terminal does not reach the worker: we end it, in order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}
