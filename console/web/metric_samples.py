"""The figures of one scrape, before anybody has made text of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from console.web.metric_catalogue import CATALOGUE
from trading.histogram import Distribution

Labels: TypeAlias = tuple[str, ...]
Value: TypeAlias = float | Distribution
LabelsOf = TypeVar("LabelsOf", str, tuple[str, str], tuple[str, str, str])
"""One label alone, or several."""


@dataclass(slots=True)
class Samples:
    """What was found, by the metric's name and the values of its labels. What is absent was not to be had."""

    found: dict[str, dict[Labels, Value]] = field(default_factory=dict)

    def add(self, name: str, value: Value, *labels: str) -> None:
        """One figure. Raises ``KeyError`` for one that is not in the catalogue, ``ValueError`` for other labels."""
        wanted = CATALOGUE[name].labels
        if len(labels) != len(wanted):
            raise ValueError(f"{name} has the labels {wanted}, not {labels}")
        self.found.setdefault(name, {})[labels] = value

    def add_all(self, name: str, values: Mapping[LabelsOf, Value]) -> None:
        """One figure for each."""
        for labels, value in values.items():
            self.add(name, value, *((labels,) if isinstance(labels, str) else labels))
