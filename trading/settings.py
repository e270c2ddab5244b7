"""Every setting, with its default. Read from `watchbill.toml` and the environment by `console/configuration.py`.

All models are frozen and refuse unknown keys. The six keys that the specification names keep those names.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import PureWindowsPath
from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from trading.analysis import Name, Strategy
from trading.settings_accounts import BROKER_ADDRESS, AccountSettings, default_accounts
from trading.settings_analyses import AnalysesSettings
from trading.settings_commodities import CommodityOverride
from trading.settings_console import ConsoleSettings
from trading.settings_exits import ExitSettings
from trading.settings_feeds import Feeds
from trading.settings_metatrader import Package
from trading.settings_model import Model
from trading.settings_notifications import NotificationSettings
from trading.settings_regimes import RegimeSettings, TrendWeights
from trading.settings_risk import Risk
from trading.settings_strategies import Profile, StrategySettings, Thresholds, default_strategies
from trading.settings_types import AgeSeconds, CommodityId

RESERVED_NAMES = frozenset({"account", "crew"})  # kinds of leases, named like `<platform>:<commodity>`


class Settings(Model):
    """All settings of one crew."""

    # The specification's keys.
    ai_per_account_cooldown_minutes: Annotated[float, Field(ge=0, le=365 * 24 * 60)] = 15.0
    ai_db_reservation_ttl_seconds: Annotated[float, Field(ge=3, le=3600)] = 60.0
    ai_monitor_interval_seconds: Annotated[float, Field(ge=1, le=3600)] = 30.0
    confidence_profile: Profile = "standard"
    auto_close_profitable_daily: bool = True
    auto_close_all_friday: bool = False

    auto_close_profitable_friday: bool = True
    auto_close_minutes_before: Annotated[int, Field(ge=15, le=24 * 60)] = 15
    analysis_max_age_seconds: AgeSeconds = 300.0
    price_poll_seconds: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    quote_max_age_seconds: AgeSeconds = 60.0
    opposite_signal_closes: bool = True

    crew: Name = "default"  # the accounts below, and the one process at a time that leads them
    database_url: SecretStr = SecretStr("sqlite:///state/ledger.sqlite")
    journal_keep_days: Annotated[int, Field(ge=1, le=36_500)] = 90  # of market time
    valuations_keep_days: Annotated[int, Field(ge=1, le=36_500)] = 365  # their lines; calibration counts on them
    risk: Risk = Risk()
    catalogue_file: Annotated[str, Field(min_length=1)] | None = None  # in TOML, laid over the program's own
    commodities: dict[CommodityId, CommodityOverride] = Field(default={})  # traded: those some account has a symbol for
    accounts: Annotated[tuple[AccountSettings, ...], Field(min_length=1)] = default_accounts()
    strategies: dict[Strategy, StrategySettings] = default_strategies()
    thresholds: Thresholds = Thresholds()
    exits: ExitSettings = ExitSettings()
    regimes: RegimeSettings = RegimeSettings()
    trend_weights: TrendWeights = TrendWeights()
    analyses: AnalysesSettings = AnalysesSettings()
    feeds: Feeds = Feeds()
    console: ConsoleSettings = ConsoleSettings()
    notifications: NotificationSettings = NotificationSettings()

    @model_validator(mode="before")
    @classmethod
    def keep_default_strategies(cls, values: object) -> object:
        """Lay a partial `strategies` table over the defaults, so that naming one key keeps the others."""
        if not isinstance(values, Mapping) or not isinstance(values.get("strategies"), Mapping):
            return values
        defaults = {name.value: settings.model_dump() for name, settings in default_strategies().items()}
        merged: dict[str, object] = dict(defaults)
        for name, given in values["strategies"].items():
            key = getattr(name, "value", name)
            if isinstance(given, Mapping) and key in defaults:
                merged[key] = {**defaults[key], **given}
            else:
                merged[key] = given
        return {**values, "strategies": merged}

    @model_validator(mode="after")
    def prices_can_be_fresh(self) -> Settings:
        """Refuse to look at prices so seldom that each is too old before the next."""
        if self.price_poll_seconds >= self.quote_max_age_seconds:
            raise ValueError(
                f"price_poll_seconds is {self.price_poll_seconds:g}, not below quote_max_age_seconds, "
                f"which is {self.quote_max_age_seconds:g}: no price would stay fresh until the next"
            )
        return self

    @model_validator(mode="after")
    def targets_are_worth_their_risk(self) -> Settings:
        """Refuse a strategy whose every trade `exits.minimum_reward_to_risk` would refuse."""
        least = self.exits.minimum_reward_to_risk
        for name, strategy in self.strategies.items():
            if strategy.enabled and not strategy.targets_mean and strategy.target_volatilities is not None:
                ratio = strategy.target_volatilities / strategy.stop_volatilities
                if ratio < least:
                    raise ValueError(
                        f"strategies.{name}: the target is {ratio:.3g} stop distances away, nearer than "
                        f"exits.minimum_reward_to_risk, which is {least:g}: nothing would be opened"
                    )
        return self

    @model_validator(mode="after")
    def names_are_unique(self) -> Settings:
        """Refuse two accounts with one name, or with one (login, server)."""
        names: set[str] = set()
        logins: dict[tuple[int, str | None], str] = {}
        for account in self.accounts:
            if account.name.casefold() in RESERVED_NAMES:
                raise ValueError(f"accounts: an account is named {account.name!r}, which is a kind of lease")
            if account.name.casefold() in names:
                raise ValueError(f"accounts: two accounts are named {account.name!r}; expected one name each")
            names.add(account.name.casefold())
            if account.login is not None:
                key = (account.login, account.server)
                if key in logins:
                    raise ValueError(
                        f"accounts: {logins[key]!r} and {account.name!r} have the same login {account.login} "
                        f"at {account.server!r}"
                    )
                logins[key] = account.name
        if not any(account.enabled for account in self.accounts):
            raise ValueError("accounts: none is enabled; expected at least one")
        return self

    @model_validator(mode="after")
    def accounts_share_one_market(self) -> Settings:
        """Refuse enabled accounts with different clocks: market time is one."""
        enabled = [account for account in self.accounts if account.enabled]
        for first, other in pairwise(enabled):
            if first.connector != other.connector:
                raise ValueError(
                    f"accounts: {first.name!r} is {first.connector} and {other.name!r} is {other.connector}; "
                    "expected all of one kind, since they share one market time"
                )
            if other.connector == "remote" and first.broker_address != other.broker_address:
                raise ValueError(
                    f"accounts: {first.name!r} and {other.name!r} are at different servers, {first.server!r} and "
                    f"{other.server!r}; expected one broker process, since they share one market time"
                )
            if other.connector == "mt5" and first.mt5.package != other.mt5.package:
                raise ValueError(
                    f"accounts: mt5.package of {first.name!r} is {first.mt5.package} and that of {other.name!r} is "
                    f"{other.mt5.package}; expected one of them, since they share one market time"
                )
        return self

    @model_validator(mode="after")
    def each_account_has_a_terminal_of_its_own(self) -> Settings:
        """Refuse two accounts at one terminal: each would log the other out, perhaps right before its order."""
        seen: dict[tuple[PureWindowsPath, str | None], str] = {}
        for account in self.accounts:
            if account.enabled and account.connector == "mt5" and account.mt5.terminal is not None:
                # As Windows compares paths; behind another gateway it is another machine's.
                place = PureWindowsPath(account.mt5.terminal), account.mt5.gateway
                other = seen.setdefault(place, account.name)
                if other != account.name:
                    raise ValueError(
                        f"accounts: mt5.terminal of {other!r} and {account.name!r} is the same, "
                        f"{account.mt5.terminal!r}; expected a terminal for each, since it shows one account at a time"
                    )
        return self

    @property
    def is_remote(self) -> bool:
        """True when the accounts are in a broker process of their own."""
        return any(account.enabled and account.connector == "remote" for account in self.accounts)

    @property
    def metatrader_package(self) -> Package | None:
        """Which MetaTrader 5 package the enabled accounts use; None: they are of another kind."""
        return next((a.mt5.package for a in self.accounts if a.enabled and a.connector == "mt5"), None)

    @property
    def broker_address(self) -> tuple[str, int]:
        """Where the broker process of the enabled remote accounts listens, or would."""
        remote = (a.broker_address for a in self.accounts if a.enabled and a.connector == "remote")
        return next(remote, BROKER_ADDRESS)

    def account(self, name: str) -> AccountSettings:
        """The account of this name. Raises ``KeyError`` where there is none."""
        for account in self.accounts:
            if account.name == name:
                return account
        raise KeyError(name)

    def portfolio_risk_fraction(self, account: str) -> float:
        """The account's own cap where it has one, otherwise the general one."""
        own = self.account(account).limits.portfolio_risk_fraction
        return self.risk.portfolio_risk_fraction if own is None else own
