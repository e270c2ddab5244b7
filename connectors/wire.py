"""What goes over the wire between a broker process and its clients: one JSON object a line, exact and strictly read.

Numbers survive to the last bit: JSON carries the shortest decimal that reads back as the same double, the three values
that JSON has no word for travel as text, and the columns of bars as the bytes that they are. A value that is not what
its field should hold raises `BadMessage`, which names both.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, TypeVar

import numpy as np

from connectors.base import Done, Outcome, Rejected, Unknown
from trading.bars import BarSeries

Json: TypeAlias = Any
"""What `json.loads` makes: objects, lists, text, numbers, true, false and null."""

LONGEST_SHOWN = 60  # characters of a value in a complaint about it
AS_THEY_ARE = frozenset({int, str, bool, type(None)})
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
BAR_COLUMNS = ("open", "high", "low", "close", "spread")
OUTCOMES: Mapping[str, type[Done] | type[Rejected] | type[Unknown]] = {
    "done": Done,
    "rejected": Rejected,
    "unknown": Unknown,
}

Value = TypeVar("Value")


class BadMessage(ValueError):
    """A message that cannot be understood; names the field and the value."""


def line(message: Mapping[str, Json]) -> bytes:
    """The message as one line, the end of the line included."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def message(text: bytes) -> dict[str, Json]:
    """The object in a line. Raises `BadMessage`."""
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"a line is {_shown(text)}; expected one JSON object: {error}") from error
    if not isinstance(found, dict):
        raise BadMessage(f"a line is {_shown(found)}; expected one JSON object")
    return found


def encode(value: object) -> Json:
    """A value of ours in JSON's types: a dataclass as an object, a sequence as a list."""
    kind = type(value)
    if kind in AS_THEY_ARE:  # most are, and need no more words
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if is_dataclass(kind):
        return {name: encode(getattr(value, name)) for name in _names(kind)}
    if isinstance(value, Mapping):
        return {str(key): encode(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [encode(inner) for inner in value]
    raise TypeError(f"{type(value).__name__} has no form on the wire")


def decode(kind: type[Value], data: Json, where: str) -> Value:
    """The dataclass ``kind`` in ``data``: every field, no other, each of its type. Raises `BadMessage`."""
    given = mapping(data, where)
    asked: type = kind
    hints = _hints(asked)
    for name in given:
        if name not in hints:
            raise BadMessage(f"{where}.{name} is not a field; expected {', '.join(hints)}")
    for name in hints:
        if name not in given:
            raise BadMessage(f"{where}.{name} is missing")
    values = {}
    for name, hint in hints.items():
        value = given[name]
        # What is of the plain type already needs no more words: a history has a hundred thousand of these.
        values[name] = value if type(value) is hint else read(hint, value, f"{where}.{name}")
    return kind(**values)


def decode_all(kind: type[Value], data: Json, where: str) -> tuple[Value, ...]:
    """A list of ``kind``. Raises `BadMessage`."""
    return tuple(decode(kind, inner, f"{where}[{index}]") for index, inner in enumerate(sequence(data, where)))


def read(hint: Any, value: Json, where: str) -> Any:
    """One value of the type that ``hint`` names. Raises `BadMessage`."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (inner,) = (member for member in typing.get_args(hint) if member is not type(None))
        return None if value is None else read(inner, value, where)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return tuple(read(inner, each, f"{where}[{index}]") for index, each in enumerate(sequence(value, where)))
    if typing.get_origin(hint) is Mapping:
        return mapping(value, where)
    if hint is Any:
        return value
    if hint is float:
        return _number(value, where)
    if isinstance(hint, type) and issubclass(hint, Enum):
        if value not in [member.value for member in hint]:
            raise BadMessage(f"{where} is {_shown(value)}; expected one of {', '.join(str(m.value) for m in hint)}")
        return hint(value)
    if hint in (int, str, bool):
        if type(value) is not hint:
            raise BadMessage(f"{where} is {_shown(value)}; expected {NAMES[hint]}")
        return value
    if isinstance(hint, type) and is_dataclass(hint):
        return decode(hint, value, where)
    raise TypeError(f"{where}: {hint} has no form on the wire")


def arguments_of(call: str, given: Mapping[str, Json], calls: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The arguments of a call: all that it has and no other, each of its type. Raises `BadMessage`.

    ``calls``: what each call there is takes, by name and type.
    """
    if call not in calls:
        raise BadMessage(f"call is {call!r}; expected one of {', '.join(calls)}")
    expected = calls[call]
    for name in given:
        if name not in expected:
            raise BadMessage(f"{call} has no {name!r}; expected {', '.join(expected) or 'nothing besides'}")
    for name in expected:
        if name not in given:
            raise BadMessage(f"{call}: {name} is missing")
    return {name: read(kind, given[name], name) for name, kind in expected.items()}


NAMES = {int: "a whole number", str: "text", bool: "true or false"}


def mapping(data: Json, where: str) -> dict[str, Json]:
    """The object. Raises `BadMessage` for anything else."""
    if not isinstance(data, dict):
        raise BadMessage(f"{where} is {_shown(data)}; expected an object")
    return data


def sequence(data: Json, where: str) -> list[Json]:
    """The list. Raises `BadMessage` for anything else."""
    if not isinstance(data, list):
        raise BadMessage(f"{where} is {_shown(data)}; expected a list")
    return data


def encode_outcome(outcome: Outcome) -> Json:
    """Which of the three it is, and its facts."""
    (name,) = (name for name, kind in OUTCOMES.items() if isinstance(outcome, kind))
    return {name: encode(outcome)}


def decode_outcome(data: Json, where: str) -> Outcome:
    """The reverse of `encode_outcome`. Raises `BadMessage`."""
    given = mapping(data, where)
    if len(given) != 1 or next(iter(given)) not in OUTCOMES:
        raise BadMessage(f"{where} is {_shown(data)}; expected one of {', '.join(OUTCOMES)}")
    ((name, facts),) = given.items()
    return decode(OUTCOMES[name], facts, f"{where}.{name}")


def encode_bars(series: BarSeries) -> Json:
    """The columns as little-endian bytes in base64: 15,000 bars are a megabyte, and exact."""
    columns = {name: _packed(getattr(series, name), "<f8") for name in BAR_COLUMNS}
    return {
        "commodity": series.commodity,
        "bar_seconds": series.bar_seconds,
        "time": _packed(series.time, "<i8"),
        **columns,
    }


def decode_bars(data: Json, where: str) -> BarSeries:
    """The reverse of `encode_bars`. Raises `BadMessage`."""
    given = mapping(data, where)
    missing = [name for name in ("commodity", "bar_seconds", "time", *BAR_COLUMNS) if name not in given]
    if missing:
        raise BadMessage(f"{where}.{missing[0]} is missing")
    columns = {name: _unpacked(given[name], "<f8", np.dtype(np.float64), f"{where}.{name}") for name in BAR_COLUMNS}
    time = _unpacked(given["time"], "<i8", np.dtype(np.int64), f"{where}.time")
    for name, column in columns.items():
        if len(column) != len(time):
            raise BadMessage(
                f"{where}.{name} has {len(column)} values; expected {len(time)}, as many as there are times"
            )
    return BarSeries(
        commodity=read(str, given["commodity"], f"{where}.commodity"),
        bar_seconds=read(int, given["bar_seconds"], f"{where}.bar_seconds"),
        time=time,
        open=columns["open"],
        high=columns["high"],
        low=columns["low"],
        close=columns["close"],
        spread=columns["spread"],
    )


def _packed(column: np.ndarray[Any, Any], layout: str) -> str:
    return base64.b64encode(column.astype(layout).tobytes()).decode("ascii")


def _unpacked(text: Json, layout: str, wanted: np.dtype[Any], where: str) -> np.ndarray[Any, Any]:
    try:
        return np.frombuffer(base64.b64decode(read(str, text, where), validate=True), dtype=layout).astype(wanted)
    except (binascii.Error, ValueError) as error:
        if isinstance(error, BadMessage):
            raise
        raise BadMessage(f"{where} is {_shown(text)}; expected a column of numbers in base64: {error}") from error


def _number(value: Json, where: str) -> float:
    if isinstance(value, str) and value in NOT_FINITE:
        return NOT_FINITE[value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass  # said below: no double is that large
    raise BadMessage(f"{where} is {_shown(value)}; expected a number")


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _no_constant(name: str) -> typing.NoReturn:
    raise ValueError(f"{name} is no JSON")


def _shown(value: object) -> str:
    """The value as it may stand in a message: short."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
