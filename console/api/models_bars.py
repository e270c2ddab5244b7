"""What the route of a trade's chart answers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Refuses fields that it does not name."""

    model_config = ConfigDict(extra="forbid")


class Level(Answer):
    """Where the stop and the target lay from a moment on, until the next."""

    at: str
    stop_price: float | None
    target_price: float | None


class Mark(Answer):
    """Something that happened to the trade."""

    kind: Literal["entry", "adjustment", "exit"]
    at: str
    price: float | None
    text: str = Field(description="In words.")


class Worth(Answer):
    """What the trade was found to be worth at the end of a bar."""

    at: str
    profit: float | None = Field(description="Probability of a net profit by the horizon, a fraction.")
    target: float | None = Field(description="Probability that the target is reached first, a fraction.")
    stop: float | None = Field(description="Probability that the stop is reached first, a fraction.")
    expected_value: float | None = Field(description="Of holding on rather than closing, in sigmas.")


class TradeBars(Answer):
    """The bars around a trade as columns of equal length, and what is drawn over them."""

    trade_id: int
    platform: str
    commodity: str
    side: str
    state: str
    digits: int | None = Field(description="Decimals of a price; null for a commodity that is not known any more.")
    said: str = Field(description="What of the bars is missing and why, in words; empty where nothing is.")
    bar_seconds: int | None
    opened_at: list[str]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    levels: list[Level]
    marks: list[Mark]
    worth: list[Worth]
