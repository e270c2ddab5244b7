"""A gateway over real worker processes: whichever hangs or dies, the others go on, and nothing is sent twice."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from made_gateway import SECRET
from made_terminal_package import LOGIN, ORDER, SERVER, terms

from connectors import wire
from connectors.base import StaleToken
from connectors.mt5 import gateway_desk
from connectors.mt5.calls import Given, Sent
from connectors.mt5.channel import AnswerLost, NotSent
from connectors.mt5.child import ChildChannel
from connectors.mt5.gateway import Gateway
from connectors.mt5.gateway_client import GatewayChannel
from connectors.mt5.gateway_desk import Desk
from connectors.mt5.gateway_door import Door
from connectors.wire import Json
from trading.order_numbers import magic_number

HERE = Path(__file__).parent
PATIENCE_SECONDS = 30.0
SOON_SECONDS = 1.0
OTHER_SERVER = "Other-Demo"  # where a second account has the same number

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


class Cellar:
    """A gateway with two accounts, whose workers do what is wrong with them, on one floor."""

    def __init__(self, directory: Path, *faults: str) -> None:
        self._directory = directory
        self.journal = directory / "journal"
        self.journal.touch()
        self.workers = [self._worker(SERVER, *faults), self._worker(OTHER_SERVER)]
        desks = [
            Desk(server, LOGIN, server, ORDER.symbol.split(), worker)
            for server, worker in zip((SERVER, OTHER_SERVER), self.workers, strict=True)
        ]
        self.gateway = Gateway(desks, SECRET, Door("127.0.0.1", 0, None))
        self._clients = 0

    def _worker(self, server: str, *faults: str) -> ChildChannel:
        command = [sys.executable, str(HERE / "made_worker.py"), str(self.journal), *faults]
        return ChildChannel(terms(self._directory / "orders", server=server), command)

    def client(self, server: str = SERVER) -> GatewayChannel:
        """A new client, connected."""
        self._clients += 1
        channel = GatewayChannel(
            self.gateway.address, lambda: SECRET, None, login=LOGIN, server=server, client=f"test:{self._clients}"
        )
        channel.open(PATIENCE_SECONDS)
        return channel

    @property
    def sent(self) -> list[str]:
        """A line for each order that a package got: its magic, and the position that it closes."""
        return self.journal.read_text().splitlines()


@pytest.fixture
def cellar(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cellar]:
    """Parametrized with the faults of the first account's worker."""
    made = Cellar(tmp_path, *getattr(request, "param", ()))
    with closing(made.gateway):
        yield made


def send(channel: GatewayChannel, magic: int, *, token: int = 1, seconds: float = PATIENCE_SECONDS) -> Sent:
    """What became of an order."""
    arguments = {"order": wire.encode(ORDER), "token": token, "magic": magic}
    return wire.decode(Sent, channel.call("send", arguments, seconds), "sent")


def is_gone(process_id: int | None) -> bool:
    """Not even a zombie of ours is left; on Windows, where one cannot ask so, it is taken for granted."""
    assert process_id is not None
    if sys.platform == "win32":
        return True
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


def test_an_order_goes_all_the_way_and_back(cellar: Cellar) -> None:
    with closing(cellar.client()) as channel:
        positions = wire.decode(Given, channel.call("positions", {}, PATIENCE_SECONDS), "positions")
        sent = send(channel, 77)
    assert positions.identity is not None
    assert (positions.identity.login, positions.value) == (LOGIN, [])
    assert (sent.refused, sent.result and sent.result["order"]) == (None, 11)
    assert cellar.sent == ["77 0"]


def test_of_two_ledgers_with_the_same_token_at_one_gateway_one_opens(cellar: Cellar) -> None:
    ours, theirs = magic_number(77, 1), magic_number(78, 1)
    with closing(cellar.client()) as first, closing(cellar.client()) as second:
        for channel in (first, second):
            channel.call("fence", {"token": 1}, PATIENCE_SECONDS)

        assert [send(first, ours).refused, send(second, theirs).refused] == [None, "another_ledger"]
        assert send(first, ours + 1).refused is None
    assert cellar.sent == [f"{ours} 0", f"{ours + 1} 0"]


@pytest.mark.parametrize("cellar", [("blocks",)], indirect=True)
def test_a_worker_that_blocks_for_ever_in_an_order_is_killed_at_the_deadline_and_the_other_account_goes_on(
    cellar: Cellar,
) -> None:
    with (
        closing(cellar.client()) as blocked,
        closing(cellar.client(OTHER_SERVER)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        process = cellar.workers[0].process_id
        began = time.monotonic()
        sending = pool.submit(send, blocked, 77, seconds=SOON_SECONDS)
        asked = 0
        while not sending.done():
            other.call("positions", {}, PATIENCE_SECONDS)
            asked += 1
        assert isinstance(sending.exception(), AnswerLost)
        assert time.monotonic() - began < PATIENCE_SECONDS / 3
        assert asked > 2, "the other account waited"
        assert not blocked.is_open
        blocked.open(PATIENCE_SECONDS)
        assert is_gone(process)
        assert send(blocked, 77).refused == "repeated"
        assert cellar.sent == ["77 0"]


@posix_only
def test_a_worker_that_was_killed_is_replaced_and_has_forgotten_nothing(cellar: Cellar) -> None:
    with closing(cellar.client()) as channel:
        assert send(channel, 77, token=3).refused is None
        process = cellar.workers[0].process_id
        assert process is not None
        os.kill(process, signal.SIGKILL)
        with pytest.raises((NotSent, AnswerLost)):
            send(channel, 78, token=3)
        channel.open(PATIENCE_SECONDS)
        assert send(channel, 77, token=3).refused == "repeated"
        assert send(channel, 79, token=2).refused == "stale_token"
        assert send(channel, 80, token=3).refused is None
    assert cellar.sent == ["77 0", "80 0"]


def test_of_two_parents_the_one_with_the_lower_token_is_refused_whoever_came_first(cellar: Cellar) -> None:
    with closing(cellar.client()) as old, closing(cellar.client()) as new:
        old.call("fence", {"token": 5}, PATIENCE_SECONDS)
        assert send(old, 77, token=5).refused is None
        new.call("fence", {"token": 6}, PATIENCE_SECONDS)
        refused = send(old, 78, token=5)
        assert (refused.refused, refused.result) == ("stale_token", None)
        with pytest.raises(StaleToken):
            old.call("fence", {"token": 5}, PATIENCE_SECONDS)
        assert send(new, 79, token=6).refused is None
        # The old one may still look: whoever stands by has to.
        old.call("positions", {}, PATIENCE_SECONDS)
    assert cellar.sent == ["77 0", "79 0"]


@pytest.mark.parametrize("cellar", [("blocks in questions",)], indirect=True)
def test_stopping_reaps_every_worker_though_one_is_blocked(cellar: Cellar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_desk, "CLOSE_SECONDS", SOON_SECONDS / 2)
    channels = [cellar.client(), cellar.client(OTHER_SERVER)]
    processes = [worker.process_id for worker in cellar.workers]
    is_asked, ask = threading.Event(), ChildChannel.call

    def noticed(worker: ChildChannel, call: str, arguments: Mapping[str, Json], seconds: float) -> Json:
        is_asked.set()
        return ask(worker, call, arguments, seconds)

    monkeypatch.setattr(ChildChannel, "call", noticed)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(channels[0].call, "positions", {}, PATIENCE_SECONDS)
        assert is_asked.wait(PATIENCE_SECONDS)
        began = time.monotonic()
        cellar.gateway.close()
        assert time.monotonic() - began < PATIENCE_SECONDS / 3
        assert isinstance(asking.exception(), AnswerLost)
    assert [is_gone(process) for process in processes] == [True, True]
    for channel in channels:
        channel.close()


def test_what_the_client_believes_the_account_to_be_is_judged_beside_the_terminal(cellar: Cellar) -> None:
    with closing(cellar.client()) as channel:
        real = wire.encode(replace(ORDER, trade_mode=2))
        answer = channel.call("send", {"order": real, "token": 1, "magic": 77}, PATIENCE_SECONDS)
        assert wire.decode(Sent, answer, "sent").refused == "wrong_account"
    assert cellar.sent == []
