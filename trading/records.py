"""Records as plain mappings, for the journal and for the log."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")


def flat(record: DataclassInstance) -> dict[str, Any]:
    """The fields of a dataclass by name, their values as they are: ``asdict`` would copy each, and what is in it."""
    return {name: getattr(record, name) for name in _names(type(record))}


def altered(record: Record, **changes: Any) -> Record:
    """As ``dataclasses.replace``, and twice as fast: the fields are given to the class by position."""
    kind = type(record)
    values = list(_getter(kind)(record))
    positions = _positions(kind)
    for name, value in changes.items():
        values[positions[name]] = value
    return kind(*values)


@cache
def _getter(kind: type[DataclassInstance]) -> attrgetter[tuple[Any, ...]]:
    return attrgetter(*_names(kind))


@cache
def _positions(kind: type[DataclassInstance]) -> dict[str, int]:
    return {name: position for position, name in enumerate(_names(kind))}


@cache
def _names(kind: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
