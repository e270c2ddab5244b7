"""Whether the probabilities were true and the choice between accounts fair, as the API answers it."""

from __future__ import annotations

from pydantic import Field

from console.api.models_records import Answer


class Interval(Answer):
    """95 of 100 such intervals hold the true share."""

    low: float
    high: float


class Scores(Answer):
    """How good claims were. Null where there are too few."""

    count: int
    claimed: float | None = Field(description="Mean of what was claimed.")
    happened: float | None = Field(description="Share of them that happened.")
    calibration_error: float | None
    brier: float | None
    brier_skill: float | None
    bias: float | None = Field(description="What was claimed less what happened, on average.")
    trades: int
    few: bool
    intervals: dict[str, Interval | None]


class Bin(Answer):
    """Claims of about one probability, and how often they came true."""

    low: float
    high: float
    count: int
    claimed: float
    happened: float
    interval: Interval
    trades: int


class LiveShare(Answer):
    """What became of the trades of which a probability of this band was once claimed."""

    low: float
    high: float
    trades: int
    happened: int
    interval: Interval
    share: float


class StandingScores(Answer):
    """The scores of claims about levels as they stood."""

    count: int
    trades: int
    settled_at_a_change: int
    claimed: float | None
    came: float | None
    calibration_error: float | None
    interval: Interval | None


class ClaimFigures(Scores):
    """One kind of claim: target, stop or profit."""

    parts: dict[str, float] | None
    reliability: list[Bin]
    by_strategy: dict[str, Scores]
    live_figures: list[LiveShare]
    left_out: dict[str, int]
    as_they_stood: StandingScores


class ConfidenceBand(Answer):
    """How many trades of a band of confidence closed with a profit."""

    from_: float = Field(alias="from")
    to: float
    trades: int
    profits: int
    share: float
    interval: Interval
    few: bool


class Calibration(Answer):
    """What the ledger claimed against what came of it."""

    as_of: str | None = Field(description="Market time when it was counted; it is counted anew after a while.")
    newest: int = Field(description="So many of the newest claims, and of the newest settled trades, are counted.")
    trades: int
    positions: int
    calibration_error: float | None
    calibration_error_stop: float | None
    calibration_error_profit: float | None
    brier_skill: float | None
    brier_skill_stop: float | None
    brier_skill_profit: float | None
    claims: dict[str, ClaimFigures]
    confidence: list[ConfidenceBand]


class FairAccount(Answer):
    """How one account fared in the choices."""

    platform: str
    candidate: int
    eligible: int
    opens: int
    wins_by_reason: dict[str, int]
    ineligible_by_reason: dict[str, int]
    answers: dict[str, int]
    filled: int
    median_cost: float | None
    equal: int
    equal_wins: int
    expected_wins: float | None
    probability: float | None
    out_of_turn: int
    is_unfair: bool


class FairTally(Answer):
    """The choices about one commodity, or all of them."""

    commodity: str
    decisions: int
    opens: int
    decided_by: dict[str, int]
    most_decisive: str | None
    accounts: list[FairAccount]
    sentences: list[str]
    warnings: list[str]


class FairRule(Answer):
    """When a choice is called unfair."""

    least_ties: int
    least_probability: float


class Fairness(Answer):
    """Whether the choice between accounts was fair."""

    as_of: str | None = Field(description="Market time when it was counted; it is counted anew after a while.")
    newest: int = Field(description="So many of the newest decisions are looked at.")
    rule: FairRule
    overall: FairTally
    commodities: list[FairTally]
