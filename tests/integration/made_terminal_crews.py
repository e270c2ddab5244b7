"""Whole crews at the double of MetaTrader 5, in virtual time; nothing between an actor and the double is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from made_brokers import TERMS
from made_metatrader import metatrader_settings, worker_terms

from actors.scripted_crew import PRICES, ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from actors.virtual_crew import IN_MEMORY, Connect
from connectors.base import Clock
from connectors.mt5.connector import MetaTraderConnector
from connectors.mt5.direct import DirectChannel
from connectors.mt5.order_floor import MemoryFloor
from connectors.mt5.simulated_market import HandMarket
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.simulated_truth import Executed, Received
from connectors.mt5.simulator import Package
from connectors.mt5.worker_core import WorkerCore
from trading.commodities import Commodity
from trading.settings import Settings
from trading.settings_accounts import AccountSettings

POLL_SECONDS = 4.0  # seldom, for the sake of speed
EURUSD_ALONE = {"EURUSD": "EURUSDm"}
AT_FIRST = PRICES["EURUSD"]  # bid and ask of every symbol
MOVING_SECONDS = 3.5 * POLL_SECONDS  # until the connector has seen the market move


class TerminalCrew(ScriptedCrew):
    """A crew of one account, alpha, whose broker is behind a terminal. Its prices stand, and tick."""

    def __init__(
        self,
        *,
        netting: bool = False,
        terms: Mapping[str, Any] | None = None,
        symbols: Mapping[str, str] = EURUSD_ALONE,
        after: TerminalCrew | None = None,
        world: VirtualWorld | None = None,
        database_url: str = IN_MEMORY,
        **changes: Any,
    ) -> None:
        """``terms`` replace those of every symbol, ``changes`` the crew's settings. ``after``: an earlier crew in the
        same ``world``, at whose broker this one goes on.
        """
        account = metatrader_settings(netting=netting).model_copy(update={"symbols": dict(symbols)})
        self._symbol_terms = dict(terms or {})
        self.hand_market: HandMarket = HandMarket() if after is None else after.hand_market
        self.server: SimulatedTradeServer | None = None if after is None else after.server
        settings = Settings(**{"accounts": (account,), "price_poll_seconds": POLL_SECONDS, **changes})
        super().__init__(settings, prices=dict.fromkeys(symbols, AT_FIRST), world=world, database_url=database_url)

    @property
    def broker(self) -> SimulatedTradeServer:
        """What the account is at."""
        assert self.server is not None, "it is made with the crew"
        return self.server

    @property
    def sent(self) -> list[Received]:
        """The orders that reached the broker."""
        return [event for event in self.broker.events if isinstance(event, Received)]

    @property
    def executed(self) -> list[Executed]:
        """The deals that it made."""
        return [event for event in self.broker.events if isinstance(event, Executed)]

    def price(self, bid: float, symbol: str = "EURUSDm") -> None:
        """From now on."""
        self.hand_market.price(symbol, bid, round(bid + 0.0001, 5))

    def start(self) -> None:
        """Lead the crew, begin every actor, and let the market be seen moving."""
        super().start()
        self.run_for(MOVING_SECONDS)

    def _connect(
        self, account: AccountSettings, commodities: Mapping[str, Commodity], prices: Mapping[str, tuple[float, float]]
    ) -> Connect:
        def connect(clock: Clock) -> MetaTraderConnector:
            if self.server is None:
                self.server = self._new_server(account, commodities, prices, clock)
            server = self.server
            floor = MemoryFloor(clock.elapsed, clock.sleep)

            def worker() -> WorkerCore:
                package = Package(lambda path, timeout_seconds: server)
                return WorkerCore(package, worker_terms(account), floor, clock.elapsed)

            return MetaTraderConnector(account.name, account, DirectChannel(worker, clock.elapsed), clock)

        return connect

    def _new_server(
        self,
        account: AccountSettings,
        commodities: Mapping[str, Commodity],
        prices: Mapping[str, tuple[float, float]],
        clock: Clock,
    ) -> SimulatedTradeServer:
        assert account.login is not None
        assert account.server is not None
        for commodity, symbol in account.symbols.items():
            self.hand_market.price(symbol, *prices[commodity])
        return SimulatedTradeServer(
            AccountTerms(account.login, account.server, netting=account.mt5.netting, paper=TERMS),
            {
                symbol: SymbolTerms(commodities[commodity], **self._symbol_terms)
                for commodity, symbol in account.symbols.items()
            },
            self.hand_market,
            clock,
            block=clock.sleep,
        )
