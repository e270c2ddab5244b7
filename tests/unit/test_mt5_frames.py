"""Frames come out as they went in, or the connection is over: nothing between two ends can pass for one of them."""

from __future__ import annotations

import hashlib
import hmac
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mt5.frames import (
    HEADER_BYTES,
    LONGEST_GREETING_BYTES,
    SEAL_BYTES,
    BadFrame,
    Frames,
    FrameTooLong,
    cut,
    moment,
    session_keys,
)
from connectors.wire import Json

DEADLINE_SECONDS = 20.0
LONGEST = 64 * 1024
KEYS = session_keys("a secret", b"g" * 32, b"c" * 32)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)
MESSAGES = st.lists(st.dictionaries(st.text(), JSON, max_size=3), min_size=1, max_size=3)


class Pair(NamedTuple):
    """A gateway's end and a client's end, with the sockets below."""

    gateway: Frames
    client: Frames
    gateways_socket: socket.socket
    clients_socket: socket.socket


@contextmanager
def connected(*, is_sealed: bool = True) -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        gateway, client = Frames(one), Frames(other)
        if is_sealed:
            gateway.seal_with(KEYS.from_gateway, KEYS.from_client)
            client.seal_with(KEYS.from_client, KEYS.from_gateway)
            for frames in (gateway, client):
                frames.allow(sent_bytes=LONGEST, taken_bytes=LONGEST)
        yield Pair(gateway, client, one, other)


def received(frames: Frames) -> dict[str, Json] | None:
    return frames.receive(moment(DEADLINE_SECONDS))


def sent_by(messages: list[dict[str, Json]]) -> list[bytes]:
    """The bytes of each frame that a client's end sends."""
    with connected() as pair:
        frames = []
        for message in messages:
            pair.client.send(message, moment(DEADLINE_SECONDS))
            frames.append(pair.gateways_socket.recv(LONGEST + HEADER_BYTES))
        return frames


def heard(said: bytes) -> list[dict[str, Json]]:
    """What a gateway's end makes of bytes, until they end or cannot be used; raises `BadFrame` for the latter."""
    found = []
    with connected() as pair:
        pair.clients_socket.sendall(said)
        pair.clients_socket.shutdown(socket.SHUT_WR)
        while (message := received(pair.gateway)) is not None:
            found.append(message)
    return found


# ------------------------------------------------------------ whole


@settings(max_examples=40)
@given(MESSAGES)
def test_messages_come_out_as_they_went_in(messages: list[dict[str, Json]]) -> None:
    assert heard(b"".join(sent_by(messages))) == messages


def test_both_directions_go_on_side_by_side() -> None:
    with connected() as pair:
        for number in range(3):
            pair.client.send({"ask": number}, moment(DEADLINE_SECONDS))
            assert received(pair.gateway) == {"ask": number}
            pair.gateway.send({"answer": number}, moment(DEADLINE_SECONDS))
            assert received(pair.client) == {"answer": number}


def test_a_frame_may_come_byte_by_byte() -> None:
    (frame,) = sent_by([{"ask": 1}])
    with connected() as pair:
        for byte in frame[:-1]:
            pair.clients_socket.sendall(bytes([byte]))
            with pytest.raises(TimeoutError):
                pair.gateway.receive(moment(0.0005))
        pair.clients_socket.sendall(frame[-1:])
        assert received(pair.gateway) == {"ask": 1}


# ------------------------------------------------------------ unaltered, in order, of this connection


@settings(max_examples=40)
@given(MESSAGES, st.data())
def test_a_single_bit_that_was_turned_over_ends_the_connection_at_that_frame(
    messages: list[dict[str, Json]], data: st.DataObject
) -> None:
    frames = sent_by(messages)
    hit = data.draw(st.integers(0, len(frames) - 1), label="frame")
    bit = data.draw(st.integers(HEADER_BYTES * 8, len(frames[hit]) * 8 - 1), label="bit")
    frames[hit] = turned_over(frames[hit], bit)
    with connected() as pair:
        pair.clients_socket.sendall(b"".join(frames))
        assert [received(pair.gateway) for _ in range(hit)] == messages[:hit]
        with pytest.raises(BadFrame, match=f"frame {hit} is not sealed as one of this connection"):
            received(pair.gateway)


@settings(max_examples=40)
@given(MESSAGES, st.integers(0, HEADER_BYTES * 8 - 1))
def test_a_length_that_was_altered_is_never_taken_for_another_message(
    messages: list[dict[str, Json]], bit: int
) -> None:
    first, *rest = sent_by(messages)
    with pytest.raises(BadFrame):
        heard(b"".join([turned_over(first, bit), *rest]))


def turned_over(frame: bytes, bit: int) -> bytes:
    altered = bytearray(frame)
    altered[bit // 8] ^= 1 << bit % 8
    return bytes(altered)


ORDERED = [{"ask": number} for number in range(3)]


@pytest.mark.parametrize(
    "order",
    [(0, 0), (1,), (0, 2), (1, 0), (0, 1, 1), (0, 1, 0)],
    ids=["repeated", "first left out", "left out", "exchanged", "last repeated", "first again"],
)
def test_frames_that_are_repeated_left_out_or_exchanged_end_the_connection(order: tuple[int, ...]) -> None:
    frames = sent_by(ORDERED)
    with pytest.raises(BadFrame, match="not sealed as one of this connection"):
        heard(b"".join(frames[number] for number in order))


def test_a_frame_that_is_sent_back_to_where_it_came_from_ends_the_connection() -> None:
    with connected() as pair:
        pair.client.send({"ask": 1}, moment(DEADLINE_SECONDS))
        pair.gateways_socket.sendall(pair.gateways_socket.recv(LONGEST))
        with pytest.raises(BadFrame, match="frame 0 is not sealed"):
            received(pair.client)


@pytest.mark.parametrize(
    ("secret", "gateways", "clients"),
    [
        ("another secret", b"g" * 32, b"c" * 32),
        ("a secret", b"h" * 32, b"c" * 32),
        ("a secret", b"g" * 32, b"d" * 32),
        ("a secret", b"c" * 32, b"g" * 32),
    ],
    ids=["secret", "gateway's challenge", "client's challenge", "challenges exchanged"],
)
def test_each_secret_and_each_challenge_makes_other_keys(secret: str, gateways: bytes, clients: bytes) -> None:
    other = session_keys(secret, gateways, clients)
    assert len({other.from_gateway, other.from_client, KEYS.from_gateway, KEYS.from_client}) == 4


def test_the_keys_are_those_of_hkdf() -> None:
    """By the definition of RFC 5869, written out a second time with another function."""
    source = hmac.new(b"g" * 32 + b"c" * 32, b"a secret", hashlib.sha256).digest()
    expanded = hmac.new(source, b"watchbill gateway 1 from client\x01", hashlib.sha256).digest()
    assert expanded == KEYS.from_client


def test_a_bare_frame_is_not_taken_once_frames_are_sealed() -> None:
    body = b'{"ask":1}'
    with pytest.raises(BadFrame):
        heard(len(body).to_bytes(HEADER_BYTES, "big") + body)


@given(st.binary(max_size=200))
def test_whatever_else_comes_is_no_message(said: bytes) -> None:
    try:
        found = heard(said)
    except BadFrame:
        return
    assert (found, said) == ([], b"")


# ------------------------------------------------------------ limits


def test_a_frame_that_is_too_long_is_refused_by_its_length_before_any_of_it_is_kept() -> None:
    with connected(is_sealed=False) as pair:
        pair.clients_socket.sendall((LONGEST_GREETING_BYTES + 1).to_bytes(HEADER_BYTES, "big"))
        with pytest.raises(BadFrame, match="a frame of 1,025 bytes; expected at most 1,024"):
            received(pair.gateway)


def test_a_message_that_the_other_side_would_not_take_is_not_sent_and_the_next_one_is() -> None:
    with connected() as pair:
        pair.client.allow(sent_bytes=SEAL_BYTES + 20, taken_bytes=LONGEST)
        with pytest.raises(FrameTooLong):
            pair.client.send({"text": "x" * 20}, moment(DEADLINE_SECONDS))
        pair.client.send({"ask": 1}, moment(DEADLINE_SECONDS))
        assert received(pair.gateway) == {"ask": 1}


def test_an_end_between_two_frames_is_an_end_and_one_within_a_frame_is_not() -> None:
    (frame,) = sent_by([{"ask": 1}])
    assert heard(frame) == [{"ask": 1}]
    with pytest.raises(BadFrame, match="ended amid a frame"):
        heard(frame[:-1])


def test_neither_a_reader_nor_a_writer_outlives_its_deadline() -> None:
    with connected() as pair:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            pair.gateway.receive(moment(0.05))
        pair.gateway.allow(sent_bytes=20_000_000, taken_bytes=LONGEST)  # more than the buffers of a system hold
        with pytest.raises(TimeoutError):
            pair.gateway.send({"text": "x" * 19_000_000}, moment(0.5))
        assert time.monotonic() - began < DEADLINE_SECONDS


def test_one_who_speaks_unasked_or_has_closed_is_not_quiet() -> None:
    with connected() as pair:
        assert pair.client.is_quiet()
        pair.gateways_socket.sendall(b"x")
        assert not pair.client.is_quiet()
    with connected() as pair:
        pair.gateways_socket.shutdown(socket.SHUT_WR)
        assert not pair.client.is_quiet()


def test_cutting_a_connection_twice_is_harmless() -> None:
    with connected() as pair:
        for _ in range(2):
            cut(pair.gateways_socket)
        assert received(pair.client) is None
