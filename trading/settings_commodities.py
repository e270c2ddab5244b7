"""What is said of a commodity: the kinds of its fields, and what a user may say otherwise about each."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from trading.calendar_rules import OWN_CALENDARS
from trading.settings_hours import Hours
from trading.settings_model import Model
from trading.settings_types import Commission, ContractSize, Lots, Points, Swap, Symbol

AssetClass: TypeAlias = Literal["fx", "metal", "energy", "grain", "soft", "index", "crypto"]
ThreeNights: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "never"]


def _zone_exists(zone: str) -> str:
    """Refuse a zone that the time zone database does not have."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{zone!r} is not a time zone; expected one such as Europe/Berlin") from error
    return zone


def _in_small_letters(family: object) -> object:
    """The environment writes free keys in capitals."""
    return family.lower() if isinstance(family, str) else family


def _calendar_may_exist(calendar: str) -> str:
    """Refuse a name in the style of our own rules that is none of them; the library's names only it can judge."""
    if calendar.islower() and calendar.isidentifier() and calendar not in OWN_CALENDARS:
        raise ValueError(
            f"{calendar!r} is not a calendar; expected {', '.join(OWN_CALENDARS)}, or one of pandas_market_calendars "
            "as it is written there, such as CMEGlobex_GC"
        )
    return calendar


CalendarName: TypeAlias = Annotated[
    str, Field(max_length=64, pattern=r"^\S+( \S+)*$"), AfterValidator(_calendar_may_exist)
]
Zone: TypeAlias = Annotated[str, Field(max_length=64), AfterValidator(_zone_exists)]
TimeOfDay: TypeAlias = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Currency: TypeAlias = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Digits: TypeAlias = Annotated[int, Field(ge=0, le=8)]
Group: TypeAlias = Annotated[str, Field(min_length=1, max_length=32)]
Family: TypeAlias = Annotated[str, BeforeValidator(_in_small_letters), Field(max_length=32, pattern=r"^[a-z0-9_]+$")]
Alias: TypeAlias = Annotated[str, Field(max_length=32, pattern=r"^[A-Z0-9_]+$")]


class CommodityOverride(Model):
    """What a user says about a commodity: changes to one of the catalogue, or all that a new one needs.

    What is left out stays as it is in the catalogue. Symbols are laid over those of the catalogue key by key, hours as
    a layer of their own, and aliases are added.
    """

    asset_class: AssetClass | None = None
    calendar: CalendarName | None = None
    zone: Zone | None = None
    day_end: TimeOfDay | None = None  # in the zone of it
    base_currency: Currency | None = None
    profit_currency: Currency | None = None
    digits: Digits | None = None
    contract_size: ContractSize | None = None
    volume_min_lots: Lots | None = None
    volume_max_lots: Lots | None = None
    volume_step_lots: Lots | None = None
    typical_spread_points: Points | None = None
    commission_per_lot: Commission | None = None
    swap_long_per_lot: Swap | None = None
    swap_short_per_lot: Swap | None = None
    three_nights_on: ThreeNights | None = None
    group: Group | None = None
    may_be_negative: bool | None = None
    aliases: Annotated[tuple[Alias, ...], Field(max_length=32)] | None = None
    symbols: Annotated[dict[Family, Symbol], Field(max_length=32)] | None = None
    hours: Hours | None = None
