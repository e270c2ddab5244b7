"""One account at one broker: where it is, what it trades, what it will not exceed."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from trading.analysis import Name
from trading.settings_hours import Hours
from trading.settings_metatrader import MetaTraderSettings
from trading.settings_model import Model
from trading.settings_risk import HIGHEST_PORTFOLIO_RISK
from trading.settings_types import Commission, CommodityId, Points, Symbol

BROKER_ADDRESS = ("127.0.0.1", 7080)  # where `run.py broker` listens, unless it is told otherwise


class PaperSettings(Model):
    """A paper account's terms."""

    balance: Annotated[float, Field(gt=0, le=1_000_000_000_000)] = 10_000.0
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    leverage: Annotated[float, Field(ge=1, le=1_000)] = 30.0
    slippage_points: Points = 2.0  # against us, on every fill
    commission_per_lot: Commission = 3.5  # per side, in account currency
    spread_points: dict[CommodityId, Points] = Field(default={})  # instead of the commodity's typical spread
    ticks_per_bar: Literal[1, 4] = 4  # 1: the close alone, so that stops and targets are judged on closes


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
    hours: dict[CommodityId, Hours] = Field(default={})  # where this broker's trading hours differ
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
