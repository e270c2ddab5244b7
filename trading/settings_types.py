"""The kinds of numbers and names that settings are made of."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field


def _percent(value: float) -> float:
    """Refuse what was surely meant as a fraction: 0.65 and 65 must not be mixed."""
    if 0 < value <= 1:
        raise ValueError(f"{value:g} looks like a fraction; expected 0 to 100")
    return value


Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
# Upper bounds are far beyond every use: what lies above them is a slip, and would end in an overflow far from here.
AgeSeconds: TypeAlias = Annotated[float, Field(gt=0, le=30 * 86_400)]
HoldSeconds: TypeAlias = Annotated[float, Field(gt=0, le=3_650 * 86_400)]
Volatilities: TypeAlias = Annotated[float, Field(gt=0, le=20)]
Points: TypeAlias = Annotated[float, Field(ge=0, le=100_000)]
ContractSize: TypeAlias = Annotated[float, Field(gt=0, le=1_000_000_000)]
Lots: TypeAlias = Annotated[float, Field(gt=0, le=1_000_000)]
Commission: TypeAlias = Annotated[float, Field(ge=0, le=1_000_000)]
Swap: TypeAlias = Annotated[float, Field(ge=-1_000_000, le=1_000_000)]
Percent: TypeAlias = Annotated[float, AfterValidator(_percent), Field(ge=0, le=100, allow_inf_nan=False)]
CommodityId: TypeAlias = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Z0-9_]+$")]
Symbol: TypeAlias = Annotated[str, Field(min_length=1, max_length=29, pattern=r"^\S+( \S+)*$")]
