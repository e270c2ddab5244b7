"""HTTP as the console speaks it: uvicorn's, with a limit on everything that a stranger can make long, many or slow."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from console.web import answers
from console.web.guard import LONGEST_BODY_BYTES

LONGEST_HEAD_BYTES = 16 * 1024
MOST_HEADERS = 64
LONGEST_URL_BYTES = 4096
REQUEST_SECONDS = 10.0  # for a whole request, from its first byte, or from the connection's beginning
READING_SECONDS = 10.0  # for a client to take some of what waits for it
IDLE_SECONDS = 20  # between two requests
STATUS_OF_NO_SENSE = 400
SAID = {
    400: ("not_understood", "that is no HTTP that is understood here"),
    408: ("too_slow", f"the request did not come whole within {REQUEST_SECONDS:g} s"),
    413: ("too_long", f"the body is longer than {LONGEST_BODY_BYTES} bytes"),
    414: ("too_long", f"the address is longer than {LONGEST_URL_BYTES} bytes"),
    431: ("too_long", f"the headers are longer than {LONGEST_HEAD_BYTES} bytes, or more than {MOST_HEADERS}"),
}

log = logging.getLogger("watchbill.console")
quiet = logging.getLogger("watchbill.console.http")  # what a stranger can cause is no news
quiet.setLevel(logging.CRITICAL)


class LimitedConnection(h11.Connection):
    """The state of one connection, which refuses what is too long, and remembers with which status."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, LONGEST_HEAD_BYTES)
        self.status = STATUS_OF_NO_SENSE
        self._body_bytes = 0

    def next_event(self) -> Any:
        """The next event. Raises ``h11.RemoteProtocolError``."""
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            is_first_line = b"\n" not in self.trailing_data[0][:LONGEST_URL_BYTES]
            self._refuse(414 if error.error_status_hint == 431 and is_first_line else error.error_status_hint)
            raise
        if isinstance(event, h11.Request):
            self._body_bytes = 0
            self._require_short(event)
        elif isinstance(event, h11.Data):
            self._body_bytes += len(event.data)
            if self._body_bytes > LONGEST_BODY_BYTES:
                self._refuse(413)
                raise h11.RemoteProtocolError("the body is too long", 413)
        return event

    def _require_short(self, request: h11.Request) -> None:
        head_bytes = sum(len(name) + len(value) + 4 for name, value in request.headers)
        status = 0
        if len(request.target) > LONGEST_URL_BYTES:
            status = 414
        elif head_bytes > LONGEST_HEAD_BYTES or len(request.headers) > MOST_HEADERS:
            status = 431
        if status:
            self._refuse(status)
            raise h11.RemoteProtocolError("the head is too long", status)

    def _refuse(self, status: int) -> None:
        self.status = status if status in SAID else STATUS_OF_NO_SENSE


class LimitedProtocol(H11Protocol):
    """One connection of a client."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = quiet
        self.access_log = False
        self.conn = LimitedConnection()
        self.closed = self.loop.create_future()
        self.waits_since: float | None = time.monotonic()  # for a whole request; None: one is being answered
        self._patience: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # a stream's transport is one of both kinds
        self.app_state = {**self.app_state, "transport": transport}
        self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_patience()
        self.resume_writing()
        super().connection_lost(exc)
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self._patience is None:
            self.waits_since = time.monotonic()
            self._be_patient()
        super().data_received(data)
        self._look_whether_whole()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.waits_since = time.monotonic()
        self._look_whether_whole()

    def _look_whether_whole(self) -> None:
        """A request that has come whole may take its time to be answered."""
        if self.conn.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
            self._end_patience()
            if self.conn.our_state is not h11.DONE:
                self.waits_since = None
        elif self._patience is None and (self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]):
            self._be_patient()  # it has begun the next one

    # ------------------------------------------------------------ time

    def _be_patient(self) -> None:
        self._patience = self.loop.call_later(REQUEST_SECONDS, self._lose_patience)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self.transport.close()  # it has asked nothing
        else:
            self._refuse(408)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._reading is None:
            self._reading = self.loop.call_later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        super().resume_writing()

    # ------------------------------------------------------------ refusals

    def send_400_response(self, msg: str) -> None:
        """Answer what was not understood, or is too much."""
        status = self.conn.status if isinstance(self.conn, LimitedConnection) else STATUS_OF_NO_SENSE
        self._refuse(status)

    def _refuse(self, status: int) -> None:
        """Say why, where nothing was said yet, and close."""
        self._end_patience()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # who answers it need not go on
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        code, said = SAID[status]
        body = answers.problem(code, said)
        given = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers = answers.with_headers([*given, (b"connection", b"close")], "", is_tls=self.scheme == "https")
        for event in (
            h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status]),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self.loop.call_later(1.0, self.transport.abort)  # a client that does not take it
