"""Clients of the live stream, in a process of their own: some read all that comes, some read nothing at all.

    python -m benchmarks.stream_clients PORT TOKEN READERS DEAF

They go when standard input ends, and then say what they saw, as one JSON object.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DEAF_BUFFER_BYTES = 4_096
LOOK_SECONDS = 0.2
TELLS = b"\nevent: "


@dataclass(slots=True)
class Seen:
    """What all clients of one process saw."""

    bytes_read: int = 0  # of all readers
    pushes: int = 0  # that one reader was told
    ended: int = 0  # readers whose stream the server has ended
    cut_off: int = 0  # of those that did not read


class Clients:
    """The sockets of one process. Use `clients` from another one."""

    def __init__(self, port: int, token: str, readers: int, deaf: int) -> None:
        self.seen = Seen()
        self._selector = selectors.DefaultSelector()
        self._readers = [_connected(port, token) for _ in range(readers)]
        self._deaf = [_connected(port, token, DEAF_BUFFER_BYTES) for _ in range(deaf)]
        for reader in self._readers:
            reader.setblocking(False)
            self._selector.register(reader, selectors.EVENT_READ)

    def read(self) -> None:
        """All that has come."""
        for key, _ in self._selector.select(LOOK_SECONDS):
            reader = key.fileobj
            assert isinstance(reader, socket.socket)
            try:
                came = reader.recv(1 << 20)
            except BlockingIOError:
                continue
            except ConnectionError:
                came = b""
            if not came:
                self.seen.ended += 1
                self._selector.unregister(reader)
            self.seen.bytes_read += len(came)
            if self._readers and reader is self._readers[0]:
                self.seen.pushes += came.count(TELLS)

    def go(self) -> Seen:
        """Look which of those that did not read were cut off, and close all of them."""
        for one in self._deaf:
            one.settimeout(LOOK_SECONDS)
            self.seen.cut_off += _is_cut_off(one)
        for one in (*self._readers, *self._deaf):
            one.close()
        return self.seen


@dataclass(slots=True)
class Running:
    """A process of clients."""

    process: subprocess.Popen[str]
    seen: Seen | None = None  # once they have gone


@contextmanager
def clients(port: int, token: str, readers: int, deaf: int) -> Iterator[Running]:
    """All of them are connected in the block, and gone after it."""
    words = [str(port), token, str(readers), str(deaf)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stream_clients", *words],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        running = Running(process)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline().strip() != "connected":
                raise RuntimeError("the clients could not connect")
            yield running
            process.stdin.close()
            running.seen = Seen(**json.loads(process.stdout.readline()))
        finally:
            if process.poll() is None and running.seen is None:
                process.kill()


def _connected(port: int, token: str, receive_bytes: int | None = None) -> socket.socket:
    one = socket.socket()
    if receive_bytes is not None:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    one.connect(("127.0.0.1", port))
    asked = f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
    one.sendall(asked.encode())
    return one


def _is_cut_off(one: socket.socket) -> bool:
    try:
        while one.recv(1 << 20):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def main() -> None:
    """Connect, read until standard input ends, and tell."""
    port, token, readers, deaf = sys.argv[1:]
    all_of_them = Clients(int(port), token, int(readers), int(deaf))
    print("connected", flush=True)
    over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    while not over.is_set():
        all_of_them.read()
    seen = all_of_them.go()
    told = {"bytes_read": seen.bytes_read, "pushes": seen.pushes, "ended": seen.ended, "cut_off": seen.cut_off}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
