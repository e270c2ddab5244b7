"""Where one kind of market ends and the next begins, and what each kind of market is good for."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field, model_validator

from trading.settings_model import Model
from trading.settings_types import Fraction

# Upper bounds are far beyond every market: what lies above them is a slip.
Multiple: TypeAlias = Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)]
Index: TypeAlias = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]  # ADX and RSI run from 0 to 100


class RegimeSettings(Model):
    """The boundaries between regimes, and the market that each strategy is made for.

    Relative volatility is the ATR over its own median of 480 bars: 1 is a usual market.
    """

    chaos_volatility: Multiple = 2.5  # relative volatility, from
    chaos_jump: Multiple = 5.0  # a bar's true range over the ATR before it, from
    high_volatility: Multiple = 1.6  # relative volatility, from
    strong_trend_adx: Index = 40.0  # above
    trend_adx: Index = 25.0  # from
    volatile: Multiple = 1.15  # relative volatility, from: momentum and breakout need it
    quiet: Multiple = 0.9  # relative volatility, below: scalping needs it
    overbought_rsi: Index = 70.0  # from: reversion needs an extreme
    oversold_rsi: Index = 30.0  # up to

    @model_validator(mode="after")
    def ordered(self) -> RegimeSettings:
        """Refuse boundaries out of order: a regime between them could never be, or two would claim one market."""
        for lower, upper in (
            ("quiet", "volatile"),
            ("volatile", "chaos_volatility"),
            ("high_volatility", "chaos_volatility"),
            ("trend_adx", "strong_trend_adx"),
            ("oversold_rsi", "overbought_rsi"),
        ):
            low, high = getattr(self, lower), getattr(self, upper)
            if not low < high:
                raise ValueError(f"{lower} is {low:g}, not below {upper}, which is {high:g}")
        return self


class TrendWeights(Model):
    """What each frame's trend counts for in the trend pillar, in fractions that sum to 1."""

    d1: Fraction = 0.4
    h4: Fraction = 0.4
    h1: Fraction = 0.2

    @model_validator(mode="after")
    def sum_to_one(self) -> TrendWeights:
        """Refuse weights that do not sum to 1: the score would leave 0..1."""
        total = self.d1 + self.h4 + self.h1
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the three weights sum to {total:g}; expected 1 (fractions, not hundredths)")
        return self
