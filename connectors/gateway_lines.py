"""Lines over a socket: bounded in length, and read until a moment and no longer."""

from __future__ import annotations

import socket
import time

CHUNK_BYTES = 256 * 1024


class LineTooLong(Exception):
    """The other side sent more than a line may hold; what follows cannot be told apart any more."""


class Lines:
    """The lines that come in over one socket."""

    def __init__(self, connection: socket.socket, longest_bytes: int) -> None:
        self._connection = connection
        self._longest_bytes = longest_bytes
        self._buffer = bytearray()
        self._searched = 0  # so far into the buffer there is no end of a line

    def read(self, until: float | None) -> bytes | None:
        """The next line, without its end; None when the other side has closed.

        ``until``: on ``time.monotonic``; None waits as long as it takes. Raises ``TimeoutError``, `LineTooLong` and
        ``OSError``. What had come of a line by then is kept for the next call.
        """
        while True:
            end = self._buffer.find(b"\n", self._searched)
            if end >= 0:
                found = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._searched = 0
                return found
            self._searched = len(self._buffer)
            if self._searched > self._longest_bytes:
                raise LineTooLong(f"a line of more than {self._longest_bytes:,} bytes")
            wait(self._connection, until)
            chunk = self._connection.recv(CHUNK_BYTES)
            if not chunk:
                return None
            self._buffer += chunk


def wait(connection: socket.socket, until: float | None) -> None:
    """Let the next call on the socket block until then. Raises ``TimeoutError`` when that is past."""
    seconds = None if until is None else until - time.monotonic()
    if seconds is not None and seconds <= 0:
        raise TimeoutError("the deadline has passed")
    connection.settimeout(seconds)
