"""Which values SQLite surely keeps as they are, and what it makes of the few others that are allowed.

Rows that are kept at hand must be the rows that SQLite would give back. It turns a whole number in a column of decimals
into a decimal, minus zero into zero, and a NaN into null; and its driver refuses what it has no type for. A row with
anything out of the ordinary does not fit, and is left to SQLite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Enum, Integer, String

MOST = 1 << 63
"""Whole numbers from here on have no place in a column."""

Convert = Callable[[Any], Any]


def _as_it_is(value: Any) -> Any:
    return value


class Shape:
    """The columns of a row, or some of them."""

    def __init__(self, columns: Sequence[Column[Any]]) -> None:
        """``columns``: in the order of the values that are to fit."""
        self._columns = columns
        self._known: dict[tuple[type, ...], list[tuple[int, Convert]] | None] = {}
        self._decimals = [index for index, column in enumerate(columns) if isinstance(column.type, Double)]
        self._whole = [index for index, column in enumerate(columns) if _is_whole(column)]
        self._texts = [index for index, column in enumerate(columns) if _is_text(column)]

    def fit(self, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The values as SQLite would give them back; None where that is not sure."""
        types = tuple(map(type, values))
        try:
            conversions = self._known[types]
        except KeyError:
            conversions = self._known[types] = self._conversions(types)
        if conversions is None:
            return None
        if conversions or (self._decimals and 0.0 in values):
            values = self._converted(values, conversions)
        for index in self._decimals:
            value = values[index]
            if value is not None and not isfinite(value):
                return None
        for index in self._whole:
            value = values[index]
            if value is not None and not -MOST <= value < MOST:
                return None
        for index in self._texts:
            value = values[index]
            if value is not None and not value.isascii() and not _has_utf8(value):
                return None
        return values

    def _conversions(self, types: tuple[type, ...]) -> list[tuple[int, Convert]] | None:
        found = []
        for index, (column, kind) in enumerate(zip(self._columns, types, strict=True)):
            convert = _conversion(column, kind)
            if convert is None:
                return None
            if convert is not _as_it_is:
                found.append((index, convert))
        return found

    def _converted(self, values: tuple[Any, ...], conversions: list[tuple[int, Convert]]) -> tuple[Any, ...]:
        found = list(values)
        for index, convert in conversions:
            found[index] = convert(found[index])
        for index in self._decimals:
            if found[index] == 0.0:
                found[index] = 0.0  # for minus zero
        return tuple(found)


def _conversion(column: Column[Any], kind: type) -> Convert | None:
    """What SQLite makes of a value of this type; None where it refuses it, or nobody knows."""
    if kind is type(None):
        return _as_it_is if column.nullable else None
    if isinstance(column.type, Double):
        if kind is float:
            return _as_it_is
        return float if issubclass(kind, float) else None
    if isinstance(column.type, Enum):
        return _as_it_is if kind is column.type.enum_class else None
    wanted: type = bool if isinstance(column.type, Boolean) else int if _is_whole(column) else str
    if kind is wanted:
        return _as_it_is
    return str.__str__ if wanted is str and issubclass(kind, str) else None  # a member of an enumeration of words


def _is_whole(column: Column[Any]) -> bool:
    return isinstance(column.type, BigInteger | Integer) and not isinstance(column.type, Boolean)


def _is_text(column: Column[Any]) -> bool:
    return isinstance(column.type, String) and not isinstance(column.type, Enum)


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
