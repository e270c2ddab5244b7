"""A wire that can be cut: forwards TCP connections, until it is told to swallow everything without a word.

Nobody is told of the cut, as with a cable: what is sent is taken and goes nowhere, until the wire is mended. Then what
was held back goes on its way.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65_536


class Wire:
    """Listens on a free port of this machine and forwards to one address."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._whole = threading.Event()
        self._whole.set()
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True, name="wire").start()

    def cut(self) -> float:
        """From now on nothing comes through; new connections are taken, and hear nothing. When that was (monotonic)."""
        self._whole.clear()
        return time.monotonic()

    def mend(self) -> None:
        """Let everything through again."""
        self._whole.set()

    def close(self) -> None:
        """End every connection, and listen no more."""
        self._closed = True
        self._whole.set()
        with self._lock:
            for each in (self._listener, *self._sockets):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True, name="wire").start()

    def _connect(self, near: socket.socket) -> None:
        self._whole.wait()
        try:
            far = socket.create_connection(self._target)
        except OSError:
            near.close()
            return
        with self._lock:
            self._sockets += [near, far]
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._forward, args=(source, sink), daemon=True, name="wire").start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                self._whole.wait()
                sink.sendall(chunk)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
