"""The two accounts of a rehearsal, and settings under which nothing but the closing rules ends a trade.

Stops lie five times as far as the price ever goes, holds have no end, the rules that weigh a trade are off, and the
accounts are so large that no limit is felt. There is no cooldown: only the calendar keeps a trade from being opened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from connectors.accounting import conversion
from simulation.rehearsal_verdicts import Rules
from trading.analysis import Strategy
from trading.commodities import Commodity
from trading.settings import Settings
from trading.settings_accounts import AccountSettings, Limits, PaperSettings
from trading.settings_exits import AdverseDriftRule, ExitSettings, TrailingRule
from trading.settings_hours import Hours
from trading.settings_risk import Risk
from trading.settings_strategies import StrategySettings

BUFFER_MINUTES = {"alpha": 15, "beta": 25}  # of each account: the windows begin so long before the day's end
HOURS = {
    "beta": {
        "BITCOIN": Hours(sessions=("Mon-Fri 17:00-17:00",)),  # a broker that shuts at weekends
        "GOLD": Hours(auto_close_minutes_before=40),
        "EURUSD": Hours(closed=("07-03",), early_closes={"11-27": "13:00"}),
    }
}
"""What the brokers do otherwise than the exchanges, by account and commodity."""

DAILY_VOLATILITY = 0.05  # that analyses claim: the stop lies so far away
NO_END_SECONDS = 3_000 * 86_400.0

STRATEGY_WEIGHTS = (3, 1)
STRATEGIES = {
    Strategy.DAY: StrategySettings(target_volatilities=1.5, longest_hold_seconds=NO_END_SECONDS),
    Strategy.SWING: StrategySettings(
        target_volatilities=1.5, longest_hold_seconds=NO_END_SECONDS, closes_at_day_end=False
    ),
}

SMALLEST_RISK = 1e-5  # of equity
BALANCE = 1e10
CURRENCY = "USD"
COMMISSION_PER_LOT = 0.75


def buffer_minutes(account: str, commodity: str) -> int:
    """How long before a day's end its window begins: what the account says of the commodity, else of all."""
    own = HOURS.get(account, {}).get(commodity)
    if own is not None and own.auto_close_minutes_before is not None:
        return own.auto_close_minutes_before
    return BUFFER_MINUTES[account]


def with_conversions(names: Collection[str], catalogue: Mapping[str, Commodity]) -> list[str]:
    """These commodities, and the pairs that are needed to turn what they pay into the accounts' dollars; sorted."""
    ways = (conversion(catalogue[name].profit_currency, CURRENCY, catalogue) for name in names)
    return sorted({*names, *(pair for way in ways if way is not None for pair in way.commodities)})


def rehearsal_settings(commodities: Collection[str], rules: Rules | None = None) -> Settings:
    """Two accounts that trade all of these."""
    rules = Rules() if rules is None else rules
    symbols = {name: name for name in sorted(commodities)}
    paper = PaperSettings(balance=BALANCE, currency=CURRENCY, leverage=1_000, commission_per_lot=COMMISSION_PER_LOT)
    limits = Limits(max_open_trades=1_000, max_spread_fraction=1.0)
    return Settings(
        accounts=tuple(
            AccountSettings(
                name=name,
                symbols=symbols,
                auto_close_minutes_before=minutes,
                hours={commodity: hours for commodity, hours in HOURS.get(name, {}).items() if commodity in symbols},
                limits=limits,
                paper=paper,
            )
            for name, minutes in BUFFER_MINUTES.items()
        ),
        auto_close_profitable_daily=rules.profitable_daily,
        auto_close_profitable_friday=rules.profitable_friday,
        auto_close_all_friday=rules.all_friday,
        ai_per_account_cooldown_minutes=0,
        ai_monitor_interval_seconds=3_600,
        opposite_signal_closes=False,
        strategies=STRATEGIES,
        exits=ExitSettings(trailing=TrailingRule(enabled=False), adverse_drift=AdverseDriftRule(enabled=False)),
        risk=Risk(
            risk_per_trade_fraction=SMALLEST_RISK,
            group_risk_fraction=None,
            volatility_cut_from=None,
            daily_loss_fraction=None,
            losses_in_a_row=None,
            drawdown_tiers=(),
        ),
    )
