"""A client goes by the gateway's clock, whatever that one shows, and errs towards requests that expire too early."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from made_gateway import DEADLINE_SECONDS, SECRET

from connectors.mt5 import gateway_link
from connectors.mt5.channel import AnswerLost
from connectors.mt5.frames import Frames, moment, session_keys
from connectors.mt5.gateway_greeting import (
    LONGEST_ANSWER_BYTES,
    LONGEST_CALL_SECONDS,
    LONGEST_REQUEST_BYTES,
    Hello,
    challenge,
    challenge_in,
    first_words,
)
from connectors.mt5.gateway_link import GatewayLink
from connectors.wire import Json

SECONDS = 20.0  # that a call has
NOISE_SECONDS = 5.0  # that this machine may lose between two lines
KEPT_SECONDS = 0.5  # of those for the answer


class Foreign:
    """A gateway that knows the secret, with a clock of its own: so far ahead of this machine's at each word."""

    def __init__(self, listener: socket.socket, ahead: Iterator[float]) -> None:
        self.requests: queue.SimpleQueue[dict[str, Json]] = queue.SimpleQueue()
        self.change: Callable[[dict[str, Json]], None] = lambda reply: None
        self._listener = listener
        self._ahead = ahead
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            frames, ours = Frames(connection), challenge()
            frames.send(first_words(ours), moment(DEADLINE_SECONDS))
            words = frames.receive(moment(DEADLINE_SECONDS))
            assert words is not None
            keys = session_keys(SECRET, ours, challenge_in(words))
            frames.seal_with(keys.from_gateway, keys.from_client)
            assert frames.receive(moment(DEADLINE_SECONDS)) is not None
            frames.allow(sent_bytes=LONGEST_ANSWER_BYTES, taken_bytes=LONGEST_REQUEST_BYTES)
            frames.send({"account": "alpha", "elapsed": self._now()}, moment(DEADLINE_SECONDS))
            while (request := frames.receive(moment(DEADLINE_SECONDS))) is not None:
                self.requests.put(request)
                reply = {"id": request["id"], "open": True, "elapsed": self._now(), "answer": None}
                self.change(reply)
                frames.send(reply, moment(DEADLINE_SECONDS))

    def _now(self) -> float:
        return time.monotonic() + next(self._ahead)

    def expiry(self, link: GatewayLink, seconds: float = SECONDS) -> float:
        """Ask something; how long after the end of its time here the request expires there, by our own clock."""
        until = time.monotonic() + seconds
        link.ask("look", {}, until)
        expires: float = self.requests.get(timeout=DEADLINE_SECONDS)["expires"]
        return expires - until


@contextmanager
def foreign(*ahead: float) -> Iterator[tuple[Foreign, GatewayLink]]:
    """``ahead``: of its clock, at the welcome and at each answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = Foreign(listener, iter(ahead))
        hello = Hello("test:1", 1001, "Double-Demo")
        with closing(GatewayLink(listener.getsockname(), SECRET, None, hello, moment(DEADLINE_SECONDS))) as link:
            yield gateway, link
        gateway.thread.join(DEADLINE_SECONDS)


@pytest.mark.parametrize("ahead", [1_000_000.0, 0.0, -1_000_000.0])
def test_a_request_expires_by_the_gateways_clock_a_little_before_its_time_here(ahead: float) -> None:
    with foreign(ahead, ahead) as (gateway, link):
        late = gateway.expiry(link) - ahead
    assert -NOISE_SECONDS - KEPT_SECONDS < late <= -KEPT_SECONDS


def test_an_answer_that_was_long_on_its_way_does_not_make_the_next_request_expire_early() -> None:
    with foreign(0.0, -100.0, -100.0) as (gateway, link):
        gateway.expiry(link)
        assert -NOISE_SECONDS < gateway.expiry(link) <= -KEPT_SECONDS


def test_a_clock_that_is_found_further_ahead_is_believed_at_once() -> None:
    with foreign(0.0, 100.0, 100.0) as (gateway, link):
        gateway.expiry(link)
        assert 100.0 - NOISE_SECONDS < gateway.expiry(link) <= 100.0 - KEPT_SECONDS


def test_no_comparison_is_believed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_link, "CLOCK_SECONDS", 0.0)
    with foreign(0.0, -100.0, -100.0) as (gateway, link):
        gateway.expiry(link)
        assert -100.0 - NOISE_SECONDS < gateway.expiry(link) <= -100.0 - KEPT_SECONDS


def test_a_call_with_more_time_than_a_gateway_takes_has_as_much_as_it_takes() -> None:
    with foreign(0.0, 0.0) as (gateway, link):
        late = gateway.expiry(link, 10 * LONGEST_CALL_SECONDS)
    assert late + 10 * LONGEST_CALL_SECONDS < LONGEST_CALL_SECONDS


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda reply: reply.update(id=7), "answered to 7; expected 1"),
        (lambda reply: reply.update(id=None), "answered to None; expected 1"),
        (lambda reply: reply.pop("answer"), "a reply has no answer"),
        (lambda reply: reply.update(error={"kind": "unheard_of", "message": "what"}), "what"),
    ],
)
def test_a_reply_that_answers_nothing_leaves_the_call_unknown(
    change: Callable[[dict[str, Json]], None], complaint: str
) -> None:
    with foreign(0.0, 0.0) as (gateway, link):
        gateway.change = change
        with pytest.raises(AnswerLost, match=complaint):
            link.ask("send", {}, moment(SECONDS))
