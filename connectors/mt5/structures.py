"""The package's results: tuples whose fields have names, and arrays of bars and of ticks.

The real structures are C's own "structseq": read by index and by name, compared and hashed as tuples, built from one
sequence, `_asdict()` without recursion, no `_replace` and no `_fields`. They say that they live in ``builtins``, where
nobody finds them, so they cannot be pickled. All of that holds here, so that code which gets by with these structures
gets by with the real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from connectors.mt5.layouts import RATES, STRUCTURES, TICKS, Kind, fields_of

Self = TypeVar("Self", bound="Structure")


class Structure(tuple[Any, ...]):
    """One result of the package."""

    __slots__ = ()

    kinds: ClassVar[Mapping[str, Kind]] = {}
    n_fields: ClassVar[int] = 0
    n_sequence_fields: ClassVar[int] = 0
    n_unnamed_fields: ClassVar[int] = 0

    def __new__(cls: type[Self], sequence: Iterable[object]) -> Self:
        """The values in order. Raises ``TypeError`` unless there are exactly as many as fields."""
        values = tuple(sequence)
        if len(values) != cls.n_fields:
            raise TypeError(f"{cls.__name__}() takes a {cls.n_fields}-sequence ({len(values)}-sequence given)")
        return super().__new__(cls, values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

    def _asdict(self) -> dict[str, Any]:
        """The values by field. A structure within stays a structure."""
        return dict(zip(self.__match_args__, self, strict=True))

    if TYPE_CHECKING:
        __match_args__: ClassVar[tuple[str, ...]]

        def __getattr__(self, name: str) -> Any:
            """Every field."""


def from_record(structure: type[Self], record: Mapping[str, Any], **more: object) -> Self:
    """The structure of a record. Raises ``TypeError`` for a field that is missing or of the wrong type.

    ``more``: fields that are structures themselves (the request in a result).
    """
    values = []
    for name, kind in structure.kinds.items():
        value = more[name] if name in more else record.get(name)
        # What is of the plain type already needs no more words: a history has ten thousand of these.
        values.append(value if type(value) is kind or name in more else _field(structure, name, kind, record))
    return structure(values)


def _field(structure: type[Structure], name: str, kind: Kind, record: Mapping[str, Any]) -> object:
    where = f"{structure.__name__}.{name}"
    try:
        value = record[name]
    except KeyError:
        raise TypeError(f"{where} is missing from the record") from None
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise TypeError(f"{where} is {value!r}; expected {kind.__name__}")


def _made(name: str) -> type[Structure]:
    document, layout = STRUCTURES[name]
    kinds: dict[str, Any] = dict(fields_of(layout))
    if name in ("OrderSendResult", "OrderCheckResult"):
        kinds["request"] = Structure
    members: dict[str, object] = {
        "__doc__": document,
        "__slots__": (),
        "__module__": "builtins",
        "__match_args__": tuple(kinds),
        "kinds": kinds,
        "n_fields": len(kinds),
        "n_sequence_fields": len(kinds),
    }
    members |= {field: property(itemgetter(index)) for index, field in enumerate(kinds)}
    return type(name, (Structure,), members)


TradePosition = _made("TradePosition")
TradeOrder = _made("TradeOrder")
TradeDeal = _made("TradeDeal")
TradeRequest = _made("TradeRequest")
OrderSendResult = _made("OrderSendResult")
OrderCheckResult = _made("OrderCheckResult")
Tick = _made("Tick")
TerminalInfo = _made("TerminalInfo")
SymbolInfo = _made("SymbolInfo")
AccountInfo = _made("AccountInfo")
BookInfo = _made("BookInfo")

STRUCTURE_TYPES: Mapping[str, type[Structure]] = {
    structure.__name__: structure
    for structure in (
        *(TradePosition, TradeOrder, TradeDeal, TradeRequest, OrderSendResult, OrderCheckResult),
        *(Tick, TerminalInfo, SymbolInfo, AccountInfo, BookInfo),
    )
}

RATES_TYPE = np.dtype(list(RATES.items()))
TICKS_TYPE = np.dtype(list(TICKS.items()))


def blank(structure: type[Structure]) -> dict[str, Any]:
    """A record of nothing: zeros, false and empty text, to be overwritten by whoever knows better."""
    return {name: kind() for name, kind in structure.kinds.items() if not issubclass(kind, Structure)}


def rates_array(rows: Sequence[Sequence[Any]]) -> np.ndarray[Any, np.dtype[np.void]]:
    """What copy_rates_* gives: a structured array with the columns time, open, high, low, close, tick_volume, spread,
    real_volume; one element a row.
    """
    return np.array([tuple(row) for row in rows], dtype=RATES_TYPE)


def ticks_array(rows: Sequence[Sequence[Any]]) -> np.ndarray[Any, np.dtype[np.void]]:
    """What copy_ticks_* gives: a structured array with the columns time, bid, ask, last, volume, time_msc, flags,
    volume_real; one element a row.
    """
    return np.array([tuple(row) for row in rows], dtype=TICKS_TYPE)
