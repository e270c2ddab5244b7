"""The catalogue of commodities: the file that comes with the program, and what users lay over it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from trading.commodities import BadCatalogue, Commodity, catalogue, laid_over
from trading.settings_commodities import CommodityOverride


def catalogue_tables() -> dict[str, object]:
    """The tables of `trading/commodities.toml` as they are written, by commodity."""
    return tomllib.loads(resources.files("trading").joinpath("commodities.toml").read_text("utf-8"))


def read_catalogue(*layers: Mapping[str, CommodityOverride] | None) -> dict[str, Commodity]:
    """Every commodity by its id, with what users say laid over it. Raises as `trading.commodities.laid_over`."""
    return laid_over(_shipped(), *layers)


def read_tables(file: Path) -> dict[str, object]:
    """The tables of a catalogue of the user's own, as they are written. Raises `BadCatalogue` naming the file."""
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise BadCatalogue(f"{file} is not TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise BadCatalogue(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise BadCatalogue(f"{file} cannot be read: {error.strerror}") from error


@cache
def _shipped() -> dict[str, Commodity]:
    return catalogue(catalogue_tables())
