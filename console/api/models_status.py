"""How things stand, as the API answers it: what `status --json` says."""

from __future__ import annotations

from pydantic import Field

from console.api.models_records import Answer, DecisionRow, ReservationRow, TradeRow, Valuation


class ModeCauseRow(Answer):
    """What one cause wants of the crew, who has set it, and what lifts it."""

    crew: str
    mode: str
    opens: bool
    guards: bool
    cause: str | None
    reason: str | None
    by: str | None
    since: str | None
    lifted_by: str | None


class PauseRow(Answer):
    """A scope in which nothing is opened; null stands for all."""

    platform: str | None
    commodity: str | None
    reason: str
    by: str
    since: str


class ModeRow(ModeCauseRow):
    """What the crew may do: the strictest of its causes, and all of them."""

    causes: list[ModeCauseRow]
    crashes: int = Field(description="In the time in which they are counted.")
    paused: list[PauseRow] = Field(default_factory=list)


class Trouble(Answer):
    """Since when an account is out of the business, and why."""

    since: str
    said: str


class HeldBack(Answer):
    """What an account's own results hold it back from."""

    kind: str
    since: str
    until: str | None
    said: str


class AccountState(Answer):
    """An account by the ledger."""

    name: str
    connector: str
    enabled: bool
    held_by: str | None
    open_trades: int
    closed_trades: int
    realised_profit: float
    cooling_down_until: dict[str, str] = Field(description="By commodity.")
    trouble: Trouble | None
    held_back: list[HeldBack]


class DeadFeed(Answer):
    """A source of sentiment that cannot be read."""

    name: str
    since: str
    said: str


class UnfairChoice(Answer):
    """That an account has lately won more ties than its share."""

    commodity: str | None
    platform: str | None
    at: str
    said: str


class ExternalPosition(Answer):
    """A position of another program or of a person; nothing here ever touches it."""

    platform: str
    seen_at: str
    position_id: int
    magic: int | None
    commodity: str
    side: str
    volume_lots: float
    open_price: float | None
    profit: float | None = Field(description="As it was at `seen_at`.")


class OpenTrade(TradeRow):
    """An open trade with what it is worth."""

    time_stop_in_seconds: float | None
    valuation: Valuation | None


class Closing(Answer):
    """The next window in which the rules close a commodity on an account."""

    platform: str
    commodity: str
    trading_date: str
    window_starts_at: str
    ends_at: str
    in_seconds: float
    ends_week: bool
    ends_early: bool
    holidays: list[str]
    closes: str
    rules: list[str]
    open_trades: int


class Closings(Answer):
    """The next closings, the soonest first."""

    market_time: str | None
    next_closings: list[Closing]
    closings_fault: str | None = Field(description="Why they are not known; null where they are.")


class Status(Closings):
    """How things stand by the ledger."""

    ledger: str
    crew: str
    exists: bool
    mode: ModeRow
    leader: ReservationRow | None
    leases: list[ReservationRow]
    accounts: list[AccountState]
    dead_feeds: list[DeadFeed]
    unfair_choices: list[UnfairChoice]
    external_positions: list[ExternalPosition]
    open_trades: list[OpenTrade]
    last_decision: DecisionRow | None
    trades_by_state: dict[str, int]
