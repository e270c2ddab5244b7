"""A terminal process is asked over a socket as if its trade server were in memory, and loses answers as a pipe does."""

from __future__ import annotations

import math
import os
import random
import stat
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import trading
from connectors.base import ConnectorError, NotConnected
from connectors.gateway_server import GatewayServer
from connectors.mt5 import facts
from connectors.mt5.simulated_faults import RandomFaults
from connectors.mt5.simulated_market import HandMarket
from connectors.mt5.simulated_script import Trouble
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.simulated_truth import Request
from connectors.mt5.simulator import Package
from connectors.mt5.terminal_file import (
    TerminalAddress,
    read_terminal_file,
    remove_terminal_file,
    write_terminal_file,
)
from connectors.mt5.terminal_floor import HoldUps, HostedAccount, TerminalFloor, WalkedClock
from connectors.mt5.terminal_link import RemoteHands, RemoteTradeServer, open_terminal
from connectors.mt5.trade_server import PackageError, TradeServer
from connectors.remote_market import RemoteMarket
from trading.commodities import catalogue
from trading.market import DAY, SECOND, Side

NOON = 1_704_715_200_000
SECRET = "a secret of this test and of nobody else"
EURUSD = "EURUSD"
COMMODITIES = catalogue(tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8")))
BUY = asdict(
    Request(
        action=facts.TRADE_ACTION_DEAL,
        magic=2**53 - 1,
        order=0,
        symbol=EURUSD,
        volume=0.1,
        price=1.1001,
        stoplimit=0.0,
        sl=0.0,
        tp=0.0,
        deviation=20,
        type=facts.ORDER_TYPE_BUY,
        type_filling=facts.ORDER_FILLING_FOK,
        type_time=facts.ORDER_TIME_GTC,
        expiration=0,
        comment="watch",
        position=0,
        position_by=0,
    )
)


class HeldClock(WalkedClock):
    """A clock that a test can hold, and with it whoever asks."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.holds, self.is_asked, self.goes_on = threading.Event(), threading.Event(), threading.Event()

    def now(self) -> int:
        if self.holds.is_set():
            self.is_asked.set()
            assert self.goes_on.wait(10)
        return super().now()


class Hosted:
    """A terminal in this process, behind a real socket."""

    def __init__(self, path: Path, intensity: float = 0.0) -> None:
        self.path = path
        self.remotes: list[RemoteTradeServer] = []
        self.market = HandMarket()
        self.market.price(EURUSD, 1.1000, 1.1001)
        self.clock = HeldClock(NOON)
        hold_ups = HoldUps()
        self.server = SimulatedTradeServer(
            AccountTerms(1001, "Sim-Demo", password="open sesame"),
            {EURUSD: SymbolTerms(COMMODITIES["EURUSD"])},
            self.market,
            self.clock,
            block=hold_ups.note,
        )
        faults = RandomFaults(self.server, random.Random(1), intensity)
        self.floor = TerminalFloor(
            {"alpha": HostedAccount(self.server, faults)},
            self.clock,
            hold_ups,
            first=NOON,
            last=NOON + DAY,
            source="a market by hand",
            speed=1.0,
        )
        self.gateway = GatewayServer(self.floor, SECRET, "127.0.0.1", 0)
        self.address = TerminalAddress(*self.gateway.address, SECRET, "alpha")
        write_terminal_file(path, self.address)

    def opened(self) -> RemoteTradeServer:
        """A client, to be closed at the end."""
        remote = open_terminal(str(self.path), 10.0)
        self.remotes.append(remote)
        return remote

    def close(self) -> None:
        """Hang up, and stop listening."""
        self.gateway.close()
        for remote in self.remotes:
            remote.log_out()


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    with closing(Hosted(tmp_path / "alpha.json")) as terminal:
        yield terminal


def connected(hosted: Hosted) -> RemoteTradeServer:
    """A client that has logged in, and sees its symbol."""
    remote = hosted.opened()
    remote.log_in(1001, None, "Sim-Demo")
    remote.symbol_select(EURUSD, True)
    return remote


def code_of(error: pytest.ExceptionInfo[PackageError]) -> int:
    return error.value.code


def test_every_answer_is_the_same_over_the_socket_as_in_memory(hosted: Hosted) -> None:
    remote: TradeServer = connected(hosted)
    hosted.server.script.next("order_send", fills_after_seconds=60)
    assert remote.order_send(BUY)["retcode"] == facts.TRADE_RETCODE_PLACED
    assert remote.order_send(BUY)["retcode"] == facts.TRADE_RETCODE_DONE
    near: TradeServer = hosted.server
    for call, arguments in (
        ("terminal_info", ()),
        ("account_info", ()),
        ("symbols", ()),
        ("symbol_info", (EURUSD,)),
        ("symbol_info_tick", (EURUSD,)),
        ("rates", (EURUSD, facts.TIMEFRAME_H1, 0, 10)),
        ("positions", ()),
        ("orders", ()),
        ("history_orders", ()),
        ("history_deals", ()),
        ("order_calc_margin", (0, EURUSD, 0.1, 1.1)),
        ("order_calc_profit", (0, EURUSD, 0.1, 1.1, 1.2)),
        ("order_check", (BUY,)),
    ):
        assert getattr(remote, call)(*arguments) == getattr(near, call)(*arguments), call


def test_the_package_finds_a_terminal_by_its_file(hosted: Hosted) -> None:
    package = Package(open_terminal)
    assert package.initialize(str(hosted.path), login=1001, password="open sesame", server="Sim-Demo")
    assert package.account_info().login == 1001
    assert package.shutdown()


@pytest.mark.parametrize("who", [{"login": 1002}, {"password": "wrong"}])
def test_who_may_not_log_in_is_told_so(hosted: Hosted, who: dict[str, Any]) -> None:
    remote = hosted.opened()
    with pytest.raises(PackageError) as caught:
        remote.log_in(**({"login": 1001, "password": None, "server": None} | who))
    assert code_of(caught) == facts.RES_E_AUTH_FAILED


def test_market_time_is_followed_at_the_same_address(hosted: Hosted) -> None:
    market = RemoteMarket((hosted.address.host, hosted.address.port), lambda: hosted.address.secret, "test")
    with closing(market):
        assert market.facts().accounts == ("alpha",)
        hosted.floor.move_to(NOON + SECOND)
        assert market.beyond(NOON).now == NOON + SECOND


def test_what_is_due_happens_when_the_market_moves_though_nobody_is_connected(hosted: Hosted) -> None:
    remote = connected(hosted)
    hosted.server.script.next("order_send", fills_after_seconds=5)
    remote.order_send(BUY)
    remote.log_out()
    hosted.floor.move_to(NOON + 5 * SECOND)
    assert len(hosted.server.account.book.holdings) == 1
    with pytest.raises(ValueError, match="cannot go back"):
        hosted.floor.move_to(NOON)


# ---------------------------------------------------------------------- what is lost


def test_a_terminal_that_is_not_there_is_an_initialize_that_failed(tmp_path: Path) -> None:
    with pytest.raises(PackageError) as caught:
        open_terminal(str(tmp_path / "nobody.json"), 10.0)
    assert code_of(caught) == facts.RES_E_INTERNAL_FAIL_INIT


def test_a_terminal_that_is_gone_before_the_order_is_an_order_that_was_not_sent(hosted: Hosted) -> None:
    remote = connected(hosted)
    hosted.gateway.close()
    for _ in range(2):
        with pytest.raises(PackageError) as caught:
            remote.order_send(BUY)
        assert code_of(caught) == facts.RES_E_INTERNAL_FAIL_CONNECT
    with pytest.raises(PackageError) as caught:
        open_terminal(str(hosted.path), 10.0)
    assert code_of(caught) == facts.RES_E_INTERNAL_FAIL_INIT


def test_a_terminal_that_is_gone_before_its_answer_leaves_an_order_of_which_nothing_is_known(hosted: Hosted) -> None:
    remote = connected(hosted)
    caught: list[PackageError] = []

    def send() -> None:
        try:
            remote.order_send(BUY)
        except PackageError as error:
            caught.append(error)

    hosted.clock.holds.set()
    sender = threading.Thread(target=send)
    sender.start()
    assert hosted.clock.is_asked.wait(10)
    hosted.gateway.close()
    sender.join(10)
    hosted.clock.goes_on.set()
    assert [error.code for error in caught] == [facts.RES_E_INTERNAL_FAIL_RECEIVE]


def test_an_order_of_a_client_that_is_gone_is_executed_all_the_same(hosted: Hosted) -> None:
    remote = connected(hosted)
    link = remote._link
    link.send("order_send", {"request": BUY}, time.monotonic() + 10)
    link.close()
    again = connected(hosted)
    deadline = time.monotonic() + 10
    while not again.positions():
        assert time.monotonic() < deadline, "the order was never executed"
    assert again.positions()[0]["magic"] == BUY["magic"]


def test_an_answer_can_be_lost_on_demand(hosted: Hosted) -> None:
    remote = connected(hosted)
    RemoteHands(hosted.path).trouble("order_send", Trouble(code=facts.RES_E_INTERNAL_FAIL_RECEIVE, is_done=True))
    with pytest.raises(PackageError) as caught:
        remote.order_send(BUY)
    assert code_of(caught) == facts.RES_E_INTERNAL_FAIL_RECEIVE
    assert len(remote.positions()) == 1


def test_faults_strike_until_the_broker_is_told_to_behave(tmp_path: Path) -> None:
    with closing(Hosted(tmp_path / "alpha.json", intensity=10.0)) as hosted:
        held: list[float] = []
        failed = 0
        for _ in range(400):
            if not hosted.remotes or not hosted.remotes[-1].is_open:
                hosted.remotes.append(RemoteTradeServer(hosted.address, time.monotonic() + 10, block=held.append))
            try:
                hosted.remotes[-1].account_info()
            except PackageError:
                failed += 1
        assert failed > 10
        assert held
        RemoteHands(hosted.path).behave()
        remote = connected(hosted)
        assert all(remote.account_info()["login"] == 1001 for _ in range(100))


def test_a_call_is_held_up_in_the_clients_process_and_nobody_else_waits(hosted: Hosted) -> None:
    held: list[float] = []
    remote = RemoteTradeServer(hosted.address, time.monotonic() + 10, block=held.append)
    hosted.remotes.append(remote)
    hosted.server.script.next("order_send", blocks_seconds=math.inf)
    remote.order_send(BUY)
    assert held == [math.inf]
    assert len(connected(hosted).positions()) == 1
    remote.positions()
    assert held == [math.inf]


HELD = """
import sys, threading, time
from connectors.mt5.simulated_block import hold_the_interpreter
ticks = []
def tick():
    while True:
        ticks.append(time.monotonic())
        time.sleep(0.01)
threading.Thread(target=tick, daemon=True).start()
time.sleep(0.1)
before = len(ticks)
print("held", flush=True)
hold_the_interpreter(float(sys.argv[1]))
print(len(ticks) - before)
"""


def test_a_process_that_is_held_up_runs_no_other_thread_and_can_be_killed() -> None:
    root = Path(trading.__file__).parents[1]
    command = [sys.executable, "-c", HELD]
    for_a_while = subprocess.run([*command, "0.3"], cwd=root, capture_output=True, text=True, timeout=60, check=True)
    assert int(for_a_while.stdout.split()[1]) <= 2
    with subprocess.Popen([*command, "inf"], cwd=root, stdout=subprocess.PIPE, text=True) as for_ever:
        assert for_ever.stdout is not None
        assert for_ever.stdout.readline() == "held\n"
        with pytest.raises(subprocess.TimeoutExpired):
            for_ever.wait(0.2)
        for_ever.kill()
        assert for_ever.wait(10) != 0


# ---------------------------------------------------------------------- what is asked wrongly


@pytest.mark.parametrize(
    ("call", "arguments", "said"),
    [
        ("shutdown", {}, "call is 'shutdown'"),
        ("positions", {"symbol": "EURUSD"}, "positions has no 'symbol'"),
        ("symbol_info", {}, "symbol is missing"),
        ("symbol_info", {"symbol": 3}, "symbol is 3"),
        ("rates", {"symbol": EURUSD, "timeframe": 1, "start": 0, "count": 10**9}, "count is 1000000000"),
        ("order_send", {"request": {**BUY, "volume": "all"}}, "request.volume is 'all'"),
        ("order_send", {"request": {**BUY, "code": "x"}}, "request.code is not a field"),
        ("close_by_hand", {"ticket": 12}, "close_by_hand: there is no 12"),
        ("open_by_hand", {"symbol": "GOLD", "side": "buy", "volume_lots": 1.0}, "there is no 'GOLD'"),
    ],
)
def test_a_call_that_cannot_be_understood_is_answered_with_what_is_wrong(
    hosted: Hosted, call: str, arguments: dict[str, Any], said: str
) -> None:
    remote = connected(hosted)
    with pytest.raises(PackageError, match=said) as caught:
        remote._ask(call, **arguments)
    assert code_of(caught) == facts.RES_E_INVALID_PARAMS
    assert remote.account_info()["login"] == 1001


def test_people_trade_at_a_terminal_from_outside(hosted: Hosted) -> None:
    hands = RemoteHands(hosted.path)
    position = hands.open(EURUSD, Side.SELL, 0.2)
    assert position is not None
    assert hands.close(position) == position
    hosted.market.shut(EURUSD)
    assert hands.open(EURUSD, Side.SELL, 0.2) is None
    hands.behave()


def test_a_secret_that_is_another_opens_nothing(hosted: Hosted, tmp_path: Path) -> None:
    path = tmp_path / "forged.json"
    write_terminal_file(path, TerminalAddress(hosted.address.host, hosted.address.port, "guessed", "alpha"))
    with pytest.raises(PackageError, match="secret") as caught:
        open_terminal(str(path), 10.0)
    assert code_of(caught) == facts.RES_E_INTERNAL_FAIL_INIT


# ---------------------------------------------------------------------- the file


def test_a_terminals_file_is_for_its_owner_only_and_removed_by_who_wrote_it(tmp_path: Path) -> None:
    path, address = tmp_path / "deep" / "alpha.json", TerminalAddress("127.0.0.1", 7, "s", "alpha")
    write_terminal_file(path, address)
    assert read_terminal_file(path) == address
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = TerminalAddress("127.0.0.1", 8, "t", "alpha")
    write_terminal_file(path, other)
    remove_terminal_file(path, address)
    assert read_terminal_file(path) == other
    remove_terminal_file(path, other)
    remove_terminal_file(path, other)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected one JSON object"),
        ('{"host": "127.0.0.1"}', "port is missing"),
        ('{"host": "127.0.0.1", "port": "x", "secret": "s", "account": "a"}', "port is 'x'"),
        ('{"host": "h", "port": 1, "secret": "s", "account": "a", "more": 1}', "more is not a field"),
    ],
)
def test_a_file_that_is_something_else_is_refused_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "alpha.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConnectorError, match=said):
        read_terminal_file(path)


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_file_that_others_may_read_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "alpha.json"
    write_terminal_file(path, TerminalAddress("127.0.0.1", 7, "s", "alpha"))
    path.chmod(0o644)
    with pytest.raises(ConnectorError, match="others may read"):
        read_terminal_file(path)
    with pytest.raises(NotConnected, match="has not been started"):
        read_terminal_file(tmp_path / "beta.json")
