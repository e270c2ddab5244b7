"""Trades with their lives, and pages of decisions and of the journal, as the API answers them."""

from __future__ import annotations

from pydantic import Field

from console.api.models_bars import Level
from console.api.models_records import Answer, CandidateRow, DecisionRow, LineRow, ReservationRow, TradeRow, Valuation


class TradePage(Answer):
    """Trades, newest first."""

    trades: list[TradeRow]
    next_before: int | None = Field(description="What to give as `before` for the next page; null: there is none.")


class Worth(Answer):
    """A valuation as an adjustment or a line keeps it."""

    target: float | None
    stop: float | None
    profit: float | None
    expected_value: float | None


class ValuationPoint(Worth):
    """What the trade was found to be worth at a moment."""

    at: str


class Adjustment(Answer):
    """What moved a level or changed the strategy, by which rule, and why."""

    id: int
    at: str | None
    rule: str
    why: str
    regime: str | None
    stop_before: float | None
    stop_after: float | None
    target_before: float | None
    target_after: float | None
    strategy_before: str | None
    strategy_after: str | None
    valuation_before: Worth | None
    valuation_after: Worth | None
    text: str


class Ending(Answer):
    """Why and how the trade was closed, and who asked for it."""

    reason: str = Field(description="`stop`, `target`, `operator`, ...")
    at: str | None
    exit_price: float | None
    profit: float | None
    text: str = Field(description="The line of the journal that closed it, in words; empty where it tells nothing.")
    request_id: str | None = Field(description="Of the command that asked for it; null: none did.")
    by: str | None = Field(description="Who gave that command.")


class TradeLife(Answer):
    """A trade with everything that happened to it."""

    trade: TradeRow
    valuation: Valuation | None
    decision: DecisionRow | None = Field(description="The one that it came of; null where the journal has it no more.")
    levels: list[Level] = Field(description="Where stop and target lay from a moment on, oldest first.")
    adjustments: list[Adjustment]
    valuations: list[ValuationPoint] = Field(description="Oldest first, the newest at most.")
    history: list[LineRow] = Field(description="The journal's lines but valuations, oldest first, the newest at most.")
    is_whole: bool = Field(description="False where there are more lines than are told.")
    ending: Ending | None


class DecisionPage(Answer):
    """Decisions, newest first."""

    decisions: list[DecisionRow]
    next_before: int | None


class DecisionLife(Answer):
    """A decision with what the accounts answered and the trades that came of it."""

    decision: DecisionRow
    results: list[LineRow]
    trades: list[TradeRow]


class CandidateTable(Answer):
    """The newest table of candidates of a commodity."""

    commodity: str
    decision_id: int
    at: str | None
    said: str
    chosen: str | None
    decided_by: str | None
    candidates: list[CandidateRow]


class Candidates(Answer):
    """One table for each commodity of which there is one."""

    tables: list[CandidateTable]


class JournalPage(Answer):
    """Lines of the journal, newest first."""

    lines: list[LineRow]
    next_before: int | None
    searched_down_to: int | None = Field(
        description="The lowest number that was looked at; a search looks at so many lines only. Null: all were."
    )


class Reservations(Answer):
    """Live leases, by name."""

    database_time: str | None
    reservations: list[ReservationRow]
