"""What `serve`, `doctor` and the agreement see of a broker process, without starting any process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from made_brokers import BROKERS, FAR, MONDAY, TOKEN, RemoteBroker

from actors.system.clocks import TickClock
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.system import System
from connectors.base import Done, NotConnected, OpenOrder
from connectors.gateway_server import GatewayServer
from console.agreement import require_agreement
from console.arguments import DEFAULT_SPEED, Broker, Serve
from console.broker import run as run_broker
from console.broker_venue import BrokerVenue
from console.configuration import Configuration, load
from console.doctor import doctor_data
from console.errors import CommandError
from console.output import Output
from console.own_venue import OwnVenue
from console.venue import Accounts, OnTheBooks
from console.venues import venue_of
from persistence.ledger import Ledger
from trading.market import HOUR, MINUTE, Side, iso
from trading.order_numbers import magic_number

DEADLINE_SECONDS = 20.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RemoteBroker]:
    made = BROKERS["remote"](tmp_path)
    assert isinstance(made, RemoteBroker)
    yield made
    made.end()


def configured(broker: RemoteBroker, folder: Path, **changes: str) -> Configuration:
    """The settings of a client of this broker."""
    host, port = broker.server.address
    environment = {
        "WATCHBILL__ACCOUNTS__0__CONNECTOR": "remote",
        "WATCHBILL__ACCOUNTS__0__SERVER": f"{host}:{port}",
        "WATCHBILL__ACCOUNTS__0__PASSWORD": "secret",
        "WATCHBILL__ACCOUNTS__0__SYMBOLS__EURUSD": "EURUSDm",
        "WATCHBILL__ACCOUNTS__1__ENABLED": "false",
        "WATCHBILL__DATABASE_URL": f"sqlite:///{folder / 'ledger.sqlite'}",
        **changes,
    }
    return load(None, environment)


def test_the_settings_choose_the_venue(broker: RemoteBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    venue = venue_of(Serve(), configured(broker, tmp_path))
    assert isinstance(venue, BrokerVenue)
    assert venue.span() == (MONDAY, MONDAY + 40 * HOUR)
    assert (venue.source.partition(" at ")[0], venue.speed) == ("rising bars", 1.0)
    own = venue_of(Serve(), load(None, {}))
    assert isinstance(own, OwnVenue)
    assert own.speed == DEFAULT_SPEED
    assert venue_of(Serve(speed=60.0), load(None, {})).speed == 60.0


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (Serve(fresh=True), "--fresh"),
        (Serve(start=MONDAY), "--from"),
        (Serve(speed=60.0), "--speed"),
        (Serve(seed=7), "--seed"),
        (Serve(data=("gold.csv",)), "--data"),
    ],
)
def test_what_is_the_brokers_to_decide_is_refused(
    broker: RemoteBroker, tmp_path: Path, arguments: Serve, option: str
) -> None:
    with pytest.raises(CommandError, match=f"run.py broker {option}"):
        venue_of(arguments, configured(broker, tmp_path))


def test_without_remote_accounts_there_is_nothing_for_a_broker(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match='expected connector = "remote" for each'):
        run_broker(Broker(), load(None, {}), Output())


def test_a_port_that_is_taken_is_named(broker: RemoteBroker, tmp_path: Path) -> None:
    taken = configured(broker, tmp_path, WATCHBILL__ACCOUNTS__0__SYMBOLS__EURUSD="EURUSDm")
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:\d+ cannot be listened at: .*; --port chooses another"):
        run_broker(Broker(), taken, Output())


def test_an_account_that_trades_what_the_broker_does_not_have_is_named(broker: RemoteBroker, tmp_path: Path) -> None:
    other = configured(broker, tmp_path, WATCHBILL__ACCOUNTS__0__SYMBOLS__EURUSD="EURUSD")
    with pytest.raises(CommandError, match=r"'alpha' trades EURUSD as 'EURUSD', and the broker has .*EURUSDm"):
        venue_of(Serve(), other).accounts(ThreadedRuntime(TickClock(MONDAY)), "test:1")


def test_a_broker_that_is_away_is_said_to_be_away(broker: RemoteBroker, tmp_path: Path) -> None:
    configuration = configured(broker, tmp_path)
    broker.server.close()

    with pytest.raises(NotConnected):
        venue_of(Serve(), configuration).span()
    check = next(check for check in doctor_data(configuration, {})["checks"] if check["name"] == "broker")
    assert check["state"] == "failed"
    assert "cannot be reached" in check["saw"]
    assert "run.py broker" in check["advice"]


def test_doctor_sees_a_broker_that_answers(broker: RemoteBroker, tmp_path: Path) -> None:
    check = next(c for c in doctor_data(configured(broker, tmp_path), {})["checks"] if c["name"] == "broker")
    assert check["state"] == "ok"
    assert "rising bars" in check["saw"]
    assert "accounts alpha" in check["saw"]


def test_market_time_follows_the_broker_stands_still_while_it_is_away_and_goes_on(
    broker: RemoteBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    venue = venue_of(Serve(), configured(broker, tmp_path))
    runtime = ThreadedRuntime(venue.clock(MONDAY))
    system = System(runtime)
    start = venue.begin(runtime, Accounts({}))
    over = threading.Event()
    walk = threading.Thread(target=venue.walk, args=(runtime, start, over.wait))
    walk.start()
    try:
        broker.floor.move(lambda: broker.clock.go_to(start + 20 * MINUTE))
        wait_until(lambda: runtime.now() == start + 20 * MINUTE)
        host, port = broker.server.address
        broker.server.close()
        wait_until(lambda: "market time stands still until it answers again" in caplog.text)
        broker.floor.move(lambda: broker.clock.go_to(start + 40 * MINUTE))
        assert runtime.now() == start + 20 * MINUTE
        broker.server = GatewayServer(broker.floor, "secret", host, port)
        wait_until(lambda: runtime.now() == start + 40 * MINUTE)
        assert f"answers again, market time {iso(start + 40 * MINUTE)}" in caplog.text
    finally:
        over.set()
        walk.join(DEADLINE_SECONDS)
        system.stop()
        runtime.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Fails when it is not so before the deadline."""
    waiter = threading.Event()
    for _ in range(int(DEADLINE_SECONDS / 0.01)):
        if is_so():
            return
        waiter.wait(0.01)
    raise AssertionError("it never came to be so")


def test_a_book_of_a_newer_ledger_is_refused_through_the_wire(broker: RemoteBroker, tmp_path: Path) -> None:
    broker.connector.fence(TOKEN, FAR)
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as ledger:
        connectors = connectors_of(broker, tmp_path)
        with pytest.raises(CommandError, match=f"the book of alpha has seen token {TOKEN} of a newer ledger"):
            require_agreement(ledger, connectors)


def test_a_position_that_the_ledger_does_not_know_is_refused_through_the_wire(
    broker: RemoteBroker, tmp_path: Path
) -> None:
    order = OpenOrder("EURUSD", Side.BUY, 0.1, magic_number(77, 1), "wb-1", 1.11)
    assert isinstance(broker.connector.open(order, 0, FAR), Done)
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as ledger:
        connectors = connectors_of(broker, tmp_path)
        with pytest.raises(CommandError, match="holds what a crew opened and"):
            require_agreement(ledger, connectors)
        broker.server.close()
        with pytest.raises(NotConnected):
            require_agreement(ledger, connectors)


def connectors_of(broker: RemoteBroker, folder: Path) -> Mapping[str, OnTheBooks]:
    """As `serve` makes them."""
    return venue_of(Serve(), configured(broker, folder)).accounts(ThreadedRuntime(TickClock(MONDAY)), "test:9").books
