"""An account at the double of MetaTrader 5, its worker in this process, and what its tests ask again and again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from made_brokers import COMMODITIES, FAR, MAGIC, MONDAY, TERMS, TOKEN, OwnBroker, bars_of, rising

from connectors.base import Clock, CloseOrder, Connector, Done, OpenOrder, Outcome, Rejected
from connectors.mock_clock import ManualClock
from connectors.mt5.calls import WorkerTerms
from connectors.mt5.connector import MetaTraderConnector
from connectors.mt5.direct import DirectChannel
from connectors.mt5.order_floor import MemoryFloor
from connectors.mt5.simulated_clock import Zone, new_york_close
from connectors.mt5.simulated_market import HandMarket
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.simulated_truth import Executed, Received
from connectors.mt5.simulator import Package
from connectors.mt5.worker_core import WorkerCore
from trading.market import HOUR, SECOND, Instant, Side
from trading.settings_accounts import AccountSettings
from trading.settings_metatrader import MetaTraderSettings

LOTS = 0.1
SYMBOL = "EURUSDm"
LOGIN, SERVER = 1001, "Simulated-Demo"
LOOKS = 3  # at a moving market, until the connector knows the server's clock
SUFFIXED = {"EURUSD": "EURUSDm", "GBPUSD": "GBPUSDm"}


def metatrader_settings(*, netting: bool = False, **changes: Any) -> AccountSettings:
    """An account at the simulated server, its symbols with a suffix; ``changes`` replace what it says of MetaTrader."""
    mt5: dict[str, Any] = {"package": "simulator", "terminal": "terminal.json", "netting": netting, **changes}
    return AccountSettings(
        name="alpha", connector="mt5", login=LOGIN, server=SERVER, symbols=SUFFIXED, mt5=MetaTraderSettings(**mt5)
    )


def worker_terms(settings: AccountSettings) -> WorkerTerms:
    """What a worker for the account is told."""
    assert settings.login is not None
    assert settings.server is not None
    return WorkerTerms(
        package="simulator",
        terminal=settings.mt5.terminal or "",
        portable=False,
        login=settings.login,
        password="password",
        server=settings.server,
        symbols=tuple(settings.symbols.values()),
        floor_directory="",
        initialize_seconds=5.0,
    )


class WrongClock:
    """The clock of a machine whose wall clock is wrong by so many milliseconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.wrong_by = 0

    def now(self) -> Instant:
        return self._clock.now() + self.wrong_by

    def elapsed(self) -> float:
        return self._clock.elapsed()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


class MetaTraderBroker(OwnBroker):
    """An account at the double of MetaTrader 5, its price rising a point a second; the worker is in this process."""

    floors_volumes = True
    says_why_refused = False

    def __init__(
        self,
        settings: AccountSettings | None = None,
        *,
        account_nets: bool | None = None,
        connects: bool = True,
        looks: int = LOOKS,
        priced: Collection[str] = tuple(SUFFIXED),
        zone: Zone = new_york_close,
        **terms: Any,
    ) -> None:
        """``account_nets``: whatever the settings say. ``looks``: of the connector at the moving market, to begin with.
        ``priced``: the commodities that have a price. ``terms`` replace those of every symbol.
        """
        self.clock = ManualClock(MONDAY + self.bars_so_far * HOUR - looks * SECOND)
        self.wall = WrongClock(self.clock)
        self.settings = metatrader_settings() if settings is None else settings
        self.market = HandMarket()
        for commodity, symbol in SUFFIXED.items():
            self.market.history(symbol, bars_of(commodity, rising(40)))
            if commodity in priced:
                self.market.price_by(symbol, self._price)
        self.trade_server = SimulatedTradeServer(
            AccountTerms(
                LOGIN,
                SERVER,
                netting=self.settings.mt5.netting if account_nets is None else account_nets,
                paper=TERMS,
            ),
            {symbol: SymbolTerms(COMMODITIES[commodity], **terms) for commodity, symbol in SUFFIXED.items()},
            self.market,
            self.clock,
            zone=zone,
            block=self.clock.sleep,
        )
        self.order_floor = MemoryFloor(self.clock.elapsed, self.clock.sleep)
        self.channel = DirectChannel(self._worker, self.clock.elapsed)
        self.metatrader = MetaTraderConnector("alpha", self.settings, self.channel, self.wall)
        self.connector: Connector = self.metatrader
        if connects:
            self.connector.connect(FAR)
        for _ in range(looks if connects else 0):
            self.clock.sleep(1)
            self.connector.quotes(FAR)

    def move(self) -> None:
        self.clock.sleep(60)

    def shut(self) -> None:
        self.market.shut(SUFFIXED[self.commodity])
        self.clock.sleep(3600)

    def by_hand(self, side: Side, volume_lots: float) -> int:
        self.trade_server.hands.open(SUFFIXED[self.commodity], side, volume_lots)
        return max(position.ticket for position in self.connector.positions(FAR) if position.magic == 0)

    def end(self) -> None:
        self.connector.disconnect()

    def _worker(self) -> WorkerCore:
        package = Package(lambda path, timeout_seconds: self.trade_server)
        return WorkerCore(package, worker_terms(self.settings), self.order_floor, self.clock.elapsed)

    def _price(self, at: Instant) -> tuple[float, float]:
        bid = round(1.1 + (at - MONDAY) // SECOND * 1e-5, 5)
        return bid, round(bid + 1e-4, 5)


def open_order(lots: float = LOTS, magic: int = MAGIC, side: Side = Side.BUY) -> OpenOrder:
    return OpenOrder("EURUSD", side, lots, magic, "wb-1", 1.46)


def opened(broker: MetaTraderBroker, lots: float = LOTS, magic: int = MAGIC) -> Done:
    outcome = broker.connector.open(open_order(lots, magic), TOKEN, FAR)
    assert isinstance(outcome, Done), outcome
    return outcome


def close(broker: MetaTraderBroker, ticket: int, lots: float = LOTS, deadline: float = FAR) -> Outcome:
    return broker.connector.close(CloseOrder(ticket, "EURUSD", Side.BUY, lots, MAGIC, 1.46), TOKEN, deadline)


def answer(broker: MetaTraderBroker, **trouble: Any) -> None:
    """To the next order."""
    broker.trade_server.script.next("order_send", **trouble)


def sent(broker: MetaTraderBroker) -> list[Received]:
    return [event for event in broker.trade_server.events if isinstance(event, Received)]


def executed(broker: MetaTraderBroker) -> list[Executed]:
    return [event for event in broker.trade_server.events if isinstance(event, Executed)]


def code(outcome: Outcome) -> str:
    assert isinstance(outcome, Rejected), outcome
    return outcome.code


def soon(broker: MetaTraderBroker, seconds: float = 20.0) -> float:
    """A deadline as an actor gives it."""
    return broker.clock.elapsed() + seconds
