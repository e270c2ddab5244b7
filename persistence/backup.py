"""Copies a ledger into one SQLite file, whatever database it is in, while others go on using it.

A backup is a ledger of its own, with the tables of the revision that wrote it and one more, ``backup_manifest``, which
says how many rows each table has and what they add up to. So damage is found that leaves the pages of the file well,
and a backup of either database can be restored into either. Everything is read in one transaction: the state of one
instant. The file appears under its name when it is complete and on the disk, or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import URL, Connection, Table, func, insert, inspect, select, text

from persistence import sqlite, tables
from persistence.database import Database
from persistence.errors import LedgerUnavailable
from persistence.ledger import Ledger
from persistence.migrate import VERSION_TABLE, migrate

ROWS_AT_A_TIME = 1_000
MANIFEST = "backup_manifest"
COMPANIONS = ("", "-wal", "-shm")

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many rows are done, and how many there are in all."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a table of a backup must hold."""

    rows: int
    digest: str


def back_up(ledger: Ledger, file: Path, *, replace: bool = False, progress: Progress | None = None) -> dict[str, int]:
    """Write a backup; answers how many rows of each table are in it.

    Raises ``FileExistsError`` where there is a file already, unless ``replace``; ``FileNotFoundError`` where its folder
    is not there; `LedgerUnavailable` where the ledger is damaged or cannot be read, or the backup cannot be written;
    ``OSError``.
    """
    _must_be_free(file, replace)
    ledger.check_pages()
    partial = file.with_name(f".{file.name}.partial")
    _remove(partial)  # of a process that died here
    try:
        with closing(Database(url_of(partial))) as target:
            migrate(target)
            counts = _copied(ledger, target, progress)
        _close_log(partial)
        _onto_disk(partial)
        _must_be_free(file, replace)
        partial.replace(file)
        _onto_disk(file.parent)
    finally:
        _remove(partial)
    return counts


def url_of(file: Path) -> str:
    """The SQLAlchemy URL of a SQLite file."""
    return URL.create("sqlite", database=str(file.absolute())).render_as_string()


def manifest_of(connection: Connection) -> dict[str, Manifest]:
    """What a backup says of its tables; nothing where it is a plain copy of a ledger's file."""
    if MANIFEST not in inspect(connection).get_table_names():
        return {}
    rows = connection.execute(text(f"SELECT table_name, row_count, digest FROM {MANIFEST}"))
    return {name: Manifest(count, digest) for name, count, digest in rows}


def content_of(connection: Connection, table: str) -> Manifest:
    """What a table of a SQLite file holds; the order of rows is no part of it."""
    count = total = 0
    for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"'):
        count += 1
        said = json.dumps(list(row), separators=(",", ":")).encode()
        total += int.from_bytes(hashlib.sha256(said).digest(), "big")
    return Manifest(count, f"{total % (1 << 256):064x}")


def batches(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """All rows of a table, some at a time, ready to be inserted elsewhere."""
    query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS_AT_A_TIME)
    for partition in connection.execute(query).mappings().partitions():
        yield [dict(row) for row in partition]


def _copied(ledger: Ledger, target: Database, progress: Progress | None) -> dict[str, int]:
    wanted = tables.metadata.sorted_tables  # what others refer to comes first
    with ledger.reading() as source, target.writing() as copy:
        counts = {table.name: source.execute(select(func.count()).select_from(table)).scalar_one() for table in wanted}
        total, done = sum(counts.values()), 0
        for table in wanted:
            for batch in batches(source, table):
                copy.execute(insert(table), batch)
                done += len(batch)
                if progress is not None:
                    progress(done, total)
        _write_manifest(copy, [*counts, VERSION_TABLE])
    return counts


def _write_manifest(copy: Connection, names: list[str]) -> None:
    copy.execute(
        text(f"CREATE TABLE {MANIFEST} (table_name TEXT PRIMARY KEY, row_count INTEGER NOT NULL, digest TEXT NOT NULL)")
    )
    statement = text(f"INSERT INTO {MANIFEST} VALUES (:name, :rows, :digest)")
    for name in names:
        content = content_of(copy, name)
        copy.execute(statement, {"name": name, "rows": content.rows, "digest": content.digest})


def _close_log(file: Path) -> None:
    """Make it a file without a write-ahead log, which can be read where nothing may be written."""
    driver = sqlite.newest_sqlite()
    try:
        with closing(driver.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except driver.Error as error:
        raise LedgerUnavailable(str(file), str(error)) from error


def _must_be_free(file: Path, replace: bool) -> None:
    if not file.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {file.parent}")
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a directory")
    if file.exists() and not replace:
        raise FileExistsError(f"{file} exists already")


def _onto_disk(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows has no such thing for directories
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(file: Path) -> None:
    for companion in COMPANIONS:
        file.with_name(file.name + companion).unlink(missing_ok=True)
