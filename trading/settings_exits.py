"""Which rules may change or end an open trade, and by how much. `docs/exits.md` says what each of them does."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from trading.settings_model import Model

# A fitted drift made the forecasts worse on five real series of six: no more than this is ever believed.
LARGEST_DRIFT_SIGMAS = 0.1

Interval: TypeAlias = Annotated[float, Field(ge=0, le=30 * 86_400)]
Chance: TypeAlias = Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)]
Sigmas: TypeAlias = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


class TrailingRule(Model):
    """The stop follows the best price, for strategies that trail."""

    enabled: bool = True


class RescaleRule(Model):
    """The target comes nearer as less movement is left to reach it."""

    enabled: bool = False  # as all that have not been shown to pay: docs/audit.md
    least_change_fraction: Annotated[float, Field(gt=0, le=0.9, allow_inf_nan=False)] = 0.1


class MeanRule(Model):
    """The target of a trade that aims at the mean follows the mean."""

    enabled: bool = False


class BreakEvenRule(Model):
    """The stop moves to where the trade would lose nothing."""

    enabled: bool = False
    least_sigmas: Sigmas = 0.5


class AdverseDriftRule(Model):
    """Close on a signal for the other side, where signals have been shown to know something."""

    enabled: bool = True
    least_loss_sigmas: Sigmas = 0.02


class SignalGoneRule(Model):
    """Close when nothing speaks for the trade any more and its target is out of reach."""

    enabled: bool = False
    least_probability: Annotated[float, Field(ge=0, le=0.25, allow_inf_nan=False)] = 0.05


class RegimeSwitchRule(Model):
    """Give a trade the strategy that suits the market which has come."""

    enabled: bool = False
    unsuited_bars: Annotated[int, Field(ge=1, le=1_000)] = 3
    minimum_interval_seconds: Interval = 4 * 3600.0
    may_lengthen_hold: bool = False
    largest_probability_loss: Chance = 0.0


class ExitSettings(Model):
    """What may be done with an open trade beyond its stop, its target and its longest hold."""

    minimum_reward_to_risk: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 0.25
    minimum_interval_seconds: Interval = 3600.0
    least_probability_gain: Chance = 0.02
    largest_value_loss_sigmas: Sigmas = 0.01
    target_cut_a_day_fraction: Annotated[float, Field(ge=0, le=0.9, allow_inf_nan=False)] = 0.25
    nearest_spreads: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 3.0
    drift_sigmas: Annotated[float, Field(ge=0, le=LARGEST_DRIFT_SIGMAS, allow_inf_nan=False)] = 0.0
    trailing: TrailingRule = TrailingRule()
    rescale: RescaleRule = RescaleRule()
    mean: MeanRule = MeanRule()
    break_even: BreakEvenRule = BreakEvenRule()
    adverse_drift: AdverseDriftRule = AdverseDriftRule()
    signal_gone: SignalGoneRule = SignalGoneRule()
    regime_switch: RegimeSwitchRule = RegimeSwitchRule()


def switchable(exits: ExitSettings) -> tuple[str, ...]:
    """The rules, by name: each has a switch of its own."""
    return tuple(name for name in type(exits).model_fields if hasattr(getattr(exits, name), "enabled"))
