"""How strategies are judged: the weights of their pillars, their thresholds by profile, how their trades end."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from trading.analysis import Regime, Strategy
from trading.settings_model import Model
from trading.settings_types import Fraction, HoldSeconds, Percent, Volatilities

Profile: TypeAlias = Literal["conservative", "standard", "aggressive"]

BandEdge: TypeAlias = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]

PROFILES: tuple[Profile, ...] = ("conservative", "standard", "aggressive")  # strictest first


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


class VolatilityBand(Model):
    """The relative volatility (the ATR over its own median) that a strategy can use; between two of them by degrees."""

    too_quiet: BandEdge = 0.4  # worth nothing, up to
    right_from: BandEdge = 0.8
    right_to: BandEdge = 1.5
    too_wild: BandEdge = 2.5  # worth nothing, from

    @model_validator(mode="after")
    def ascending(self) -> VolatilityBand:
        """Refuse edges out of order: no volatility would be right."""
        for lower, upper in pairwise(type(self).model_fields):
            low, high = getattr(self, lower), getattr(self, upper)
            if not low < high:
                raise ValueError(f"{lower} is {low:g}, not below {upper}, which is {high:g}")
        return self

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """The four, ascending."""
        return self.too_quiet, self.right_from, self.right_to, self.too_wild


class StrategySettings(Model):
    """How one strategy is judged, and how its trades end."""

    weights: Weights = Weights()
    volatility_band: VolatilityBand = VolatilityBand()
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
    band: tuple[float, float, float, float],
    *,
    min_confidence: float = 60.0,
    trailing: bool = False,
    targets_mean: bool = False,
) -> StrategySettings:
    base, trend, volatility, sentiment = weights
    too_quiet, right_from, right_to, too_wild = band
    return StrategySettings(
        weights=Weights(base=base, trend=trend, volatility=volatility, sentiment=sentiment),
        volatility_band=VolatilityBand(
            too_quiet=too_quiet, right_from=right_from, right_to=right_to, too_wild=too_wild
        ),
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
    usual, lively = (0.4, 0.8, 1.5, 2.5), (0.7, 1.1, 1.7, 2.5)
    calm, quiet = (0.4, 0.7, 1.3, 2.2), (0.3, 0.6, 1.0, 1.5)
    return {
        Strategy.SWING: _strategy((0.30, 0.40, 0.10, 0.20), 2.0, 3.0, 168, False, usual),
        Strategy.DAY: _strategy((0.35, 0.25, 0.20, 0.20), 1.0, 1.5, 48, True, usual),
        Strategy.SCALPING: _strategy((0.40, 0.10, 0.40, 0.10), 0.15, 0.25, 0.5, True, quiet, min_confidence=70.0),
        Strategy.MOMENTUM: _strategy((0.20, 0.30, 0.40, 0.10), 1.5, None, 72, True, lively, trailing=True),
        Strategy.MEAN_REVERSION: _strategy((0.50, 0.10, 0.30, 0.10), 2.0, None, 48, True, calm, targets_mean=True),
        Strategy.BREAKOUT: _strategy((0.30, 0.15, 0.45, 0.10), 1.5, None, 72, False, lively, trailing=True),
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
