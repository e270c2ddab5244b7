"""Carries notices to the services by a process of its own: the parent's side of `notifications_child.py`.

The process is started for a batch and ends with it: while nothing is said, nothing is loaded. A thread waits for it, so
that nobody else does; at its deadline it is killed, and what it had said until then counts.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.notices import Delivery, Parcel, Urgency
from feeds.child_processes import apart_from_us, command_of, environment

SENDING_SECONDS = 20.0  # for all of it: the start of the process, the services' answers
READING_SECONDS = 1.0  # beyond it, for what a killed process has said
LARGEST_ANSWER_BYTES = 256 << 10
LONGEST_NAME = 40
LONGEST_ERROR = 200

log = logging.getLogger("watchbill.notifier")


@dataclass(frozen=True, slots=True)
class Told:
    """What a process said."""

    lines: tuple[Mapping[str, Any], ...]
    ending: str  # how it ended, in words


class Errand:
    """One process, and the thread that waits for it."""

    def __init__(self, command: Sequence[str], request: Mapping[str, Any], seconds: float) -> None:
        self._command = command
        self._request = json.dumps(request).encode()
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False  # nothing is to be begun any more
        self._said = b""
        self._ending = ""
        self._thread = threading.Thread(target=self._run, name="notifications", daemon=True)
        self._thread.start()

    def told(self) -> Told | None:
        """What it said; None while it goes on. Kills it when its time is up."""
        late = time.monotonic() - self._until
        if self._thread.is_alive():
            if late > 0:
                self.kill()
            if late < READING_SECONDS:
                return None
        ending = self._ending if late <= 0 else f"no answer within {self._seconds:g} s"
        return Told(tuple(_lines(self._said)), ending)

    def kill(self) -> None:
        """End it now, and wait for nothing: the thread takes it away."""
        with self._lock:
            self._is_over = True
            if self._process is not None:
                self._process.kill()

    def _run(self) -> None:
        try:
            with self._lock:
                if self._is_over:
                    return
                self._process = subprocess.Popen(
                    self._command,
                    env=environment(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    **apart_from_us(),
                )
            self._talk(self._process)
        except OSError as error:
            self._ending = f"no process can be started: {error.strerror}"

    def _talk(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin as asked:
            try:
                asked.write(self._request)
            except OSError:
                log.debug("the process that sends notices does not listen")
        with process.stdout as said:
            while chunk := os.read(said.fileno(), 64 << 10):
                self._said += chunk
                if len(self._said) > LARGEST_ANSWER_BYTES:
                    process.kill()
                    break
        code = process.wait()
        self._ending = f"the process that sends ended with {code}" if code else "no answer"


class ChildSender:
    """The `Sender` of a process that serves."""

    def __init__(
        self, addresses: Sequence[str], *, seconds: float = SENDING_SECONDS, command: Sequence[str] | None = None
    ) -> None:
        """``command``: what to run in place of the process, for tests of what may become of it."""
        self._addresses = tuple(addresses)
        self._seconds = seconds
        self._command = child_command() if command is None else tuple(command)
        self._parcels: tuple[Parcel, ...] = ()
        self._errand: Errand | None = None

    def begin(self, parcels: Sequence[Parcel]) -> None:
        """Start the process."""
        self.cancel()
        self._parcels = tuple(parcels)
        asked = [
            {
                "title": parcel.notice.title,
                "text": parcel.notice.text,
                "is_urgent": parcel.notice.urgency is Urgency.URGENT,
                "services": parcel.services,
            }
            for parcel in parcels
        ]
        request = {"seconds": self._seconds, "services": self._addresses, "parcels": asked}
        self._errand = Errand(self._command, request, self._seconds)

    def result(self) -> Sequence[Delivery] | None:
        """As `Sender.result`."""
        if self._errand is None or (told := self._errand.told()) is None:
            return None
        self._errand = None
        return _deliveries(told, self._parcels)

    def cancel(self) -> None:
        """Kill the process, if there is one."""
        if self._errand is not None:
            self._errand.kill()
            self._errand = None


def services_of(
    addresses: Sequence[str], *, seconds: float = SENDING_SECONDS, command: Sequence[str] | None = None
) -> list[tuple[str, str]]:
    """Of each address the kind of service, or why it is none. Nothing is sent; waits for it."""
    request = {"seconds": seconds, "services": addresses, "parcels": ()}
    errand = Errand(child_command() if command is None else command, request, seconds)
    while (told := errand.told()) is None:
        time.sleep(0.05)
    fault = next((str(line["fault"]) for line in told.lines if "fault" in line), told.ending)
    found = {line["service"]: line for line in told.lines if isinstance(line.get("service"), int)}
    return [
        (_clean(found[service].get("name"), LONGEST_NAME), _clean(found[service].get("error"), LONGEST_ERROR))
        if service in found
        else ("", fault)
        for service in range(len(addresses))
    ]


def child_command() -> tuple[str, ...]:
    """What starts the process. The warnings of libraries are about their own insides."""
    return command_of("console.notifications_child", "-W", "ignore")


def _deliveries(told: Told, parcels: Sequence[Parcel]) -> list[Delivery]:
    """One for each service of each parcel; of what was not said, how the process ended."""
    fault = next((_clean(line["fault"], LONGEST_ERROR) for line in told.lines if "fault" in line), told.ending)
    said = {(line.get("parcel"), line.get("service")): line for line in told.lines if "service" in line}
    found = []
    for place, parcel in enumerate(parcels):
        for service in parcel.services:
            line = said.get((place, service))
            if line is None:
                found.append(Delivery(place, service, "", fault or "no answer"))
            else:
                name, error = _clean(line.get("name"), LONGEST_NAME), _clean(line.get("error"), LONGEST_ERROR)
                found.append(Delivery(place, service, name, error))
    return found


def _lines(said: bytes) -> list[dict[str, Any]]:
    """The lines that are what they should be; the last of a killed process may be half of one."""
    found = []
    for line in said.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and all(isinstance(v, str | int | None) for v in value.values()):
            found.append(value)
    return found


def _clean(value: object, longest: int) -> str:
    text = "" if value is None else str(value)
    return "".join(letter if letter.isprintable() else " " for letter in text)[:longest]
