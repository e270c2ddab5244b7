"""How much may be lost."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from trading.settings_model import Model

HIGHEST_RISK_PER_TRADE = 0.05
HIGHEST_PORTFOLIO_RISK = 0.20


class Risk(Model):
    """How much may be lost: fractions of an account's equity."""

    risk_per_trade_fraction: Annotated[float, Field(gt=0, le=HIGHEST_RISK_PER_TRADE)] = 0.01
    portfolio_risk_fraction: Annotated[float, Field(gt=0, le=HIGHEST_PORTFOLIO_RISK)] = 0.20

    @model_validator(mode="after")
    def one_trade_fits(self) -> Risk:
        """Refuse a trade's risk that alone would break the portfolio's cap."""
        if self.risk_per_trade_fraction > self.portfolio_risk_fraction:
            raise ValueError(
                f"risk_per_trade_fraction is {self.risk_per_trade_fraction:g}, above portfolio_risk_fraction, "
                f"which is {self.portfolio_risk_fraction:g}"
            )
        return self
