"""Frames over a socket between a gateway and its clients: whole, in order, unaltered, and of this connection only.

A frame is four bytes that say how long it is, the most significant first, and then so many bytes. The first frames of a
greeting are bare; every later one is sealed. A sealed one begins with 32 bytes of HMAC-SHA256 over the number of the
frame (0 for the first of its direction, eight bytes) and its body, under a key that only this direction of this
connection has. The number does not travel, for both sides count. So a frame that was altered, cut short, repeated, left
out, moved, sent back to where it came from, or taken from another connection does not fit, and ends the connection.

The keys come out of HKDF with SHA-256 (RFC 5869) from the secret and a random challenge of each side. A body is one
line of `connectors/wire.py`. Frames hide nothing: where others can listen, they go through TLS.
"""

from __future__ import annotations

import hashlib
import hmac
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

from connectors import wire
from connectors.gateway_lines import wait
from connectors.wire import BadMessage, Json

HEADER_BYTES = 4
SEAL_BYTES = 32
NUMBER_BYTES = 8
CHALLENGE_BYTES = 32
LONGEST_GREETING_BYTES = 1024
CHUNK_BYTES = 64 * 1024
PROTOCOL = b"watchbill gateway 1"  # in the keys: two that speak different versions have no connection


class BadFrame(Exception):
    """What came is no frame of this conversation; nothing that follows on the connection can be trusted."""


class FrameTooLong(ValueError):
    """A message of ours is longer than the other side takes; nothing of it was sent."""


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The key of each direction."""

    from_gateway: bytes
    from_client: bytes


def session_keys(secret: str, gateways_challenge: bytes, clients_challenge: bytes) -> SessionKeys:
    """The keys of the session of two that know ``secret`` and have heard each other's challenge."""
    salt = gateways_challenge + clients_challenge
    source = hmac.digest(salt, secret.encode("utf-8", "surrogatepass"), hashlib.sha256)
    # RFC 5869: the first block that is expanded, which is all that a key of 32 bytes needs.
    gateways, clients = (
        hmac.digest(source, PROTOCOL + direction + b"\x01", hashlib.sha256)
        for direction in (b" from gateway", b" from client")
    )
    return SessionKeys(gateways, clients)


def seal(key: bytes, number: int, body: bytes) -> bytes:
    """What only one who has the direction's key can say of its frame of that number."""
    return hmac.digest(key, number.to_bytes(NUMBER_BYTES, "big") + body, hashlib.sha256)


class Frames:
    """One end of a connection. Bare frames at first, sealed ones after `seal_with`."""

    def __init__(self, connection: socket.socket) -> None:
        """``connection``: connected, perhaps through TLS; whoever made it closes it."""
        self._connection = connection
        self._buffer = bytearray()  # never more than one frame, and only as much of it as has come
        self._longest_sent = self._longest_taken = LONGEST_GREETING_BYTES
        self._sending = self._receiving = b""  # empty: bare
        self._sent = self._received = 0  # sealed frames

    def seal_with(self, sending: bytes, receiving: bytes) -> None:
        """Seal what is sent from now on, and take nothing but what is sealed."""
        self._sending, self._receiving = sending, receiving

    def allow(self, *, sent_bytes: int, taken_bytes: int) -> None:
        """The longest frames of each direction from now on."""
        self._longest_sent, self._longest_taken = sent_bytes, taken_bytes

    # ------------------------------------------------------------ sending

    def send(self, message: Mapping[str, Json], until: float) -> None:
        """Send one message, by ``until`` on ``time.monotonic``.

        Raises `FrameTooLong`, ``TimeoutError`` and ``OSError``; after any of them the other side has not got the whole
        frame, and will not take the part for one.
        """
        rest = memoryview(self.framed(wire.line(message)))
        while rest:
            wait(self._connection, until)
            rest = rest[self._connection.send(rest[:CHUNK_BYTES]) :]

    def framed(self, body: bytes) -> bytes:
        """The next frame, as it travels. Raises `FrameTooLong`."""
        if self._sending:
            body = seal(self._sending, self._sent, body) + body
        if len(body) > self._longest_sent:
            raise FrameTooLong(f"a frame of {len(body):,} bytes; expected at most {self._longest_sent:,}")
        if self._sending:
            self._sent += 1
        return len(body).to_bytes(HEADER_BYTES, "big") + body

    # ------------------------------------------------------------ receiving

    def receive(self, until: float | None) -> dict[str, Json] | None:
        """The next message; None when the other side has closed in good order.

        ``until``: on ``time.monotonic``; None waits as long as it takes. Raises `BadFrame`, ``TimeoutError``
        and ``OSError``.
        """
        while True:
            missing = self._missing()
            if missing == 0:
                return self._message()
            wait(self._connection, until)
            chunk = self._connection.recv(min(missing, CHUNK_BYTES))
            if not chunk:
                if self._buffer:
                    raise BadFrame("the connection ended amid a frame")
                return None
            self._buffer += chunk

    def is_quiet(self) -> bool:
        """False once the other side has closed, or spoken unasked, as far as can be known without waiting.

        To be asked only where no message is awaited: what had come is lost, and the connection is of no use any more.
        """
        try:
            self._connection.settimeout(0)
            self._connection.recv(1)  # taken, not peeked at: with TLS one cannot
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return True  # nothing has come
        except OSError:
            return False
        return False

    def _missing(self) -> int:
        """How many bytes the frame under way still lacks; judged by its length before any room is made for it."""
        if len(self._buffer) < HEADER_BYTES:
            return HEADER_BYTES - len(self._buffer)
        length = int.from_bytes(self._buffer[:HEADER_BYTES], "big")
        if length > self._longest_taken:
            raise BadFrame(f"a frame of {length:,} bytes; expected at most {self._longest_taken:,}")
        return HEADER_BYTES + length - len(self._buffer)

    def _message(self) -> dict[str, Json]:
        body = bytes(self._buffer[HEADER_BYTES:])
        self._buffer.clear()
        if self._receiving:
            said, body = body[:SEAL_BYTES], body[SEAL_BYTES:]
            if not hmac.compare_digest(said, seal(self._receiving, self._received, body)):
                raise BadFrame(f"frame {self._received} is not sealed as one of this connection")
            self._received += 1
        try:
            return wire.message(body)
        except BadMessage as error:
            raise BadFrame(str(error)) from error


def cut(connection: socket.socket) -> None:
    """End the connection from any thread; the one that waits on it notices, and closes it."""
    try:
        # Not the method of a TLS socket: that one forgets the encryption first, and what another thread is about to
        # send would leave in the clear.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return  # it is cut already


def close(connection: socket.socket) -> None:
    """Let go of it. Never raises; harmless to repeat."""
    cut(connection)
    connection.close()


def moment(seconds: float) -> float:
    """So many seconds from now, on ``time.monotonic``."""
    return time.monotonic() + seconds
