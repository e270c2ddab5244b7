"""One line about every setting, for the file that `run.py init` writes. A test holds it against the models."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel

from trading.settings import CommodityOverride, Settings
from trading.settings_accounts import AccountSettings, Limits, PaperSettings
from trading.settings_analyses import AnalysesSettings, AnalysisSource
from trading.settings_exits import (
    AdverseDriftRule,
    BreakEvenRule,
    ExitSettings,
    MeanRule,
    RegimeSwitchRule,
    RescaleRule,
    SignalGoneRule,
    TrailingRule,
)
from trading.settings_feeds import CalendarFeed, Feeds, HeadlineFeed, PositionFeed, ScoreFeed
from trading.settings_metatrader import MetaTraderSettings
from trading.settings_regimes import RegimeSettings, TrendWeights
from trading.settings_risk import DrawdownTier, Risk
from trading.settings_strategies import RegimeThresholds, StrategySettings, Thresholds, VolatilityBand, Weights

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
            "valuations_keep_days": "the same for valuations, on which `calibration --ledger` rests",
            "risk": "How much may be lost, in fractions of an account's equity",
            "commodities": "Changes to the catalogue; what is left out stays as it is there",
            "accounts": "An account at a broker",
            "strategies": "How each strategy is judged, and how its trades end",
            "thresholds": "The confidence that each profile asks for, 0 to 100",
            "exits": "What may be done with an open trade beyond its stop, its target and its longest hold",
            "regimes": "Where one kind of market ends and the next begins",
            "trend_weights": "What each frame counts for in the trend pillar; they sum to 1",
            "analyses": "Who makes analyses",
            "feeds": "Where sentiment comes from; none of it by default",
        },
        Risk: {
            "risk_per_trade_fraction": "lost when a trade's stop is hit; at most 0.05",
            "portfolio_risk_fraction": "lost when every open trade's stop is hit; at most 0.2",
            "group_risk_fraction": "the same for trades of one group that bet the same way; none: no such cap",
            "volatility_cut_from": "less risk where ranges are this many times their usual ones; none: never",
            "volatility_cut_least": "of the usual risk, however wild the market",
            "daily_loss_fraction": "of the equity when the day began: then no opens until it ends; none: never",
            "losses_in_a_row": "then no opens for a while; none: never",
            "losses_pause_seconds": "for how long, from the close of the newest of them",
            "drawdown_tiers": "Less risk the deeper the results lie below their peak; an empty list: never",
        },
        DrawdownTier: {
            "drawdown_fraction": "below the peak of the results, as a fraction of the equity there",
            "risk_factor": "of the usual risk, from here on; 0: nothing is opened",
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
            "group": "of commodities that move together; that of its profit currency: it moves against it",
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
        AnalysesSettings: {
            "folder": "watched for signed analyses; none: `analyses` beside the ledger",
            "poll_seconds": "between two looks into the folder",
            "built_in": "whether the program's own analyst opens trades, too",
            "sources": "One outside that signs analyses",
        },
        AnalysisSource: {
            "name": "who it is: the analyses' `made_by`, and the beginning of their ids",
            "key_file": "readable by its owner only; none: `analyses-<name>.key` beside the ledger",
            "commodities": "what it may speak of; an empty list: everything that is traded",
            "enabled": "false: its analyses are refused",
        },
        Feeds: {
            "headlines": "Headlines of an RSS or Atom feed, scored word by word",
            "positions": "The CFTC's commitments of traders",
            "calendars": "A calendar of economic events",
            "scores": "Scores that another program writes into a file",
        },
        HeadlineFeed: {
            "name": "in alerts and in the journal",
            "source": "an http(s) address, or a file",
            "enabled": "false: not read",
            "weight": "in the mean of all sources that say something",
            "every_seconds": "between two readings",
            "max_age_seconds": "an older headline says nothing any more",
            "half_life_seconds": "after so long a headline counts for half",
            "keywords": "By commodity, over the defaults: 1 good news lifts the price, -1 lowers it, 0 not meant",
        },
        PositionFeed: {
            "name": "in alerts and in the journal",
            "sources": "addresses or files: the weekly file, years of history as text or zip",
            "enabled": "false: not read",
            "weight": "in the mean of all sources that say something",
            "every_seconds": "between two readings",
            "max_age_seconds": "since its release; an older report says nothing any more",
            "years": "of history that the newest position is ranked in",
            "contracts": "By commodity, instead of the defaults: code = 1 rises with the contract, -1 falls",
        },
        CalendarFeed: {
            "name": "in alerts and in the journal",
            "source": "an http(s) address, or a file: CSV or JSON",
            "enabled": "false: not read",
            "every_seconds": "between two readings",
            "max_age_seconds": "since its last event; after that the calendar is over",
            "time_zone": "of times that name none",
            "minutes_before": "an event: from then on it is pending",
            "minutes_after": "an event: until then it is pending",
            "least_impact": "low, medium or high: what matters",
            "bars_opens": "true: nothing opens meanwhile, whoever made the analysis",
        },
        ScoreFeed: {
            "name": "in alerts and in the journal",
            "source": "an http(s) address, or a file",
            "enabled": "false: not read",
            "weight": "in the mean of all sources that say something",
            "every_seconds": "between two readings",
            "max_age_seconds": "an older score says nothing any more",
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
            "ticks_per_bar": "4: open, both extremes, close; 1: the close alone, so that exits are judged on closes",
            "commission_per_lot": "per side, in the account's currency",
            "spread_points": "Instead of the commodity's typical spread, by commodity",
        },
        StrategySettings: {
            "weights": "What each pillar contributes to confidence; they sum to 1",
            "volatility_band": "The relative volatility that it can use",
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
        VolatilityBand: {
            "too_quiet": "worth nothing up to here; between two of these by degrees",
            "right_from": "worth everything from here",
            "right_to": "and up to here",
            "too_wild": "worth nothing from here",
        },
        RegimeSettings: {
            "chaos_volatility": "relative volatility (the ATR over its own median) from which it is chaos",
            "chaos_jump": "a bar's true range over the ATR before it, from which it is chaos",
            "high_volatility": "relative volatility from which it is high; below chaos_volatility",
            "strong_trend_adx": "ADX above which a trend is strong",
            "trend_adx": "ADX from which there is a trend; below strong_trend_adx",
            "volatile": "relative volatility that momentum and breakout need, and swing must not have",
            "quiet": "relative volatility below which scalping may, and day may not; below volatile",
            "overbought_rsi": "RSI from which mean reversion sells",
            "oversold_rsi": "RSI up to which it buys; below overbought_rsi",
        },
        TrendWeights: {
            "d1": "the day's trend",
            "h4": "the four hours' trend",
            "h1": "the hour's trend",
        },
        ExitSettings: {
            "minimum_reward_to_risk": "target's distance over the stop's, below which nothing is opened",
            "minimum_interval_seconds": "between two adjustments of a trade, trailing apart",
            "least_probability_gain": "by which a nearer target must be likelier to be reached",
            "largest_value_loss_sigmas": "of expected value that an adjustment may cost",
            "target_cut_a_day_fraction": "of a target's distance from the entry that 24 hours may take",
            "nearest_spreads": "no target, at entry or later, and no break-even stop is nearer to the price",
            "drift_sigmas": "what a signal is shown to know of the price to come; 0: nothing",
            "trailing": "The stop follows the best price, for strategies that trail",
            "rescale": "The target comes nearer as less movement is left to reach it",
            "mean": "A target at the mean follows the mean when it comes nearer",
            "break_even": "The stop moves to where the trade would lose nothing",
            "adverse_drift": "Close on a signal for the other side, where drift_sigmas says that it knows something",
            "signal_gone": "Close when nothing speaks for the trade and its target is out of reach",
            "regime_switch": "Give a trade the strategy that suits the market which has come",
        },
        TrailingRule: {"enabled": "false: no stop trails"},
        RescaleRule: {
            "enabled": "false: a target stays where it was set",
            "least_change_fraction": "of the remaining movement that must have gone",
        },
        MeanRule: {"enabled": "false: the target stays at the mean of the entry"},
        BreakEvenRule: {
            "enabled": "false: never",
            "least_sigmas": "of the remaining time that the price must be beyond break-even",
        },
        AdverseDriftRule: {
            "enabled": "false: never; nor while drift_sigmas is 0",
            "least_loss_sigmas": "of expected value that holding on must cost",
        },
        SignalGoneRule: {
            "enabled": "false: never",
            "least_probability": "of the target, below which it closes; of profit where there is no target",
        },
        RegimeSwitchRule: {
            "enabled": "false: a trade keeps its strategy",
            "unsuited_bars": "completed bars in a row whose market was not the strategy's",
            "minimum_interval_seconds": "between two switches of a trade",
            "may_lengthen_hold": "also to strategies that hold longer, or overnight where the trade would not",
            "largest_probability_loss": "of the probability of profit that a switch may cost",
        },
        Thresholds: {
            "conservative": "The strictest",
            "standard": "The default",
            "aggressive": "The laxest",
        },
        RegimeThresholds: {
            "strong_trend": "ADX above regimes.strong_trend_adx",
            "trend": "ADX from regimes.trend_adx",
            "range": "ADX below it",
            "high_volatility": "ranges well above the usual ones",
            "chaos": "ranges far above the usual ones, or readings that are not numbers",
        },
    }
)


def describe(model: type[BaseModel], field: str) -> str:
    """The line about one setting. Raises ``KeyError`` for one that has none."""
    return DESCRIPTIONS[model][field]
