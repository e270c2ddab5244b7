"""A broker process and its clients: who is let in, what is cut off, and what becomes of orders when the line breaks."""

from __future__ import annotations

import json
import math
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_brokers import BROKERS, COMMODITIES, FAR, MONDAY, TERMS, TOKEN, RemoteBroker, bars_of

from connectors import gateway_protocol as protocol
from connectors import wire
from connectors.base import (
    CloseOrder,
    ConnectorError,
    DeadlinePassed,
    Done,
    NotConnected,
    OpenOrder,
    Rejected,
    StaleToken,
    Unknown,
)
from connectors.gateway_clock import BooksTaken, BrokerClock
from connectors.gateway_faults import Fate, OrderTrouble, Trouble
from connectors.gateway_floor import Floor
from connectors.gateway_server import MOST_SESSIONS, GatewayServer
from connectors.mock_clock import ManualClock
from connectors.paper import PaperConnector
from connectors.remote import RemoteConnector
from connectors.remote_market import RemoteMarket
from trading.market import HOUR, MINUTE, Side

SOON_SECONDS = 0.15
DEADLINE_SECONDS = 20.0
MAGIC = (77 << 32) + 1
ORDER = OpenOrder("EURUSD", Side.BUY, 0.1, MAGIC, "wb-1", math.nan)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RemoteBroker]:
    made = BROKERS["remote"](tmp_path)
    assert isinstance(made, RemoteBroker)
    yield made
    made.end()


def client(broker: RemoteBroker, secret: str = "secret", account: str = "alpha") -> RemoteConnector:
    return RemoteConnector(account, broker.server.address, lambda: secret, broker.clock, "test:2")


@contextmanager
def busy(floor: Floor) -> Iterator[None]:
    """The broker answers nobody meanwhile, as one that is stopped or swamped."""
    began, over = threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        assert over.wait(DEADLINE_SECONDS)

    thread = threading.Thread(target=floor.move, args=(hold,))
    thread.start()
    assert began.wait(DEADLINE_SECONDS)
    try:
        yield
    finally:
        over.set()
        thread.join(DEADLINE_SECONDS)


class Raw:
    """A client that says what it likes."""

    def __init__(self, server: GatewayServer) -> None:
        self.socket = socket.create_connection(server.address, DEADLINE_SECONDS)
        self.file = self.socket.makefile("rb")
        self.hello = self.hear()

    def say(self, message: object) -> None:
        self.socket.sendall(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")

    def hear(self) -> Any:
        text = self.file.readline()
        return json.loads(text) if text else None

    def greet(self, secret: str = "secret", account: str | None = "alpha") -> Any:
        said = protocol.proof(secret, protocol.BY_CLIENT, self.hello["challenge"], "ours")
        self.say({"version": 1, "challenge": "ours", "proof": said, "client": "raw", "account": account})
        return self.hear()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters())
)
MESSAGES = st.dictionaries(
    st.sampled_from(["id", "call", "expires", "seen", "seconds", "version", "challenge", "proof", "client", "account"]),
    st.one_of(SCALARS, st.sampled_from(["wait", "open", 1]), st.lists(SCALARS, max_size=2)),
    max_size=6,
)


@cache
def shared_server() -> GatewayServer:
    """A broker without accounts, for whatever may be said to it; it lives as long as the tests."""
    floor = Floor({}, ManualClock(MONDAY), first=MONDAY, last=MONDAY + HOUR, source="nothing", speed=1.0)
    return GatewayServer(floor, "secret", "127.0.0.1", 0)


# ------------------------------------------------------------ who is let in


def test_who_does_not_know_the_secret_is_refused_and_told_so(broker: RemoteBroker) -> None:
    with pytest.raises(ConnectorError, match="the secret is not that of this broker"):
        client(broker, secret="guessed").connect(FAR)


def test_the_secret_never_travels_and_who_sits_on_the_port_is_found_out() -> None:
    heard = []

    def pretend(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as file:
            connection.sendall(wire.line({"version": 1, "challenge": "mine"}))
            heard.append(file.readline())
            said = json.loads(heard[0])
            connection.sendall(wire.line({"proof": said["proof"], "elapsed": 0.0, "market": {}}))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=pretend, args=(listener,))
        thread.start()
        connector = RemoteConnector("alpha", listener.getsockname(), lambda: "hush-hush", ManualClock(), "test:1")
        with pytest.raises(ConnectorError, match="does not know the secret"):
            connector.connect(FAR)
        thread.join(DEADLINE_SECONDS)
    assert b"hush-hush" not in heard[0]


def test_an_account_that_the_broker_does_not_have_is_named(broker: RemoteBroker) -> None:
    with pytest.raises(ConnectorError, match="account is 'gamma'; this broker has alpha"):
        client(broker, account="gamma").connect(FAR)


def test_another_version_is_refused_in_words(broker: RemoteBroker) -> None:
    with closing(Raw(broker.server)) as raw:
        raw.say({"version": 2, "anything": "else"})
        assert "version is 2; this broker speaks 1" in raw.hear()["error"]["message"]
        assert raw.hear() is None


def test_more_clients_than_there_is_room_for_are_turned_away_and_the_others_go_on(broker: RemoteBroker) -> None:
    crowd = [Raw(broker.server) for _ in range(MOST_SESSIONS - 1)]
    try:
        with socket.create_connection(broker.server.address, DEADLINE_SECONDS) as one_too_many:
            assert one_too_many.recv(1) == b""
        assert broker.connector.account(FAR).balance == 10_000
    finally:
        for raw in crowd:
            raw.close()


# ------------------------------------------------------------ a broker that is not one


@contextmanager
def pretender(*says: bytes) -> Iterator[RemoteConnector]:
    """A client of somebody who takes connections, says this to each, and then nothing more."""
    over = threading.Event()

    def pretend(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            for text in says:
                connection.sendall(text)
            assert over.wait(DEADLINE_SECONDS)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=pretend, args=(listener,))
        thread.start()
        connector = RemoteConnector("alpha", listener.getsockname(), lambda: "secret", ManualClock(), "test:1")
        try:
            yield connector
        finally:
            connector.disconnect()
            over.set()
            thread.join(DEADLINE_SECONDS)


@pytest.mark.parametrize("says", [(), (b'{"version":1,"chall',), (wire.line({"version": 1, "challenge": "mine"}),)])
def test_connecting_to_who_does_not_speak_ends_at_the_deadline(says: tuple[bytes, ...]) -> None:
    with pretender(*says) as connector:
        began = time.monotonic()
        with pytest.raises(DeadlinePassed):
            connector.connect(SOON_SECONDS)
        assert time.monotonic() - began < 10 * SOON_SECONDS
        with pytest.raises(NotConnected):
            connector.account(FAR)


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        (b"220 mail.example ESMTP\n", "expected one JSON object"),
        (b'{"version":2}\n', "speaks version 2; expected 1"),
        (b'{"version":1,"challenge":"\\ud800"}\n{"error":{"kind":"failed","message":"no"}}\n', "no"),
        (b'{"version":1,"challenge":"mine"}\n{"proof":"\\ud800"}\n', "does not know the secret"),
    ],
)
def test_connecting_to_who_speaks_otherwise_says_what_was_heard(says: bytes, complaint: str) -> None:
    with pretender(says) as connector, pytest.raises(ConnectorError, match=complaint):
        connector.connect(FAR)


# ------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"id": 1, "call": "open"}, "expires is None; expected a number"),
        ({"call": "account", "expires": 1e9}, "id is None; expected a whole number"),
        ({"id": 1, "call": "sell_everything", "expires": 1e9}, "call is 'sell_everything'; expected one of"),
        ({"id": 1, "call": "book", "expires": 1e9, "token": 1}, "book has no 'token'"),
        ({"id": 1, "call": "bars", "expires": 1e9, "commodity": "EURUSD"}, "bars: count is missing"),
        ({"id": 1, "call": "fence", "expires": 1e9, "token": "5"}, "token is '5'; expected a whole number"),
        ({"id": 1, "call": "open", "expires": 1e9, "token": 1, "order": {}}, "order.commodity is missing"),
        ([], "expected one JSON object"),
        (b"\xff\xfe\n", "expected one JSON object"),
    ],
)
def test_a_request_that_is_not_understood_is_answered_with_what_is_wrong(
    broker: RemoteBroker, request_: object, complaint: str
) -> None:
    with closing(Raw(broker.server)) as raw:
        assert "proof" in raw.greet()
        raw.say(request_)
        error = raw.hear()["error"]
        assert error["kind"] == "bad_request"
        assert complaint in error["message"]
        raw.say({"id": 7, "call": "account", "expires": 1e12})
        assert raw.hear()["answer"]["balance"] == 10_000, "the same session goes on"


@given(st.lists(st.one_of(st.binary(max_size=80), MESSAGES.map(wire.line)), max_size=5))
@settings(max_examples=60, deadline=None)
def test_whatever_a_stranger_or_a_client_sends_the_broker_goes_on(said: list[bytes]) -> None:
    server = shared_server()
    for greets in (False, True):
        with closing(Raw(server)) as raw:
            if greets:
                raw.greet(account=None)
            with suppress(OSError):  # it may have been cut off by then
                for text in said:
                    raw.say(text)
    with closing(Raw(server)) as raw:
        assert "proof" in raw.greet(account=None)


def test_a_line_without_an_end_cuts_its_client_off_and_nobody_else(broker: RemoteBroker) -> None:
    with closing(Raw(broker.server)) as raw:
        raw.greet()
        raw.say(b"x" * (protocol.LONGEST_REQUEST_BYTES + 1_000))
        assert "a line of more than" in raw.hear()["error"]["message"]
        assert raw.hear() is None
    assert broker.connector.account(FAR).balance == 10_000


def test_half_a_request_is_never_carried_out(broker: RemoteBroker) -> None:
    whole = wire.line({"id": 1, "call": "open", "expires": 1e12, "token": 5, "order": wire.encode(ORDER)})
    with closing(Raw(broker.server)) as raw:
        raw.greet()
        raw.say(whole[:-1])
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.hear() is None
    assert broker.connector.positions(FAR) == ()


# ------------------------------------------------------------ time limits


def test_no_question_outlives_its_deadline_and_a_late_answer_is_not_taken_for_a_later_ones(
    broker: RemoteBroker,
) -> None:
    with busy(broker.floor):
        began = time.monotonic()
        with pytest.raises(DeadlinePassed):
            broker.connector.positions(broker.clock.elapsed() + SOON_SECONDS)
        assert time.monotonic() - began < 10 * SOON_SECONDS
    assert broker.connector.account(FAR).balance == 10_000
    assert broker.connector.positions(FAR) == ()


def test_an_order_that_the_broker_gets_to_too_late_is_unknown_here_and_dropped_there(broker: RemoteBroker) -> None:
    with busy(broker.floor):
        outcome = broker.connector.open(ORDER, TOKEN, broker.clock.elapsed() + SOON_SECONDS)
        assert isinstance(outcome, Unknown)
    assert broker.connector.positions(FAR) == ()
    assert broker.connector.orders(0, FAR) == ()
    assert isinstance(broker.connector.open(ORDER, TOKEN, FAR), Done), "its number was not used up"


def test_a_client_that_connects_anew_makes_void_what_its_former_self_had_sent(broker: RemoteBroker) -> None:
    first, second = client(broker), client(broker)
    first.connect(FAR)
    answers: list[object] = []
    with busy(broker.floor):
        sender = threading.Thread(target=lambda: answers.append(first.open(ORDER, TOKEN, FAR)))
        sender.start()
        connecting = threading.Thread(target=second.connect, args=(FAR,))
        connecting.start()
        sender.join(DEADLINE_SECONDS)  # cut off
    connecting.join(DEADLINE_SECONDS)
    assert isinstance(answers[0], Unknown | Rejected)
    assert second.positions(FAR) == ()
    second.disconnect()
    first.disconnect()


def test_two_clients_have_sessions_side_by_side(broker: RemoteBroker) -> None:
    other = client(broker)
    other.connect(FAR)
    assert other.account(FAR) == broker.connector.account(FAR)
    other.disconnect()


# ------------------------------------------------------------ broken lines


def test_after_the_broker_is_gone_questions_raise_and_orders_are_a_definite_no(broker: RemoteBroker) -> None:
    broker.server.close()

    with pytest.raises(NotConnected):
        broker.connector.quotes(FAR)
    outcome = broker.connector.open(ORDER, TOKEN, FAR)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "not_connected"
    with pytest.raises(NotConnected, match="cannot be reached"):
        broker.connector.connect(FAR)


def test_an_order_to_a_broker_that_has_hung_up_is_not_taken_for_sent(broker: RemoteBroker) -> None:
    broker.server.close()

    outcome = broker.connector.open(ORDER, TOKEN, FAR)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.code == "not_connected"


def test_a_client_finds_its_way_back_to_a_broker_that_was_restarted(broker: RemoteBroker) -> None:
    done = broker.connector.open(ORDER, TOKEN, FAR)
    assert isinstance(done, Done)
    host, port = broker.server.address
    broker.server.close()
    broker.server = GatewayServer(broker.floor, "secret", host, port)

    with pytest.raises(NotConnected):
        broker.connector.positions(FAR)
    broker.connector.connect(FAR)
    assert [held.ticket for held in broker.connector.positions(FAR)] == [done.ticket]


class Fated(OrderTrouble):
    """Every order meets this."""

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self._fate = fate

    def draw(self) -> Trouble:
        return Trouble(self._fate, 0.0)


@pytest.mark.parametrize(("fate", "held"), [(Fate.LOST_BEFORE, 0), (Fate.LOST_AFTER, 1)])
def test_a_lost_reply_leaves_the_order_unknown_whether_it_was_carried_out_or_not(
    broker: RemoteBroker, fate: Fate, held: int
) -> None:
    with closing(GatewayServer(broker.floor, "secret", "127.0.0.1", 0, Fated(fate))) as server:
        connector = RemoteConnector("alpha", server.address, lambda: "secret", broker.clock, "test:2")
        connector.connect(FAR)
        assert isinstance(connector.open(ORDER, TOKEN, FAR), Unknown)
        with pytest.raises(NotConnected):
            connector.positions(FAR)
        connector.connect(FAR)
        assert len(connector.positions(FAR)) == held
        connector.disconnect()


def test_a_close_whose_reply_is_lost_can_be_looked_up(broker: RemoteBroker) -> None:
    done = broker.connector.open(ORDER, TOKEN, FAR)
    assert isinstance(done, Done)
    with closing(GatewayServer(broker.floor, "secret", "127.0.0.1", 0, Fated(Fate.LOST_AFTER))) as server:
        connector = RemoteConnector("alpha", server.address, lambda: "secret", broker.clock, "test:2")
        connector.connect(FAR)
        closing_order = CloseOrder(done.ticket, "EURUSD", Side.BUY, 0.1, MAGIC, math.nan)
        assert isinstance(connector.close(closing_order, TOKEN, FAR), Unknown)
        connector.disconnect()
    assert broker.connector.positions(FAR) == ()
    assert len(broker.connector.deals(0, FAR)) == 2


def test_the_same_seed_draws_the_same_troubles_and_about_as_many_as_asked_for() -> None:
    drawn = [OrderTrouble(0.1, 2.0, seed=7) for _ in range(2)]
    first, second = ([trouble.draw() for _ in range(2_000)] for trouble in drawn)

    assert first == second
    fates = [trouble.fate for trouble in first]
    assert 60 < fates.count(Fate.LOST_BEFORE) < 140
    assert 60 < fates.count(Fate.LOST_AFTER) < 140
    assert all(0 <= trouble.delay_seconds < 2 for trouble in first)


# ------------------------------------------------------------ two leaders


def test_the_old_leaders_orders_are_refused_once_the_new_one_has_raised_the_token(broker: RemoteBroker) -> None:
    old, new = broker.connector, client(broker)
    old.fence(1, FAR)
    new.connect(FAR)
    new.fence(2, FAR)

    outcome = old.open(ORDER, 1, FAR)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "stale_token"
    with pytest.raises(StaleToken):
        old.fence(1, FAR)
    assert isinstance(new.open(ORDER, 2, FAR), Done)
    new.disconnect()


def test_the_book_can_be_looked_at_from_afar(broker: RemoteBroker) -> None:
    done = broker.connector.open(ORDER, TOKEN, FAR)
    assert isinstance(done, Done)
    other = client(broker)
    book = other.book_as_written()

    assert (book.token, book.balance, book.last_seen) == (TOKEN, broker.connector.account(FAR).balance, done.time)
    assert book.holdings[done.ticket].magic == MAGIC
    assert [deal.position_id for deal in book.deals] == [done.position_id]


# ------------------------------------------------------------ the market goes on


def test_the_market_is_followed_as_it_moves(broker: RemoteBroker) -> None:
    market = RemoteMarket(broker.server.address, lambda: "secret", "test:3")
    now = market.facts().now
    seen: list[int] = []
    follower = threading.Thread(target=lambda: seen.append(market.beyond(now).now))
    follower.start()
    broker.floor.move(lambda: broker.clock.go_to(now + 20 * MINUTE))
    follower.join(DEADLINE_SECONDS)

    assert seen == [now + 20 * MINUTE]
    assert market.beyond(seen[0]).now == seen[0], "a market that stands still is said to stand still"
    market.close()


def test_an_account_is_stopped_out_while_nobody_is_connected(tmp_path: Path) -> None:
    falling = [(1.1 - n * 0.004, 1.101 - n * 0.004, 1.096 - n * 0.004, 1.096 - n * 0.004) for n in range(30)]
    clock = ManualClock(MONDAY + HOUR)
    terms = TERMS.model_copy(update={"balance": 3_800.0})
    account = PaperConnector(
        "alpha", terms, COMMODITIES, {"EURUSD": "EURUSD"}, {"EURUSD": bars_of("EURUSD", falling)}, clock, tmp_path / "b"
    )
    account.connect(FAR)
    floor = Floor({"alpha": account}, clock, first=MONDAY, last=MONDAY + 30 * HOUR, source="falling", speed=1.0)
    with closing(GatewayServer(floor, "secret", "127.0.0.1", 0)) as server:
        connector = RemoteConnector("alpha", server.address, lambda: "secret", clock, "test:1")
        connector.connect(FAR)
        assert isinstance(connector.open(replace(ORDER, volume_lots=1.0), TOKEN, FAR), Done)
        connector.disconnect()
        for hour in range(2, 25):
            at = MONDAY + hour * HOUR
            floor.move(partial(clock.go_to, at))
        connector.connect(FAR)
        assert connector.positions(FAR) == ()
        assert [deal.reason for deal in connector.deals(0, FAR)] == ["expert", "stop out"]
        connector.disconnect()
    floor.close()


def test_the_clock_goes_on_where_it_was_left_and_never_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "clock.sqlite"
    with closing(BrokerClock(path)) as clock:
        assert clock.left_at is None
        with pytest.raises(ConnectorError, match="has not begun"):
            clock.now()
        clock.move_to(MONDAY)
        with pytest.raises(ValueError, match="cannot go back"):
            clock.move_to(MONDAY - 1)
    with closing(BrokerClock(path)) as clock:
        assert (clock.left_at, clock.now()) == (MONDAY, MONDAY)


def test_a_second_broker_on_the_same_books_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clock.sqlite"
    with closing(BrokerClock(path)), pytest.raises(BooksTaken, match="another broker holds these books"):
        BrokerClock(path)
    BrokerClock(path).close()


def test_a_clock_that_is_no_clock_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clock.sqlite"
    path.write_bytes(b"not a database, and long enough to be taken for one" * 100)
    with pytest.raises(ConnectorError, match=r"clock\.sqlite: the broker's clock cannot be used"):
        BrokerClock(path)


# ------------------------------------------------------------ the secret


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_the_secret_is_made_once_for_its_owner_only_and_refused_when_others_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(NotConnected, match="has not been started"):
        protocol.read_secret(path)
    secret = protocol.made_secret(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert protocol.made_secret(path) == protocol.read_secret(path) == secret
    assert len(secret) == 64
    path.chmod(0o640)
    with pytest.raises(ConnectorError, match="others may read"):
        protocol.read_secret(path)
