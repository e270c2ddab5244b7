"""How the ledger opens SQLite so that a commit is a commit.

Write-ahead log with ``synchronous=FULL``: less loses acknowledged commits in a power cut, and with them fencing
tokens. The driver begins nothing by itself; a writing transaction begins with ``BEGIN IMMEDIATE``, because one that
first reads and then writes fails at once, without any wait, when another process wrote in between, and because a
fence that was read before the write lock was held proves nothing.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import sqlite3
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from persistence.prepared import BEGUN

BUSY_TIMEOUT_SECONDS = 10.0
"""How long a transaction waits for other processes: far less than the life of a lease, far more than any of ours."""

READERS = 4
MORE_READERS_AT_A_PEAK = 12

RETRY_SECONDS = 0.005

PRIMARY_CODE = 0xFF
"""The part of a result code that names its kind."""

PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""What ends by itself, or when there is room. A file that cannot grow is full or an I/O error, depending on which."""

FIRST_WITH_WAL_RESET_DEFECT = (3, 7, 0)
LAST_WITH_WAL_RESET_DEFECT = (3, 51, 2)

logger = logging.getLogger(__name__)


@functools.cache
def newest_sqlite() -> ModuleType:
    """The driver with the newest SQLite in it: Python's own, or the `pysqlite3` package where that is newer.

    Whatever opens the ledger's file in this process must do it with this one: two copies of SQLite in one process do
    not see each other's locks, and undo them.
    """
    try:
        bundled = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return sqlite3
    return bundled if bundled.sqlite_version_info > sqlite3.sqlite_version_info else sqlite3


def may_pass(error: BaseException | None) -> bool:
    """Whether this is SQLite's word for what may be over soon, with nothing to be put right about the file."""
    while error is not None:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & PRIMARY_CODE in PASSING:
            return True
        error = error.__cause__
    return False


def has_wal_reset_defect(version: tuple[int, ...]) -> bool:
    """Whether this SQLite can, rarely, corrupt a database whose write-ahead log several connections write."""
    return FIRST_WITH_WAL_RESET_DEFECT <= version <= LAST_WITH_WAL_RESET_DEFECT


@functools.cache
def warn_of_wal_reset_defect(version: tuple[int, ...]) -> None:
    """Say it once in a process."""
    if has_wal_reset_defect(version):
        logger.warning(
            "SQLite %s has a rare defect that can corrupt a ledger which several processes write (fixed in 3.51.3); "
            "the pysqlite3 package brings a newer one",
            ".".join(map(str, version)),
        )


def in_memory(url: URL) -> bool:
    """Whether this database lives in this process only."""
    named = url.database or ":memory:"
    return named == ":memory:" or named.startswith("file::memory:") or url.query.get("mode") == "memory"


def file_of(url: URL) -> Path | None:
    """The file that a plain SQLite URL names; None for one in memory and for SQLite's own ``file:`` names."""
    if in_memory(url) or "uri" in url.query or url.database is None:
        return None
    return Path(url.database).absolute()


def prepare_file(file: Path) -> None:
    """Make the directory and an empty file that only this user can read. Raises ``OSError``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def read_only_url(url: URL) -> URL:
    """The same file, opened so that SQLite itself refuses to create it or to write to it."""
    file = file_of(url)
    name = url.database if file is None else file.as_uri()
    return url.set(database=name, query={**url.query, "mode": "ro", "uri": "true"})


def _connect_args(driver: ModuleType) -> dict[str, Any]:
    arguments: dict[str, Any] = {"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    if hasattr(driver, "LEGACY_TRANSACTION_CONTROL"):  # Python 3.12 and later
        arguments["autocommit"] = driver.LEGACY_TRANSACTION_CONTROL
    return arguments


def _begins_with(engine: Engine, begin: str, *pragmas: str) -> Engine:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        if BEGUN not in connection.info:
            connection.exec_driver_sql(begin)

    return engine


def writing_engine(url: URL) -> Engine:
    """An engine with one connection, for the one writer of this process."""
    driver = newest_sqlite()
    engine = create_engine(url, module=driver, poolclass=StaticPool, connect_args=_connect_args(driver))
    return _begins_with(engine, "BEGIN IMMEDIATE", "synchronous=FULL", "foreign_keys=ON")


def reading_engine(url: URL) -> Engine:
    """An engine for any number of readers, none of which can write."""
    driver = newest_sqlite()
    engine = create_engine(
        url,
        module=driver,
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=MORE_READERS_AT_A_PEAK,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        connect_args=_connect_args(driver),
    )
    return _begins_with(engine, "BEGIN", "query_only=ON")


def damage(connection: Any) -> str | None:
    """The first thing that SQLite finds wrong with the pages of a file, in one line; None when they are well.

    ``connection`` is the driver's own. It reads the whole file once, and locks nobody out. Raises the driver's
    ``Error`` where the damage is such that not even this can be answered.
    """
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if found == "ok" else " ".join(str(found).split())


def empty_write_ahead_log(connection: Any) -> None:
    """Move what is in the log into the file, as far as that can be done without waiting for others.

    ``connection`` is the driver's own. A failure is only logged: what is committed is safe in the log.
    """
    try:
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except newest_sqlite().Error as error:
        logger.info("the write-ahead log stays as it is: %s", error)


def use_write_ahead_log(engine: Engine) -> str:
    """Switch the file to write-ahead logging, for good; answers the journal mode that came of it.

    SQLite does not wait for others here as it does elsewhere: two processes that start together on a new file meet
    ``database is locked`` at once. So this waits by itself. Raises the driver's ``Error``.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    locked = newest_sqlite().OperationalError
    with contextlib.closing(engine.raw_connection()) as raw:
        connection: Any = raw.driver_connection
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
            except locked as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)
            else:
                return str(mode)
