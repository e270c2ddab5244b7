"""Simulated accounts made to order, for the tests of what sees them through the package's double."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.mt5.simulated_market import HandMarket
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.simulator import Package
from feeds.catalogue import read_catalogue
from trading.market import SECOND, Instant

LOGIN, PASSWORD, SERVER = 1001, "password", "Simulated-Demo"
TUESDAY_NOON: Instant = 1_704_196_800_000  # 2 January 2024, 12:00 UTC
BROKER_AHEAD_SECONDS = 2 * 3_600  # of UTC, in winter

COMMODITIES = read_catalogue()
PRICES = {"EURUSD": (1.1, 1.1001), "GBPUSD": (1.27, 1.2701), "USDJPY": (145.1, 145.12)}


@dataclass
class HandClock:
    """Market time, moved by hand."""

    at: Instant = TUESDAY_NOON

    def now(self) -> Instant:
        """Market time."""
        return self.at

    def wait(self, seconds: float) -> None:
        """Let so much of it pass."""
        self.at += round(seconds * SECOND)


@dataclass
class Terminal:
    """One account with EURUSD, GBPUSD and USDJPY, and a package to see it through."""

    clock: HandClock = field(default_factory=HandClock)
    market: HandMarket = field(default_factory=lambda: HandMarket({"USDJPY": 3}))
    netting: bool = False

    def __post_init__(self) -> None:
        for symbol, (bid, ask) in PRICES.items():
            self.market.price(symbol, bid, ask)
        self.server = SimulatedTradeServer(
            AccountTerms(LOGIN, SERVER, netting=self.netting),
            {symbol: SymbolTerms(COMMODITIES[symbol]) for symbol in PRICES},
            self.market,
            self.clock,
        )
        self.package = Package(lambda path, timeout_seconds: self.server)

    def connected(self) -> Package:
        """The package, logged in, with every symbol in Market Watch."""
        assert self.package.initialize("terminal", login=LOGIN, password=PASSWORD, server=SERVER)
        for symbol in PRICES:
            assert self.package.symbol_select(symbol, True)
        return self.package

    @property
    def broker_seconds(self) -> int:
        """Now, on the broker's clock."""
        return self.clock.at // SECOND + BROKER_AHEAD_SECONDS
