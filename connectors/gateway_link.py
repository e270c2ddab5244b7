"""A client's connection to a broker process: greeting, numbered requests, and a time limit on everything.

Every answer carries the number of its request. One that comes after its time limit is dropped when the next is waited
for, so it is never taken for another's.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping

from connectors import gateway_protocol as protocol
from connectors import wire
from connectors.base import ConnectorError, DeadlinePassed, NotConnected
from connectors.gateway_lines import Lines, LineTooLong, wait
from connectors.gateway_protocol import MarketFacts
from connectors.reaching import reach
from connectors.wire import BadMessage, Json


class Link:
    """One connection, from the greeting until it is closed or breaks; then make another."""

    def __init__(self, address: tuple[str, int], secret: str, client: str, account: str | None, until: float) -> None:
        """Connect and greet. ``client``: who asks; of each client and account there is one session at the broker.
        ``until``: on ``time.monotonic``.

        Raises `NotConnected`, `DeadlinePassed`, and `ConnectorError` when the two do not speak the same language, know
        the same secret or mean the same account.
        """
        self._place = f"broker {address[0]}:{address[1]}"
        self._number = 0
        self._ahead = 0.0  # the broker's elapsed clock less ours, rounded down
        self.is_open = True
        if time.monotonic() >= until:
            raise DeadlinePassed(f"{self._place}: the deadline had passed before it was called")
        try:
            self._socket = reach(*address, until)
        except TimeoutError as error:
            raise DeadlinePassed(f"{self._place} did not take the connection in time") from error
        except OSError as error:
            raise NotConnected(f"{self._place} cannot be reached: {error}") from error
        self._lines = Lines(self._socket, protocol.LONGEST_ANSWER_BYTES)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.market = self._greet(secret, client, account, until)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Harmless to repeat."""
        self.is_open = False
        self._socket.close()

    def send(self, call: str, arguments: Mapping[str, Json], until: float) -> int:
        """Send a request, to be void at the broker after ``until``; its number.

        What raises `NotConnected` or `DeadlinePassed` here was not sent: the end of its line never left.
        """
        self._take_in()
        self._number += 1
        request = {"id": self._number, "call": call, "expires": until + self._ahead, **arguments}
        self._send(request, until)
        return self._number

    def receive(self, number: int, until: float) -> Json:
        """The answer to a request; those to earlier ones are dropped. Raises `ConnectorError`."""
        while True:
            reply = self._read(until)
            if reply.get("id") is None:
                raise self._broken(_refusal(reply, self._place))
            if reply["id"] == number:
                if "error" in reply:
                    raise _refusal(reply, self._place)
                return reply.get("answer")

    def ask(self, call: str, arguments: Mapping[str, Json], until: float) -> Json:
        """Send, and wait for the answer. Raises `ConnectorError`."""
        return self.receive(self.send(call, arguments, until), until)

    # ------------------------------------------------------------ how

    def _greet(self, secret: str, client: str, account: str | None, until: float) -> MarketFacts:
        theirs = self._read(until)
        if theirs.get("version") != protocol.VERSION:
            raise ConnectorError(f"{self._place} speaks version {theirs.get('version')!r}; expected {protocol.VERSION}")
        challenge, ours = str(theirs.get("challenge")), protocol.challenge()
        self._send(
            {
                "version": protocol.VERSION,
                "challenge": ours,
                "proof": protocol.proof(secret, protocol.BY_CLIENT, challenge, ours),
                "client": client,
                "account": account,
            },
            until,
        )
        reply = self._read(until)
        if "error" in reply:
            raise _refusal(reply, self._place)
        expected = protocol.proof(secret, protocol.BY_BROKER, challenge, ours)
        if not protocol.is_proof(str(reply.get("proof")), expected):
            raise ConnectorError(f"{self._place} does not know the secret: it is not the broker that was meant")
        try:
            # Read after the broker wrote it: so the difference errs towards requests that expire too early.
            self._ahead = wire.read(float, reply.get("elapsed"), "elapsed") - time.monotonic()
            return wire.decode(MarketFacts, reply.get("market"), "market")
        except BadMessage as error:
            raise ConnectorError(f"{self._place}: {error}") from error

    def _take_in(self) -> None:
        """Look whether the broker has hung up, so that nothing is sent into a void and then counted as sent."""
        if not self.is_open:
            raise NotConnected(f"{self._place}: the connection was lost")
        try:
            self._socket.settimeout(0)
            if not self._socket.recv(1, socket.MSG_PEEK):
                raise self._broken(NotConnected(f"{self._place} has closed the connection"))
        except (BlockingIOError, InterruptedError):
            return  # nothing is there to be read, as it should be
        except OSError as error:
            raise self._broken(NotConnected(f"{self._place}: the connection was lost: {error}")) from error

    def _send(self, message: Mapping[str, Json], until: float) -> None:
        try:
            wait(self._socket, until)
        except TimeoutError as error:
            raise DeadlinePassed(f"{self._place}: the deadline had passed before anything was sent") from error
        try:
            self._socket.sendall(wire.line(message))
        except TimeoutError as error:
            raise self._broken(DeadlinePassed(f"{self._place} did not take the request in time")) from error
        except OSError as error:
            raise self._broken(NotConnected(f"{self._place}: the connection was lost: {error}")) from error

    def _read(self, until: float) -> dict[str, Json]:
        try:
            text = self._lines.read(until)
        except TimeoutError as error:
            raise DeadlinePassed(f"{self._place} did not answer in time") from error
        except (OSError, LineTooLong) as error:
            raise self._broken(NotConnected(f"{self._place}: the connection was lost: {error}")) from error
        if text is None:
            raise self._broken(NotConnected(f"{self._place} has closed the connection"))
        try:
            return wire.message(text)
        except BadMessage as error:
            raise self._broken(ConnectorError(f"{self._place}: {error}")) from error

    def _broken(self, error: ConnectorError) -> ConnectorError:
        """The error, once the connection is closed: after it nothing can be told apart on it."""
        self.close()
        return error


class NotUnderstood(ConnectorError):
    """The broker did not understand the request, so nothing came of it."""


def _refusal(reply: Mapping[str, Json], place: str) -> ConnectorError:
    error = reply.get("error")
    if not isinstance(error, dict):
        return ConnectorError(f"{place}: a reply without a number says {str(reply)[:60]}")
    kind, said = str(error.get("kind")), f"{place}: {error.get('message')}"
    if kind == protocol.BAD_REQUEST:
        return NotUnderstood(said)
    return protocol.ERRORS.get(kind, ConnectorError)(said)
