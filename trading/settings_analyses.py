"""Who else may say what to trade: the sources of analyses from outside, and the folder in which they leave them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from trading.analysis import BUILT_IN_ANALYST, Name
from trading.settings_model import Model
from trading.settings_types import CommodityId

LEAST_KEY_CHARACTERS = 32  # of a source's key: 128 bits in hexadecimal figures


class AnalysisSource(Model):
    """One model, person or program outside that signs analyses with a key of its own."""

    name: Name
    key_file: Annotated[str, Field(min_length=1)] | None = None  # None: beside the ledger, by the source's name
    commodities: tuple[CommodityId, ...] = ()  # what it may speak of; none named: everything that is traded
    enabled: bool = True


class AnalysesSettings(Model):
    """Analyses from outside: none are taken unless a source is named."""

    folder: Annotated[str, Field(min_length=1)] | None = None  # watched; None: beside the ledger
    poll_seconds: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    built_in: bool = True  # the program's own analyst trades, too
    sources: tuple[AnalysisSource, ...] = ()

    @model_validator(mode="after")
    def names_are_unique(self) -> AnalysesSettings:
        """Refuse two sources of one name, in capitals or not, and one that is called like the built-in analyst."""
        seen: set[str] = set()
        for source in self.sources:
            name = source.name.casefold()
            if name == BUILT_IN_ANALYST:
                raise ValueError(f"sources: one is named {source.name!r}, which is the program's own analyst")
            if name in seen:
                raise ValueError(f"sources: two are named {source.name!r}; expected one name each")
            seen.add(name)
        return self

    @model_validator(mode="after")
    def somebody_speaks(self) -> AnalysesSettings:
        """Refuse to have neither the built-in analyst nor a source: nothing would ever be opened."""
        if not self.built_in and not any(source.enabled for source in self.sources):
            raise ValueError("built_in is false and no source is enabled; expected somebody who makes analyses")
        return self

    def source(self, name: str) -> AnalysisSource | None:
        """The enabled source of this name."""
        return next((source for source in self.sources if source.name == name and source.enabled), None)
