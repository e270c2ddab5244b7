"""Workers with a scripted package, all beside one floor, for the tests that start, stop and kill them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from made_terminal_package import ORDER, terms

from connectors import wire
from connectors.mt5.calls import SendOrder, Sent
from connectors.mt5.child import ChildChannel

HERE = Path(__file__).parent
PATIENCE_SECONDS = 30.0
MAGIC = (77 << 32) + 1

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals, FIFOs and /proc of POSIX")


class Workshop:
    """Channels to workers, and what their package was asked to send. Every worker is gone at the end."""

    def __init__(self, directory: Path) -> None:
        self.floor = directory / "orders"
        self.journal = directory / "journal"
        self.journal.touch()
        self.channels: list[ChildChannel] = []

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self.channels:
            channel.close()

    def channel(self, *faults: str) -> ChildChannel:
        """A channel to a worker with these faults."""
        command = [sys.executable, str(HERE / "made_worker.py"), str(self.journal), *faults]
        channel = ChildChannel(terms(self.floor), command)
        self.channels.append(channel)
        channel.open(PATIENCE_SECONDS)
        return channel

    @property
    def sent(self) -> list[str]:
        """A line for each order that the package got: its magic, and the position that it closes."""
        return self.journal.read_text().splitlines()


def send(
    channel: ChildChannel, order: SendOrder = ORDER, *, token: int = 1, magic: int = MAGIC, seconds: float = 20.0
) -> Sent:
    """What became of an order."""
    answer = channel.call("send", {"order": wire.encode(order), "token": token, "magic": magic}, seconds)
    return wire.decode(Sent, answer, "sent")


def wait_until(holds: Callable[[], bool]) -> None:
    """Until it does; not longer than can be reasonable."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < until, "it never came true"
        threading.Event().wait(0.01)
