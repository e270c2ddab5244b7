"""What the package gives, in JSON's types: its structures as objects, its arrays of bars as packed columns."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Protocol

import numpy as np

from connectors import wire
from connectors.mt5.calls import Identity
from connectors.mt5.layouts import RATES
from connectors.wire import BadMessage, Json


class Structure(Protocol):
    """A result of the package: a tuple with names."""

    def _asdict(self) -> dict[str, Any]:
        """Its fields by name, in order."""
        ...


def record(structure: Structure, *, without: str = "") -> dict[str, Json]:
    """The structure's fields by name, ``without`` one of them; numbers that JSON has no word for are text."""
    given = structure._asdict()
    return {name: wire.encode(_plain(value)) for name, value in given.items() if name != without}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def packed_rates(bars: np.ndarray[Any, Any]) -> dict[str, Json]:
    """Every column of an array of bars, as its bytes in base64."""
    return {
        name: base64.b64encode(np.ascontiguousarray(bars[name], dtype=layout).tobytes()).decode("ascii")
        for name, layout in RATES.items()
    }


def unpacked_rates(data: Json, where: str) -> dict[str, np.ndarray[Any, Any]]:
    """The reverse of `packed_rates`: columns of one length, oldest bar first. Raises `BadMessage`."""
    given = wire.mapping(data, where)
    columns: dict[str, np.ndarray[Any, Any]] = {}
    for name, layout in RATES.items():
        if name not in given:
            raise BadMessage(f"{where}.{name} is missing")
        text = wire.read(str, given[name], f"{where}.{name}")
        try:
            columns[name] = np.frombuffer(base64.b64decode(text, validate=True), dtype=layout)
        except (binascii.Error, ValueError) as error:
            raise BadMessage(f"{where}.{name} is no column of numbers in base64: {error}") from error
        if len(columns[name]) != len(columns["time"]):
            raise BadMessage(
                f"{where}.{name} has {len(columns[name])} values; expected {len(columns['time'])}, as many as there "
                "are times"
            )
    return columns


def identity_shown(terminal: Any, account: Any) -> Identity:
    """Whose account a TerminalInfo and an AccountInfo show."""
    return Identity(
        login=int(account.login),
        server=str(account.server),
        trade_mode=int(account.trade_mode),
        margin_mode=int(account.margin_mode),
        connected=bool(terminal.connected),
    )
