"""What the package refuses before it asks the terminal anything, and in which words.

The checks are the package's, to the letter, odd as some are: a price must be a ``float`` and a magic an ``int`` (a
NumPy ``int64`` is none, a ``bool`` is one), a text ends at its first NUL and has a limit in UTF-16 units, a key that
nobody knows is passed over. Where the package forgets to clear an exception of Python's, the interpreter turns its
answer into a ``SystemError``; `Refused` carries that exception as its cause.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias

from connectors.mt5.layouts import STRUCTURES, Kind, fields_of

Arguments: TypeAlias = tuple[object, ...]
Keywords: TypeAlias = Mapping[str, object]

INVALID = "Invalid arguments"
WRONG_NUMBER = "Invalid number of arguments"
UNNAMED = "Unnamed arguments not allowed"

LONGEST_NAME = 29  # UTF-16 units of a symbol or a comment
LONGEST_GROUP = 1997
LONGEST_CREDENTIAL = 253
LONGEST_PATH = 257

NARROW = ("action", "type", "type_filling", "type_time")  # these have 32 bits in a request; other whole numbers 64
REQUEST_FIELDS: Mapping[str, Kind] = fields_of(STRUCTURES["TradeRequest"][1])


class Refused(Exception):
    """The package sends nothing, and gives None (or False) with -2 and this text as its last error.

    With a cause the package raises a ``SystemError`` from that cause instead of giving anything.
    """


def text(value: object, longest: int, complaint: str) -> str:
    """The text, of at most ``longest`` UTF-16 units. Raises `Refused`."""
    if not isinstance(value, str) or len(value.encode("utf-16-le", "surrogatepass")) // 2 > longest:
        raise Refused(complaint)
    return value.partition("\0")[0]


def unsigned(value: object, bits: int, complaint: str) -> int:
    """The whole number, of 32 or 64 bits. Raises `Refused`."""
    if not isinstance(value, int):
        raise Refused(complaint)
    if value < 0:
        words = (
            "can't convert negative int to unsigned" if bits == 64 else "can't convert negative value to unsigned int"
        )
        raise Refused(complaint) from OverflowError(words)
    if value >= 1 << bits:
        words = "int too big to convert" if bits == 64 else "Python int too large to convert to C unsigned long"
        raise Refused(complaint) from OverflowError(words)
    return int(value)


def moment(value: object) -> int:
    """Seconds on the broker's clock, of a datetime or a number, cut to 32 bits as C does. Raises `Refused`.

    A datetime without a time zone is read in the zone of this machine, which is why it should always have one. Raises
    ``OverflowError`` for a whole number beyond 32 bits, which the package takes for -1 and goes on.
    """
    if isinstance(value, int):
        if not -(1 << 31) <= value < 1 << 31:
            raise OverflowError("Python int too large to convert to C long")
        return int(value)
    if isinstance(value, datetime):
        value = value.timestamp()
    if not isinstance(value, float):
        raise Refused(INVALID)
    within = math.isfinite(value) and -(1 << 31) <= value < 1 << 31
    return int(value) if within else -(1 << 31)


def parsed(formats: str, arguments: Arguments) -> tuple[Any, ...]:
    """The arguments after Python's own argument parser, which the package uses for calls without keywords.

    ``formats``: of each argument, O for any object, i for a whole number of 32 bits, k for one of any size cut to 32
    bits, d for a number, p for true or false. Raises `Refused`.
    """
    if len(arguments) != len(formats):
        raise Refused(INVALID)
    try:
        return tuple(
            PARSERS[letter](value, place)
            for place, (letter, value) in enumerate(zip(formats, arguments, strict=True), start=1)
        )
    except (TypeError, OverflowError, ValueError) as error:
        raise Refused(INVALID) from error


def trade_request(arguments: Arguments, keywords: Keywords) -> dict[str, Any]:
    """Every field of the request of order_check and order_send; those not given are 0 or empty. Raises `Refused`.

    The fields may come in one dictionary or as keywords.
    """
    if keywords and arguments:
        raise Refused(UNNAMED)
    if not keywords and len(arguments) != 1:
        raise Refused(WRONG_NUMBER)
    given = keywords or arguments[0]
    if not isinstance(given, dict):
        raise Refused(INVALID)
    return {
        name: _request_field(name, kind, given[name]) if name in given else kind()
        for name, kind in REQUEST_FIELDS.items()
    }


def _request_field(name: str, kind: Kind, value: object) -> object:
    complaint = f'Invalid "{name}" argument'
    if kind is str:
        return text(value, LONGEST_NAME, complaint)
    if kind is float:
        if not isinstance(value, float):
            raise Refused(complaint)
        return float(value)
    if name == "expiration":
        return _signed(value, complaint)
    return unsigned(value, 32 if name in NARROW else 64, complaint)


def _signed(value: object, complaint: str) -> int:
    if not isinstance(value, int):
        raise Refused(complaint)
    if not -(1 << 63) <= value < 1 << 63:
        raise Refused(complaint) from OverflowError("int too big to convert")
    return int(value)


def _c_int(value: object, place: int) -> int:
    if not isinstance(value, SupportsIndex):
        raise TypeError(f"{type(value).__name__!r} object cannot be interpreted as an integer")
    whole = operator.index(value)
    if not -(1 << 31) <= whole < 1 << 31:
        raise OverflowError("Python int too large to convert to C long")
    return whole


def _c_unsigned_long(value: object, place: int) -> int:
    if not isinstance(value, int):
        raise TypeError(f"argument {place} must be int, not {_full_name(type(value))}")
    return value & 0xFFFF_FFFF


def _c_double(value: object, place: int) -> float:
    if isinstance(value, str) or not isinstance(value, SupportsFloat | SupportsIndex):
        raise TypeError(f"must be real number, not {type(value).__name__}")
    return float(value)


def _c_truth(value: object, place: int) -> bool:
    return bool(value)


def _any_object(value: object, place: int) -> object:
    return value


PARSERS: Mapping[str, Callable[[object, int], Any]] = {
    "O": _any_object,
    "i": _c_int,
    "k": _c_unsigned_long,
    "d": _c_double,
    "p": _c_truth,
}


def _full_name(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
