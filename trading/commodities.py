"""The catalogue of commodities: what one is, checked line by line. The file is read in the wiring and passed in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from trading.market import Instrument
from trading.sessions import DAY_MINUTES, end_minute_of, week_of
from trading.settings_accounts import PaperSettings
from trading.settings_commodities import (
    Alias,
    AssetClass,
    CalendarName,
    CommodityOverride,
    Currency,
    Digits,
    Family,
    Group,
    ThreeNights,
    TimeOfDay,
    Zone,
)
from trading.settings_hours import Hours
from trading.settings_model import Model
from trading.settings_types import Commission, CommodityId, ContractSize, Lots, Points, Swap, Symbol

NEAR, NEAREST_SHOWN = 0.7, 2  # likeness from which a name may have been meant (0 to 1), and how many are told
ANOTHER_NAME = 0.1  # less likely: an alias or a symbol is typed less often than an id, and there are many
LETTERS_SWAPPED = 0.1  # likelier: the commonest slip
AS_NEAR = 0.05  # less likely than the likeliest, and told as well
MOST_WITH_A_PART = 5
SHORTEST_PART = 3  # letters that may stand for the name that they are a part of

USUAL_THREE_NIGHTS: Mapping[AssetClass, ThreeNights] = MappingProxyType(
    {
        # Two days after Wednesday is Friday, and the value date of a position held over it jumps the weekend.
        "fx": "wednesday",
        "metal": "wednesday",
        "energy": "friday",
        "grain": "friday",
        "soft": "friday",
        "index": "friday",
        "crypto": "never",
    }
)
"""The day whose end books the nights of the weekend, as most brokers have it."""


def _as_layers(hours: object) -> object:
    """A catalogue writes one table."""
    return hours if isinstance(hours, list | tuple) else (hours,)


Layers = Annotated[tuple[Hours, ...], BeforeValidator(_as_layers)]
"""Hours from the lowest to the highest. They are kept apart: a name in a higher one goes before a date in a lower."""


class BadCatalogue(ValueError):
    """The catalogue of commodities has a line that cannot be used; the message names it."""


class UnknownCommodity(ValueError):
    """A commodity is named that the catalogue does not have."""


class Commodity(Model):
    """One commodity: when it trades, how its price is written, and contract hints for a paper account."""

    id: CommodityId
    asset_class: AssetClass
    calendar: CalendarName  # a rule of our own in lower case, or a calendar of pandas_market_calendars
    zone: Zone  # the exchange's zone, in which local rules are written
    day_end: TimeOfDay  # local time
    base_currency: Currency | None = None  # none: it is the price of no currency and no coin, such as oil
    profit_currency: Currency
    digits: Digits
    contract_size: ContractSize
    volume_min_lots: Lots = 0.01
    volume_max_lots: Lots = 100.0
    volume_step_lots: Lots = 0.01
    typical_spread_points: Points
    commission_per_lot: Commission | None = None  # instead of the paper account's, per side
    swap_long_per_lot: Swap = 0.0
    swap_short_per_lot: Swap = 0.0
    three_nights_on: ThreeNights | None = None  # instead of what is usual in its class
    group: Group  # commodities that tend to move together
    may_be_negative: bool = False
    aliases: Annotated[tuple[Alias, ...], Field(max_length=32)] = ()
    symbols: Annotated[dict[Family, Symbol], Field(max_length=32)] = Field(default={})
    hours: Layers = ()

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

    @model_validator(mode="after")
    def currencies_differ(self) -> Commodity:
        """Refuse a price of a currency in itself: it would convert nothing into nothing."""
        if self.base_currency == self.profit_currency:
            raise ValueError(f"base_currency and profit_currency are both {self.base_currency}")
        return self

    @model_validator(mode="after")
    def day_ends_while_it_trades(self) -> Commodity:
        """Refuse a day end that lies in none of the commodity's own sessions, nor at the end of one."""
        sessions = next((hours.sessions for hours in reversed(self.hours) if hours.sessions is not None), None)
        if sessions is None:
            return self
        end = end_minute_of(self.day_end_by_hours)
        for session in week_of(sessions):
            if any(session.opens_minute < end - days <= session.closes_minute for days in (0, DAY_MINUTES)):
                return self
        raise ValueError(
            f"day_end is {self.day_end_by_hours}, when none of hours.sessions trades, which are {', '.join(sessions)}"
        )

    @property
    def day_end_by_hours(self) -> TimeOfDay:
        """The end of its day, local time: as the highest of its hours says, that says so, or as it says itself."""
        return next((hours.day_end for hours in reversed(self.hours) if hours.day_end is not None), self.day_end)

    @property
    def point(self) -> float:
        """The smallest price step."""
        return 10.0**-self.digits

    @property
    def books_three_nights_on(self) -> ThreeNights:
        """The weekday whose end books the nights of the weekend, too; "never": each night is booked on its own."""
        return self.three_nights_on or USUAL_THREE_NIGHTS[self.asset_class]

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called: its id first, its aliases, what brokers call it."""
        return tuple(dict.fromkeys((self.id, *self.aliases, *self.symbols.values())))

    def instrument(self, symbol: str, paper: PaperSettings) -> Instrument:
        """The terms on which a paper account trades it."""
        own = self.commission_per_lot
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
            commission_per_lot=paper.commission_per_lot if own is None else own,
            swap_long_per_lot=self.swap_long_per_lot,
            swap_short_per_lot=self.swap_short_per_lot,
        )


REQUIRED = tuple(name for name, field in Commodity.model_fields.items() if field.is_required() and name != "id")
"""What a new commodity cannot do without."""


def catalogue(tables: Mapping[str, object], *layers: Mapping[str, CommodityOverride] | None) -> dict[str, Commodity]:
    """Every commodity of these tables by its id, with what users say laid over it as `laid_over` does.

    Raises as that does, and `BadCatalogue` naming the table and the key at fault.
    """
    commodities = {}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise BadCatalogue(f"commodity {name!r} is {table!r}; expected a table")
        commodities[name] = _checked(name, table)
    return laid_over(commodities, *layers)


def laid_over(
    commodities: Mapping[str, Commodity], *layers: Mapping[str, CommodityOverride] | None
) -> dict[str, Commodity]:
    """The commodities with what users say, the later layer over the earlier one.

    A layer may bring commodities of its own, with all that is `REQUIRED`. Raises `BadCatalogue` naming the commodity
    and the key at fault, and for a name that two commodities share; `UnknownCommodity` for changes to a commodity that
    is not there.
    """
    found = dict(commodities)
    for layer in layers:
        for name, override in (layer or {}).items():
            if name not in found:
                _require_whole(name, override, found)
            found[name] = _checked(name, _changed(found.get(name), override))
    _require_unique_names(found)
    return found


def find(commodities: Mapping[str, Commodity], name: str) -> Commodity:
    """The commodity of this id, alias or symbol, in capitals or not, with or without `/`, `_` and the like.

    Raises `UnknownCommodity` with the nearest names.
    """
    found = id_of(commodities, name)
    if found is None:
        raise UnknownCommodity(f"there is no commodity {name!r}; {suggestion(commodities, name)}")
    return commodities[found]


def id_of(commodities: Mapping[str, Commodity], name: str) -> str | None:
    """The id of the commodity that `find` finds; None where none has the name."""
    return name if name in commodities else _by_name(commodities).get(folded(name))


def suggestion(commodities: Mapping[str, Commodity], name: str) -> str:
    """What may have been meant, in words: the nearest ids, or all of them where none is near."""
    near = nearest(commodities, name)
    return f"did you mean {' or '.join(near)}?" if near else f"expected one of {', '.join(sorted(commodities))}"


def nearest(commodities: Mapping[str, Commodity], name: str) -> list[str]:
    """The ids that may have been meant, the likeliest first; empty where none is near."""
    wanted = folded(name)
    matcher = difflib.SequenceMatcher(b=wanted, autojunk=False)
    likeness: dict[str, float] = {}
    for known, commodity in _by_name(commodities).items():
        matcher.set_seq1(known)
        ratio = matcher.ratio()
        ratio -= ANOTHER_NAME * (known != folded(commodity))
        ratio += LETTERS_SWAPPED * (sorted(known) == sorted(wanted))
        likeness[commodity] = max(likeness.get(commodity, 0.0), ratio)
    likely = sorted(likeness, key=lambda commodity: (-likeness[commodity], commodity))[:NEAREST_SHOWN]
    near = [commodity for commodity in likely if likeness[commodity] >= max(NEAR, likeness[likely[0]] - AS_NEAR)]
    return near or _with_part(commodities, wanted)


def _with_part(commodities: Mapping[str, Commodity], part: str) -> list[str]:
    """Those that have a name with these letters in it, where that tells them from most others."""
    if len(part) < SHORTEST_PART:
        return []
    names = _by_name(commodities).items()
    return sorted({commodity for name, commodity in names if part in name})[:MOST_WITH_A_PART]


def folded(name: str) -> str:
    """A name as it is compared: in capitals, letters and digits alone."""
    return re.sub(r"[^A-Z0-9]", "", name.upper())


def require_known(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise `UnknownCommodity` for the first of ``names`` that is not ``known``."""
    available = sorted(known)
    for name in names:
        if name not in available:
            near = difflib.get_close_matches(name, available, n=NEAREST_SHOWN, cutoff=NEAR)
            meant = f"did you mean {' or '.join(near)}?" if near else f"expected one of {', '.join(available)}"
            raise UnknownCommodity(f"{where}: there is no commodity {name!r}; {meant}")


def _by_name(commodities: Mapping[str, Commodity]) -> dict[str, str]:
    return {folded(name): commodity.id for commodity in commodities.values() for name in commodity.names}


def _require_whole(name: str, override: CommodityOverride, known: Mapping[str, Commodity]) -> None:
    """A new commodity says all that one needs; changes to one that is not there are a slip."""
    missing = [field for field in REQUIRED if getattr(override, field) is None]
    if missing:
        near = nearest(known, name)
        meant = f"did you mean {' or '.join(near)}? A new one" if near else "a new one"
        raise UnknownCommodity(f"{name}, which is not a commodity of the catalogue; {meant} needs {', '.join(missing)}")


def _changed(below: Commodity | None, override: CommodityOverride) -> dict[str, Any]:
    """The fields of a commodity, the override's laid over those that are there."""
    changes = {field: value for field in override.model_fields_set if (value := getattr(override, field)) is not None}
    if below is None:
        return changes
    if override.symbols is not None:
        changes["symbols"] = {**below.symbols, **override.symbols}
    if override.aliases is not None:
        changes["aliases"] = tuple(dict.fromkeys((*below.aliases, *override.aliases)))
    changes["hours"] = _layers(below, override)
    return {**{field: getattr(below, field) for field in below.model_fields_set}, **changes}


def _layers(below: Commodity, override: CommodityOverride) -> tuple[Hours, ...]:
    layers = below.hours
    if override.day_end not in (None, below.day_end_by_hours):
        layers = (*layers, Hours(day_end=override.day_end))  # above what the catalogue's hours say of it
    if override.hours is None:
        return layers
    # Once is enough: whatever lies between, the highest of two equal layers decides.
    return (*(hours for hours in layers if hours != override.hours), override.hours)


def _checked(name: str, table: Mapping[str, Any]) -> Commodity:
    try:
        return Commodity.model_validate({**table, "id": name})
    except ValidationError as error:
        first = error.errors()[0]
        place = first["loc"]
        # A catalogue writes one table of hours, so their number would tell nobody anything.
        field = ".".join(str(part) for part in (*place[:1], *place[1 + (place[:1] == ("hours",)) :]))
        own = first.get("ctx", {}).get("error")  # what a validator of ours said, without pydantic's words before it
        said = first["msg"] if own is None else str(own)
        fault = f"{field}: {said} (it is {first['input']!r})" if field else said
        raise BadCatalogue(f"commodity {name!r}: {fault}") from error


def _require_unique_names(commodities: Mapping[str, Commodity]) -> None:
    """Users' commodities come last: who brings a name that there was already is told so."""
    owners: dict[str, str] = {}
    for commodity in commodities.values():
        for name in commodity.names:
            owner = owners.setdefault(folded(name), commodity.id)
            if owner != commodity.id:
                raise BadCatalogue(
                    f"commodity {commodity.id!r}: {name!r} is a name of {owner} already; expected names of its own, "
                    f"or changes to {owner}"
                )
