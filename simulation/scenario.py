"""What one seed stands for: the accounts, the processes, how turns are taken, and which faults strike how often.

Each seed draws a few kinds of faults and leaves the others out: runs in which everything happens at once hide what two
faults alone can do to each other (Groce, Zhang, Eide, Chen and Regehr, "Swarm Testing", ISSTA 2012).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Literal, TypeAlias

from actors.accounts import Market
from feeds.catalogue import read_catalogue
from simulation.kinds import FAULTS, FAULTS_ANYWHERE, FAULTS_OF_PEOPLE
from simulation.terminal_faults import FAULTS_OF_TERMINALS
from trading.analysis import Strategy
from trading.calendars import TradingTimes, build
from trading.commodities import Commodity
from trading.market import DAY, HOUR, MINUTE, Instant, instant
from trading.settings import Settings
from trading.settings_accounts import AccountSettings, Limits, PaperSettings
from trading.settings_exits import ExitSettings, MeanRule, RegimeSwitchRule, RescaleRule
from trading.settings_metatrader import MetaTraderSettings
from trading.settings_risk import Risk
from trading.settings_strategies import StrategySettings, default_strategies
from trading.timetable import Timetable

ConnectorKind: TypeAlias = Literal["paper", "mt5"]
"""What a broker is reached through: the simulation's own connection, or the program's connector for MetaTrader 5."""

MIDWEEK: Instant = instant(datetime(2026, 3, 4, 12, tzinfo=UTC))
BEFORE_DAY_END: Instant = instant(datetime(2026, 3, 4, 21, 42, tzinfo=UTC))  # its window begins at 21:45
BEFORE_WEEKEND: Instant = instant(datetime(2026, 3, 6, 21, 42, tzinfo=UTC))
ORIGINS = (MIDWEEK, MIDWEEK, MIDWEEK, BEFORE_DAY_END, BEFORE_WEEKEND)

COMMODITIES = ("EURUSD", "GBPUSD", "BITCOIN")
PLATFORMS = ("alpha", "beta")
ADJUSTING = ExitSettings(
    rescale=RescaleRule(enabled=True), mean=MeanRule(enabled=True), regime_switch=RegimeSwitchRule(enabled=True)
)
"""Off by default: here so that trades are adjusted while things go wrong."""
STRATEGIES = (Strategy.DAY, Strategy.SCALPING, Strategy.MOMENTUM, Strategy.SWING)

TROUBLED_SECONDS = (90.0, 240.0)  # how long faults may strike
KIND_SHARE = 0.3  # of the kinds of faults, in one run
PEOPLE_SHARE = 0.08  # of runs have a person at a console, since such a run takes half as long again
SOBER_SHARE = 0.05  # of runs, in which nothing goes wrong at all
INTENSITIES = (0.5, 1.0, 1.0, 2.0, 4.0)  # of a kind, over its usual rate

FIRST_LOGIN = 5_000_001
SERVER = "Simulated-Demo"
SYMBOL_SUFFIX = ".m"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run, before it begins."""

    seed: int
    origin: Instant
    market: Market
    netting: bool
    processes: int  # of one crew: one leads, the other stands by
    schedule: Literal["random", "pct"]
    latency_seconds: float  # of messages between actors, at most
    troubled_seconds: float  # from the beginning, while faults strike
    analysis_seconds: float  # between two analyses of one commodity, on average
    daily_volatility: float  # that analyses claim: small, so that stops are near
    intensity: Mapping[str, float]  # of each kind of fault that strikes: 1 is its usual rate
    connector: ConnectorKind = "paper"

    @property
    def settings(self) -> Settings:
        """The crew's settings."""
        return self.market.settings

    def summary(self) -> str:
        """One line."""
        accounts = len(self.settings.accounts)
        kinds = ", ".join(self.intensity) or "no faults"
        terminals = ", at terminals" if self.connector == "mt5" else ""
        return (
            f"seed {self.seed}: {'netting' if self.netting else 'hedging'}, {accounts} accounts{terminals}, "
            f"{len(self.settings.accounts[0].symbols)} commodities, {self.processes} processes, {self.schedule} "
            f"schedule, {self.troubled_seconds:.0f} s of {kinds}"
        )


def draw(seed: int, kinds: frozenset[str] = frozenset(FAULTS), connector: ConnectorKind = "paper") -> Scenario:
    """The scenario of a seed. ``kinds``: the faults it may draw from; with fewer, those that stay strike as before."""
    rng = random.Random(f"{seed}/scenario")
    platforms = PLATFORMS[: rng.choice((1, 1, 2))]
    commodities = COMMODITIES[: rng.choice((1, 1, 2, 3))]
    netting = rng.random() < 0.35
    processes = rng.choice((1, 2, 2))
    origin = rng.choice(ORIGINS) + rng.randrange(2 * MINUTE)
    schedule: Literal["random", "pct"] = "pct" if rng.random() < 0.75 else "random"
    latency_seconds = rng.choice((0.0, 0.02, 0.2, 1.0))
    troubled_seconds = round(rng.uniform(*TROUBLED_SECONDS), 3)
    analysis_seconds = rng.choice((10.0, 20.0, 40.0))
    daily_volatility = rng.choice((0.0005, 0.001, 0.002))
    intensity = drawn_intensity(rng, kinds, FAULTS_ANYWHERE)
    intensity |= drawn_intensity(random.Random(f"{seed}/people"), kinds, FAULTS_OF_PEOPLE, share=PEOPLE_SHARE)
    settings = drawn_settings(rng, platforms, commodities)
    if connector == "mt5":
        intensity |= drawn_intensity(random.Random(f"{seed}/terminals"), kinds, FAULTS_OF_TERMINALS)
        settings = at_terminals(settings, netting=netting)
    times = {name: trading_times()[name] for name in commodities}
    market = Market(settings, {name: catalogue()[name] for name in commodities}, Timetable(times))
    return Scenario(
        seed=seed,
        origin=origin,
        market=market,
        netting=netting,
        processes=processes,
        schedule=schedule,
        latency_seconds=latency_seconds,
        troubled_seconds=troubled_seconds,
        analysis_seconds=analysis_seconds,
        daily_volatility=daily_volatility,
        intensity=intensity,
        connector=connector,
    )


def drawn_intensity(
    rng: random.Random, kinds: frozenset[str], of: Iterable[str], *, share: float = KIND_SHARE
) -> dict[str, float]:
    """Which of these kinds of faults strike, and how hard. Every kind draws, whether it is asked for or not."""
    sober = rng.random() < SOBER_SHARE
    drawn = {kind: (rng.random() < share, rng.choice(INTENSITIES)) for kind in of}
    few = len(kinds) <= len(FAULTS_ANYWHERE) // 4  # asked for by name: then they shall strike
    return {
        kind: intensity
        for kind, (chosen, intensity) in drawn.items()
        if kind in kinds and (few or (chosen and not sober))
    }


def drawn_settings(rng: random.Random, platforms: tuple[str, ...], commodities: tuple[str, ...]) -> Settings:
    """Settings under which a trade lives for minutes, and everything that can end one does."""
    paper = PaperSettings(balance=100_000, slippage_points=rng.choice((0, 2)))
    accounts = tuple(
        AccountSettings(
            name=name,
            symbols={commodity: commodity for commodity in commodities},
            paper=paper,
            limits=Limits(max_spread_fraction=0.5),
        )
        for name in platforms
    )
    return Settings(
        ai_per_account_cooldown_minutes=rng.choice((0.0, 0.25, 1.0)),
        ai_db_reservation_ttl_seconds=rng.choice((30.0, 60.0)),
        ai_monitor_interval_seconds=rng.choice((10.0, 30.0)),
        price_poll_seconds=rng.choice((3.0, 5.0, 5.0)),
        analysis_max_age_seconds=rng.choice((60.0, 300.0)),
        auto_close_all_friday=rng.random() < 0.5,
        accounts=accounts,
        risk=Risk(risk_per_trade_fraction=0.002),
        exits=ADJUSTING,
        strategies={name: shortened(of) for name, of in default_strategies().items()},
    )


def at_terminals(settings: Settings, *, netting: bool) -> Settings:
    """The same accounts, at MetaTrader 5 terminals, with a broker that has names of its own for everything."""
    accounts = tuple(
        AccountSettings(
            name=account.name,
            connector="mt5",
            symbols={commodity: commodity + SYMBOL_SUFFIX for commodity in account.symbols},
            login=FIRST_LOGIN + number,
            server=SERVER,
            limits=account.limits,
            paper=account.paper,
            mt5=MetaTraderSettings(package="simulator", terminal=account.name, netting=netting),
        )
        for number, account in enumerate(settings.accounts)
    )
    return settings.model_copy(update={"accounts": accounts})


def shortened(strategy: StrategySettings) -> StrategySettings:
    """The strategy with its longest hold in minutes instead of hours."""
    hold_seconds = min(max(strategy.longest_hold_seconds / 240, 60.0), 600.0)
    return strategy.model_copy(update={"longest_hold_seconds": hold_seconds})


@cache
def catalogue() -> dict[str, Commodity]:
    """The commodities, read once."""
    return read_catalogue()


@cache
def trading_times() -> dict[str, TradingTimes]:
    """Their calendars around every origin, built once."""
    first, last = MIDWEEK - 10 * DAY, BEFORE_WEEKEND + 10 * DAY + HOUR
    return {name: build(catalogue()[name], first, last) for name in COMMODITIES}
