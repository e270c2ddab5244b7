"""`pytest --mt5-terminal`: what is asked of somebody's terminal, and that only a demo account is ever sent anything.

The terminal is a simulated one in this process, in real time; between it and the connector stands a real worker.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import test_connector_conformance as conformance
from made_brokers import COMMODITIES, TERMS
from made_metatrader import SERVER
from made_terminal_broker import TerminalBroker, TerminalOptions

from connectors.base import ConnectorError
from connectors.gateway_server import GatewayServer
from connectors.mt5 import facts
from connectors.mt5.session import WrongAccount
from connectors.mt5.simulated_market import HandMarket
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.simulated_truth import Received
from connectors.mt5.terminal_file import TerminalAddress, write_terminal_file
from connectors.mt5.terminal_floor import HoldUps, HostedAccount, TerminalFloor, WalkedClock
from trading.market import DAY, Instant, Side

LOGIN, SYMBOL, SECRET = 2002, "EURUSD.r", "between this process and its own worker"
ASKED = (
    conformance.test_c08_quotes_are_whole_one_a_commodity_and_never_from_the_future,
    conformance.test_c21_closing_what_is_closed_already_changes_nothing,
    conformance.test_c29_a_magic_is_executed_once,
    conformance.test_c32_lower_tokens_are_refused_from_the_fence_on,
)


class RealTime:
    def now(self) -> Instant:
        return time.time_ns() // 1_000_000


def price(at: Instant) -> tuple[float, float]:
    """Another one every twentieth of a second."""
    bid = round(1.1 + random.Random(at // 50).randrange(100) * 1e-5, 5)
    return bid, round(bid + 1e-4, 5)


@contextmanager
def terminal(folder: Path, trade_mode: int = facts.ACCOUNT_TRADE_MODE_DEMO) -> Iterator[SimpleNamespace]:
    """A simulated terminal, and the options that lead to it."""
    market, clock, hold_ups = HandMarket(), RealTime(), HoldUps()
    market.price_by(SYMBOL, price)
    server = SimulatedTradeServer(
        AccountTerms(LOGIN, SERVER, trade_mode=trade_mode, paper=TERMS),
        {SYMBOL: SymbolTerms(COMMODITIES["EURUSD"])},
        market,
        clock,
        block=hold_ups.note,
    )
    now = clock.now()
    floor = TerminalFloor(
        {"alpha": HostedAccount(server)},
        WalkedClock(now),
        hold_ups,
        first=now,
        last=now + DAY,
        source="real time",
        speed=1.0,
    )
    gateway = GatewayServer(floor, SECRET, "127.0.0.1", 0)
    try:
        file = folder / "terminal.json"
        write_terminal_file(file, TerminalAddress(*gateway.address, SECRET, "alpha"))
        options = TerminalOptions(str(file), LOGIN, SERVER, "password", SYMBOL, package="simulator")
        yield SimpleNamespace(server=server, market=market, options=options)
    finally:
        gateway.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    with terminal(tmp_path_factory.mktemp("terminal")) as made:
        yield made


def sent(made: SimpleNamespace) -> list[Received]:
    return [event for event in made.server.events if isinstance(event, Received)]


@pytest.mark.parametrize("question", ASKED, ids=lambda question: question.__name__.split("_")[1])
def test_a_demo_account_is_asked_and_left_as_it_was(
    demo: SimpleNamespace, tmp_path: Path, question: Callable[[Any], None]
) -> None:
    before = len(sent(demo))
    with ExitStack() as asked:
        broker = TerminalBroker(demo.options, tmp_path)
        asked.callback(broker.end)
        question(broker)
    assert demo.server.positions() == []
    assert all(event.request.volume <= 0.01 for event in sent(demo)[before:])


@pytest.mark.parametrize("trade_mode", [facts.ACCOUNT_TRADE_MODE_REAL, facts.ACCOUNT_TRADE_MODE_CONTEST])
def test_any_other_account_is_refused_before_anything_is_sent(tmp_path: Path, trade_mode: int) -> None:
    with terminal(tmp_path, trade_mode) as made:
        with pytest.raises(WrongAccount, match=r"expected 2002 at 'Simulated-Demo' \(demo\)"):
            TerminalBroker(made.options, tmp_path)
        assert sent(made) == []


def test_an_account_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    with terminal(tmp_path) as made:
        made.server.hands.open(SYMBOL, Side.BUY, 0.3)
        with pytest.raises(ConnectorError, match="holds 1 positions; expected one without"):
            TerminalBroker(made.options, tmp_path)
        assert sent(made) == []
        assert len(made.server.positions()) == 1


def test_a_login_that_is_not_the_accounts_is_refused(tmp_path: Path) -> None:
    with terminal(tmp_path) as made:
        with pytest.raises(ConnectorError, match="initialize: MetaTrader says -6"):
            TerminalBroker(replace(made.options, login=LOGIN + 1), tmp_path)
        assert sent(made) == []


@pytest.mark.parametrize("missing", ["--mt5-login", "--mt5-server"])
def test_options_that_are_missing_are_named(missing: str) -> None:
    given = {"mt5_terminal": "terminal64.exe", "mt5_login": 7, "mt5_server": "Demo"}
    given[missing.removeprefix("--").replace("-", "_")] = None
    config: Any = SimpleNamespace(getoption=given.get)
    with pytest.raises(pytest.UsageError, match=missing):
        TerminalOptions.given(config)


def test_questions_that_need_a_market_of_ours_are_the_marked_ones() -> None:
    """None of those that are asked of a stranger's terminal calls for what it cannot do."""
    assert not any(getattr(question, "needs_our_own", False) for question in ASKED)
    assert getattr(conformance.test_c10_a_shut_market_refuses_orders_and_keeps_the_position, "needs_our_own", False)
