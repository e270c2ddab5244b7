"""An analysis: one opinion about one commodity, in the schema that everyone who has an opinion must use."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from trading.market import Instant, Side

Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]

BUILT_IN_ANALYST = "analyst"
LONGEST_ID = 128
LAST_INSTANT = 32_503_680_000_000  # the year 3000: what lies beyond it is a slip, and no calendar knows it


class Strategy(StrEnum):
    """How a trade means to earn its profit. Grid trading is out by rule: one trade per asset per account."""

    SWING = "swing"
    DAY = "day"
    SCALPING = "scalping"
    MOMENTUM = "momentum"
    MEAN_REVERSION = "mean_reversion"
    BREAKOUT = "breakout"


class Regime(StrEnum):
    """What kind of market it is, calmest knowledge last."""

    STRONG_TREND = "strong_trend"
    TREND = "trend"
    RANGE = "range"
    HIGH_VOLATILITY = "high_volatility"
    CHAOS = "chaos"


class Pillar(BaseModel):
    """One pillar's score with the readings that made it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    score: Score
    absent: bool = False  # True: nothing was there to read, and the score is the neutral one
    readings: dict[str, float | None] = {}  # name to value; None: not known yet (warming up)
    notes: dict[str, str] = {}  # name to words: what no number can say, such as why a source is absent


class Pillars(BaseModel):
    """The four pillars of confidence."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    base: Pillar
    trend: Pillar
    volatility: Pillar
    sentiment: Pillar


class Analysis(BaseModel):
    """An opinion that may become a trade: whoever made it, it passes this schema and the same gate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=LONGEST_ID, pattern=r"^[\x21-\x7e]+$")]
    commodity: Name
    side: Side
    strategy: Strategy
    regime: Regime
    pillars: Pillars
    confidence: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]  # 0 to 100
    daily_volatility: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]  # sd of daily log returns
    mean_price: Annotated[float, Field(allow_inf_nan=False)] | None = None  # where mean reversion aims
    made_at: Annotated[Instant, Field(ge=0, lt=LAST_INSTANT)]
    made_by: Name = BUILT_IN_ANALYST
