"""Whatever is thrown at a gateway, it goes on; no worker hears of it, and its memory does not grow."""

from __future__ import annotations

import gc
import random
import socket
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_gateway import DEADLINE_SECONDS, LOGINS, SECRET, SEND, SERVER, MadeGateway, Raw, made_gateway

from connectors import wire
from connectors.mt5.call_arguments import ARGUMENTS
from connectors.mt5.frames import CHALLENGE_BYTES, HEADER_BYTES, SEAL_BYTES
from connectors.mt5.gateway_door import MOST_STRANGERS, MOST_THREADS
from connectors.mt5.gateway_greeting import LONGEST_REQUEST_BYTES, first_words
from connectors.wire import Json

BAD_CONNECTIONS = 2_000
MOST_GROWTH_BYTES = 256 * 1024  # of Python's own memory, over all of them
ELSEWHERE = "127.0.0.2"


@pytest.fixture(scope="module")
def made() -> Iterator[MadeGateway]:
    with made_gateway() as gateway:
        yield gateway


def require_unharmed(made: MadeGateway) -> None:
    """No worker heard of anything, and a good client is served."""
    assert [worker.asked for worker in made.workers.values()] == [[], []]
    with closing(made.channel()) as channel:
        channel.open(DEADLINE_SECONDS)
        channel.call("look", {}, DEADLINE_SECONDS)
    made.workers["alpha"].asked.clear()


# ------------------------------------------------------------ strangers


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def words(rng: random.Random) -> bytes:
    """A stranger's first words, which are those of a client."""
    return framed(wire.line(first_words(rng.randbytes(CHALLENGE_BYTES))))


STRANGERS: dict[str, Callable[[random.Random], bytes]] = {
    "random bytes": lambda rng: rng.randbytes(rng.randrange(400)),
    "random frames": lambda rng: b"".join(framed(rng.randbytes(rng.randrange(200))) for _ in range(3)),
    "oversized": lambda rng: rng.randrange(2_000, 2**32).to_bytes(HEADER_BYTES, "big") + rng.randbytes(2_000),
    "truncated": lambda rng: words(rng)[: rng.randrange(60)],
    "of another version": lambda rng: framed(b'{"version":%d}' % rng.randrange(2, 99)),
    "unsealed": lambda rng: words(rng) + framed(wire.line({"client": "x", "login": 1001, "server": SERVER})),
    "wrongly sealed": lambda rng: (
        words(rng)
        + framed(rng.randbytes(SEAL_BYTES) + wire.line({"client": "x", "login": 1001, "server": SERVER}))
        + framed(rng.randbytes(SEAL_BYTES) + wire.line({"id": 1, "call": "send", "arguments": SEND, "expires": 1e9}))
    ),
    "not JSON": lambda rng: framed(b"[" * rng.randrange(900)),
    "of the web": lambda rng: b"GET / HTTP/1.1\r\nHost: cellar\r\n\r\n",
    "of TLS": lambda rng: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(512),
    "silence": lambda rng: b"",
}


def throw(made: MadeGateway, said: bytes, rng: random.Random, source: str = "") -> None:
    """Connect, say it in pieces, and hang up, or not in good order."""
    with socket.create_connection(made.address, DEADLINE_SECONDS, (source, 0)) as connection, suppress(OSError):
        cut_at = rng.randrange(len(said) + 1)
        connection.sendall(said[:cut_at])
        connection.sendall(said[cut_at:])
        if rng.random() < 0.5:
            connection.shutdown(socket.SHUT_WR)
            connection.recv(4096)


def test_thousands_of_bad_connections_leave_nothing_behind(made: MadeGateway) -> None:
    rng = random.Random(14)
    kinds = list(STRANGERS.values())

    def throw_many(count: int) -> int:
        for number in range(count):
            throw(made, kinds[number % len(kinds)](rng), rng)
        require_unharmed(made)
        wait_for_visitors(0)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = throw_many(300)  # what is allocated once, and kept
        after = throw_many(BAD_CONNECTIONS)
    finally:
        tracemalloc.stop()
    grown = after - before
    assert grown < MOST_GROWTH_BYTES, f"{grown:,} bytes more after {BAD_CONNECTIONS:,} bad connections"


def wait_for_visitors(most: int) -> None:
    """Until no more than so many threads serve connections."""
    for thread in [thread for thread in threading.enumerate() if thread.name == "visitor"][most:]:
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()


@given(st.lists(st.binary(max_size=120), max_size=6), st.booleans())
@settings(max_examples=50)
def test_whatever_a_stranger_says_reaches_no_worker(made: MadeGateway, said: list[bytes], as_frames: bool) -> None:
    with closing(Raw(made.address)) as raw, suppress(OSError):
        for body in said:
            raw.socket.sendall(framed(body) if as_frames else body)
    require_unharmed(made)


def test_a_length_of_four_gigabytes_reserves_nothing(made: MadeGateway) -> None:
    tracemalloc.start()
    try:
        with closing(Raw(made.address)) as raw:
            raw.socket.sendall(b"\xff\xff\xff\xff")
            assert raw.hear() is not None  # the challenge
            assert raw.is_cut()
        with closing(Raw(made.address)) as raw:
            raw.greet()
            raw.socket.sendall(b"\xff\xff\xff\xff")
            assert raw.is_cut()
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, this machine has no second address of its own")
def test_while_a_crowd_from_elsewhere_storms_the_door_clients_come_in_and_go_on(made: MadeGateway) -> None:
    """The crowd connects as fast as it can, and holds what it has."""
    is_over = threading.Event()
    stormed = [0, 0]

    def storm(index: int) -> None:
        rng = random.Random(index)
        held: list[socket.socket] = []
        while not is_over.is_set():
            try:
                held.append(socket.create_connection(made.address, DEADLINE_SECONDS, (ELSEWHERE, 0)))
                held[-1].sendall(words(rng))
            except OSError:
                continue  # pushed out at once
            finally:
                stormed[index] += 1
                if len(held) > MOST_STRANGERS:
                    held.pop(0).close()
        for connection in held:
            connection.close()

    crowd = [threading.Thread(target=storm, args=(index,)) for index in range(2)]
    for thread in crowd:
        thread.start()
    try:
        with closing(made.channel(client="here before")) as before:
            before.open(DEADLINE_SECONDS)
            for number in range(20):
                with closing(made.channel(client=f"coming {number}")) as coming:
                    coming.open(DEADLINE_SECONDS)
                    coming.call("look", {}, DEADLINE_SECONDS)
                before.call("look", {}, DEADLINE_SECONDS)
        assert sum(thread.name == "visitor" for thread in threading.enumerate()) <= MOST_THREADS
    finally:
        is_over.set()
        for thread in crowd:
            thread.join(DEADLINE_SECONDS)
    assert min(stormed) > MOST_STRANGERS, "there was no storm"
    made.workers["alpha"].asked.clear()
    require_unharmed(made)


# ------------------------------------------------------------ clients that have lost their mind

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)
NAMES = st.sampled_from(sorted({name for names in ARGUMENTS.values() for name in names}))
CALLS = st.sampled_from([call for call in ARGUMENTS if ARGUMENTS[call]])  # whose arguments can be wrong
EXPIRIES = st.just(1e18) | st.just(-1.0) | SCALARS


@given(CALLS | st.text(), st.dictionaries(NAMES | st.text(), VALUES, max_size=4), EXPIRIES)
@settings(max_examples=100)
def test_a_request_with_the_wrong_arguments_or_at_a_wrong_time_reaches_no_worker(
    made: MadeGateway, call: str, arguments: dict[str, Json], expires: Json
) -> None:
    with closing(Raw(made.address)) as raw:
        raw.greet()
        reply = raw.ask({"id": 1, "call": call, "arguments": arguments, "expires": expires})
        assert reply["error"]["kind"] in ("not_understood", "not_sent")
    assert made.workers["alpha"].asked == []


@given(st.dictionaries(st.sampled_from(["id", "call", "expires", "arguments"]) | st.text(), VALUES, max_size=5))
@settings(max_examples=50)
def test_a_message_that_is_no_request_is_answered_and_the_session_goes_on(
    made: MadeGateway, message: dict[str, Json]
) -> None:
    with closing(Raw(made.address)) as raw:
        raw.greet()
        assert raw.ask(message)["error"]["kind"] in ("not_understood", "not_sent")
        assert raw.ask(message)["error"]["kind"] in ("not_understood", "not_sent")
    assert made.workers["alpha"].asked == []


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"id":' * 10_000, b"9" * 60_000, b"\xff" * 100, b"[]", b"null", b""])
def test_a_sealed_frame_that_is_no_message_ends_the_session_and_nothing_else(made: MadeGateway, body: bytes) -> None:
    with closing(Raw(made.address)) as raw:
        raw.greet()
        raw.socket.sendall(raw.frames.framed(body))  # as no message of ours could be
        assert raw.is_cut()
    require_unharmed(made)


def test_a_request_of_the_longest_kind_is_read_and_one_byte_more_is_not(made: MadeGateway) -> None:
    def padded(length: int) -> dict[str, Json]:
        bare = {"id": "", "call": "x", "expires": 1.0, "arguments": {}}
        return {**bare, "id": "x" * (length - SEAL_BYTES - len(wire.line(bare)))}

    with closing(Raw(made.address)) as raw:
        raw.greet()
        assert raw.ask(padded(LONGEST_REQUEST_BYTES))["error"]["kind"] == "not_understood"
        with suppress(OSError):  # cut off by its length, while the rest of it is still on its way
            raw.say(padded(LONGEST_REQUEST_BYTES + 1))
        assert raw.is_cut()
    require_unharmed(made)


def test_who_knows_the_secret_and_hangs_up_in_the_middle_harms_nobody(made: MadeGateway) -> None:
    rng = random.Random(5)
    for _ in range(100):
        with closing(Raw(made.address)) as raw:
            raw.greet(SECRET, {"client": rng.choice("ab"), "login": LOGINS["alpha"], "server": SERVER})
            frame = raw.frames.framed(wire.line({"id": 1, "call": "send", "arguments": SEND, "expires": 1e18}))
            raw.socket.sendall(frame[: rng.randrange(len(frame))])
    require_unharmed(made)
