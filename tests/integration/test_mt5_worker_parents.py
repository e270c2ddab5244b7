"""Whoever starts workers, and whatever becomes of him: one leader sends orders, and no worker outlives its parent."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from made_terminal_package import LOGIN, ORDER, SERVER
from made_workshop import HERE, PATIENCE_SECONDS, Workshop, posix_only, send, wait_until

from connectors.base import StaleToken
from connectors.mt5.channel import AnswerLost, NotSent
from connectors.mt5.child import ChildChannel
from connectors.mt5.order_floor import DiskFloor
from trading.order_numbers import magic_number

CLOSE = replace(ORDER, order_type=1, position=11)


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    """Every worker is gone afterwards."""
    with Workshop(tmp_path) as shop:
        yield shop


# ---------------------------------------------------------------- two parents


def test_of_two_parents_the_one_with_the_lower_token_is_refused_and_after_a_restart_too(workshop: Workshop) -> None:
    former, present = workshop.channel(), workshop.channel()
    former.call("fence", {"token": 5}, 20)
    assert send(former, token=5, magic=1).refused is None

    present.call("fence", {"token": 6}, 20)

    for channel in (former, present):
        assert_refused(former)
        channel.close()
        channel.open(PATIENCE_SECONDS)
    assert_refused(former)
    assert send(present, token=6, magic=2).refused is None
    assert workshop.sent == ["1 0", "2 0"]


def assert_refused(former: ChildChannel) -> None:
    """Token 5 opens nothing, closes nothing, and does not come back."""
    assert send(former, token=5, magic=2).refused == "stale_token"
    assert send(former, CLOSE, token=5, magic=3).refused == "stale_token"
    with pytest.raises(StaleToken):
        former.call("fence", {"token": 5}, 20)


def test_of_two_ledgers_with_the_same_token_one_opens_and_each_closes_its_own(workshop: Workshop) -> None:
    first, second = workshop.channel(), workshop.channel()
    ours, theirs = magic_number(77, 1), magic_number(78, 1)
    for channel in (first, second):
        channel.call("fence", {"token": 1}, 20)

    assert send(first, token=1, magic=ours).refused is None
    for _ in range(2):
        assert send(second, token=1, magic=theirs).refused == "another_ledger"
        assert send(second, CLOSE, token=1, magic=theirs).refused is None
        second.close()
        second.open(PATIENCE_SECONDS)
    assert send(first, token=1, magic=ours + 1).refused is None

    second.call("fence", {"token": 2}, 20)
    assert send(second, token=2, magic=theirs).refused is None
    assert send(first, token=1, magic=ours + 2).refused == "stale_token"
    assert workshop.sent == [f"{ours} 0", *[f"{theirs} 11"] * 2, f"{ours + 1} 0", f"{theirs} 0"]


def test_of_two_workers_with_the_same_order_exactly_one_sends_it(workshop: Workshop) -> None:
    channels = [workshop.channel(), workshop.channel()]
    refusals: list[str | None] = []

    def send_all(channel: ChildChannel) -> None:
        refusals.extend(send(channel, magic=magic).refused for magic in range(20))

    sending = [threading.Thread(target=send_all, args=(channel,)) for channel in channels]
    for thread in sending:
        thread.start()
    for thread in sending:
        thread.join(PATIENCE_SECONDS)

    assert sorted(workshop.sent) == sorted(f"{magic} 0" for magic in range(20))
    assert (refusals.count(None), refusals.count("repeated")) == (20, 20)


def test_a_token_is_not_raised_while_an_order_is_under_way(workshop: Workshop) -> None:
    former, present = workshop.channel("blocks"), workshop.channel()
    sending = threading.Thread(target=lambda: suppress_lost(lambda: send(former, token=5, seconds=PATIENCE_SECONDS)))
    sending.start()
    wait_until(lambda: workshop.sent != [])

    with pytest.raises(NotSent, match="another worker was sending an order"):
        present.call("fence", {"token": 6}, 1.5)
    assert present.is_open

    former.close()
    sending.join(PATIENCE_SECONDS)
    present.call("fence", {"token": 6}, 20)


# ---------------------------------------------------------------- a parent that is gone


@contextmanager
def parent_of_a_worker(directory: Path, *faults: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process with a worker of its own, and the end of a FIFO that closes when both have ended."""
    os.mkfifo(directory / "journal")
    # Opened without waiting for a writer, and read with a time limit.
    journal = os.open(directory / "journal", os.O_RDONLY | os.O_NONBLOCK)
    parent = subprocess.Popen(
        [sys.executable, str(HERE / "made_parent.py"), str(directory / "orders"), str(directory / "journal"), *faults],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield parent, journal
    finally:
        parent.kill()
        parent.communicate()
        os.close(journal)


def read_to_the_end(journal: int) -> bytes:
    """What was written until every writer has ended. Raises ``TimeoutError``."""
    said = b""
    until = time.monotonic() + PATIENCE_SECONDS
    while select.select([journal], [], [], max(0.0, until - time.monotonic()))[0]:
        more = os.read(journal, 4096)
        if not more:
            return said
        said += more
    raise TimeoutError("a worker has outlived its parent")


@posix_only
def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with parent_of_a_worker(tmp_path) as (parent, journal):
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == ["ready\n", "answered\n"]
        parent.kill()

        assert read_to_the_end(journal) == b"1 0\n"


@posix_only
def test_a_blocked_worker_whose_parent_is_stopped_ends_by_itself_and_lets_go_of_the_floor(tmp_path: Path) -> None:
    with parent_of_a_worker(tmp_path, "blocks", "impatient watchdog") as (parent, journal):
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        assert select.select([journal], [], [], PATIENCE_SECONDS)[0]  # the order is under way
        parent.send_signal(signal.SIGSTOP)

        assert read_to_the_end(journal) == b"1 0\n"
        with DiskFloor(tmp_path / "orders", LOGIN, SERVER).hold(PATIENCE_SECONDS) as floor:
            assert floor.was_sent(1)


def suppress_lost(act: Callable[[], object]) -> None:
    """Do it; that its answer is lost is expected."""
    with suppress(AnswerLost):
        act()
