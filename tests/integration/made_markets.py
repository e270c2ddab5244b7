"""Crews that trade commodities of several exchanges, each with a day of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from crew_helpers import StartCrew, account, opened
from made_sessions import utc

from actors.scripted_crew import ScriptedCrew
from feeds.market_calendars import CalendarStore
from trading.analysis import Strategy
from trading.market import MINUTE, SECOND, Instant
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.trade import CloseReason, Trade

PRICES = {
    "EURUSD": (1.10000, 1.10010),
    "GOLD": (2_600.00, 2_600.30),
    "WHEAT": (600.00, 600.50),
    "COFFEE": (300.00, 300.20),
    "ZINC": (2_700.00, 2_701.00),
    "NASDAQ_100": (21_000.00, 21_001.00),
    "BITCOIN": (60_000.00, 60_010.00),
}
A_DAYS_MOVE = 0.02  # of every price: far more than any spread or charge
ENDS_AFTER_MINUTES = 20  # a crew that watches one day's end begins so long before it


Begin: TypeAlias = Callable[..., ScriptedCrew]


def begun(
    start_crew: StartCrew, calendars: CalendarStore, at: str, *accounts: AccountSettings, **changes: object
) -> ScriptedCrew:
    """A crew that begins at this instant, and looks at its brokers every quarter of a minute."""
    settings: dict[str, object] = {
        "price_poll_seconds": 15,
        "ai_monitor_interval_seconds": 300,
        "ai_per_account_cooldown_minutes": 0,
        **changes,
    }
    prices = {name: PRICES[name] for one in accounts for name in one.symbols}
    validated = Settings.model_validate({"accounts": accounts, **settings})
    return start_crew(validated, utc(at), prices=prices, calendars=calendars)


def one_account(*commodities: str, **changes: object) -> AccountSettings:
    """`alpha`, which trades these."""
    return rich_account("alpha", *commodities, **changes)


def rich_account(name: str, *commodities: str, **changes: object) -> AccountSettings:
    """An account that can afford the smallest volume of everything."""
    return account(name, *commodities, paper={"balance": 200_000}, **changes)


def bought(crew: ScriptedCrew, commodity: str, strategy: Strategy = Strategy.DAY) -> Trade:
    """A trade that the crew opens now."""
    return opened(crew, "buy", commodity, strategy=strategy, daily_volatility=A_DAYS_MOVE)


def rise(crew: ScriptedCrew, *commodities: str, by: float = 0.005) -> None:
    """Let prices rise at every broker by this fraction, by which a buy has a profit and its target is far away."""
    for broker in crew.brokers.values():
        for name in commodities:
            bid, ask = PRICES[name]
            broker.price(name, bid * (1 + by), ask * (1 + by))


def go_to(crew: ScriptedCrew, at: Instant) -> None:
    """Let time flow up to this instant, which is included."""
    crew.run_for((at - crew.now) / SECOND)


def how_it_ended(crew: ScriptedCrew, trade: Trade) -> tuple[CloseReason | None, Instant | None]:
    """Why and when a trade was closed; None where it was not."""
    row = crew.ledger.trades.get(trade.trade_id)
    return row.close_reason, row.closed_at


def minutes_before(at: str, minutes: float = ENDS_AFTER_MINUTES) -> Instant:
    """An instant so long before this one."""
    return utc(at) - round(minutes * MINUTE)


def keys(crew: ScriptedCrew) -> dict[str, str]:
    """What was judged, by its key: how the judgement ended."""
    lines = crew.ledger.journal.list(kind="rule", newest_first=False)
    return {line.detail["key"]: line.reason.partition(":")[2] for line in lines}
