"""A client's connection to a gateway: greeting, numbered requests, and a time limit on everything.

What is raised before a request has wholly left is `NotSent`: the gateway takes no part of a frame for one. Afterwards
it is `AnswerLost`, unless the gateway itself says otherwise.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path

from connectors import wire
from connectors.gateway_lines import wait
from connectors.mt5 import gateway_greeting as greeting
from connectors.mt5 import gateway_tls
from connectors.mt5.channel import AnswerLost, NotSent
from connectors.mt5.channel_errors import error_of
from connectors.mt5.frames import BadFrame, Frames, FrameTooLong, close, session_keys
from connectors.mt5.gateway_greeting import Hello, Welcome
from connectors.reaching import reach
from connectors.wire import BadMessage, Json

CLOCK_SECONDS = 60.0  # how long a comparison of the two clocks is believed, though a later one was less favourable
SECONDS_A_DAY = 86_400
WARNING_DAYS = 30  # before a certificate runs out
ANSWER_FRACTION = 0.1  # of a call's time, kept for the answer to come back in
LONGEST_ANSWER_SECONDS = 0.5

log = logging.getLogger("watchbill.gateway")


class GatewayLink:
    """One connection, from the greeting until it is closed or breaks; then make another."""

    def __init__(
        self, address: tuple[str, int], secret: str, certificate: Path | None, hello: Hello, until: float
    ) -> None:
        """Connect and greet. ``until``: on ``time.monotonic``. Raises `NotSent`, which says what is wrong."""
        self._place = f"gateway {address[0]}:{address[1]}"
        self._number = 0
        self._ahead = self._ahead_until = -float("inf")  # the gateway's elapsed clock less ours, rounded down
        self.is_open = True
        self.has_worker = False
        """As the gateway said last."""
        self._connection = self._reached(address, certificate, until)
        self._frames = Frames(self._connection)
        try:
            self.account = self._greet(secret, hello, until)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Harmless to repeat."""
        self.is_open = False
        close(self._connection)

    def is_there(self) -> bool:
        """False once the gateway has hung up, as far as can be known without asking it; then it is closed here too."""
        if self.is_open and not self._frames.is_quiet():
            self.close()
        return self.is_open

    def ask(self, call: str, arguments: Mapping[str, Json], until: float) -> Json:
        """Have one call carried out, and answered before ``until``. Raises what `Channel.call` does."""
        if not self.is_there():
            raise NotSent(f"{self._place} has closed the connection")
        number = self._number = self._number + 1
        self._send({"id": number, "call": call, "expires": self._expires(until), "arguments": dict(arguments)}, until)
        reply = self._answer(until)
        if reply.get("id") != number:
            self.close()
            raise AnswerLost(f"{self._place} answered to {str(reply.get('id'))[:20]}; expected {number}")
        self.has_worker = reply.get("open") is True
        elapsed = reply.get("elapsed")
        if isinstance(elapsed, float):
            self._compare_clocks(elapsed)
        error = reply.get("error")
        if isinstance(error, dict):
            raise error_of(error.get("kind"), f"{self._place}: {error.get('message')}")
        if "answer" not in reply:
            raise AnswerLost(f"{self._place}: a reply has no answer")
        return reply["answer"]

    # ------------------------------------------------------------ greeting

    def _reached(self, address: tuple[str, int], certificate: Path | None, until: float) -> socket.socket:
        host = gateway_tls.plain_host(address[0])
        if time.monotonic() >= until:
            raise NotSent(f"{self._place}: the deadline had passed before it was called")
        context = None if certificate is None else gateway_tls.client_context(certificate)
        try:
            connection = reach(host, address[1], until)
        except OSError as error:
            raise NotSent(f"{self._place} cannot be reached: {error}") from error
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is None:
                self._require_loopback(connection)
                return connection
            wait(connection, until)
            secured = context.wrap_socket(connection, server_hostname=host)
            self._warn_of_the_end(secured)
            return secured
        except OSError as error:
            connection.close()
            raise self._not_reached(error) from error
        except NotSent:
            connection.close()
            raise

    def _warn_of_the_end(self, connection: ssl.SSLSocket) -> None:
        """In time: once the certificate has run out, nobody can reach the positions that are open."""
        ends = str((connection.getpeercert() or {}).get("notAfter"))
        days = (ssl.cert_time_to_seconds(ends) - time.time()) / SECONDS_A_DAY
        if days < WARNING_DAYS:
            log.warning("%s: its certificate runs out on %s, in %.0f days", self._place, ends, days)

    def _require_loopback(self, connection: socket.socket) -> None:
        seen = str(connection.getpeername()[0])
        if not gateway_tls.is_loopback_address(seen):
            raise NotSent(
                f"{self._place} is on another machine ({seen}), and what is said can be read on the way; expected "
                "mt5.gateway_certificate, the file of the certificate that it shows"
            )

    def _not_reached(self, error: OSError) -> NotSent:
        if isinstance(error, ssl.SSLCertVerificationError):
            return NotSent(
                f"{self._place} shows a certificate that cannot be believed: {error.verify_message}; expected the one "
                "in mt5.gateway_certificate, or one of that authority, made out to the host that mt5.gateway names"
            )
        if isinstance(error, ssl.SSLError):
            return NotSent(f"{self._place} does not speak TLS as expected: {error}")
        return NotSent(f"{self._place} did not greet: {error}")

    def _greet(self, secret: str, hello: Hello, until: float) -> str:
        """The account by the gateway's name of it."""
        ours = greeting.challenge()
        try:
            words = self._received(until)
            keys = session_keys(secret, greeting.challenge_in(words), ours)
            self._frames.send(greeting.first_words(ours), until)
            self._frames.seal_with(keys.from_client, keys.from_gateway)
            self._frames.send(wire.encode(hello), until)
            self._frames.allow(sent_bytes=greeting.LONGEST_REQUEST_BYTES, taken_bytes=greeting.LONGEST_ANSWER_BYTES)
        except (OSError, BadFrame, FrameTooLong) as error:
            hint = "" if isinstance(self._connection, ssl.SSLSocket) else "; it may want TLS (mt5.gateway_certificate)"
            raise NotSent(f"{self._place} did not greet as a gateway does: {error}{hint}") from error
        try:
            said = self._received(until)
        except TimeoutError as error:
            raise NotSent(f"{self._place} did not answer the greeting in time") from error
        except (OSError, BadFrame) as error:
            raise NotSent(
                f"{self._place} did not go on with the greeting: {error}; most likely its secret is another than ours "
                "(mt5.gateway_secret)"
            ) from error
        if isinstance(said.get("error"), dict):
            raise NotSent(f"{self._place}: {said['error'].get('message')}")
        try:
            welcome = wire.decode(Welcome, said, "welcome")
        except BadMessage as error:
            raise NotSent(f"{self._place}: {error}") from error
        self._compare_clocks(welcome.elapsed)
        return welcome.account

    # ------------------------------------------------------------ how

    def _received(self, until: float) -> dict[str, Json]:
        reply = self._frames.receive(until)
        if reply is None:
            raise BadFrame("it has closed the connection")
        return reply

    def _expires(self, until: float) -> float:
        """Until when the gateway may carry it out, by its own clock: so that its answer still comes in time."""
        now = time.monotonic()
        left = min(until - now, greeting.LONGEST_CALL_SECONDS)
        return now + left - min(LONGEST_ANSWER_SECONDS, ANSWER_FRACTION * left) + self._ahead

    def _compare_clocks(self, elapsed: float) -> None:
        """``elapsed``: what the gateway's clock showed when it wrote what was read just now.

        That was earlier, so the difference errs towards requests that expire too early; the least wrong one of late is
        kept. None is for ever: two clocks that run apart by a ten-thousandth are nine seconds apart after a day.
        """
        now = time.monotonic()
        if elapsed - now > self._ahead or now > self._ahead_until:
            self._ahead, self._ahead_until = elapsed - now, now + CLOCK_SECONDS

    def _send(self, request: Mapping[str, Json], until: float) -> None:
        """Whatever this raises, the whole frame has not left."""
        try:
            self._frames.send(request, until)
        except FrameTooLong as error:
            raise NotSent(f"{self._place}: {error}") from error
        except OSError as error:  # a time-out is one, too
            self.close()
            raise NotSent(f"{self._place} did not take the request: {error}") from error

    def _answer(self, until: float) -> dict[str, Json]:
        """After what this raises, the connection is of no use any more: the answer may still be on it."""
        try:
            return self._received(until)
        except TimeoutError as error:
            self.close()
            raise AnswerLost(f"{self._place} did not answer in time") from error
        except (OSError, BadFrame) as error:
            self.close()
            raise AnswerLost(f"{self._place}: the connection was lost: {error}") from error
