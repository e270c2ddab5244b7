"""One column of a table: as texts, or as Arrow has it (`arrow_tables`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from trading.bars import Floats, Instants


class Unreadable(Exception):
    """The file is no table; the message says in which way."""


class NotNumbers(Exception):
    """The column has something in it that is no number."""


class Column(Protocol):
    """What is asked of a column."""

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        ...

    @property
    def kind(self) -> str:
        """What it is made of, in words."""
        ...

    def __len__(self) -> int: ...

    def values(self) -> Sequence[object]:
        """The values, None where it is empty."""
        ...

    def native_times(self) -> tuple[Instants, bool] | None:
        """Its times in milliseconds, (n,), and whether they name no zone; None where it is not made of times alone."""
        ...

    def numbers(self) -> Floats:
        """The values as numbers, (n,), NaN where it is empty. Raises `NotNumbers`."""
        ...

    def turned_round(self) -> Self:
        """The same with its last value first."""
        ...


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of texts."""

    texts: Sequence[str | None]
    is_text: bool = True
    kind: str = "string"

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.texts)

    def values(self) -> Sequence[object]:
        """The texts, None where it is empty."""
        return self.texts

    def native_times(self) -> tuple[Instants, bool] | None:
        """None: there are only texts."""
        return None

    def numbers(self) -> Floats:
        """What the texts say, (n,), NaN where it is empty. Raises `NotNumbers`."""
        try:
            return np.array([np.nan if text is None else _number(text) for text in self.texts], dtype=np.float64)
        except ValueError as error:
            raise NotNumbers(str(error)) from error

    def turned_round(self) -> TextColumn:
        """The same with its last text first."""
        return TextColumn(self.texts[::-1])


def _number(text: str) -> float:
    if "_" in text or not text.isascii():
        raise ValueError(f"{text!r} is a number to Python alone")
    return float(text)
