"""What the program tells the service manager that started it: the notification protocol of systemd, `sd_notify(3)`.

Datagrams of `KEY=value` lines to the Unix socket that `NOTIFY_SOCKET` names. Without that variable nobody listens, and
every call does nothing; so it is on Windows, which has no such sockets. The few lines that a client needs are here and
not in a dependency: the packages at hand either need systemd's C headers or have not been kept for years, and none of
them heeds `WATCHDOG_PID`.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

MICROSECONDS = 1_000_000
PINGS_PER_WATCHDOG = 3  # so that one lost, or a slow round, is no reason for a restart
SEND_SECONDS = 1.0  # a manager that reads nothing must not hold up the program

log = logging.getLogger("watchbill.service_manager")


class ServiceManager:
    """The service manager above this process, or nobody. Safe to use from any thread; it never raises."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """``variables``: the environment, of which `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are read."""
        self._address = _address(variables.get("NOTIFY_SOCKET", ""))
        self._is_ready = False
        self._has_failed = False
        self.watchdog_seconds = _watchdog_seconds(variables) if self._address else None
        """Without `alive` for so long, the manager restarts the program; None: nobody watches."""

    def ready(self, status: str) -> None:
        """The start is over: said once, however often this is called; ``status`` is said each time."""
        if self._is_ready:
            self.status(status)
            return
        self._is_ready = True
        self._send("READY=1", _status(status))

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status(status))

    def alive(self) -> None:
        """Feed the watchdog."""
        if self.watchdog_seconds is not None:
            self._send("WATCHDOG=1")

    def stopping(self, status: str) -> None:
        """The program has begun to end."""
        self._send("STOPPING=1", _status(status))

    def takes_until(self, seconds: float) -> None:
        """Starting or stopping may take this long from now, whatever the unit's time-outs say."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * MICROSECONDS)}")

    def interval_seconds(self, at_most: float) -> float:
        """How often to feed the watchdog: in time for it, and at least every ``at_most``."""
        return at_most if self.watchdog_seconds is None else min(at_most, self.watchdog_seconds / PINGS_PER_WATCHDOG)

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)) as sender:
                sender.settimeout(SEND_SECONDS)
                sender.connect(self._address)
                sender.sendall("\n".join(lines).encode())
        except OSError as error:
            # Said once: a manager that cannot be told restarts the program by itself, and each line would be the same.
            level = logging.DEBUG if self._has_failed else logging.WARNING
            self._has_failed = True
            log.log(level, "the service manager cannot be told %s: %s", lines[0], error)


def _address(named: str) -> str | None:
    """The socket's address; None where there is none that could be used."""
    if not named or not hasattr(socket, "AF_UNIX"):
        return None
    if named[0] == "@":
        return "\0" + named[1:]  # Linux's abstract names
    if named[0] == "/":
        return named
    log.warning("NOTIFY_SOCKET is %r; expected a path that begins with / or @: nobody is told anything", named)
    return None


def _watchdog_seconds(variables: Mapping[str, str]) -> float | None:
    """What the manager asks for; None where it does not, or asks another process."""
    wanted, process = variables.get("WATCHDOG_USEC", ""), variables.get("WATCHDOG_PID", "")
    if not wanted or (process and process != str(os.getpid())):
        return None
    if not wanted.isdecimal() or int(wanted) == 0:
        log.warning("WATCHDOG_USEC is %r; expected a number of microseconds: the watchdog is not fed", wanted)
        return None
    return int(wanted) / MICROSECONDS


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())  # a line's end would begin another field
