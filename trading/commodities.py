"""The catalogue of commodities: what one is, checked line by line. The file is read in the wiring and passed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator

from trading.market import Instrument
from trading.settings import CommodityOverride
from trading.settings_accounts import PaperSettings
from trading.settings_model import Model
from trading.settings_types import CommodityId, ContractSize, Lots, Points, Swap


class BadCatalogue(ValueError):
    """The catalogue of commodities has a line that cannot be used; the message names it."""


class UnknownCommodity(ValueError):
    """A commodity is named that the catalogue does not have."""


class Commodity(Model):
    """One commodity: when it trades, how its price is written, and contract hints for a paper account."""

    id: CommodityId
    kind: Annotated[Literal["fx", "metal", "crypto"], Field(alias="class")]
    calendar: Literal["fx", "metals", "always"]
    zone: str  # the exchange's zone, in which local rules are written
    day_end: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]  # local time
    base_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    profit_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    digits: Annotated[int, Field(ge=0, le=8)]
    contract_size: ContractSize
    volume_min_lots: Lots
    volume_max_lots: Lots
    volume_step_lots: Lots
    typical_spread_points: Points
    swap_long_per_lot: Swap
    swap_short_per_lot: Swap
    group: Annotated[str, Field(min_length=1)]  # commodities that tend to move together
    may_be_negative: bool = False

    @model_validator(mode="after")
    def volumes_agree(self) -> Commodity:
        """Refuse volumes of which none could be traded."""
        if self.volume_min_lots > self.volume_max_lots:
            raise ValueError(
                f"volume_min_lots is {self.volume_min_lots:g}, above volume_max_lots, which is {self.volume_max_lots:g}"
            )
        if self.volume_step_lots > self.volume_min_lots:
            raise ValueError(
                f"volume_step_lots is {self.volume_step_lots:g}, above volume_min_lots, "
                f"which is {self.volume_min_lots:g}"
            )
        return self

    @field_validator("zone")
    @classmethod
    def zone_exists(cls, zone: str) -> str:
        """Refuse a zone that the time zone database does not have."""
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is not a time zone") from error
        return zone

    @property
    def point(self) -> float:
        """The smallest price step."""
        return 10.0**-self.digits

    def instrument(self, symbol: str, paper: PaperSettings) -> Instrument:
        """The terms on which a paper account trades it."""
        return Instrument(
            commodity=self.id,
            symbol=symbol,
            digits=self.digits,
            contract_size=self.contract_size,
            volume_min_lots=self.volume_min_lots,
            volume_max_lots=self.volume_max_lots,
            volume_step_lots=self.volume_step_lots,
            profit_currency=self.profit_currency,
            leverage=paper.leverage,
            commission_per_lot=paper.commission_per_lot,
            swap_long_per_lot=self.swap_long_per_lot,
            swap_short_per_lot=self.swap_short_per_lot,
        )


def catalogue(
    tables: Mapping[str, object], overrides: Mapping[str, CommodityOverride] | None = None
) -> dict[str, Commodity]:
    """Every commodity by its id, with the user's overrides laid over it.

    Raises `BadCatalogue` naming the table and the key at fault, and `UnknownCommodity` for an override of a commodity
    that the catalogue does not have.
    """
    overrides = overrides or {}
    require_known(overrides, tables, "commodities")
    commodities = {}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise BadCatalogue(f"commodity {name!r} is {table!r}; expected a table")
        changes = overrides[name].model_dump(exclude_none=True) if name in overrides else {}
        try:
            commodities[name] = Commodity.model_validate({**table, **changes, "id": name})
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            fault = f"{field}: {first['msg']} (it is {first['input']!r})" if field else first["msg"]
            raise BadCatalogue(f"commodity {name!r}: {fault}") from error
    return commodities


def require_known(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise `UnknownCommodity` for the first of ``names`` that is not ``known``."""
    available = sorted(known)
    for name in names:
        if name not in available:
            raise UnknownCommodity(f"{where}: there is no commodity {name!r}; expected one of {', '.join(available)}")
