"""A worker process answers whatever it is sent, is gone when it must be, and leaves nothing to be done twice."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from made_terminal_package import LOGIN, ORDER, SERVER, terms
from made_workshop import MAGIC, PATIENCE_SECONDS, Workshop, posix_only, send, wait_until

from connectors import wire
from connectors.base import StaleToken
from connectors.mt5.calls import Given, Look
from connectors.mt5.channel import AnswerLost, NotSent, NotUnderstood
from connectors.mt5.child import ChildChannel, worker_command
from connectors.mt5.worker_process import WorkerProcess

CLOSE = replace(ORDER, order_type=1, position=11)


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    """Every worker is gone afterwards."""
    with Workshop(tmp_path) as shop:
        yield shop


def is_gone(process_id: int) -> bool:
    """Not even a zombie of ours is left."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


def open_descriptors() -> set[tuple[int, int, int]]:
    """Each with what it is of, so that one that was closed and one that took its number are two."""
    found = set()
    for number in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):  # the one of this very listing is closed by now
            about = os.fstat(number)
            found.add((number, about.st_dev, about.st_ino))
    return found


# ---------------------------------------------------------------- the whole way


def test_a_worker_answers_questions_and_sends_orders(workshop: Workshop) -> None:
    channel = workshop.channel()

    look = wire.decode(Look, channel.call("initialize", {}, 20), "look")
    positions = wire.decode(Given, channel.call("positions", {}, 20), "positions")
    sent = send(channel)

    assert look.account is not None
    assert (look.account["login"], positions.value) == (LOGIN, [])
    assert (sent.refused, sent.result and sent.result["order"]) == (None, 11)
    assert workshop.sent == [f"{MAGIC} 0"]


@posix_only
def test_a_closed_channel_leaves_no_process_no_thread_and_no_descriptor(workshop: Workshop) -> None:
    workshop.channel().close()  # what is opened once and for all is open now
    threads, descriptors = set(threading.enumerate()), open_descriptors()

    processes = []
    for faults in ([], ["dies"], ["blocks in questions"]):
        channel = workshop.channel(*faults)
        processes.append(channel.process_id)
        if faults == ["dies"]:
            with pytest.raises(AnswerLost):
                send(channel)
        if faults == ["blocks in questions"]:
            with pytest.raises(AnswerLost):
                channel.call("positions", {}, 0.1)
        channel.close()
        channel.close()

    assert all(process is not None and is_gone(process) for process in processes)
    # What others left behind may have ended meanwhile: only what is new was left by these.
    assert set(threading.enumerate()) - threads == set()
    assert open_descriptors() - descriptors == set()


def test_an_open_channel_keeps_its_worker(workshop: Workshop) -> None:
    channel = workshop.channel()
    before = channel.process_id
    channel.open(20)

    assert channel.process_id == before
    channel.close()
    assert (channel.is_open, channel.process_id) == (False, None)
    channel.open(PATIENCE_SECONDS)
    assert channel.is_open
    assert channel.process_id != before


def test_refusals_come_back_as_what_they_are_and_the_worker_goes_on(workshop: Workshop) -> None:
    channel = workshop.channel()
    channel.call("fence", {"token": 6}, 20)

    with pytest.raises(StaleToken, match="token 5 is below 6"):
        channel.call("fence", {"token": 5}, 20)
    with pytest.raises(NotUnderstood, match="call is 'shutdown'"):
        channel.call("shutdown", {}, 20)
    assert channel.call("look", {}, 20)["code"] == 1


def test_a_package_that_prints_does_not_spoil_the_answers(workshop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "watchbill.mt5")
    channel = workshop.channel("chatters")

    assert channel.call("positions", {}, 20)["value"] == []
    assert channel.call("look", {}, 20)["code"] == 1
    channel.close()

    spoken = {"from Python", "from the system"} | (set() if sys.platform == "win32" else {"from C"})
    assert all(any(words in text for text in caplog.messages) for words in spoken)


# ---------------------------------------------------------------- deadlines and deaths


def test_an_order_that_blocks_for_ever_is_over_at_its_deadline_and_is_never_sent_again(workshop: Workshop) -> None:
    blocked = workshop.channel("blocks")
    process = blocked.process_id
    begun = time.monotonic()

    with pytest.raises(AnswerLost, match="did not answer in time and was killed"):
        send(blocked, seconds=1.0)

    assert 1.0 <= time.monotonic() - begun < PATIENCE_SECONDS
    assert (blocked.is_open, process is not None and is_gone(process)) == (False, True)
    next_one = workshop.channel()
    assert next_one.call("look", {}, 20)["code"] == 1
    assert send(next_one).refused == "repeated"
    assert send(next_one, CLOSE).refused is None
    assert workshop.sent == [f"{MAGIC} 0", f"{MAGIC} 11"]


def test_a_blocked_worker_delays_no_other(workshop: Workshop) -> None:
    blocked, other = workshop.channel("blocks in questions"), workshop.channel()
    outcome: list[str] = []

    def ask() -> None:
        try:
            blocked.call("positions", {}, PATIENCE_SECONDS)
        except AnswerLost as error:
            outcome.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(20):
        assert other.call("positions", {}, 20)["value"] == []
    assert asking.is_alive()

    blocked.close()  # from this thread: what is under way there is over
    asking.join(PATIENCE_SECONDS)

    assert len(outcome) == 1
    assert not blocked.is_open


def test_a_worker_that_dies_over_an_order_leaves_it_unknown_and_its_magic_spent(workshop: Workshop) -> None:
    dying = workshop.channel("dies")

    with pytest.raises(AnswerLost, match="it ended with 3"):
        send(dying)

    assert not dying.is_open
    assert send(workshop.channel()).refused == "repeated"
    assert workshop.sent == [f"{MAGIC} 0"]


@posix_only
def test_what_is_asked_of_a_dead_worker_was_not_sent(workshop: Workshop) -> None:
    channel = workshop.channel()
    assert channel.process_id is not None
    os.kill(channel.process_id, signal.SIGKILL)
    wait_until(lambda: not channel.is_open)

    with pytest.raises(NotSent, match="there is no worker"):
        send(channel)

    channel.open(PATIENCE_SECONDS)
    assert send(channel).refused is None


@posix_only
def test_a_stopped_worker_is_killed_at_the_deadline(workshop: Workshop) -> None:
    channel = workshop.channel()
    assert channel.process_id is not None
    os.kill(channel.process_id, signal.SIGSTOP)

    with pytest.raises(AnswerLost):
        send(channel, seconds=0.2)

    assert (channel.is_open, workshop.sent) == (False, [])


def test_a_request_that_never_left_whole_was_not_sent() -> None:
    deaf = WorkerProcess([sys.executable, "-c", "import time; time.sleep(600)"], os.environ, "deaf")

    with pytest.raises(NotSent, match="the request did not leave"):
        deaf.ask(b"x" * 10_000_000 + b"\n", time.monotonic() + 0.2)

    assert not deaf.is_alive
    with pytest.raises(NotSent, match="has ended"):
        deaf.ask(b"x\n", time.monotonic() + 20)


@pytest.mark.parametrize(
    "says",
    [
        "no JSON",
        "[]",
        '{"id": 8, "answer": 1}',
        '{"id": 1}',
        '{"id": 1, "error": {"kind": "made up"}}',
        '{"id": 1, "error": 7}',
    ],
)
def test_an_answer_that_makes_no_sense_is_lost(tmp_path: Path, says: str) -> None:
    program = f"""if True:
        import sys
        for number, line in enumerate(sys.stdin):
            print({says!r} if number else '{{"id": 0, "answer": null}}', flush=True)
    """
    channel = ChildChannel(terms(tmp_path), [sys.executable, "-c", program])
    channel.open(PATIENCE_SECONDS)
    try:
        with pytest.raises(AnswerLost):
            channel.call("look", {}, 20)
    finally:
        channel.close()


@pytest.mark.parametrize(
    ("command", "seconds", "why"),
    [
        ([sys.executable, "-c", "raise SystemExit(4)"], PATIENCE_SECONDS, "it ended with 4"),
        ([sys.executable, "-c", "import time; time.sleep(600)"], 0.3, "did not answer in time"),
        (["no-such-program-anywhere"], PATIENCE_SECONDS, "cannot be started"),
        ([sys.executable], 0.0, "no time left"),
    ],
)
def test_a_worker_that_does_not_start_says_why(tmp_path: Path, command: list[str], seconds: float, why: str) -> None:
    channel = ChildChannel(terms(tmp_path), command)

    with pytest.raises(NotSent, match=why):
        channel.open(seconds)

    assert not channel.is_open


# ---------------------------------------------------------------- how it is started


def test_a_worker_starts_from_any_directory_whatever_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json.py", "numpy.py", "connectors.py"):
        (tmp_path / name).write_text("raise SystemExit('this is not it')")
    monkeypatch.chdir(tmp_path)
    channel = ChildChannel(terms("orders", package="simulator", terminal="no-such-file"))
    channel.open(PATIENCE_SECONDS)
    try:
        look = wire.decode(Look, channel.call("initialize", {}, 20), "look")
        assert (look.account, look.code) == (None, -10_003)
    finally:
        channel.close()


@pytest.mark.skipif(sys.platform == "win32", reason="the package exists there")
def test_a_package_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotSent, match="the package MetaTrader5 cannot be imported here"):
        ChildChannel(terms(tmp_path)).open(PATIENCE_SECONDS)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc of Linux")
def test_what_the_system_shows_of_a_process_does_not_tell_its_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHBILL__ACCOUNTS__0__PASSWORD", "hunter2")
    channel = ChildChannel(terms(tmp_path, package="simulator", password="hunter2"))
    channel.open(PATIENCE_SECONDS)
    try:
        for name in ("cmdline", "environ"):
            shown = Path(f"/proc/{channel.process_id}/{name}").read_bytes()
            assert not any(word in shown for word in (b"hunter2", SERVER.encode(), str(LOGIN).encode()))
    finally:
        channel.close()
    assert "hunter2" not in " ".join(worker_command())


@posix_only
def test_signals_that_are_meant_for_the_parent_do_not_end_a_worker(workshop: Workshop) -> None:
    channel = workshop.channel()
    assert channel.process_id is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(channel.process_id, number)

    assert channel.call("look", {}, 20)["code"] == 1
    assert os.getsid(channel.process_id) != os.getsid(0)
