"""Opens the ledger for commands that only look."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

from rich.text import Text

from console.configuration import Configuration
from console.errors import CommandError
from persistence import sqlite
from persistence.database import parsed
from persistence.errors import LedgerEmpty
from persistence.ledger import Ledger
from trading.commodities import Commodity, UnknownCommodity, find, suggestion
from trading.market import SECOND, Instant
from trading.settings import Settings


def ledger_file(configuration: Configuration) -> Path | None:
    """The ledger's file; None when it is not a plain SQLite file."""
    parts = parsed(configuration.database_url)
    return sqlite.file_of(parts) if parts.get_backend_name() == "sqlite" else None


def no_ledger(data: Mapping[str, Any]) -> Text:
    """What is said in place of a view when there is no ledger yet."""
    return Text(f"There is no ledger at {data.get('ledger')} yet: run.py serve makes one.")


def require_commodity(commodity: str | None, configuration: Configuration, where: str) -> str | None:
    """The id of the commodity that is meant, by whichever of its names; None for none.

    Raises `CommandError` for one that is not in the catalogue.
    """
    return None if commodity is None else commodity_named(commodity, configuration, where).id


def commodity_named(name: str, configuration: Configuration, where: str) -> Commodity:
    """The commodity that is meant, by whichever of its names. Raises `CommandError` where none is."""
    try:
        return find(configuration.commodities, name)
    except UnknownCommodity:
        meant = suggestion(configuration.commodities, name)
        raise CommandError(f"{where} is {name!r}, which is no commodity; {meant}") from None


class OfCrew(TypedDict):
    """What `Ledger.open` needs to know of a crew."""

    crew: str
    ttl_seconds: float


def of_crew(configuration: Configuration) -> OfCrew:
    """For `Ledger.open`: whose ledger it is, and how long its leases live."""
    settings = configuration.settings
    return {"crew": settings.crew, "ttl_seconds": settings.ai_db_reservation_ttl_seconds}


@contextmanager
def ledger_for_reading(configuration: Configuration) -> Iterator[Ledger | None]:
    """The ledger, opened so that nothing can be changed; None where its file, or the tables in its server's database,
    were not made yet.

    Raises `LedgerUnavailable` and `LedgerFromTheFuture`, whose messages explain themselves.
    """
    file = ledger_file(configuration)
    if file is not None and not file.exists():
        yield None
        return
    try:
        ledger = Ledger.open(configuration.database_url, **of_crew(configuration), read_only=True)
    except LedgerEmpty:
        if file is not None:
            raise  # somebody emptied it: no program of ours leaves a file without tables
        yield None
        return
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def ledger_named(named: Path | bool, configuration: Configuration) -> Iterator[Ledger | None]:
    """The ledger in the file that an option names, such as a replay's; without a name that of the settings.

    Raises as `ledger_for_reading` does, and `CommandError` where there is no such file.
    """
    if not isinstance(named, Path):
        with ledger_for_reading(configuration) as ledger:
            yield ledger
        return
    if not named.is_file():
        raise CommandError(f"--ledger: there is no file {named}")
    opened = Ledger.open(f"sqlite:///{named}", **of_crew(configuration), read_only=True)
    try:
        yield opened
    finally:
        opened.close()


def market_time(settings: Settings, ledger: Ledger) -> Instant | None:
    """That of the newest journal line: a recorded market runs at its own speed, and only the ledger knows.

    Real brokers have the world's time, which goes on when nothing is written.
    """
    if settings.metatrader_package == "MetaTrader5":
        return round(time.time() * SECOND)
    newest = ledger.journal.list(limit=1)
    return newest[0].last_at if newest else None
