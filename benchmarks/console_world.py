"""A console over positions made to order: the real server, guard and routes in this process, without a broker.

For measuring. `World.move` changes every price, as a market does; whatever the console then does is its own work.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from actors.messages import AccountSnapshot
from actors.names import RESERVATION_LEVEL
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.spec import Spec
from actors.system.system import System
from actors.virtual_crew import market_for
from console.books import console_tokens_file
from console.configuration import Configuration, load
from console.observer import OBSERVER, ObserverActor
from console.reading import of_crew
from console.running import Moment, Running
from console.venue import Venue
from console.web.access_tokens import TokenFile
from console.web.assembly import assembled
from console.web.listening import listener
from console.web.server import Server
from persistence.journal import VALUATION, JournalEntry
from persistence.ledger import Ledger
from trading.analysis import Regime, Strategy
from trading.market import DAY, HOUR, Account, Instant, Instrument, Quote, Side
from trading.trade import Trade, TradeState

COMMODITIES = 20
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class StillVenue:
    """A market that is always open, and has no bars."""

    source: str = "prices made to order"
    speed: float = 1.0

    def progress(self, now: Instant) -> tuple[int | None, int | None]:
        """It has none."""
        return None, None

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """Always."""
        return True


@dataclass(slots=True)
class World:
    """The process's actors, its ledger, and its positions."""

    configuration: Configuration
    ledger: Ledger
    positions: int
    runtime: ThreadedRuntime = field(default_factory=ThreadedRuntime)
    running: Running = field(default_factory=Running)
    port: int = 0
    steps: int = 0
    system: System = field(init=False)
    _trades: dict[str, list[Trade]] = field(init=False)  # by account

    def __post_init__(self) -> None:
        self.system = System(self.runtime)
        self.system.start([Spec(OBSERVER, ObserverActor, RESERVATION_LEVEL)])
        settings, now = self.configuration.settings, self.runtime.now()
        market = market_for(settings, self.configuration.commodities, now - DAY, now + DAY)
        self.running.begins(Moment(self.system, self.runtime, market, cast(Venue, StillVenue())))
        self.running.leads("leading crew default on accounts made to order")
        self._trades = {account.name: [] for account in settings.accounts}
        slots = [(account.name, name) for account in settings.accounts for name in account.symbols]
        for trade_id, (platform, commodity) in enumerate(slots[: self.positions], 1):
            self._trades[platform].append(a_trade(trade_id, platform, commodity, now))

    @property
    def token(self) -> str:
        """That only looks."""
        return TokenFile(console_tokens_file(self.configuration)).current().read

    def move(self) -> None:
        """Every price has moved, and a tenth of the positions was valued anew."""
        self.steps += 1
        now, bid = self.runtime.now(), 1.1 + self.steps % 100 / 10_000
        for platform, trades in self._trades.items():
            self.system.tell(OBSERVER, a_snapshot(platform, trades, bid, now))
        profit = 0.5 + self.steps % 50 / 100
        worth = {"profit": profit, "target": 0.4, "stop": 0.3, "expected_value": 0.1, "sigma": 0.005}
        valued = [trade for trades in self._trades.values() for trade in trades][self.steps % 10 :: 10]
        self.ledger.journal.append(
            *(
                JournalEntry(now, VALUATION, "revalued", one.platform, one.commodity, one.trade_id, detail=worth)
                for one in valued
            )
        )


@contextmanager
def served(directory: Path, positions: int) -> Iterator[World]:
    """The console can be reached at ``127.0.0.1`` and the world's port until the end of the block."""
    url = f"sqlite:///{(directory / 'ledger.sqlite').as_posix()}"
    names = list(load(None, {}).commodities)[:COMMODITIES]
    accounts = [
        {"name": f"account{number}", "symbols": {name: name for name in names}}
        for number in range(-(-positions // COMMODITIES))
    ]
    environment = {"WATCHBILL__DATABASE_URL": url, "WATCHBILL__ACCOUNTS": json.dumps(accounts)}
    configuration = load(None, environment)
    with ExitStack() as stack:
        ledger = stack.enter_context(closing(Ledger.open(url, **of_crew(configuration))))
        world = World(configuration, ledger, positions)
        stack.callback(world.system.stop)
        reading = stack.enter_context(closing(Ledger.open(url, **of_crew(configuration), read_only=True)))
        at = stack.enter_context(closing(listener("127.0.0.1", 0)))
        world.port = at.getsockname()[1]
        app, end_streams = assembled(configuration, world.running, reading, world.port)
        began = threading.Event()
        server = Server(app, at, None, began.set)
        thread = threading.Thread(target=server.run, name="console", daemon=True)
        thread.start()
        if not began.wait(START_SECONDS):
            raise RuntimeError("the console did not begin")
        world.move()
        try:
            yield world
        finally:
            end_streams()
            server.should_exit = True
            thread.join(START_SECONDS)


def a_snapshot(platform: str, trades: list[Trade], bid: float, now: Instant) -> AccountSnapshot:
    """An account in dollars, with these trades at this price."""
    names = [trade.commodity for trade in trades]
    return AccountSnapshot(
        platform=platform,
        at=now,
        ready=True,
        reason="",
        netting=False,
        account=Account(platform, "USD", 10_000.0, 10_000.0 + 100 * bid, 0.0, now),
        quotes={name: Quote(name, bid, bid + 0.0002, now) for name in names},
        instruments={name: an_instrument(name) for name in names},
        trades={trade.commodity: trade for trade in trades},
        cooldown_until={},
        unaccounted=0,
        external=(),
    )


def an_instrument(commodity: str) -> Instrument:
    """Terms in dollars."""
    return Instrument(
        commodity=commodity,
        symbol=commodity,
        digits=5,
        contract_size=100_000.0,
        volume_min_lots=0.01,
        volume_max_lots=100.0,
        volume_step_lots=0.01,
        profit_currency="USD",
        leverage=30.0,
        commission_per_lot=3.5,
        swap_long_per_lot=-7.0,
        swap_short_per_lot=2.0,
    )


def a_trade(trade_id: int, platform: str, commodity: str, now: Instant) -> Trade:
    """An open trade of 0.10 lots at 1.10."""
    return Trade(
        trade_id=trade_id,
        platform=platform,
        commodity=commodity,
        side=Side.BUY,
        state=TradeState.OPEN,
        strategy=Strategy.DAY,
        regime=Regime.RANGE,
        analysis_id=f"made-{trade_id}",
        confidence=72.0,
        volume_lots=0.1,
        magic=(7 << 32) + trade_id,
        account_token=1,
        commodity_token=1,
        expected_price=1.1,
        stop_distance=0.01,
        target_distance=0.02,
        trailing_distance=None,
        stop_price=1.09,
        target_price=1.12,
        daily_volatility=0.005,
        submitted_at=now - HOUR,
        time_stop_at=now + 48 * HOUR,
        closes_at_day_end=True,
        position_id=trade_id,
        ticket=trade_id,
        entry_price=1.1,
        opened_at=now - HOUR,
    )
