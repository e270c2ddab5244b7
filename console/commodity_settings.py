"""What the settings say of commodities: by which names, in a catalogue of the user's own, and what contradicts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from connectors.accounting import conversion
from console import faults, settings_tree
from console.errors import ConfigurationError
from feeds.catalogue import read_catalogue, read_tables
from trading.commodities import BadCatalogue, Commodity, UnknownCommodity, id_of, laid_over, suggestion
from trading.settings import Settings
from trading.settings_commodities import CommodityOverride
from trading.settings_types import CommodityId

OVERRIDES = ("commodities",)  # where in the settings a table stands that has the form of a catalogue
LAYER = TypeAdapter(dict[CommodityId, CommodityOverride])


def known_commodities(catalogue_file: object) -> dict[str, Commodity]:
    """The catalogue of the program, with that of `catalogue_file` laid over it where one is named.

    Raises `ConfigurationError` with a line for each fault, which names the file, the table, the field and the value.
    """
    shipped = read_catalogue()
    if not isinstance(catalogue_file, str) or catalogue_file in ("", settings_tree.NOTHING):
        return shipped  # what is no name of a file is refused with the other settings
    source = f"catalogue_file: {catalogue_file}"
    try:
        tables = read_tables(Path(catalogue_file))
    except BadCatalogue as error:
        raise ConfigurationError(f"catalogue_file: {error}") from None
    try:
        tables = settings_tree.without_nothing(with_ids(tables, shipped, OVERRIDES), OVERRIDES)
        layer = LAYER.validate_python(tables)
        return laid_over(shipped, layer)
    except ValidationError as error:
        raise ConfigurationError(faults.report(source, faults.lines_elsewhere(error, OVERRIDES))) from None
    except (BadCatalogue, UnknownCommodity) as error:
        raise ConfigurationError(faults.report(source, [str(error)])) from None


def with_ids(value: Any, commodities: Mapping[str, Commodity], path: settings_tree.Path = ()) -> Any:
    """The values with every name of a commodity, such as `XAUUSD`, put as its id; a name that none has stays.

    Raises `ConfigurationError` where one table names a commodity twice.
    """
    annotation = settings_tree.at(path)
    if isinstance(value, Mapping):
        is_keyed = settings_tree.is_table(annotation) and _is_of_commodities(annotation)
        found: dict[Any, Any] = {}
        for key, inner in value.items():
            name = _id_of(key, commodities) if is_keyed else key
            if name in found:
                twice = [word for word in value if _id_of(word, commodities) == name]
                where = settings_tree.written(path)
                raise ConfigurationError(f"{where} has {' and '.join(twice)}, which are one commodity; expected one")
            found[name] = with_ids(inner, commodities, (*path, name))
        return found
    if isinstance(value, list | tuple):
        is_listed = settings_tree.is_list(annotation) and _is_of_commodities(annotation)
        return [
            _id_of(inner, commodities) if is_listed else with_ids(inner, commodities, (*path, index))
            for index, inner in enumerate(value)
        ]
    return value


def commodity_faults(settings: Settings, known: Mapping[str, Commodity]) -> Iterator[str]:
    """Where accounts, overrides, feeds and sources speak of commodities that are not there, or contradict them.

    ``known``: without the settings' own overrides.
    """
    with_symbol = {commodity for account in settings.accounts for commodity in account.symbols}
    everything = dict(known)
    for name, override in settings.commodities.items():
        try:
            everything = laid_over(everything, {name: override})
        except UnknownCommodity as error:
            yield f"commodities names {error}"
        except BadCatalogue as error:
            yield from _override_faults(name, error)
        else:
            if name not in with_symbol:
                yield f"commodities.{name} has no symbol on an account; expected it in one account's symbols"
    for place, name in _named(settings):
        if name not in everything:
            yield f"{place} names {name}, which is not a commodity of the catalogue; {suggestion(everything, name)}"
    for index, account in enumerate(settings.accounts):
        for table in ("paper.spread_points", "hours"):
            for name in account.paper.spread_points if table != "hours" else account.hours:
                if name not in account.symbols:
                    yield f"accounts[{index}].{table}.{name} has no symbol in accounts[{index}].symbols"


def not_converted(settings: Settings, commodities: Mapping[str, Commodity]) -> Iterator[str]:
    """Paper accounts whose own symbols do not tell what profits in a commodity are worth in the account's currency."""
    for account in settings.accounts:
        if not account.enabled or account.connector == "mt5":  # which a terminal alone knows
            continue
        own = {name: commodities[name] for name in account.symbols}
        currency = account.paper.currency
        for name, commodity in own.items():
            paid_in = commodity.profit_currency
            if paid_in != currency and conversion(paid_in, currency, own) is None:
                yield f"{account.name}: {name} pays in {paid_in}, and no symbol of it converts that into {currency}"


def _named(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every (place, id) at which the settings name a commodity that must be there."""
    for index, account in enumerate(settings.accounts):
        yield from ((f"accounts[{index}].symbols", name) for name in account.symbols)
    for index, headlines in enumerate(settings.feeds.headlines):
        yield from ((f"feeds.headlines[{index}].keywords", name) for name in headlines.keywords)
    for index, positions in enumerate(settings.feeds.positions):
        yield from ((f"feeds.positions[{index}].contracts", name) for name in positions.contracts)
    for index, source in enumerate(settings.analyses.sources):
        yield from ((f"analyses.sources[{index}].commodities", name) for name in source.commodities)


def _override_faults(name: str, error: BadCatalogue) -> Iterator[str]:
    """What an override contradicts in the line that it changes, such as a least volume above the most."""
    if isinstance(error.__cause__, ValidationError):
        yield from (f"commodities.{name}: {faults.said(details)}" for details in error.__cause__.errors())
    else:
        yield f"commodities.{name}: {error}"


def _is_of_commodities(annotation: Any) -> bool:
    kinds = get_args(settings_tree.plain(annotation)[0])
    return bool(kinds) and kinds[0] == CommodityId


def _id_of(name: Any, commodities: Mapping[str, Commodity]) -> Any:
    return (id_of(commodities, name) or name) if isinstance(name, str) else name
