"""Reads `mt5_arguments.txt` and makes its calls on a package: the double here, or the real one in a Windows Python.

Nothing of the project is imported, so that the real package can be asked where the project is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

TABLE = Path(__file__).with_name("mt5_arguments.txt")


class OrderType(IntEnum):
    """As a program of today might write an order's type."""

    BUY = 0


@dataclass(frozen=True)
class Row:
    """One call, and what the package gives without a connection."""

    label: str  # as it was written down when the real package was first asked; "-": asked since
    call: str  # an expression over the package's functions and the names of `names`
    answer: str  # what it gives, and last_error after it

    @property
    def accepted(self) -> bool:
        """Whether the package would have sent it."""
        return "No IPC connection" in self.answer and not self.answer.startswith("SystemError")


def rows(table: Path = TABLE) -> list[Row]:
    """The table's rows; lines that are empty or begin with # are none."""
    lines = [line for line in table.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [Row(*(cell.strip() for cell in line.split(" | "))) for line in lines]


def order(**changes: Any) -> dict[str, Any]:
    """A request that the package accepts, with these fields otherwise."""
    request: dict[str, Any] = {
        "action": 1,
        "symbol": "EURUSD",
        "volume": 0.1,
        "type": 0,
        "price": 1.1,
        "deviation": 20,
        "magic": 5,
        "comment": "x",
        "type_time": 0,
        "type_filling": 0,
    }
    return {**request, **changes}


def without(name: str) -> dict[str, Any]:
    """The same request without this field."""
    return {key: value for key, value in order().items() if key != name}


def names(package: Any) -> dict[str, Any]:
    """What a call of the table may name."""
    functions = {name: getattr(package, name) for name in dir(package) if callable(getattr(package, name, None))}
    return {
        **functions,
        "np": np,
        "Decimal": Decimal,
        "datetime": datetime,
        "utc": UTC,
        "OrderType": OrderType,
        "order": order,
        "without": without,
    }


def answer(package: Any, call: str) -> str:
    """Make the call, and say what came of it, as the table does."""
    try:
        given = repr(eval(call, names(package)))
    except SystemError as error:
        given = f"SystemError from {error.__cause__!r}"
    return f"{given} {package.last_error()!r}"
