"""A gateway and its workers in a Windows Python with the real package: ours runs there, and nothing of ours hangs.

Where `WATCHBILL_WINE_PYTHON` names such a Python, which can read this directory. There is no terminal: one account's is
a path where nothing is, and the other's is a program that is no terminal, for which the package waits for minutes, deaf
to everything.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from made_terminal_package import ORDER
from windows_python import WINDOWS_PYTHON, words_of

from connectors import wire
from connectors.base import StaleToken
from connectors.mt5.calls import Look, Sent, WorkerTerms
from connectors.mt5.channel import AnswerLost, NotSent
from connectors.mt5.gateway_client import GatewayChannel

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0  # a Wine that begins anew takes its time
DEADLINE_SECONDS = 60.0
SHORT_SECONDS = 4.0
PACKAGE_WAITS_SECONDS = 60.0  # and more, whatever time-out it is given
SECRET = "a secret of the tests, long enough for a gateway"
SERVER = "Made-Demo"
NOWHERE, NO_TERMINAL = 1, 2  # the logins

SCRIPT = """
import sys, tempfile
sys.path.insert(0, {root!a})
from connectors import wire
from connectors.mt5.calls import WorkerTerms
from connectors.mt5.child import ChildChannel
from connectors.mt5.gateway import Gateway
from connectors.mt5.gateway_desk import Desk
from connectors.mt5.gateway_door import Door

with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as floor:
    desks = []
    for told in {terms!a}:
        terms = wire.decode(WorkerTerms, dict(told, floor_directory=floor), "terms")
        desks.append(Desk(str(terms.login), terms.login, terms.server, terms.symbols, ChildChannel(terms)))
    gateway = Gateway(desks, {secret!a}, Door("127.0.0.1", 0, None))
    print("gateway-port:", gateway.address[1], flush=True)
    sys.stdin.read()
    gateway.close()
"""


def terms(login: int, terminal: str) -> dict[str, wire.Json]:
    """Of an account with this terminal, as they travel."""
    known = WorkerTerms("MetaTrader5", terminal, False, login, None, SERVER, ("EURUSD",), "", DEADLINE_SECONDS)
    return wire.mapping(wire.encode(known), "terms")


@contextmanager
def gateway_of(command: list[str]) -> Iterator[tuple[str, int]]:
    """A gateway in that Python until the end of the block; its address."""
    windows_root = str(ROOT) if os.name == "nt" else "Z:" + str(ROOT).replace("/", "\\")
    of_both = [terms(NOWHERE, "C:\\nope.exe"), terms(NO_TERMINAL, "C:\\windows\\system32\\cmd.exe")]
    script = SCRIPT.format(root=windows_root, terms=of_both, secret=SECRET)
    with subprocess.Popen([*command, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ours:
        assert ours.stdin is not None
        assert ours.stdout is not None
        too_long = threading.Timer(START_SECONDS, ours.kill)
        too_long.start()
        try:
            port = next((line.split()[1] for line in ours.stdout if line.startswith("gateway-port:")), None)
            too_long.cancel()
            assert port is not None, f"{command} started no gateway; can it read {windows_root}?"
            yield "127.0.0.1", int(port)
        finally:
            too_long.cancel()
            ours.stdin.close()  # which is its end
            try:
                ours.wait(DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                ours.kill()
                raise


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """Where a gateway in the Windows Python listens."""
    command = os.environ.get(WINDOWS_PYTHON)
    if not command:
        pytest.skip(f"NOT TESTED IN A WINDOWS PYTHON: {WINDOWS_PYTHON} names none (docs/metatrader.md says more)")
    with gateway_of(words_of(command)) as found:
        yield found


def channel_to(address: tuple[str, int], login: int) -> GatewayChannel:
    """The way to the worker of an account."""
    return GatewayChannel(address, lambda: SECRET, None, login=login, server=SERVER, client=f"test of {login}")


def test_a_worker_with_the_real_package_answers_and_refuses_as_any_other(address: tuple[str, int]) -> None:
    order = wire.encode(ORDER)
    with closing(channel_to(address, NOWHERE)) as channel:
        channel.open(START_SECONDS)
        look = wire.decode(Look, channel.call("initialize", {}, DEADLINE_SECONDS), "look")
        assert (look.terminal, look.account, look.code) == (None, None, -10_003)
        assert channel.call("fence", {"token": 7}, DEADLINE_SECONDS) is None
        with pytest.raises(StaleToken, match="token 6 is below 7"):
            channel.call("fence", {"token": 6}, DEADLINE_SECONDS)
        sent = {
            token: wire.decode(
                Sent, channel.call("send", {"order": order, "token": token, "magic": 5}, DEADLINE_SECONDS), "sent"
            ).refused
            for token in (6, 7)
        }
    assert sent == {6: "stale_token", 7: "wrong_account"}


def test_a_worker_that_the_real_package_holds_up_is_killed_and_the_next_one_answers(address: tuple[str, int]) -> None:
    with closing(channel_to(address, NO_TERMINAL)) as channel, closing(channel_to(address, NOWHERE)) as other:
        channel.open(START_SECONDS)
        assert channel.call("fence", {"token": 7}, DEADLINE_SECONDS) is None
        other.open(START_SECONDS)
        began = time.monotonic()
        with pytest.raises(AnswerLost):
            channel.call("initialize", {}, SHORT_SECONDS)
        assert time.monotonic() - began < PACKAGE_WAITS_SECONDS / 2
        assert other.call("token", {}, DEADLINE_SECONDS) >= 0
        assert not channel.is_open
        with pytest.raises(NotSent):
            channel.call("token", {}, DEADLINE_SECONDS)
        channel.open(START_SECONDS)
        assert channel.call("token", {}, DEADLINE_SECONDS) == 7
