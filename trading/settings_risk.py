"""How much may be lost."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from trading.settings_model import Model
from trading.settings_types import HoldSeconds

HIGHEST_RISK_PER_TRADE = 0.05
HIGHEST_PORTFOLIO_RISK = 0.20


class DrawdownTier(Model):
    """From a depth of drawdown on, how much of the usual risk a trade may still take."""

    drawdown_fraction: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
    risk_factor: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]  # 0: nothing is opened


def default_tiers() -> tuple[DrawdownTier, ...]:
    """Three quarters, half and a quarter of the risk, then nothing, in steps of five per cent."""
    return tuple(
        DrawdownTier(drawdown_fraction=depth, risk_factor=factor)
        for depth, factor in ((0.05, 0.75), (0.10, 0.5), (0.15, 0.25), (0.20, 0.0))
    )


class Risk(Model):
    """How much may be lost: fractions of an account's equity."""

    risk_per_trade_fraction: Annotated[float, Field(gt=0, le=HIGHEST_RISK_PER_TRADE)] = 0.01
    portfolio_risk_fraction: Annotated[float, Field(gt=0, le=HIGHEST_PORTFOLIO_RISK)] = 0.20
    group_risk_fraction: Annotated[float, Field(gt=0, le=HIGHEST_PORTFOLIO_RISK)] | None = 0.05
    volatility_cut_from: Annotated[float, Field(ge=1, le=100)] | None = 1.5  # times the usual ranges
    volatility_cut_least: Annotated[float, Field(gt=0, le=1)] = 0.5  # of the usual risk
    daily_loss_fraction: Annotated[float, Field(gt=0, lt=1)] | None = 0.03  # of equity when the day began
    losses_in_a_row: Annotated[int, Field(ge=1, le=1_000)] | None = 5
    losses_pause_seconds: HoldSeconds = 86_400.0
    drawdown_tiers: tuple[DrawdownTier, ...] = default_tiers()  # from the shallowest on; empty: no tiers

    @model_validator(mode="after")
    def one_trade_fits(self) -> Risk:
        """Refuse a trade's risk that alone would break a cap."""
        for cap in ("portfolio_risk_fraction", "group_risk_fraction"):
            fraction = getattr(self, cap)
            if fraction is not None and self.risk_per_trade_fraction > fraction:
                raise ValueError(
                    f"risk_per_trade_fraction is {self.risk_per_trade_fraction:g}, above {cap}, which is {fraction:g}"
                )
        return self

    @model_validator(mode="after")
    def tiers_descend(self) -> Risk:
        """Refuse tiers that are out of order, or of which a deeper one allows as much as a shallower one."""
        for shallow, deep in pairwise(self.drawdown_tiers):
            if not shallow.drawdown_fraction < deep.drawdown_fraction:
                raise ValueError(
                    f"drawdown_tiers: drawdown_fraction {deep.drawdown_fraction:g} comes after "
                    f"{shallow.drawdown_fraction:g}; expected each tier deeper than the one before it"
                )
            if not shallow.risk_factor > deep.risk_factor:
                raise ValueError(
                    f"drawdown_tiers: risk_factor is {deep.risk_factor:g} from {deep.drawdown_fraction:g} on and "
                    f"{shallow.risk_factor:g} from {shallow.drawdown_fraction:g} on; expected less, the deeper"
                )
        return self
