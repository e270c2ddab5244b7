"""Brokers made to order: every connector behind one handle, so that one suite can ask them all the same questions.

A further connector joins the conformance suite by a class like `PaperBroker` and a line in `BROKERS`.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

import trading
from connectors.base import Clock, Connector, Done
from connectors.gateway_floor import Floor
from connectors.gateway_server import GatewayServer
from connectors.measured import Gauges, MeasuredConnector
from connectors.mock import MockConnector
from connectors.mock_clock import ManualClock
from connectors.paper import PaperConnector
from connectors.remote import RemoteConnector
from simulation.broker import SimulatedBroker
from trading.bars import BarSeries, check_bars
from trading.commodities import Commodity, catalogue
from trading.market import DAY, HOUR, MINUTE, SECOND, Instant, Side
from trading.settings_accounts import PaperSettings

COMMODITIES: dict[str, Commodity] = catalogue(
    tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8"))
)
MONDAY: Instant = 1_704_672_000_000  # 2024-01-08T00:00:00Z
FAR = 1e12  # a deadline that is never reached
TOKEN = 5
MAGIC = (77 << 32) + 1
TERMS = PaperSettings(balance=10_000, leverage=30, commission_per_lot=3.5, slippage_points=0)


def bars_of(
    commodity: str,
    rows: list[tuple[float, float, float, float]],
    *,
    start: Instant = MONDAY,
    bar_seconds: int = 3600,
    spread: float = np.nan,
) -> BarSeries:
    """Bars one after another from rows of open, high, low, close."""
    opened, high, low, close = np.array(rows, dtype=np.float64).T.copy()
    time = start + np.arange(len(rows), dtype=np.int64) * bar_seconds * SECOND
    series = BarSeries(commodity, bar_seconds, time, opened, high, low, close, np.full(len(rows), spread))
    return check_bars(series, may_be_negative=True)


def one_after(earlier: BarSeries, later: BarSeries) -> BarSeries:
    """Both as one series."""
    return BarSeries(
        earlier.commodity,
        earlier.bar_seconds,
        np.concatenate([earlier.time, later.time]),
        np.concatenate([earlier.open, later.open]),
        np.concatenate([earlier.high, later.high]),
        np.concatenate([earlier.low, later.low]),
        np.concatenate([earlier.close, later.close]),
        np.concatenate([earlier.spread, later.spread]),
    )


def rising(count: int, first: float = 1.1, step: float = 0.001) -> list[tuple[float, float, float, float]]:
    """Rows that rise by a step each and reach a tenth of it beyond."""
    lows = [first + number * step for number in range(count)]
    return [(low, low + step * 1.1, low - step * 0.1, low + step) for low in lows]


class Broker(Protocol):
    """A connected account with money in it, in a market that moves, beside which a person may trade, too."""

    connector: Connector

    @property
    def clock(self) -> Clock:
        """That of the connector; sleeping on it waits for nobody."""
        ...

    commodity: str
    bars_so_far: int  # completed when the test begins
    lots: float  # of an order where nothing else is said
    magic: int  # of the first order
    floors_volumes: bool  # a volume off the step is floored to it, and not refused
    says_why_refused: bool  # the order history has the reason of a refusal
    is_ours: bool  # market and account are made for the test, and do what it wants

    def move(self) -> None:
        """Let the market go on until the commodity has another price, within the session."""
        ...

    def shut(self) -> None:
        """Let the market of the commodity shut."""
        ...

    def by_hand(self, side: Side, volume_lots: float) -> int:
        """Open a position as a person would, and give its ticket."""
        ...

    def end(self) -> None:
        """Let go of everything."""
        ...


class OwnBroker:
    """What is the same of all brokers that are made here."""

    commodity = "EURUSD"
    bars_so_far = 10
    lots = 0.10
    magic = MAGIC
    floors_volumes = False
    says_why_refused = True
    is_ours = True


class PaperBroker(OwnBroker):
    """A paper account over recorded bars that rise; its book in memory, or in a file."""

    def __init__(self, book: Path | None = None) -> None:
        self.clock = ManualClock(MONDAY + self.bars_so_far * HOUR)
        market = {name: bars_of(name, rising(40)) for name in ("EURUSD", "GBPUSD")}
        symbols = {"EURUSD": "EURUSDm", "GBPUSD": "GBPUSDm"}
        self.paper = PaperConnector("alpha", TERMS, COMMODITIES, symbols, market, self.clock, book)
        self.connector: Connector = self.paper
        self.connector.connect(FAR)

    def move(self) -> None:
        self.clock.go_to(self.clock.now() + 20 * MINUTE)

    def shut(self) -> None:
        self.clock.go_to(MONDAY + 40 * HOUR)

    def by_hand(self, side: Side, volume_lots: float) -> int:
        done = self.paper.open_by_hand(self.commodity, side, volume_lots)
        assert isinstance(done, Done)
        return done.ticket

    def end(self) -> None:
        self.connector.disconnect()


class RemoteBroker(PaperBroker):
    """The same account on disk, asked over a socket."""

    def __init__(self, book: Path) -> None:
        super().__init__(book)
        self.floor = Floor(
            {"alpha": self.paper}, self.clock, first=MONDAY, last=MONDAY + 40 * HOUR, source="rising bars", speed=1.0
        )
        self.server = GatewayServer(self.floor, "secret", "127.0.0.1", 0)
        self.connector = RemoteConnector("alpha", self.server.address, lambda: "secret", self.clock, "test:1")
        self.connector.connect(FAR)

    def end(self) -> None:
        self.connector.disconnect()
        self.server.close()
        self.floor.close()


class MockBroker(OwnBroker):
    """A scripted account left to itself, its price rising a point a second."""

    def __init__(self) -> None:
        self.clock = ManualClock(MONDAY + self.bars_so_far * HOUR)
        symbols = {"EURUSD": "EURUSDm", "GBPUSD": "GBPUSDm"}
        self.mock = MockConnector("alpha", COMMODITIES, self.clock, symbols=symbols, settings=TERMS)
        for name in symbols:
            self.mock.price_by(name, self._price)
            self.mock.history(bars_of(name, rising(40)))
        self.connector: Connector = self.mock
        self.connector.connect(FAR)

    def move(self) -> None:
        self.clock.sleep(60)

    def shut(self) -> None:
        self.mock.shut(self.commodity)
        self.clock.sleep(3600)

    def by_hand(self, side: Side, volume_lots: float) -> int:
        done = self.mock.open_by_hand(self.commodity, side, volume_lots)
        assert isinstance(done, Done)
        return done.ticket

    def end(self) -> None:
        self.connector.disconnect()

    def _price(self, at: Instant) -> tuple[float, float]:
        bid = round(1.1 + (at - MONDAY) // SECOND * 1e-5, 5)
        return bid, round(bid + 1e-4, 5)


class WellBehavedBroker(OwnBroker):
    """A simulated account where nothing goes wrong, on a Friday evening."""

    def __init__(self) -> None:
        self.clock = ManualClock(MONDAY + 4 * DAY + 8 * HOUR)
        symbols = {"EURUSD": "EURUSDm", "GBPUSD": "GBPUSDm"}
        self.broker = SimulatedBroker("alpha", COMMODITIES, symbols, self.clock, random.Random(1), settings=TERMS)
        self.clock.sleep(self.bars_so_far * 3600)
        self.connector: Connector = self.broker.connection(self.clock)
        self.connector.connect(FAR)

    def move(self) -> None:
        self.clock.sleep(60)

    def shut(self) -> None:
        self.clock.go_to(MONDAY + 4 * DAY + 23 * HOUR)  # 18:00 in New York

    def by_hand(self, side: Side, volume_lots: float) -> int:
        done = self.broker.open_by_hand(self.commodity, side, volume_lots)
        assert isinstance(done, Done)
        return done.ticket

    def end(self) -> None:
        self.connector.disconnect()


def _metatrader() -> Broker:
    from made_metatrader import MetaTraderBroker  # it is made of what is here

    return MetaTraderBroker()


class MeasuredBroker(PaperBroker):
    """The same account, with every call to it measured."""

    def __init__(self) -> None:
        super().__init__()
        self.gauges = Gauges()
        self.connector = MeasuredConnector(self.paper, self.gauges, self.clock.elapsed)


BROKERS: dict[str, Callable[[Path], Broker]] = {
    "paper": lambda folder: PaperBroker(),
    "paper_on_disk": lambda folder: PaperBroker(folder / "book.sqlite"),
    "measured": lambda folder: MeasuredBroker(),
    "mock": lambda folder: MockBroker(),
    "remote": lambda folder: RemoteBroker(folder / "book.sqlite"),
    "simulated": lambda folder: WellBehavedBroker(),
    "metatrader": lambda folder: _metatrader(),
}
