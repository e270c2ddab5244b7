"""The catalogue of commodities, from the file that comes with the program."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources

from trading.commodities import Commodity, catalogue
from trading.settings import CommodityOverride


def catalogue_tables() -> dict[str, object]:
    """The tables of `trading/commodities.toml` as they are written, by commodity."""
    return tomllib.loads(resources.files("trading").joinpath("commodities.toml").read_text("utf-8"))


def read_catalogue(overrides: Mapping[str, CommodityOverride] | None = None) -> dict[str, Commodity]:
    """Every commodity by its id, with the user's overrides laid over it. Raises as `trading.commodities.catalogue`."""
    return catalogue(catalogue_tables(), overrides)
