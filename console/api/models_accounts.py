"""Accounts, quotes, positions and equity, as the API answers them.

What only the running crew knows is null while this process does not lead; `live` says whether it does.
"""

from __future__ import annotations

from pydantic import Field

from console.api.models_records import Answer
from console.api.models_status import AccountState, ExternalPosition


class LiveAccount(Answer):
    """An account as its broker shows it now."""

    at: str
    ready: bool = Field(description="It holds the account's lease, and the broker answers.")
    reason: str = Field(description="Why it is not ready.")
    netting: bool
    currency: str | None
    balance: float | None
    equity: float | None
    margin_used: float | None
    margin_free: float | None
    open_risk: float | None = Field(description="What is lost when every stop is hit; null where one has no price.")
    unaccounted: int = Field(description="Live positions of ours that no trade explains: no opens until they are gone.")
    external: int = Field(description="Positions of other programs and of people.")


class AccountRow(AccountState):
    """An account by the ledger, and as its broker shows it now."""

    live: LiveAccount | None


class Accounts(Answer):
    """Every account of the crew."""

    market_time: str | None
    live: bool
    accounts: list[AccountRow]


class QuoteRow(Answer):
    """The newest prices of a commodity on an account."""

    platform: str
    commodity: str
    bid: float
    ask: float
    spread: float
    at: str
    age_seconds: float
    digits: int | None
    is_open: bool = Field(description="Whether it trades there now.")


class Quotes(Answer):
    """All prices that the platforms have; none while this process does not lead."""

    market_time: str | None
    live: bool
    quotes: list[QuoteRow]


class OwnPosition(Answer):
    """A position that one of our trades explains."""

    trade_id: int
    platform: str
    commodity: str
    side: str
    state: str
    volume_lots: float
    position_id: int | None
    entry_price: float | None
    stop_price: float
    target_price: float | None
    digits: int | None
    price: float | None = Field(description="At which it would close now.")
    profit: float | None = Field(description="Of closing it now, with the commission of both sides.")
    risk: float | None = Field(description="What is lost against the entry if its stop is hit.")
    closes_at: str | None = Field(description="When a rule or the longest hold closes it at the latest.")


class Positions(Answer):
    """Our positions, and those of other programs and of people."""

    market_time: str | None
    live: bool
    ours: list[OwnPosition]
    external: list[ExternalPosition]


class AccountView(AccountRow):
    """One account with its prices and its positions."""

    market_time: str | None
    quotes: list[QuoteRow]
    positions: list[OwnPosition]
    external_positions: list[ExternalPosition]


class EquityPoint(Answer):
    """What the trades that were closed until then brought together."""

    at: str
    profit: float
    trades: int


class EquityCurve(Answer):
    """The realised profit of one account over time, and what its broker shows now."""

    platform: str
    currency: str | None = Field(description="Null while this process does not lead.")
    balance: float | None
    equity: float | None
    realised_profit: float
    closed_trades: int
    points: list[EquityPoint] = Field(description="Oldest first; where there are too many, some are left out.")


class Equity(Answer):
    """A curve for each account."""

    market_time: str | None
    live: bool
    accounts: list[EquityCurve]
