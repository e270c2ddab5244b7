"""One line about every setting, for the file that `run.py init` writes. A test holds it against the models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel

from trading.settings import CommodityOverride, Settings
from trading.settings_accounts import AccountSettings, Limits, PaperSettings
from trading.settings_metatrader import MetaTraderSettings
from trading.settings_risk import Risk
from trading.settings_strategies import RegimeThresholds, StrategySettings, Thresholds, Weights

DESCRIPTIONS: Mapping[type[BaseModel], Mapping[str, str]] = MappingProxyType(
    {
        Settings: {
            "ai_per_account_cooldown_minutes": "after an open, none in the same commodity on the same account",
            "ai_db_reservation_ttl_seconds": "how long a reservation outlives the process that held it",
            "ai_monitor_interval_seconds": "between two valuations of an open trade",
            "confidence_profile": "conservative, standard or aggressive: which thresholds count",
            "auto_close_profitable_daily": "before the day end, close what is in profit",
            "auto_close_all_friday": "before Friday's end, close everything, in profit or not",
            "auto_close_profitable_friday": "before Friday's end, close what is in profit",
            "auto_close_minutes_before": "how long before the market's end these rules act; at least 15",
            "analysis_max_age_seconds": "an older analysis opens nothing",
            "price_poll_seconds": "between two looks at an account's prices",
            "quote_max_age_seconds": "an older price triggers nothing",
            "opposite_signal_closes": "an analysis for the other side that passes the gate closes the trade",
            "crew": "the name of these accounts together; one process at a time leads them",
            "database_url": "the ledger; a relative path starts at the working directory",
            "journal_keep_days": "of market time; older lines go, those of open trades stay",
            "risk": "How much may be lost, in fractions of an account's equity",
            "commodities": "Changes to the catalogue; what is left out stays as it is there",
            "accounts": "An account at a broker",
            "strategies": "How each strategy is judged, and how its trades end",
            "thresholds": "The confidence that each profile asks for, 0 to 100",
        },
        Risk: {
            "risk_per_trade_fraction": "lost when a trade's stop is hit; at most 0.05",
            "portfolio_risk_fraction": "lost when every open trade's stop is hit; at most 0.2",
        },
        CommodityOverride: {
            "typical_spread_points": "spread of a paper account where the data have none",
            "contract_size": "units of the base in one lot",
            "volume_min_lots": "smallest order",
            "volume_max_lots": "largest order",
            "volume_step_lots": "an order is a multiple of this",
            "swap_long_per_lot": "paid for a night by a buy; negative is a charge",
            "swap_short_per_lot": "paid for a night by a sell",
            "day_end": "in the zone of the commodity's exchange",
            "may_be_negative": "whether a price below zero is a price",
        },
        AccountSettings: {
            "name": "the platform in <platform>:<commodity>",
            "connector": "paper (of this process), remote (of `run.py broker`) or mt5; all of one kind",
            "enabled": "false: opens nothing here",
            "symbols": "Commodity = the broker's name for it; only these are traded",
            "login": "the account's number at its broker",
            "password": "better in the environment: WATCHBILL__ACCOUNTS__<number, from 0>__PASSWORD",
            "server": "the broker's server; of a remote account host:port, none: 127.0.0.1:7080",
            "auto_close_minutes_before": "instead of the general one; at least 15",
            "limits": "What the account will not exceed",
            "paper": "The terms of a paper account",
            "mt5": "How a MetaTrader 5 account is reached, and what kind of account it must be",
        },
        MetaTraderSettings: {
            "package": "simulator: the terminal is one of `run.py terminal`, whose market it then is",
            "terminal": "the path of its terminal64.exe, or of the file that `run.py terminal` writes",
            "portable": "the terminal keeps its data beside its executable, as further terminals must",
            "gateway": "host:port of `run.py gateway`, which has the terminal; none: it is on this machine",
            "gateway_secret": "better in the environment; at least 32 characters, the same at both ends",
            "gateway_certificate": "a file in PEM, of the certificate that the gateway must show; none: no TLS",
            "trade_mode": "any other kind of account is refused before every order",
            "netting": "what the account must be: true nets, false hedges",
            "deviation_points": "how far from the price asked for an order may be filled",
            "commission_per_lot": "per side, in the account's currency, until deals have shown it",
            "initialize_seconds": "for the terminal to start and to log in",
        },
        Limits: {
            "max_open_trades": "at the same time",
            "max_spread_fraction": "spread over stop distance, beyond which nothing is opened",
            "portfolio_risk_fraction": "instead of the general one; at most 0.2",
        },
        PaperSettings: {
            "balance": "at the start, in the account's currency",
            "currency": "three capital letters",
            "leverage": "notional value over margin",
            "slippage_points": "against us, on every fill",
            "commission_per_lot": "per side, in the account's currency",
            "spread_points": "Instead of the commodity's typical spread, by commodity",
        },
        StrategySettings: {
            "weights": "What each pillar contributes to confidence; they sum to 1",
            "min_confidence": "whatever the profile asks for",
            "stop_volatilities": "distance of the stop, in daily volatilities at entry",
            "target_volatilities": "distance of the target; none: no fixed one",
            "trailing": "the stop follows the best price at its own distance",
            "targets_mean": "the target is the mean of 20 bars at entry",
            "longest_hold_seconds": "then the trade is closed",
            "closes_at_day_end": "whether the day-end rule is for its trades",
            "enabled": "false: never chosen",
        },
        Weights: {
            "base": "the strategy's own signal",
            "trend": "agreement of the day's, the four hours' and the hour's trend",
            "volatility": "whether the market moves as the strategy needs",
            "sentiment": "what a configured feed says; neutral without one",
        },
        Thresholds: {
            "conservative": "The strictest",
            "standard": "The default",
            "aggressive": "The laxest",
        },
        RegimeThresholds: {
            "strong_trend": "ADX above 40",
            "trend": "ADX from 25",
            "range": "ADX below 25",
            "high_volatility": "ranges well above the usual ones",
            "chaos": "ranges far above the usual ones, or readings that are not numbers",
        },
    }
)


def describe(model: type[BaseModel], field: str) -> str:
    """The line about one setting. Raises ``KeyError`` for one that has none."""
    return DESCRIPTIONS[model][field]
