"""The rules of a day's end where the market is another process's and rushes by: it stays until its last tick was seen.

The market here goes on as fast as the machine can; nothing but that one wait lets a crew see anything of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from made_account_at_terminal import LOGIN, SERVER, SYMBOL
from made_account_at_terminal import configured as configured_at_terminal
from made_sessions import utc

from actors.messages import Analysed
from actors.names import TRADER
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.system import System
from actors.virtual_crew import market_for
from actors.wiring import Parts, crew_specs, lead, reservation_spec
from connectors import remote_market
from connectors.gateway_floor import AT_ONCE, Floor
from connectors.gateway_server import GatewayServer
from connectors.mt5.simulated_market import RecordedMarket
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.terminal_file import TerminalAddress, write_terminal_file
from connectors.mt5.terminal_floor import HoldUps, HostedAccount, TerminalFloor, WalkedClock
from connectors.paper import PaperConnector
from connectors.remote_market import RemoteMarket
from console.arguments import Serve
from console.configuration import Configuration, load
from console.followed_venue import FollowedVenue
from console.market_walk import closing_instants, walk_to_the_end
from console.recorded import Recording
from console.venues import venue_of
from persistence.ledger import Ledger
from trading.analysis import Analysis, Pillar, Pillars, Regime, Strategy
from trading.bars import BarSeries, check_bars
from trading.market import HOUR, MINUTE, SECOND, Instant, Side, iso
from trading.trade import CloseReason, TradeState

DEADLINE_SECONDS = 20.0
LEVEL, UP = 1.10000, 1.10200
WITHOUT_A_PAUSE = 1e12  # market seconds a second
SECRET = "secret"


def recording_of(start: str, *levels: float) -> Recording:
    """Hourly bars from this instant on, each of which stays on one level."""
    price = np.array(levels, dtype=np.float64)
    time = utc(start) + np.arange(len(levels), dtype=np.int64) * HOUR
    none = np.full(len(levels), np.nan)
    series = check_bars(BarSeries("EURUSD", HOUR // SECOND, time, price, price, price, price, none))
    return Recording({"EURUSD": series}, "made bars")


class SteadyClock(WalkedClock):
    """As a paper account needs one."""

    def elapsed(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class FollowedMarket:
    """A market with one account, alpha, that listens, and the settings of who follows it."""

    recording: Recording
    configuration: Configuration
    floor: Floor | TerminalFloor
    server: GatewayServer
    move_to: Callable[[Instant], None]

    def show(self, at: Instant) -> None:
        """Go to this instant, and wait until the followers are done with it."""
        self.move_to(at)
        self.floor.wait_for_followers(DEADLINE_SECONDS)

    def rush_to_its_end(self) -> None:
        """The walk of the real commands, without a pause between two ticks."""
        over = threading.Event()
        walk = partial(walk_to_the_end, self.recording, self.configuration, self.floor.facts().now, WITHOUT_A_PAUSE)
        walker = threading.Thread(target=walk, args=(over, self.move_to, self.floor.wait_for_followers))
        walker.start()
        try:
            end = self.floor.wait_beyond(self.recording.last - 1, DEADLINE_SECONDS)
            assert end.now == self.recording.last
            self.floor.wait_for_followers(DEADLINE_SECONDS)
        finally:
            over.set()
            walker.join(DEADLINE_SECONDS)


@contextmanager
def at_a_broker(recording: Recording, folder: Path) -> Iterator[FollowedMarket]:
    """A paper account as `run.py broker` keeps it."""
    clock, terms = SteadyClock(recording.first), configured_at_broker(folder, "127.0.0.1:7080")
    alpha = terms.settings.account("alpha")
    paper = PaperConnector(
        "alpha", alpha.paper, terms.commodities, alpha.symbols, recording.series, clock, folder / "book"
    )
    paper.connect(AT_ONCE)
    span = {"first": recording.first, "last": recording.last}
    with (
        closing(Floor({"alpha": paper}, clock, **span, source="made bars", speed=1.0)) as floor,
        closing(GatewayServer(floor, SECRET, "127.0.0.1", 0)) as server,
    ):
        host, port = server.address
        configuration = configured_at_broker(folder, f"{host}:{port}")
        yield FollowedMarket(recording, configuration, floor, server, lambda at: floor.move(partial(clock.move_to, at)))


def configured_at_broker(folder: Path, address: str) -> Configuration:
    """The settings of one account at a broker process."""
    account = {"CONNECTOR": "remote", "SERVER": address, "PASSWORD": SECRET}
    environment = {f"WATCHBILL__ACCOUNTS__0__{name}": value for name, value in account.items()}
    environment["WATCHBILL__ACCOUNTS__1__ENABLED"] = "false"
    environment["WATCHBILL__DATABASE_URL"] = f"sqlite:///{(folder / 'ledger.sqlite').as_posix()}"
    return load(None, environment)


@contextmanager
def at_a_terminal(recording: Recording, folder: Path) -> Iterator[FollowedMarket]:
    """A MetaTrader account as `run.py terminal` keeps it."""
    configuration = configured_at_terminal(folder)
    eurusd, hold_ups, clock = configuration.commodities["EURUSD"], HoldUps(), WalkedClock(recording.first)
    trade_server = SimulatedTradeServer(
        AccountTerms(LOGIN, SERVER),
        {SYMBOL: SymbolTerms(eurusd)},
        RecordedMarket({SYMBOL: recording.series["EURUSD"]}, {SYMBOL: eurusd}),
        clock,
        block=hold_ups.note,
    )
    span = {"first": recording.first, "last": recording.last}
    floor = TerminalFloor(
        {"alpha": HostedAccount(trade_server)}, clock, hold_ups, **span, source="made bars", speed=1.0
    )
    with closing(GatewayServer(floor, SECRET, "127.0.0.1", 0)) as server:
        write_terminal_file(folder / "terminal.json", TerminalAddress(*server.address, SECRET, "alpha"))
        yield FollowedMarket(recording, configuration, floor, server, floor.move_to)


@contextmanager
def followed_by_a_crew(market: FollowedMarket) -> Iterator[tuple[System, Ledger]]:
    """All actors on threads, at the venue that the settings name, as `serve` has them."""
    settings, commodities = market.configuration.settings, market.configuration.commodities
    venue = venue_of(Serve(), market.configuration)
    assert isinstance(venue, FollowedVenue)
    first, last = venue.span()
    runtime, over = ThreadedRuntime(venue.clock(first)), threading.Event()
    system = System(runtime)
    with ExitStack() as stack:
        url = settings.database_url.get_secret_value()
        ledger = stack.enter_context(closing(Ledger.open(url, writer=runtime.owner)))
        stack.callback(system.stop)
        parts = Parts(market_for(settings, commodities, first, last), ledger, {})
        system.start([reservation_spec(parts)])
        assert lead(system, parts)
        accounts = venue.accounts(runtime, runtime.owner)
        start = venue.begin(runtime, accounts)
        system.start([*crew_specs(replace(parts, connectors=accounts.connectors))])
        system.confirm_all()
        walker = threading.Thread(target=venue.walk, args=(runtime, start, over.wait))
        walker.start()
        stack.callback(walker.join, DEADLINE_SECONDS)
        stack.callback(over.set)
        market.move_to(market.recording.first + SECOND)
        wait_until(lambda: runtime.now() == market.recording.first + SECOND)  # from here on it is waited for
        yield system, ledger


def wait_until(is_so: Callable[[], bool]) -> None:
    """Fails when it is not so before the deadline."""
    waiter = threading.Event()
    for _ in range(int(DEADLINE_SECONDS / 0.01)):
        if is_so():
            return
        waiter.wait(0.01)
    raise AssertionError("it never came to be so")


def opinion(at: Instant) -> Analysed:
    """One that passes the gate."""
    pillar = Pillar(score=0.9)
    analysis = Analysis(
        id="made",
        commodity="EURUSD",
        side=Side.BUY,
        strategy=Strategy.DAY,
        regime=Regime.RANGE,
        pillars=Pillars(base=pillar, trend=pillar, volatility=pillar, sentiment=pillar),
        confidence=90.0,
        daily_volatility=0.005,
        made_at=at,
    )
    return Analysed(analysis)


@pytest.mark.parametrize("kept_by", [at_a_broker, at_a_terminal])
@pytest.mark.parametrize(("day", "reason"), [("2026-03-04", CloseReason.DAY_END), ("2026-03-06", CloseReason.FRIDAY)])
def test_the_rules_are_judged_on_the_last_tick_however_fast_the_market_is(
    tmp_path: Path, kept_by: Callable[[Recording, Path], AbstractContextManager[FollowedMarket]], day: str, reason: str
) -> None:
    recording = recording_of(f"{day}T16:00", LEVEL, LEVEL, UP, UP, UP, UP)
    with kept_by(recording, tmp_path) as market, followed_by_a_crew(market) as (system, ledger):
        for minutes in (20, 40, 60, 80):
            market.show(recording.first + minutes * MINUTE)
        system.tell(TRADER, opinion(market.floor.facts().now))
        market.show(recording.first + 100 * MINUTE)
        (trade,) = ledger.trades.list()
        assert trade.state is TradeState.OPEN
        market.rush_to_its_end()
        (trade,) = ledger.trades.list()
        judged = [line.reason for line in ledger.journal.list(kind="rule", newest_first=False)]
    assert (trade.state, trade.close_reason) == (TradeState.CLOSED, reason)
    assert trade.closed_at == utc(f"{day}T21:59:59")
    assert judged == [f"{reason}:closed"]


# ------------------------------------------------------------ who is waited for


@pytest.fixture
def market(tmp_path: Path) -> Iterator[FollowedMarket]:
    with at_a_broker(recording_of("2026-03-04T16:00", *[LEVEL] * 6), tmp_path) as made:
        yield made


@pytest.fixture
def client(market: FollowedMarket, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteMarket]:
    """It has asked for the market once, and is not done with what it was answered."""
    monkeypatch.setattr(remote_market, "WAIT_SECONDS", 0.01)
    with closing(RemoteMarket(market.server.address, lambda: SECRET, "test:1")) as made:
        assert made.beyond(market.recording.first - SECOND).now == market.recording.first
        yield made


@contextmanager
def waiting(market: FollowedMarket) -> Iterator[threading.Thread]:
    """Somebody who waits for the followers; it ends long before its time."""
    waiter = threading.Thread(target=market.floor.wait_for_followers, args=(10 * DEADLINE_SECONDS,))
    waiter.start()
    yield waiter
    waiter.join(DEADLINE_SECONDS)
    assert not waiter.is_alive()


def test_the_market_waits_until_a_follower_asks_for_what_comes_next(
    market: FollowedMarket, client: RemoteMarket
) -> None:
    with waiting(market) as waiter:
        waiter.join(0.05)
        assert waiter.is_alive()
        client.beyond(market.recording.first)
    with waiting(market):
        pass  # it is done with this instant, and with no other
    market.move_to(market.recording.first + SECOND)
    with waiting(market) as waiter:
        waiter.join(0.05)
        assert waiter.is_alive()
        client.beyond(market.recording.first + SECOND)


def test_a_follower_that_is_gone_is_not_waited_for(market: FollowedMarket, client: RemoteMarket) -> None:
    with waiting(market) as waiter:
        waiter.join(0.05)
        assert waiter.is_alive()
        client.close()  # as the system does for a process that was killed


def test_a_follower_that_is_stopped_costs_one_wait_until_it_goes_on(
    market: FollowedMarket, client: RemoteMarket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="watchbill.market")
    market.floor.wait_for_followers(0.01)
    said = f"the market goes on from {iso(market.recording.first)} without test:1, which is not done with it"
    assert caplog.messages == [said]
    for seconds in (1, 2):
        market.move_to(market.recording.first + seconds * SECOND)
        with waiting(market):
            pass
    client.beyond(market.recording.first)
    with waiting(market) as waiter:
        waiter.join(0.05)
        assert waiter.is_alive()
        client.beyond(market.recording.first + 2 * SECOND)


def test_who_only_looks_at_the_market_is_not_waited_for(market: FollowedMarket) -> None:
    with closing(RemoteMarket(market.server.address, lambda: SECRET, "test:2")) as looks:
        looks.facts()
        with waiting(market):
            pass


def test_the_market_stays_inside_the_windows_of_the_accounts_alone(tmp_path: Path) -> None:
    recording = recording_of("2026-03-04T16:00", *[LEVEL] * 8)
    instants = recording.instants(recording.first, recording.last)
    fifteen = configured_at_broker(tmp_path, "127.0.0.1:7080")
    assert closing_instants(instants, fifteen).tolist() == [utc("2026-03-04T21:59:59")]
    longer = load(None, {"WATCHBILL__ACCOUNTS__0__AUTO_CLOSE_MINUTES_BEFORE": "45"})
    assert [iso(at) for at in closing_instants(instants, longer).tolist()] == [
        "2026-03-04T21:20:00Z",
        "2026-03-04T21:40:00Z",
        "2026-03-04T21:59:59Z",
    ]
    assert len(closing_instants(instants[:0], fifteen)) == 0
