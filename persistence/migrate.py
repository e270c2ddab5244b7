"""Brings a database to the tables that this program knows, at every start, under a lock.

Two processes may start at once on a new database. Each takes the write lock first and looks again at what there is, so
that one of them does the work and the other finds it done. A database in memory is not worth migrating: it is made
from `tables` as it stands, and a test shows that both ways lead to the same tables.
"""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from persistence import migrations
from persistence.creation import create_tables
from persistence.database import Database
from persistence.errors import LedgerEmpty, LedgerFromTheFuture, LedgerInUse, LedgerUnavailable, NotALedger
from persistence.migrations import HEAD, REVISIONS
from persistence.reservation_sql import statements

VERSION_TABLE = "alembic_version"  # Alembic's own name for it

ONE_AT_A_TIME = threading.Lock()  # Alembic's `op` and `context` are one for the whole process

ADVISORY_LOCK = 0x57617463_6862696C
"""PostgreSQL's advisory locks are numbers; this one is ours."""


def migrate(database: Database) -> None:
    """Create or update the tables.

    Raises `LedgerFromTheFuture`, `LedgerInUse` while an older program holds a lease, and `LedgerUnavailable`; then
    nothing has changed.
    """
    with database.reading() as connection:
        if revision(connection, database.name) == HEAD:
            return
    with database.writing() as connection:
        if database.dialect == "postgresql":
            from persistence import postgresql  # here, as in `database`: its driver is slow to load

            with postgresql.unhurried(connection):
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
                _bring_up_to_date(connection, database)
        else:
            _bring_up_to_date(connection, database)


def _bring_up_to_date(connection: Connection, database: Database) -> None:
    at = revision(connection, database.name)
    if at == HEAD:
        return
    if at is None:
        _create(connection)
    else:
        _must_be_idle(connection, database)
        upgrade(connection, HEAD)


def _must_be_idle(connection: Connection, database: Database) -> None:
    """What an older program would write into newer tables, or not obey in them, is better not found out."""
    live = connection.execute(statements(database.dialect, bound_clock=False).live).first()
    if live is not None:
        raise LedgerInUse(database.name, live.owner)


def check(database: Database) -> None:
    """Refuse a database that a reader cannot understand, changing nothing.

    Raises `LedgerEmpty`, and as `migrate` does.
    """
    with database.reading() as connection:
        at = revision(connection, database.name)
    if at is None:
        raise LedgerEmpty(database.name)
    if at != HEAD:
        raise LedgerUnavailable(
            database.name,
            f"it is at revision {at!r} and this program reads {HEAD!r}; starting the program updates it "
            "(keep a copy of it first)",
        )


def revision(connection: Connection, ledger: str) -> str | None:
    """The revision of the tables, None where there are none.

    Raises `LedgerFromTheFuture` for one that this program does not know, and `NotALedger`.
    """
    found = inspect(connection).get_table_names()
    if VERSION_TABLE not in found:
        if found:
            strangers = ", ".join(sorted(found)[:5])
            raise NotALedger(ledger, strangers)
        return None
    at = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    if at is not None and at not in REVISIONS:
        raise LedgerFromTheFuture(ledger, str(at), HEAD)
    return at


def _create(connection: Connection) -> None:
    create_tables(connection)
    connection.execute(
        text(f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    )
    connection.execute(text(f"INSERT INTO {VERSION_TABLE} (version_num) VALUES (:head)"), {"head": HEAD})


def upgrade(connection: Connection, to: str) -> None:
    """Run the scripts from the revision that the tables are at, or from none, up to this one."""
    from alembic import command  # here, because it takes a fifth of a second and is seldom needed
    from alembic.config import Config

    config = Config()
    scripts = Path(migrations.__file__).parent
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    with ONE_AT_A_TIME:
        command.upgrade(config, to)
