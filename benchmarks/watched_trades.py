"""A market, trades and a monitor over them, for measuring what watching costs."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from actors.accounts import Market
from actors.messages import MarketRead, Quotes, Revalue, RevalueRead, TradeChanged
from actors.monitor import MonitorActor
from actors.scripted_crew import A_WEDNESDAY_NOON
from actors.system.context import TimerHandle
from feeds.catalogue import read_catalogue
from persistence.trades import NewTrade
from trading.analysis import Regime, Strategy
from trading.calendars import build
from trading.market import DAY, HOUR, Instant, Quote, Side
from trading.opinion import Candidate, Opinion
from trading.reading import MarketReading
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.timetable import Timetable
from trading.trade import Trade, TradeState
from trading.volatility import VolatilityForecast

ACCOUNTS = 50
DAILY_VOLATILITY = 0.006
HOURLY_VARIANCE = DAILY_VOLATILITY**2 / 24
ENTRY = 1.1
SPREAD = 0.0001


@dataclass(slots=True)
class Scene:
    """All that the monitor sees of the world: a clock that is moved by hand, and a list of what was told."""

    at_now: Instant = A_WEDNESDAY_NOON
    name: str = "monitor"
    owner: str = "benchmark:1"
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    told: list[tuple[str, object]] = field(default_factory=list)

    def now(self) -> Instant:
        """Market time."""
        return self.at_now

    def elapsed(self) -> float:
        """Nothing here waits for anything."""
        return 0.0

    def tell(self, name: str, message: Any) -> None:
        """Collect it."""
        self.told.append((name, message))

    def ask(self, name: str, message: Any, timeout_seconds: float = 0.0) -> Any:
        """The monitor asks nobody."""
        raise AssertionError(f"{name} was asked for {message}")

    def later(self, delay_seconds: float, message: Any) -> TimerHandle:
        """Fired by hand."""
        return NoTimer()

    def at(self, instant: Instant, message: Any) -> TimerHandle:
        """Fired by hand."""
        return NoTimer()

    def sleep(self, seconds: float) -> None:
        """Nobody sleeps here."""

    def identifier(self, kind: str) -> str:
        """Not unique: nobody asks for two."""
        return kind

    def alert(self, reason: str, detail: str = "") -> None:
        """Nothing may go wrong here."""
        raise AssertionError(f"{reason}: {detail}")


class NoTimer:
    """A timer that never fires."""

    def cancel(self) -> None:
        """There is nothing to cancel."""


def market_of(trades: int) -> Market:
    """Fifty accounts that trade so many commodities each; the commodities are EURUSD under other names."""
    eurusd = read_catalogue({})["EURUSD"]
    names = [f"C{number}" for number in range(math.ceil(trades / ACCOUNTS))]
    symbols = {name: name for name in names}
    settings = Settings().model_copy(
        update={"accounts": tuple(AccountSettings(name=f"a{number}", symbols=symbols) for number in range(ACCOUNTS))}
    )
    times = build(eurusd, A_WEDNESDAY_NOON - 400 * DAY, A_WEDNESDAY_NOON + 400 * DAY)
    commodities = {name: eurusd.model_copy(update={"id": name}) for name in names}
    return Market(settings, commodities, Timetable(dict.fromkeys(names, times)))


def new_trade(platform: str, commodity: str, number: int) -> NewTrade:
    """A buy or a sell at 1.10, its levels a little different from the next one's; every third one trails."""
    side = Side.BUY if number % 2 else Side.SELL
    stop_distance = ENTRY * DAILY_VOLATILITY * (1 + 0.1 * (number % 7))
    trails = number % 3 == 0
    return NewTrade(
        platform=platform,
        commodity=commodity,
        side=side,
        strategy=Strategy.MOMENTUM if trails else Strategy.SWING,
        regime=Regime.TREND,
        analysis_id=f"{platform}-{commodity}",
        confidence=80.0,
        volume_lots=0.1,
        expected_price=ENTRY,
        stop_distance=stop_distance,
        target_distance=None if trails else 1.5 * stop_distance,
        trailing_distance=stop_distance if trails else None,
        stop_price=ENTRY - side.sign * stop_distance,
        target_price=None if trails else ENTRY + side.sign * 1.5 * stop_distance,
        daily_volatility=DAILY_VOLATILITY,
        submitted_at=A_WEDNESDAY_NOON - HOUR,
        time_stop_at=A_WEDNESDAY_NOON + (48 + number % 24) * HOUR,
        closes_at_day_end=trails,
    )


def open_trade(new: NewTrade, number: int) -> Trade:
    """The trade as if it had been filled."""
    return Trade(
        trade_id=number,
        state=TradeState.OPEN,
        magic=number,
        account_token=1,
        commodity_token=1,
        entry_price=ENTRY,
        opened_at=new.submitted_at,
        position_id=number,
        ticket=number,
        **{name: getattr(new, name) for name in NewTrade.__slots__},
    )


def new_trades(market: Market, count: int) -> Iterator[NewTrade]:
    """So many, account by account."""
    slots = ((account.name, name) for name in market.commodities for account in market.settings.accounts)
    for number, (platform, commodity) in zip(range(1, count + 1), slots, strict=False):
        yield new_trade(platform, commodity, number)


def quotes_of(market: Market, at: Instant, moved: float = 0.0) -> list[Quotes]:
    """New quotes of every account, ``moved`` from the entries."""
    bid = ENTRY + moved
    quotes = {name: Quote(name, bid, bid + SPREAD, at) for name in market.commodities}
    return [Quotes(account.name, at, quotes) for account in market.settings.accounts]


def readings_of(market: Market, at: Instant) -> list[MarketRead]:
    """A bar of every commodity, with a strategy for each trade's side, so that nothing is to be changed."""
    candidates = tuple(
        Candidate(strategy, side, 0.9, 0.9, 0.9, 0.9, 90.0, 65.0, ())
        for strategy in (Strategy.SWING, Strategy.MOMENTUM)
        for side in Side
    )
    opinion = Opinion(0, Regime.TREND, candidates, (), None)
    forecast = VolatilityForecast(at, HOURLY_VARIANCE, np.ones(24))
    return [
        MarketRead(MarketReading(name, at, 3600, opinion, forecast, DAILY_VOLATILITY, ENTRY))
        for name in market.commodities
    ]


@dataclass(frozen=True, slots=True)
class Watch:
    """A monitor over many trades."""

    market: Market
    monitor: MonitorActor
    scene: Scene
    trades: Sequence[Trade]

    @classmethod
    def over(cls, count: int) -> Watch:
        """Over so many trades that are in no ledger."""
        market = market_of(count)
        trades = [open_trade(new, number) for number, new in enumerate(new_trades(market, count), 1)]
        watch = cls(market, MonitorActor(market), Scene(), trades)
        for trade in trades:
            watch.monitor.receive(TradeChanged(trade), watch.scene)
        watch.quote()
        return watch

    def quote(self, moved: float = 0.0) -> None:
        """New quotes of every account."""
        for message in quotes_of(self.market, self.scene.at_now, moved):
            self.monitor.receive(message, self.scene)

    def read(self) -> None:
        """A new bar of every commodity, and what follows from it."""
        for message in readings_of(self.market, self.scene.at_now):
            self.monitor.receive(message, self.scene)
        self.monitor.receive(RevalueRead(), self.scene)

    def judge(self) -> None:
        """The pass of every interval."""
        self.monitor.receive(Revalue(), self.scene)
