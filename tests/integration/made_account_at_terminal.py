"""A MetaTrader 5 account at a simulated terminal in this process, its worker with it, and settings that name it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from connectors.mt5.direct import DirectChannel
from connectors.mt5.order_floor import DiskFloor
from connectors.mt5.simulated_market import HandMarket
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.simulator import Package
from connectors.mt5.worker_core import WorkerCore
from console.configuration import Configuration, load
from console.workers import worker_terms
from feeds.catalogue import catalogue_tables
from trading.commodities import catalogue
from trading.market import Instant

NOON: Instant = 1_772_625_600_000  # 2026-03-04T12:00Z, a Wednesday
SYMBOL = "EURUSD.m"
LOGIN, SERVER = 1001, "Sim-Demo"
EURUSD = catalogue(catalogue_tables(), {})["EURUSD"]


class LookedAtClock:
    """Market time that goes on with each look, as far as a test says."""

    def __init__(self) -> None:
        self._at = NOON
        self.per_look = 0  # milliseconds

    def now(self) -> Instant:
        """Market time."""
        self._at += self.per_look
        return self._at


class AccountAtTerminal:
    """One account, with EUR/USD at 1.1."""

    def __init__(self, folder: Path, **terms: Any) -> None:
        """``terms``: of the account, other than usual."""
        self.clock = LookedAtClock()
        self.market = HandMarket()
        self.market.price(SYMBOL, 1.1, 1.1001)
        self.server = SimulatedTradeServer(
            AccountTerms(LOGIN, SERVER, **terms), {SYMBOL: SymbolTerms(EURUSD)}, self.market, self.clock
        )
        self.configuration = configured(folder)
        self._floor = folder / "orders"

    def channel(self) -> DirectChannel:
        """The way to a worker in this process."""
        terms = worker_terms(self.configuration.settings.account("alpha"), self._floor)

        def start() -> WorkerCore:
            package = Package(lambda path, timeout_seconds: self.server)
            return WorkerCore(package, terms, DiskFloor(self._floor, LOGIN, SERVER), time.monotonic)

        return DirectChannel(start, time.monotonic)


def configured(folder: Path, **changes: str) -> Configuration:
    """The settings of one account at a simulated terminal."""
    account = {
        "CONNECTOR": "mt5",
        "LOGIN": str(LOGIN),
        "SERVER": SERVER,
        "SYMBOLS": f'{{"EURUSD": "{SYMBOL}"}}',
        "MT5__PACKAGE": "simulator",
        "MT5__TERMINAL": str(folder / "terminal.json"),
        **changes,
    }
    environment = {f"WATCHBILL__ACCOUNTS__0__{name}": value for name, value in account.items()}
    environment["WATCHBILL__ACCOUNTS__1__ENABLED"] = "false"
    environment["WATCHBILL__DATABASE_URL"] = f"sqlite:///{(folder / 'ledger.sqlite').as_posix()}"
    return load(None, environment)
