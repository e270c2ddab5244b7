"""Opens the ledger for commands that only look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.text import Text

from console.configuration import Configuration
from console.errors import CommandError
from persistence import sqlite
from persistence.database import parsed
from persistence.ledger import Ledger


def ledger_file(configuration: Configuration) -> Path | None:
    """The ledger's file; None when it is not a plain SQLite file."""
    parts = parsed(configuration.database_url)
    return sqlite.file_of(parts) if parts.get_backend_name() == "sqlite" else None


def no_ledger(data: Mapping[str, Any]) -> Text:
    """What is said in place of a view when there is no ledger yet."""
    return Text(f"There is no ledger at {data.get('ledger')} yet: run.py serve makes one.")


def require_commodity(commodity: str | None, configuration: Configuration, where: str) -> None:
    """Raise `CommandError` for a commodity that is not in the catalogue."""
    if commodity is not None and commodity not in configuration.commodities:
        known = ", ".join(sorted(configuration.commodities))
        raise CommandError(f"{where} is {commodity!r}; expected one of {known}")


@contextmanager
def ledger_for_reading(configuration: Configuration) -> Iterator[Ledger | None]:
    """The ledger, opened so that nothing can be changed; None where no file of it exists yet.

    Raises `LedgerUnavailable` and `LedgerFromTheFuture`, whose messages explain themselves.
    """
    file = ledger_file(configuration)
    if file is not None and not file.exists():
        yield None
        return
    ledger = Ledger.open(configuration.database_url, read_only=True)
    try:
        yield ledger
    finally:
        ledger.close()
