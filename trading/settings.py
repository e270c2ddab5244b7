"""Every setting, with its default. Read from `watchbill.toml` and the environment by `console/configuration.py`.

All models are frozen and refuse unknown keys. The six keys that the specification names keep those names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import PureWindowsPath
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, SecretStr, model_validator

from trading.analysis import Name, Regime, Strategy
from trading.settings_metatrader import MetaTraderSettings, Package
from trading.settings_model import Model


def _percent(value: float) -> float:
    """Refuse what was surely meant as a fraction: 0.65 and 65 must not be mixed."""
    if 0 < value <= 1:
        raise ValueError(f"{value:g} looks like a fraction; expected 0 to 100")
    return value


Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
# Upper bounds are far beyond every use: what lies above them is a slip, and would end in an overflow far from here.
AgeSeconds: TypeAlias = Annotated[float, Field(gt=0, le=30 * 86_400)]
HoldSeconds: TypeAlias = Annotated[float, Field(gt=0, le=3_650 * 86_400)]
Volatilities: TypeAlias = Annotated[float, Field(gt=0, le=20)]
Points: TypeAlias = Annotated[float, Field(ge=0, le=100_000)]
ContractSize: TypeAlias = Annotated[float, Field(gt=0, le=1_000_000_000)]
Lots: TypeAlias = Annotated[float, Field(gt=0, le=1_000_000)]
Commission: TypeAlias = Annotated[float, Field(ge=0, le=1_000_000)]
Swap: TypeAlias = Annotated[float, Field(ge=-1_000_000, le=1_000_000)]
Percent: TypeAlias = Annotated[float, AfterValidator(_percent), Field(ge=0, le=100, allow_inf_nan=False)]
CommodityId: TypeAlias = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Z0-9_]+$")]
Symbol: TypeAlias = Annotated[str, Field(min_length=1, max_length=29, pattern=r"^\S+( \S+)*$")]
Profile: TypeAlias = Literal["conservative", "standard", "aggressive"]

BROKER_ADDRESS = ("127.0.0.1", 7080)  # where `run.py broker` listens, unless it is told otherwise
PROFILES: tuple[Profile, ...] = ("conservative", "standard", "aggressive")  # strictest first
RESERVED_NAMES = frozenset({"account", "crew"})  # kinds of leases, named like `<platform>:<commodity>`
HIGHEST_RISK_PER_TRADE = 0.05
HIGHEST_PORTFOLIO_RISK = 0.20


class Weights(Model):
    """What each pillar contributes to confidence, in fractions that sum to 1."""

    base: Fraction = 0.25
    trend: Fraction = 0.25
    volatility: Fraction = 0.25
    sentiment: Fraction = 0.25

    @model_validator(mode="after")
    def sum_to_one(self) -> Weights:
        """Refuse weights that do not sum to 1: confidence would leave 0..100."""
        total = self.base + self.trend + self.volatility + self.sentiment
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the four weights sum to {total:g}; expected 1 (fractions, not hundredths)")
        return self


class StrategySettings(Model):
    """How one strategy is judged, and how its trades end."""

    weights: Weights = Weights()
    min_confidence: Percent = 60.0
    stop_volatilities: Volatilities = 1.0  # stop distance, in daily volatilities at entry
    target_volatilities: Volatilities | None = None  # None: no fixed target (trailing, or aiming at the mean)
    trailing: bool = False  # the stop follows the best price at the stop's own distance
    targets_mean: bool = False  # the target is the 20-bar mean at entry
    longest_hold_seconds: HoldSeconds = 48 * 3600.0
    closes_at_day_end: bool = True
    enabled: bool = True


def _strategy(
    weights: tuple[float, float, float, float],
    stop: float,
    target: float | None,
    hold_hours: float,
    closes_at_day_end: bool,
    *,
    min_confidence: float = 60.0,
    trailing: bool = False,
    targets_mean: bool = False,
) -> StrategySettings:
    base, trend, volatility, sentiment = weights
    return StrategySettings(
        weights=Weights(base=base, trend=trend, volatility=volatility, sentiment=sentiment),
        min_confidence=min_confidence,
        stop_volatilities=stop,
        target_volatilities=target,
        trailing=trailing,
        targets_mean=targets_mean,
        longest_hold_seconds=hold_hours * 3600.0,
        closes_at_day_end=closes_at_day_end,
    )


def default_strategies() -> dict[Strategy, StrategySettings]:
    """The table of defaults; `docs/confidence.md` explains it."""
    return {
        Strategy.SWING: _strategy((0.30, 0.40, 0.10, 0.20), 2.0, 3.0, 168, False),
        Strategy.DAY: _strategy((0.35, 0.25, 0.20, 0.20), 1.0, 1.5, 48, True),
        Strategy.SCALPING: _strategy((0.40, 0.10, 0.40, 0.10), 0.15, 0.25, 0.5, True, min_confidence=70.0),
        Strategy.MOMENTUM: _strategy((0.20, 0.30, 0.40, 0.10), 1.5, None, 72, True, trailing=True),
        Strategy.MEAN_REVERSION: _strategy((0.50, 0.10, 0.30, 0.10), 2.0, None, 48, True, targets_mean=True),
        Strategy.BREAKOUT: _strategy((0.30, 0.15, 0.45, 0.10), 1.5, None, 72, False, trailing=True),
    }


class RegimeThresholds(Model):
    """The confidence that a profile asks for in each regime, 0 to 100."""

    strong_trend: Percent
    trend: Percent
    range: Percent
    high_volatility: Percent
    chaos: Percent

    def of(self, regime: Regime) -> float:
        """The threshold in this regime."""
        return float(getattr(self, regime.value))


class Thresholds(Model):
    """The thresholds of each profile, stricter profiles never below laxer ones."""

    conservative: RegimeThresholds = RegimeThresholds(strong_trend=70, trend=72, range=75, high_volatility=80, chaos=88)
    standard: RegimeThresholds = RegimeThresholds(strong_trend=62, trend=65, range=68, high_volatility=72, chaos=80)
    aggressive: RegimeThresholds = RegimeThresholds(strong_trend=55, trend=58, range=60, high_volatility=65, chaos=72)

    def of(self, profile: Profile) -> RegimeThresholds:
        """The thresholds of this profile."""
        chosen: RegimeThresholds = getattr(self, profile)
        return chosen

    @model_validator(mode="after")
    def ordered_by_profile(self) -> Thresholds:
        """Refuse a profile that is laxer than the one after it: its name would lie."""
        for stricter, laxer in pairwise(PROFILES):
            for regime in Regime:
                high, low = self.of(stricter).of(regime), self.of(laxer).of(regime)
                if high < low:
                    raise ValueError(f"{stricter}.{regime} is {high:g}, below {laxer}.{regime}, which is {low:g}")
        return self


class Risk(Model):
    """How much may be lost: fractions of an account's equity."""

    risk_per_trade_fraction: Annotated[float, Field(gt=0, le=HIGHEST_RISK_PER_TRADE)] = 0.01
    portfolio_risk_fraction: Annotated[float, Field(gt=0, le=HIGHEST_PORTFOLIO_RISK)] = 0.20

    @model_validator(mode="after")
    def one_trade_fits(self) -> Risk:
        """Refuse a trade's risk that alone would break the portfolio's cap."""
        if self.risk_per_trade_fraction > self.portfolio_risk_fraction:
            raise ValueError(
                f"risk_per_trade_fraction is {self.risk_per_trade_fraction:g}, above portfolio_risk_fraction, "
                f"which is {self.portfolio_risk_fraction:g}"
            )
        return self


class PaperSettings(Model):
    """A paper account's terms."""

    balance: Annotated[float, Field(gt=0, le=1_000_000_000_000)] = 10_000.0
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    leverage: Annotated[float, Field(ge=1, le=1_000)] = 30.0
    slippage_points: Points = 2.0  # against us, on every fill
    commission_per_lot: Commission = 3.5  # per side, in account currency
    spread_points: dict[CommodityId, Points] = Field(default={})  # instead of the commodity's typical spread


class Limits(Model):
    """What one account will not exceed."""

    max_open_trades: Annotated[int, Field(gt=0, le=1_000)] = 10
    max_spread_fraction: Annotated[float, Field(gt=0, le=1)] = 0.10  # spread over stop distance
    portfolio_risk_fraction: Annotated[float, Field(gt=0, le=HIGHEST_PORTFOLIO_RISK)] | None = None  # instead of risk's


class AccountSettings(Model):
    """One account at one broker; `name` is the platform in `<platform>:<commodity>`."""

    name: Name
    # In this process, in a broker process at `server`, or at a MetaTrader 5 terminal.
    connector: Literal["paper", "remote", "mt5"] = "paper"
    enabled: bool = True
    symbols: Annotated[dict[CommodityId, Symbol], Field(min_length=1)]
    login: Annotated[int, Field(gt=0, le=10**18)] | None = None
    password: SecretStr | None = None
    server: str | None = None
    auto_close_minutes_before: Annotated[int, Field(ge=15, le=24 * 60)] | None = None  # instead of the general one
    limits: Limits = Limits()
    paper: PaperSettings = PaperSettings()
    mt5: MetaTraderSettings = MetaTraderSettings()

    @model_validator(mode="after")
    def one_commodity_per_symbol(self) -> AccountSettings:
        """Refuse two commodities on one symbol: on a netting account they would be one position."""
        seen: dict[str, str] = {}
        for commodity, symbol in self.symbols.items():
            folded = symbol.casefold()
            if folded in seen:
                raise ValueError(
                    f"symbols of account {self.name!r}: {seen[folded]} and {commodity} are both {symbol!r}, "
                    "in capitals or not; expected one commodity per symbol"
                )
            seen[folded] = commodity
        return self

    @model_validator(mode="after")
    def a_broker_process_has_an_address(self) -> AccountSettings:
        """Refuse a remote account whose server is no host and port."""
        if self.connector == "remote":
            _ = self.broker_address
        return self

    @model_validator(mode="after")
    def a_terminal_can_be_reached(self) -> AccountSettings:
        """Refuse a MetaTrader 5 account that names no account, or no terminal."""
        if self.connector != "mt5":
            return self
        for key in ("login", "server"):
            if getattr(self, key) is None:
                raise ValueError(
                    f"{key} of account {self.name!r} is missing; expected that of the account at its broker"
                )
        if self.mt5.gateway_address is None and self.mt5.terminal is None:
            raise ValueError(
                f"mt5.terminal and mt5.gateway of account {self.name!r} are both missing; "
                "expected the path of the terminal, or the address of the gateway that has it"
            )
        if self.mt5.package == "simulator" and self.mt5.terminal is None:
            raise ValueError(
                f"mt5.terminal of account {self.name!r} is missing; expected the file that run.py terminal writes, "
                "which tells where the simulator's market is"
            )
        if self.mt5.lacks_certificate:
            raise ValueError(
                f"mt5.gateway of account {self.name!r} is {self.mt5.gateway!r}, which may be another machine, and what "
                "is said can be read on the way; expected mt5.gateway_certificate, the file of the certificate that it "
                "shows, or an address of this machine alone, such as 127.0.0.1"
            )
        return self

    @property
    def broker_address(self) -> tuple[str, int]:
        """Host and port of the broker process. Raises ``ValueError`` when `server` is something else."""
        if self.server is None:
            return BROKER_ADDRESS
        host, colon, port = self.server.rpartition(":")
        if not (colon and host and re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65_536):
            example = ":".join(map(str, BROKER_ADDRESS))
            raise ValueError(
                f"server of account {self.name!r} is {self.server!r}; expected a host and a port, such as {example}"
            )
        return host, int(port)


def default_accounts() -> tuple[AccountSettings, ...]:
    """Two equal paper accounts, so that the choice between accounts can be seen from the first start."""
    return tuple(AccountSettings(name=name, symbols={"EURUSD": "EURUSD"}) for name in ("alpha", "beta"))


class CommodityOverride(Model):
    """What a user may change about a commodity of the catalogue; what is left out stays as it is there."""

    typical_spread_points: Points | None = None
    contract_size: ContractSize | None = None
    volume_min_lots: Lots | None = None
    volume_max_lots: Lots | None = None
    volume_step_lots: Lots | None = None
    swap_long_per_lot: Swap | None = None
    swap_short_per_lot: Swap | None = None
    day_end: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None  # in the zone of it
    may_be_negative: bool | None = None


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
    risk: Risk = Risk()
    commodities: dict[CommodityId, CommodityOverride] = Field(default={})  # traded: those some account has a symbol for
    accounts: Annotated[tuple[AccountSettings, ...], Field(min_length=1)] = default_accounts()
    strategies: dict[Strategy, StrategySettings] = default_strategies()
    thresholds: Thresholds = Thresholds()

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

    def auto_close_minutes(self, account: str) -> int:
        """How long before the market's end profit is taken on this account, in minutes."""
        own = self.account(account).auto_close_minutes_before
        return self.auto_close_minutes_before if own is None else own
