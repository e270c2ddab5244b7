"""Where `serve` trades with MetaTrader 5 accounts: in the world's time, or in that of a simulated terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from made_account_at_terminal import configured
from made_brokers import BROKERS, MONDAY, RemoteBroker

from actors.system.clocks import TickClock, WallClock
from actors.system.context import Context
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.spec import Spec
from actors.system.system import System
from connectors.base import NotConnected
from connectors.mt5.connector import MetaTraderConnector
from connectors.mt5.terminal_file import TerminalAddress, write_terminal_file
from console.arguments import Serve
from console.configuration import Configuration, load
from console.errors import CommandError
from console.metatrader_venue import MetaTraderVenue
from console.terminal_venue import PATIENCE_SECONDS, TerminalVenue
from console.venue import Accounts
from console.venues import venue_of
from console.workers import require_terminals
from trading.market import DAY, HOUR, MINUTE, Instant

DEADLINE_SECONDS = 20.0
BEHIND_A_GATEWAY = {"MT5__PACKAGE": "MetaTrader5", "MT5__GATEWAY": "127.0.0.1:7090"}


@pytest.fixture
def market(tmp_path: Path) -> Iterator[RemoteBroker]:
    """A process that keeps market time, as `run.py terminal` does, and the file that leads to it."""
    made = BROKERS["remote"](tmp_path)
    assert isinstance(made, RemoteBroker)
    tell_where(made, tmp_path / "terminal.json")
    yield made
    made.end()


def tell_where(market: RemoteBroker, file: Path) -> None:
    write_terminal_file(file, TerminalAddress(*market.server.address, "secret", "alpha"))


def terminal_venue(folder: Path) -> TerminalVenue:
    venue = venue_of(Serve(), configured(folder))
    assert isinstance(venue, TerminalVenue)
    return venue


def test_at_a_simulated_terminal_the_market_is_the_terminals(market: RemoteBroker, tmp_path: Path) -> None:
    venue = terminal_venue(tmp_path)
    assert venue.source == "the market of the simulated terminal of alpha"
    assert venue.span() == (MONDAY, MONDAY + 40 * HOUR)
    assert (venue.source, venue.speed) == ("rising bars at the simulated terminal of alpha", 1.0)
    assert isinstance(venue.clock(MONDAY), TickClock)
    assert venue.trades_at("EURUSD", MONDAY)
    assert not venue.trades_at("EURUSD", MONDAY + 40 * HOUR)
    assert venue.progress(MONDAY) == (None, None)


class WaitsForItsBroker:
    """An actor that is busy with one message until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def start(self, context: Context) -> None:
        """Nothing."""

    def receive(self, message: object, context: Context) -> None:
        self.released.wait(DEADLINE_SECONDS)


def test_market_time_goes_on_while_an_account_waits_for_its_broker(market: RemoteBroker, tmp_path: Path) -> None:
    venue = terminal_venue(tmp_path)
    runtime = ThreadedRuntime(venue.clock(MONDAY))
    system = System(runtime)
    start = venue.begin(runtime, Accounts({}))
    over = threading.Event()
    walk = threading.Thread(target=venue.walk, args=(runtime, start, over.wait))
    waits = WaitsForItsBroker()
    system.start([Spec("alpha", lambda: waits, 1)])
    system.tell("alpha", "order")
    walk.start()
    try:
        for minutes in (20, 40):
            at = start + minutes * MINUTE
            market.floor.move(partial(market.clock.go_to, at))
            wait_until(partial(has_come_to, runtime, at))
    finally:
        over.set()
        walk.join(DEADLINE_SECONDS)
        waits.released.set()
        system.stop()
        runtime.close()


def test_a_market_that_waits_for_its_followers_waits_for_their_actors(market: RemoteBroker, tmp_path: Path) -> None:
    venue = terminal_venue(tmp_path)
    runtime = ThreadedRuntime(venue.clock(MONDAY))
    system = System(runtime)
    start = venue.begin(runtime, Accounts({}))
    over = threading.Event()
    walk = threading.Thread(target=venue.walk, args=(runtime, start, over.wait))
    waits = WaitsForItsBroker()
    system.start([Spec("alpha", lambda: waits, 1)])
    walk.start()
    try:
        market.floor.move(partial(market.clock.go_to, start + MINUTE))
        wait_until(partial(has_come_to, runtime, start + MINUTE))
        system.tell("alpha", "order")
        market.floor.move(partial(market.clock.go_to, start + 2 * MINUTE))
        waiter = threading.Thread(target=market.floor.wait_for_followers, args=(DEADLINE_SECONDS,))
        waiter.start()
        waiter.join(3 * PATIENCE_SECONDS)
        assert waiter.is_alive()
        waits.released.set()
        waiter.join(DEADLINE_SECONDS / 2)
        assert not waiter.is_alive()
        assert runtime.now() == start + 2 * MINUTE
    finally:
        over.set()
        waits.released.set()
        walk.join(DEADLINE_SECONDS)
        system.stop()
        runtime.close()


def test_a_terminal_that_comes_back_at_another_address_is_followed_there(
    market: RemoteBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "terminal.json"
    venue = terminal_venue(tmp_path)
    runtime = ThreadedRuntime(venue.clock(MONDAY))
    system = System(runtime)
    over = threading.Event()
    file.rename(tmp_path / "elsewhere.json")
    walk = threading.Thread(target=venue.walk, args=(runtime, MONDAY, over.wait))
    walk.start()
    try:
        wait_until(lambda: "market time stands still until it answers again" in caplog.text)
        assert "the terminal, which makes it, has not been started" in caplog.text
        tell_where(market, file)
        market.floor.move(lambda: market.clock.go_to(MONDAY + 20 * HOUR))
        wait_until(lambda: runtime.now() == MONDAY + 20 * HOUR)
    finally:
        over.set()
        walk.join(DEADLINE_SECONDS)
        system.stop()
        runtime.close()


def has_come_to(runtime: ThreadedRuntime, at: Instant) -> bool:
    return runtime.now() == at


def wait_until(is_so: Callable[[], bool]) -> None:
    """Fails when it is not so before the deadline."""
    waiter = threading.Event()
    for _ in range(int(DEADLINE_SECONDS / 0.01)):
        if is_so():
            return
        waiter.wait(0.01)
    raise AssertionError("it never came to be so")


def test_while_no_terminal_is_there_it_is_said_to_be_away(tmp_path: Path) -> None:
    with pytest.raises(NotConnected, match=r"there is no .*terminal\.json: the terminal, which makes it, has not been"):
        terminal_venue(tmp_path).span()


def test_accounts_at_two_terminals_do_not_share_one_market(tmp_path: Path) -> None:
    second = {"CONNECTOR": "mt5", "LOGIN": "2", "SERVER": "Sim-Demo", "MT5__PACKAGE": "simulator", "ENABLED": "true"}
    second |= {"MT5__TERMINAL": str(tmp_path / "other.json")}
    write_terminal_file(tmp_path / "terminal.json", TerminalAddress("127.0.0.1", 1, "secret", "alpha"))
    write_terminal_file(tmp_path / "other.json", TerminalAddress("127.0.0.1", 2, "secret", "beta"))
    both = with_second_account(tmp_path, second)
    with pytest.raises(CommandError, match=r"alpha at 127\.0\.0\.1:1, beta at 127\.0\.0\.1:2; expected one run\.py"):
        TerminalVenue(Serve(), both).span()


def with_second_account(folder: Path, values: dict[str, str]) -> Configuration:
    """Alpha as `configured` has it, and beta."""
    first = configured(folder).settings.accounts[0]
    environment = {f"WATCHBILL__ACCOUNTS__1__{name}": value for name, value in values.items()}
    environment |= {
        "WATCHBILL__ACCOUNTS__0__CONNECTOR": "mt5",
        "WATCHBILL__ACCOUNTS__0__LOGIN": str(first.login),
        "WATCHBILL__ACCOUNTS__0__SERVER": str(first.server),
        "WATCHBILL__ACCOUNTS__0__MT5__PACKAGE": "simulator",
        "WATCHBILL__ACCOUNTS__0__MT5__TERMINAL": str(first.mt5.terminal),
    }
    return load(None, environment)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [(Serve(start=MONDAY), "--from"), (Serve(speed=3600.0), "--speed"), (Serve(seed=0), "--seed")],
)
def test_what_is_the_markets_to_decide_is_refused_where_it_is_given(
    tmp_path: Path, arguments: Serve, option: str
) -> None:
    for changes, said in (
        ({}, f"{option}: the market is that of run.py terminal, which takes {option} itself"),
        (BEHIND_A_GATEWAY, f"{option}: the accounts are at brokers, whose market is that of the present"),
    ):
        with pytest.raises(CommandError, match=said):
            venue_of(arguments, configured(tmp_path, **changes))


def test_real_accounts_live_in_the_time_of_this_computer(tmp_path: Path) -> None:
    venue = venue_of(Serve(), configured(tmp_path, **BEHIND_A_GATEWAY))
    assert isinstance(venue, MetaTraderVenue)
    first, last = venue.span()
    now = WallClock().now()
    assert abs(first - now) < 10 * MINUTE
    assert last - first == 366 * DAY
    clock = venue.clock(0)
    assert isinstance(clock, WallClock)
    runtime = ThreadedRuntime(clock)
    accounts = venue.accounts(runtime, "test")
    assert {name: type(made) for name, made in accounts.connectors.items()} == {"alpha": MetaTraderConnector}
    assert not accounts.books, "what a broker holds is the broker's to say, once it is connected"
    assert abs(venue.begin(runtime, accounts) - now) < 10 * MINUTE
    looks = iter([False, False, True])
    venue.walk(runtime, now, lambda seconds: next(looks))
    assert not list(looks), "it ends when the term is over"
    assert (venue.speed, venue.source) == (1.0, "the market of Sim-Demo")
    assert venue.progress(now) == (None, None)
    assert venue.trades_at("EURUSD", now + 100 * DAY)


@pytest.mark.parametrize(
    ("changes", "platform", "is_refused"),
    [
        ({"MT5__PACKAGE": "MetaTrader5"}, "linux", True),
        ({"MT5__PACKAGE": "MetaTrader5"}, "darwin", True),
        ({"MT5__PACKAGE": "MetaTrader5"}, "win32", False),
        (BEHIND_A_GATEWAY, "linux", False),
        ({}, "linux", False),
    ],
)
def test_a_system_without_the_package_is_told_its_two_ways(
    tmp_path: Path, changes: dict[str, Any], platform: str, is_refused: bool
) -> None:
    settings = configured(tmp_path, **changes).settings
    if not is_refused:
        require_terminals(settings, platform)
        return
    with pytest.raises(CommandError, match=r"run\.py gateway, on a Windows machine or under Wine on this one"):
        require_terminals(settings, platform)
