"""What a service manager is told, read at the other end of a real socket."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.service_manager import ServiceManager

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix datagram sockets")


class Listener:
    """A service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(10)

    def heard(self) -> list[str]:
        """The lines of the next datagram."""
        return self.socket.recv(4096).decode().split("\n")

    def hears_nothing(self) -> bool:
        """Whether no datagram waits."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(10)
        return False


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a socket can lie: its name may have 100 characters or so."""
    name = str(tmp_path / "notify")
    if len(name) > 100:
        pytest.skip("the directory of the tests has too long a name for a socket")
    return name


@pytest.fixture
def listener(path: str) -> Iterator[Listener]:
    """A listener on that path."""
    listener = Listener(path)
    yield listener
    listener.socket.close()


def test_ready_is_said_once_and_the_status_each_time(path: str, listener: Listener) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": path})
    manager.ready("standing by")
    manager.ready("leading")
    assert listener.heard() == ["READY=1", "STATUS=standing by"]
    assert listener.heard() == ["STATUS=leading"]


def test_the_end_a_longer_start_and_a_status_of_two_lines_are_said(path: str, listener: Listener) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": path})
    manager.takes_until(1.5)
    manager.status("one\nMAINPID=1")
    manager.stopping("by SIGTERM")
    assert listener.heard() == ["EXTEND_TIMEOUT_USEC=1500000"]
    assert listener.heard() == ["STATUS=one MAINPID=1"], "no text can smuggle in a field"
    assert listener.heard() == ["STOPPING=1", "STATUS=by SIGTERM"]


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_an_abstract_socket_is_found() -> None:
    name = f"watchbill-test-{os.getpid()}"
    listener = Listener("\0" + name)
    ServiceManager({"NOTIFY_SOCKET": "@" + name}).status("here")
    assert listener.heard() == ["STATUS=here"]
    listener.socket.close()


@pytest.mark.parametrize("is_named", [False, True])
def test_the_watchdog_is_fed_three_times_as_often_as_it_asks(path: str, listener: Listener, is_named: bool) -> None:
    process = str(os.getpid()) if is_named else ""
    manager = ServiceManager({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "6000000", "WATCHDOG_PID": process})
    assert manager.watchdog_seconds == 6
    assert manager.interval_seconds(10) == 2
    assert manager.interval_seconds(1) == 1
    manager.alive()
    assert listener.heard() == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"WATCHDOG_USEC": "6000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-5"},
    ],
)
def test_a_watchdog_of_nobody_or_of_another_process_is_not_fed(
    path: str, listener: Listener, variables: dict[str, str]
) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": path, **variables})
    assert manager.watchdog_seconds is None
    assert manager.interval_seconds(10) == 10
    manager.alive()
    assert listener.hears_nothing()


@pytest.mark.parametrize("variables", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}])
def test_without_a_manager_nothing_is_said_and_nothing_fails(variables: dict[str, str]) -> None:
    manager = ServiceManager({**variables, "WATCHDOG_USEC": "6000000"})
    assert manager.watchdog_seconds is None
    manager.ready("nobody hears it")
    manager.alive()
    manager.stopping("nobody hears it")


def test_a_manager_that_has_gone_is_warned_of_once(path: str, caplog: pytest.LogCaptureFixture) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": path})
    with caplog.at_level("WARNING"):
        manager.status("nobody listens")
        manager.status("nobody listens")
    (record,) = caplog.records
    assert "cannot be told" in record.getMessage()
