"""What the ledger keeps, as the API answers it: trades, decisions, reservations and lines of the journal.

Instants are ISO 8601 in UTC, prices in the commodity's price units, money in the account's currency.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Nothing is in an answer that is not written here."""

    model_config = ConfigDict(extra="forbid", defer_build=True)  # a start is the lighter by what nobody asks for


class ReservationRow(Answer):
    """A live lease."""

    resource: str
    kind: str = Field(description="`crew`, `account`, or `open`: the short one around the opening of a trade.")
    owner: str
    token: int
    expires_at: str | None = Field(description="By the database's clock.")
    seconds_left: float


class LineRow(Answer):
    """A line of the journal."""

    id: int
    at: str | None
    last_at: str | None = Field(description="Of the newest entry that was folded into this line.")
    repeated: int
    writer: str
    kind: str
    platform: str | None
    commodity: str | None
    trade_id: int | None
    analysis_id: str | None
    reason: str
    detail: dict[str, Any] = Field(description="The numbers, as they were written.")
    text: str = Field(description="The same in words.")


class TradeRow(Answer):
    """A trade as the ledger keeps it."""

    trade_id: int
    platform: str
    commodity: str
    side: str
    state: str
    strategy: str
    regime: str
    analysis_id: str
    confidence: float
    volume_lots: float
    magic: int
    account_token: int
    commodity_token: int
    expected_price: float
    stop_distance: float
    target_distance: float | None
    trailing_distance: float | None
    stop_price: float
    target_price: float | None
    daily_volatility: float
    submitted_at: str | None
    time_stop_at: str | None
    closes_at_day_end: bool
    position_id: int | None
    ticket: int | None
    entry_price: float | None
    opened_at: str | None
    exit_price: float | None
    closed_at: str | None
    close_reason: str | None
    profit: float | None = Field(description="Net, once closed.")
    detail: str
    resource: str
    digits: int | None = Field(description="Decimals of its prices; null for a commodity that is not known any more.")


class SoFar(Answer):
    """What came of it when a probability like this one was claimed before."""

    said_from: float
    said_to: float
    trades: int
    happened: int
    brief: str
    said: str


class Valuation(Answer):
    """What an open trade was found to be worth."""

    at: str
    target: float | None
    stop: float | None
    profit: float | None
    so_far: dict[str, SoFar | None]
    expected_value: float | None = Field(description="Of holding on, in sigmas.")
    sigma: float | None
    horizon_at: str | None
    seconds_left: float | None


class SentimentSource(Answer):
    """What a source of sentiment said."""

    name: str
    bullishness: float | None
    age_seconds: float | None
    note: str | None


class PillarRow(Answer):
    """A pillar of a decision: its score, what that is worth, and what it keeps back."""

    name: str
    score: float | None
    weight: float | None
    points: float | None = Field(description="Of confidence, that it brought: 100 x weight x score.")
    lost: float | None = Field(description="Points of confidence that it keeps back.")
    enough_at: str = Field(description="The score at which the confidence would suffice, all else as it is.")
    absent: bool
    readings: dict[str, Any]
    readings_said: str
    sources: list[SentimentSource]


class CandidateRow(Answer):
    """An account in the table of a decision."""

    platform: str
    eligible: bool
    is_chosen: bool
    said: str = Field(description="Why it is not eligible, or that it was chosen and by what.")
    reason: str | None
    cost: float | None = Field(description="Of the trade, in stop distances.")
    headroom: float | None = Field(description="The free part of its risk budget, 0 to 1.")
    spread: float | None
    volume_lots: float | None
    cut_by: str = Field(description="What made the volume smaller than the risk alone would allow.")
    last_chosen_at: str | None


class ThresholdParts(Answer):
    """What makes the threshold, by the settings of now."""

    profile: str
    of_profile: float
    of_strategy: float


class DecisionRow(Answer):
    """A decision with its numbers. What an older program did not write is null."""

    id: int
    at: str | None
    last_at: str | None
    repeated: int
    commodity: str | None
    reason: str
    said: str
    analysis_id: str | None
    side: str | None
    strategy: str | None
    regime: str | None
    made_by: str | None
    daily_volatility: float | None
    confidence: float | None
    threshold: float | None
    threshold_from: ThresholdParts | None = Field(description="Null where the settings have changed since.")
    shortfall: float | None
    passed: bool | None
    gate_reasons: list[str]
    pillars: list[PillarRow]
    candidates: list[CandidateRow]
    chosen: str | None
    decided_by: str | None
    plan_said: str = Field(description="How the trade would be laid, in words.")
    lacks: list[str] = Field(description="What would have been needed, and what else refused it, in words.")
    other: dict[str, Any]
    digits: int | None
