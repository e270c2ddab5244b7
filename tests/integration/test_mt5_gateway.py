"""A gateway and its clients: who is let in, what reaches a worker, and what becomes of orders when the line breaks."""

from __future__ import annotations

import math
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from made_gateway import (
    DEADLINE_SECONDS,
    LOGINS,
    ORDER,
    SECRET,
    SEND,
    SERVER,
    MadeGateway,
    Meddler,
    Raw,
    ToldChannel,
    made_gateway,
)

from connectors.base import ConnectorError, StaleToken
from connectors.mt5 import gateway as gateways
from connectors.mt5 import gateway_door as doors
from connectors.mt5 import gateway_greeting as greeting
from connectors.mt5.channel import AnswerLost, NotSent, NotUnderstood
from connectors.mt5.frames import Frames
from connectors.mt5.gateway import Gateway, Session
from connectors.mt5.gateway_client import GatewayChannel
from connectors.mt5.gateway_desk import Desk
from connectors.mt5.gateway_door import MOST_STRANGERS, Complaints, Door, Visitor
from connectors.mt5.gateway_greeting import Hello
from connectors.wire import Json

SOON_SECONDS = 0.15
MANY_SECONDS = 10.0  # far beyond what is expected, for the machine may be busy; and far below what is guarded against


@pytest.fixture
def made() -> Iterator[MadeGateway]:
    with made_gateway() as gateway:
        yield gateway


@pytest.fixture
def meddler(made: MadeGateway) -> Iterator[Meddler]:
    with closing(Meddler(made.address)) as somebody:
        yield somebody


def expiry(seconds: float = DEADLINE_SECONDS) -> float:
    """So many seconds from now on the clock of a gateway in this process."""
    return time.monotonic() + seconds


class Asking:
    """A call in a thread of its own."""

    def __init__(self, channel: GatewayChannel, call: str, arguments: dict[str, Json]) -> None:
        self._caught: ConnectorError | None = None
        self._thread = threading.Thread(target=self._ask, args=(channel, call, arguments))
        self._thread.start()

    def _ask(self, channel: GatewayChannel, call: str, arguments: dict[str, Json]) -> None:
        try:
            channel.call(call, arguments, DEADLINE_SECONDS)
        except ConnectorError as error:
            self._caught = error

    def error(self) -> ConnectorError | None:
        """What it ended with, once it has."""
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive()
        return self._caught


# ------------------------------------------------------------ a call and its answer


def test_a_call_reaches_the_worker_as_it_was_asked_and_its_answer_comes_back(made: MadeGateway) -> None:
    made.workers["alpha"].answers["send"] = {"refused": None, "price": 1.1000000000000001, "text": "Kurs \u20ac"}
    with closing(made.channel()) as channel:
        assert not channel.is_open
        channel.open(DEADLINE_SECONDS)
        assert channel.is_open
        assert channel.call("send", SEND, DEADLINE_SECONDS) == made.workers["alpha"].answers["send"]
    assert made.workers["alpha"].asked == [("send", SEND)]
    assert made.workers["beta"].asked == []


def test_opening_starts_the_worker_once_and_hanging_up_leaves_it_to_the_others(made: MadeGateway) -> None:
    with closing(made.channel(client="test:1")) as one, closing(made.channel(client="test:2")) as other:
        one.open(DEADLINE_SECONDS)
        other.open(DEADLINE_SECONDS)
        one.open(DEADLINE_SECONDS)
    assert made.workers["alpha"].opened == 1
    assert made.workers["alpha"].is_open


@pytest.mark.parametrize("error", [StaleToken, NotSent, NotUnderstood, AnswerLost])
def test_what_the_worker_raises_is_raised_here_and_the_connection_goes_on(
    made: MadeGateway, error: type[ConnectorError]
) -> None:
    made.workers["alpha"].answers = {"fence": error("token 4 is below 5"), "look": 7}
    with closing(made.channel()) as channel:
        channel.open(DEADLINE_SECONDS)
        with pytest.raises(error, match=r"gateway 127\.0\.0\.1:\d+: token 4 is below 5") as caught:
            channel.call("fence", {"token": 4}, DEADLINE_SECONDS)
        assert type(caught.value) is error
        assert channel.call("look", {}, DEADLINE_SECONDS) == 7


@pytest.mark.parametrize("error", [ConnectorError("odd"), AnswerLost("killed")])
def test_an_error_that_proves_nothing_is_an_answer_that_is_lost(made: MadeGateway, error: ConnectorError) -> None:
    made.workers["alpha"].answers["send"] = error
    with closing(made.channel()) as channel:
        channel.open(DEADLINE_SECONDS)
        with pytest.raises(AnswerLost):
            channel.call("send", SEND, DEADLINE_SECONDS)


def test_once_the_worker_is_gone_the_channel_is_not_open_and_opening_it_starts_another(made: MadeGateway) -> None:
    worker = made.workers["alpha"]
    worker.answers, worker.dies_of = {"send": AnswerLost("killed")}, (AnswerLost,)
    with closing(made.channel()) as channel:
        channel.open(DEADLINE_SECONDS)
        with pytest.raises(AnswerLost):
            channel.call("send", SEND, DEADLINE_SECONDS)
        assert not channel.is_open
        with pytest.raises(NotSent, match="its worker is gone"):
            channel.call("look", {}, DEADLINE_SECONDS)
        channel.open(DEADLINE_SECONDS)
        assert (channel.is_open, worker.opened) == (True, 2)
        assert channel.call("look", {}, DEADLINE_SECONDS) is None


def test_a_worker_that_another_client_has_lost_is_found_gone_and_nothing_was_sent(made: MadeGateway) -> None:
    with closing(made.channel()) as channel:
        channel.open(DEADLINE_SECONDS)
        made.workers["alpha"].close()
        with pytest.raises(NotSent):
            channel.call("send", SEND, DEADLINE_SECONDS)
        assert not channel.is_open
    assert made.workers["alpha"].sent == []


# ------------------------------------------------------------ who is let in


def test_who_does_not_know_the_secret_is_let_into_nothing_and_told_what_is_likely(made: MadeGateway) -> None:
    with closing(made.channel(secret="f" * 32)) as channel, pytest.raises(NotSent, match="its secret is another"):
        channel.open(DEADLINE_SECONDS)
    assert made.workers["alpha"].opened == 0


@pytest.mark.parametrize("secret", ["", "x" * 31])
def test_a_secret_that_could_be_guessed_is_refused_at_both_ends(made: MadeGateway, secret: str) -> None:
    complaint = rf"mt5\.gateway_secret, .* has {len(secret)} characters; expected at least 32"
    with closing(made.channel(secret=secret)) as channel, pytest.raises(NotSent, match=complaint):
        channel.open(DEADLINE_SECONDS)
    door = Door("127.0.0.1", 0, None)
    with pytest.raises(ConnectorError, match=complaint):
        Gateway([], secret, door)
    door.shut()


def test_neither_the_secret_nor_anything_before_the_proof_travels(made: MadeGateway, meddler: Meddler) -> None:
    with closing(made.channel(address=meddler.address)) as channel:
        channel.open(DEADLINE_SECONDS)
        channel.call("send", SEND, DEADLINE_SECONDS)
    said = b"".join(meddler.heard)
    assert SECRET.encode() not in said
    assert b'"version":1' in meddler.heard[0]
    assert b"client" not in b"".join(meddler.heard[:2])


def test_an_account_that_the_gateway_does_not_have_is_named_beside_those_that_it_has(made: MadeGateway) -> None:
    expected = r"no account 9999 at Double-Demo; this gateway has 1001 at Double-Demo \(alpha\), 1002 at .* \(beta\)"
    with closing(made.channel("gamma")) as channel, pytest.raises(NotSent, match=expected):
        channel.open(DEADLINE_SECONDS)


@pytest.mark.parametrize(
    "hello",
    [
        {"client": "raw", "login": "1001", "server": SERVER},
        {"client": "raw", "login": 1001},
        {"client": "raw", "login": 1001, "server": SERVER, "account": "alpha"},
    ],
)
def test_a_greeting_that_is_not_understood_is_told_so(made: MadeGateway, hello: dict[str, Json]) -> None:
    with closing(Raw(made.address)) as raw:
        said = raw.greet(hello=hello)
        assert said is not None
        assert "hello." in said["error"]["message"]
        assert raw.is_cut()


def test_a_gateway_that_does_not_know_the_secret_is_found_out(made: MadeGateway) -> None:
    def pretend(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, closing(Raw(made.address)) as real:
            words = real.socket.recv(1000)
            connection.sendall(words)
            connection.recv(1000)
            connection.sendall((200).to_bytes(4, "big") + b"x" * 200)
            assert connection.recv(1000) is not None

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=pretend, args=(listener,))
        thread.start()
        channel = made.channel(address=listener.getsockname())
        with pytest.raises(NotSent, match="its secret is another"):
            channel.open(DEADLINE_SECONDS)
        thread.join(DEADLINE_SECONDS)
    assert not channel.is_open


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        (b"220 mail.example ESMTP\r\n", "a frame of 842,149,920 bytes"),
        (b"\x00\x00\x00\x0d" + b'{"version":2}', "version is 2; expected 1"),
        (b"\x00\x00\x00\x24" + b'{"version":1,"challenge":"\\ud800zz"}', "the challenge cannot be read"),
        (b"\x00\x00\x00\x1e" + b'{"version":1,"challenge":"00"}', "the challenge has 1 bytes; expected 32"),
        (b"", "did not greet as a gateway does"),
    ],
)
def test_one_who_is_no_gateway_is_not_greeted(made: MadeGateway, says: bytes, complaint: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pretend() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(says)

        thread = threading.Thread(target=pretend)
        thread.start()
        with pytest.raises(NotSent, match=complaint):
            made.channel(address=listener.getsockname()).open(DEADLINE_SECONDS)
        thread.join(DEADLINE_SECONDS)


def test_where_nobody_listens_nothing_was_sent(made: MadeGateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    with pytest.raises(NotSent, match="cannot be reached"):
        made.channel(address=address).open(DEADLINE_SECONDS)


def test_one_who_takes_the_connection_and_says_nothing_is_given_up_at_the_deadline(made: MadeGateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(NotSent):
            made.channel(address=listener.getsockname()).open(SOON_SECONDS)
        assert time.monotonic() - began < MANY_SECONDS


# ------------------------------------------------------------ what reaches a worker

BAD_REQUESTS: list[tuple[dict[str, Json], str]] = [
    ({"call": "buy_everything", "arguments": {}}, "call is 'buy_everything'; expected one of initialize, look"),
    ({"call": "initialize", "arguments": {"path": "C:\\evil.exe"}}, "initialize has no 'path'; expected nothing"),
    ({"call": "have_worker", "arguments": {"command": "calc"}}, "have_worker has no 'command'"),
    ({"call": "send", "arguments": {**SEND, "order": {**ORDER, "sl": 1.0}}}, "order.sl is not a field"),
    ({"call": "send", "arguments": {**SEND, "order": {**ORDER, "symbol": "BTCUSD"}}}, "order.symbol is 'BTCUSD'"),
    ({"call": "send", "arguments": {**SEND, "order": {**ORDER, "volume_lots": "nan"}}}, "order.volume_lots is nan"),
    ({"call": "send", "arguments": {**SEND, "order": {**ORDER, "order_type": 2}}}, "order.order_type is 2"),
    ({"call": "send", "arguments": {**SEND, "order": {**ORDER, "fillings": [0, 0]}}}, "order.fillings is"),
    ({"call": "send", "arguments": {**SEND, "order": {**ORDER, "comment": "\U0001f4b6" * 15}}}, "29 UTF-16 units"),
    ({"call": "send", "arguments": {**SEND, "magic": -1}}, "magic is -1"),
    ({"call": "send", "arguments": {**SEND, "magic": 2**63}}, "magic is 9223372036854775808"),
    ({"call": "send", "arguments": {**SEND, "token": True}}, "token is True; expected a whole number"),
    ({"call": "send", "arguments": {"order": ORDER, "token": 1}}, "send: magic is missing"),
    ({"call": "rates", "arguments": {"symbol": "EURUSD", "timeframe": 1, "start": 0, "count": 10**9}}, "count is"),
    ({"call": "ticks", "arguments": {"names": ["EURUSD"] * 2000}}, "names is '2000 names'"),
    ({"call": "ticks", "arguments": {"names": ["EURUSD", "__import__"]}}, r"names[1] is '__import__'"),
    ({"call": "history_deals", "arguments": {"since": 0, "until": 10**30}}, "until is"),
    ({"call": "positions", "arguments": []}, "arguments is []; expected an object"),
    ({"call": "positions"}, "arguments is None; expected an object"),
    ({"call": ["positions"], "arguments": {}}, "call is ['positions']; expected text"),
    ({"call": "positions", "arguments": {}, "expires": "soon"}, "expires is 'soon'; expected a number"),
    ({"call": "positions", "arguments": {}, "expires": "nan"}, "expires is in nan seconds"),
    ({"call": "positions", "arguments": {}, "expires": 1e300}, "expires is in 1e+300 seconds; expected at most 660"),
    ({"call": "positions", "arguments": {}, "code": "1+1"}, "'code' is no part of a request"),
]


@pytest.mark.parametrize(("request_", "complaint"), BAD_REQUESTS, ids=[said for _, said in BAD_REQUESTS])
def test_a_request_that_is_not_understood_is_answered_with_what_is_wrong_and_reaches_no_worker(
    made: MadeGateway, request_: dict[str, Json], complaint: str
) -> None:
    with closing(Raw(made.address)) as raw:
        raw.greet()
        raw.ask({"id": 1, "call": "have_worker", "expires": expiry(), "arguments": {}})
        reply = raw.ask({"id": [2], "expires": expiry(), **request_})
        assert reply["id"] == [2]
        assert reply["error"]["kind"] == "not_understood"
        assert complaint in reply["error"]["message"]
        assert made.workers["alpha"].asked == []
        made.workers["alpha"].answers["look"] = "well"
        assert raw.ask({"id": 3, "call": "look", "expires": expiry(), "arguments": {}})["answer"] == "well"


def test_a_price_below_zero_is_a_price(made: MadeGateway) -> None:
    with closing(made.channel()) as channel:
        channel.open(DEADLINE_SECONDS)
        channel.call("send", {**SEND, "order": {**ORDER, "price": -37.63}}, DEADLINE_SECONDS)
    assert made.workers["alpha"].sent == [77]


def test_a_request_that_is_too_long_never_leaves(made: MadeGateway) -> None:
    with closing(made.channel()) as channel:
        channel.open(DEADLINE_SECONDS)
        with pytest.raises(NotSent, match="expected at most 65,536"):
            channel.call("ticks", {"names": ["EURUSD"] * 10_000}, DEADLINE_SECONDS)
        assert channel.call("look", {}, DEADLINE_SECONDS) is None


# ------------------------------------------------------------ time limits


def test_a_request_that_comes_too_late_is_not_carried_out(made: MadeGateway) -> None:
    with closing(Raw(made.address)) as raw:
        raw.greet()
        raw.ask({"id": 1, "call": "have_worker", "expires": expiry(), "arguments": {}})
        for late in (expiry(0), -math.inf):
            said = {"id": 2, "call": "send", "expires": late if math.isfinite(late) else "-inf", "arguments": SEND}
            assert raw.ask(said)["error"]["kind"] == "not_sent"
    assert made.workers["alpha"].asked == []


def test_an_order_that_waits_for_its_turn_until_its_deadline_was_not_sent(made: MadeGateway) -> None:
    worker = made.workers["alpha"]
    with closing(made.channel()) as first, closing(Raw(made.address)) as second:
        first.open(DEADLINE_SECONDS)
        second.greet()
        worker.go_on.clear()
        asking = Asking(first, "look", {})
        assert worker.began.wait(DEADLINE_SECONDS)
        reply = second.ask({"id": 1, "call": "send", "expires": expiry(SOON_SECONDS), "arguments": SEND})
        assert reply["error"]["kind"] == "not_sent"
        assert "was not free before the deadline" in reply["error"]["message"]
        worker.go_on.set()
        assert asking.error() is None
    assert worker.asked == [("look", {})]


def test_a_worker_that_is_blocked_delays_no_other_account(made: MadeGateway) -> None:
    made.workers["alpha"].go_on.clear()
    with closing(made.channel("alpha")) as blocked, closing(made.channel("beta")) as other:
        blocked.open(DEADLINE_SECONDS)
        other.open(DEADLINE_SECONDS)
        asking = Asking(blocked, "look", {})
        assert made.workers["alpha"].began.wait(DEADLINE_SECONDS)
        for _ in range(10):
            other.call("look", {}, DEADLINE_SECONDS)
        assert made.workers["alpha"].asked == []
        made.workers["alpha"].go_on.set()
        assert asking.error() is None


def test_no_call_outlives_its_deadline_though_the_gateway_does_not_answer(made: MadeGateway) -> None:
    worker = made.workers["alpha"]
    with closing(made.channel()) as channel:
        channel.open(DEADLINE_SECONDS)
        worker.go_on.clear()  # nor is this worker killed at the deadline, as a child would be
        began = time.monotonic()
        with pytest.raises(AnswerLost, match="did not answer in time"):
            channel.call("send", SEND, SOON_SECONDS)
        assert time.monotonic() - began < MANY_SECONDS
        assert not channel.is_open
        worker.go_on.set()
        worker.answers["look"] = "the answer to this"
        channel.open(DEADLINE_SECONDS)
        assert channel.call("look", {}, DEADLINE_SECONDS) == "the answer to this"


# ------------------------------------------------------------ broken lines


def test_a_client_that_connects_anew_makes_void_what_its_former_self_still_waits_for(made: MadeGateway) -> None:
    worker = made.workers["alpha"]
    with (
        closing(made.channel(client="other")) as other,
        closing(made.channel()) as former,
        closing(made.channel()) as new,
    ):
        other.open(DEADLINE_SECONDS)
        former.open(DEADLINE_SECONDS)
        worker.go_on.clear()
        asking = Asking(other, "look", {})
        assert worker.began.wait(DEADLINE_SECONDS)
        sending = Asking(former, "send", SEND)
        opening = threading.Thread(target=new.open, args=(DEADLINE_SECONDS,))
        opening.start()
        assert isinstance(sending.error(), AnswerLost | NotSent)  # cut off: its order waits behind the look
        worker.go_on.set()
        assert asking.error() is None
        opening.join(DEADLINE_SECONDS)
        assert new.call("positions", {}, DEADLINE_SECONDS) is None
    assert worker.sent == []


def test_a_request_whose_client_has_hung_up_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        desk = Desk("alpha", 1001, SERVER, (), ToldChannel())
        session = Session(Visitor(ours, "here"), Frames(ours), Hello("test:1", 1001, SERVER), desk)
        assert session.is_waiting()
        theirs.close()
        assert not session.is_waiting()
        assert session.is_wanted()


def test_a_gateway_that_is_gone_was_sent_nothing_and_one_that_is_back_is_found_again() -> None:
    with made_gateway() as first:
        channel = first.channel()
        channel.open(DEADLINE_SECONDS)
    with pytest.raises(NotSent, match="has closed the connection"):
        channel.call("send", SEND, DEADLINE_SECONDS)
    assert not channel.is_open
    with made_gateway(port=first.address[1]) as second:
        channel.open(DEADLINE_SECONDS)
        channel.call("send", SEND, DEADLINE_SECONDS)
        channel.close()
        channel.close()
        with pytest.raises(NotSent):
            channel.call("send", SEND, DEADLINE_SECONDS)
    assert (first.workers["alpha"].sent, second.workers["alpha"].sent) == ([], [77])


def test_one_who_does_not_read_its_answers_is_dropped(made: MadeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "SEND_SECONDS", 4 * SOON_SECONDS)
    made.workers["alpha"].answers["positions"] = "x" * 20_000_000
    with closing(Raw(made.address)) as raw:
        raw.greet()
        raw.ask({"id": 1, "call": "have_worker", "expires": expiry(), "arguments": {}})
        (serving,) = (thread for thread in threading.enumerate() if thread.name == "visitor")
        raw.say({"id": 2, "call": "positions", "expires": expiry(), "arguments": {}})
        serving.join(DEADLINE_SECONDS)
        assert not serving.is_alive()
    with closing(made.channel()) as channel:  # the worker is unharmed
        channel.open(DEADLINE_SECONDS)
        channel.call("look", {}, DEADLINE_SECONDS)


def test_an_answer_that_is_too_long_is_told_to_be_lost(made: MadeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greeting, "LONGEST_ANSWER_BYTES", 2_000)
    made.workers["alpha"].answers = {"positions": "x" * 2_000, "look": 1}
    with closing(made.channel()) as channel:
        channel.open(DEADLINE_SECONDS)
        with pytest.raises(AnswerLost, match="the answer is too long"):
            channel.call("positions", {}, DEADLINE_SECONDS)
        assert channel.call("look", {}, DEADLINE_SECONDS) == 1


def test_stopping_ends_every_session_and_every_worker_though_one_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.mt5.gateway_desk.CLOSE_SECONDS", SOON_SECONDS)
    with made_gateway() as made:
        channel = made.channel()
        channel.open(DEADLINE_SECONDS)
        made.workers["alpha"].go_on.clear()
        asking = Asking(channel, "look", {})
        assert made.workers["alpha"].began.wait(DEADLINE_SECONDS)
        made.gateway.close()
        assert isinstance(asking.error(), AnswerLost)
        assert not any(worker.is_open for worker in made.workers.values())


# ------------------------------------------------------------ somebody on the line


def altered(frame: bytes) -> bytes:
    return frame[:-1] + bytes([frame[-1] ^ 1])


def test_a_request_that_was_altered_on_the_way_reaches_no_worker(made: MadeGateway, meddler: Meddler) -> None:
    with closing(made.channel(address=meddler.address)) as channel:
        channel.open(DEADLINE_SECONDS)
        meddler.to_gateway = lambda frame: [altered(frame)]
        with pytest.raises(AnswerLost):
            channel.call("send", SEND, DEADLINE_SECONDS)
    assert made.workers["alpha"].asked == []


def test_an_order_that_is_replayed_is_carried_out_once(made: MadeGateway, meddler: Meddler) -> None:
    with closing(made.channel(address=meddler.address)) as channel:
        channel.open(DEADLINE_SECONDS)
        meddler.to_gateway = lambda frame: [frame, frame, frame]
        channel.call("send", SEND, DEADLINE_SECONDS)
        with pytest.raises((NotSent, AnswerLost)):  # for the second of the three has ended the connection
            channel.call("look", {}, DEADLINE_SECONDS)
    assert made.workers["alpha"].asked == [("send", SEND)]


def test_a_session_that_is_replayed_from_its_first_byte_is_none(made: MadeGateway, meddler: Meddler) -> None:
    said: list[bytes] = []

    def remember(frame: bytes) -> list[bytes]:
        said.append(frame)
        return [frame]

    meddler.to_gateway = remember
    with closing(made.channel(address=meddler.address)) as channel:
        channel.open(DEADLINE_SECONDS)
        channel.call("send", SEND, DEADLINE_SECONDS)
    with closing(Raw(made.address)) as raw:
        raw.socket.sendall(b"".join(said))
        while raw.frames.receive(moment_of_replay()) is not None:
            pass
    assert made.workers["alpha"].sent == [77]


def moment_of_replay() -> float:
    return time.monotonic() + DEADLINE_SECONDS


def test_an_answer_that_was_altered_or_repeated_is_never_taken_for_another(made: MadeGateway, meddler: Meddler) -> None:
    made.workers["alpha"].answers = {"look": 1, "positions": 2}
    with closing(made.channel(address=meddler.address)) as channel:
        channel.open(DEADLINE_SECONDS)
        meddler.to_client = lambda frame: [altered(frame)]
        with pytest.raises(AnswerLost, match="not sealed as one of this connection"):
            channel.call("look", {}, DEADLINE_SECONDS)
        meddler.to_client = lambda frame: [frame]
        channel.open(DEADLINE_SECONDS)
        meddler.to_client = lambda frame: [frame, frame]
        assert channel.call("look", {}, DEADLINE_SECONDS) == 1
        with pytest.raises((NotSent, AnswerLost)):
            channel.call("positions", {}, DEADLINE_SECONDS)


def test_a_line_that_swallows_answers_leaves_an_order_unknown_and_one_that_swallows_requests_too(
    made: MadeGateway, meddler: Meddler
) -> None:
    with closing(made.channel(address=meddler.address)) as channel:
        channel.open(DEADLINE_SECONDS)
        meddler.to_client = lambda frame: []
        with pytest.raises(AnswerLost):
            channel.call("send", SEND, SOON_SECONDS)
        meddler.to_client = lambda frame: [frame]
        channel.open(DEADLINE_SECONDS)
        meddler.to_gateway = lambda frame: []
        with pytest.raises(AnswerLost):
            channel.call("send", {**SEND, "magic": 78}, SOON_SECONDS)
    assert made.workers["alpha"].sent == [77]


def test_an_order_that_was_held_back_on_the_line_is_refused_when_it_comes(made: MadeGateway, meddler: Meddler) -> None:
    arrived = threading.Event()

    def hold_back(frame: bytes) -> list[bytes]:
        assert given_up.wait(DEADLINE_SECONDS)
        arrived.set()
        return [frame]

    given_up = threading.Event()
    with closing(made.channel(address=meddler.address)) as channel:
        channel.open(DEADLINE_SECONDS)
        meddler.to_gateway = hold_back
        with pytest.raises(AnswerLost):
            channel.call("send", SEND, SOON_SECONDS)
        given_up.set()
        assert arrived.wait(DEADLINE_SECONDS)
        meddler.to_gateway = lambda frame: [frame]
        channel.open(DEADLINE_SECONDS)
        channel.call("positions", {}, DEADLINE_SECONDS)
    assert made.workers["alpha"].sent == []


# ------------------------------------------------------------ a crowd at the door


def test_a_crowd_of_strangers_keeps_no_client_out(made: MadeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "GREETING_SECONDS", 10 * DEADLINE_SECONDS)  # none goes by himself
    crowd = [Raw(made.address) for _ in range(MOST_STRANGERS + 8)]
    try:
        with closing(made.channel()) as channel:
            channel.open(DEADLINE_SECONDS)
            channel.call("look", {}, DEADLINE_SECONDS)
            crowd += [Raw(made.address) for _ in range(MOST_STRANGERS + 8)]
            channel.call("look", {}, DEADLINE_SECONDS)
            assert crowd[0].hear() is not None  # the gateway's challenge, said before
            assert crowd[0].is_cut()
    finally:
        for raw in crowd:
            raw.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, this machine has no second address of its own")
def test_of_a_crowd_one_is_pushed_out_and_not_who_came_from_another_address(
    made: MadeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "GREETING_SECONDS", 10 * DEADLINE_SECONDS)
    with closing(Raw(made.address)) as slow:
        slow.words = slow.hear()  # it was let in before the others
        crowd = [Raw(made.address, source="127.0.0.2") for _ in range(MOST_STRANGERS)]
        assert crowd[0].hear() is not None
        assert crowd[0].is_cut()
        for raw in crowd:
            raw.close()
        welcome = slow.greet()
        assert welcome is not None
        assert welcome["account"] == "alpha"


def test_more_clients_than_there_is_room_for_are_told_so(made: MadeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "MOST_GUESTS", 2)
    channels = [made.channel(client=f"test:{number}") for number in range(3)]
    for channel in channels[:2]:
        channel.open(DEADLINE_SECONDS)
    with pytest.raises(NotSent, match="too many clients are connected"):
        channels[2].open(DEADLINE_SECONDS)
    channels[0].call("look", {}, DEADLINE_SECONDS)
    for channel in channels:
        channel.close()


@pytest.mark.parametrize("says", [b"", b"\x00\x00"])
def test_one_who_says_nothing_or_half_a_word_is_cut_off_in_time(
    made: MadeGateway, monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    monkeypatch.setattr(gateways, "GREETING_SECONDS", 4 * SOON_SECONDS)
    with closing(Raw(made.address)) as raw:
        assert raw.hear() is not None
        raw.socket.sendall(says)
        began = time.monotonic()
        assert raw.is_cut()
        assert time.monotonic() - began < MANY_SECONDS


def test_one_who_lets_bytes_drip_is_cut_off_in_time(made: MadeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "GREETING_SECONDS", 4 * SOON_SECONDS)
    over = threading.Event()
    with closing(Raw(made.address)) as raw:
        assert raw.hear() is not None

        def drip() -> None:
            try:
                for _ in range(1_000):
                    raw.socket.sendall(b"\x00\x00\x00\xff"[:1])
                    if over.wait(SOON_SECONDS / 10):
                        return
            except OSError:
                return

        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        assert raw.is_cut()
        assert time.monotonic() - began < MANY_SECONDS
        over.set()
        dripping.join(DEADLINE_SECONDS)


def test_a_client_that_asks_nothing_for_long_is_hung_up_on_and_comes_back_by_itself(
    made: MadeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "IDLE_SECONDS", SOON_SECONDS)
    with closing(Raw(made.address)) as raw:
        raw.greet()
        assert raw.is_cut()


def test_complaints_are_counted_and_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    complaints = Complaints(lambda: now)
    for at in (0.0, 1.0, 59.0, 60.0):
        now = at
        complaints.say("192.0.2.7", "no")
    assert [record.getMessage() for record in caplog.records] == [
        "somebody at 192.0.2.7 was turned away: no",
        "somebody at 192.0.2.7 was turned away: no, and 2 times since it was last said",
    ]


def test_the_accounts_of_a_gateway_are_told_apart_by_login_and_server(made: MadeGateway) -> None:
    made.workers["alpha"].answers["look"], made.workers["beta"].answers["look"] = "alpha's", "beta's"
    for name in LOGINS:
        with closing(made.channel(name)) as channel:
            channel.open(DEADLINE_SECONDS)
            assert channel.call("look", {}, DEADLINE_SECONDS) == f"{name}'s"
