"""Puts a backup into a ledger, in one transaction: whoever dies anywhere leaves the old ledger, or the new one.

What a backup cannot know is what happened after it. So tokens and order numbers are not put back but raised, above
whatever a broker or a paused process may have seen since: a million above the higher of the backup's and the ledger's.
What forbids something stays forbidden: the ledger's own modes, pauses, disowned positions, used-up jobs and requests,
and crashes stay, and so do accounts that the backup does not know, whose prefixes tell our orders from a stranger's.
Trades and the journal become those of the backup, and each platform the account at its broker on which these trades
were opened.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from persistence import tables
from persistence.accounts import HIGHEST_SEQUENCE
from persistence.backup import MANIFEST, Progress, batches, content_of, manifest_of, url_of
from persistence.database import Database
from persistence.errors import LedgerError, LedgerFromTheFuture, LedgerUnavailable, NotALedger
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.migrate import migrate, revision
from persistence.migrations import HEAD
from persistence.reservation_sql import statements
from trading.market import Instant

RAISED_BY = 1_000_000
KIND = "restore"
"""Of the journal's line about it."""

REPLACED = (tables.trade, tables.journal)
MERGED = (
    tables.account,
    tables.reservation,
    tables.scheduled,
    tables.crew_mode,
    tables.opening_pause,
    tables.operator_request,
    tables.disowned,
    tables.broker_account,
)

KEPT = (tables.scheduled, tables.crew_mode, tables.opening_pause, tables.operator_request, tables.disowned)
"""Of these, the ledger's own rows stay as they are, and those of the backup come beside them."""

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[tuple[Any, ...], Row]
"""By primary key."""


class BackupUnusable(LedgerError):
    """The file is no backup, is damaged, or was written by a newer program. Nothing was changed."""


class LedgerInUse(LedgerError):
    """Somebody acts on the ledger, or did so meanwhile. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restored ledger holds."""

    trades: int
    active_trades: int
    journal_lines: int


@contextmanager
def opened(file: Path) -> Iterator[Database]:
    """A copy of a backup, checked and brought up to the present tables; the file itself is only read.

    A plain copy of a ledger's file will do as well, together with its write-ahead log where there is one. Raises
    `BackupUnusable`.
    """
    with TemporaryDirectory(prefix="watchbill-restore-", ignore_cleanup_errors=True) as directory:
        copy = Path(directory) / "backup.sqlite"
        try:
            _copy(file, copy)
            database = _checked(copy)
        except LedgerFromTheFuture as error:
            raise BackupUnusable(str(LedgerFromTheFuture(str(file), error.revision, HEAD))) from error
        except NotALedger as error:
            raise BackupUnusable(f"{file} is no backup of a ledger: its tables are {error.tables}") from error
        except LedgerUnavailable as error:
            raise BackupUnusable(f"the backup {file} cannot be used: {error.reason}") from error
        except OSError as error:
            raise BackupUnusable(f"the backup {file} cannot be read: {error.strerror or error}") from error
        try:
            yield database
        finally:
            database.close()


def state_of(ledger: Ledger) -> str:
    """A word that is another one as soon as anybody has acted on the ledger: nobody does so without a new token.

    Raises `LedgerInUse` while somebody may act.
    """
    with ledger.reading() as connection:
        return _state(connection)


def is_empty(ledger: Ledger) -> bool:
    """Whether there is nothing in it that would have to be kept."""
    with ledger.reading() as connection:
        kept = (tables.account, tables.trade, tables.journal, tables.crew_mode, tables.opening_pause)
        return all(connection.execute(select(table).limit(1)).first() is None for table in kept)


def restore(
    backup: Database, ledger: Ledger, *, state: str, source: str, at: Instant, progress: Progress | None = None
) -> Restored:
    """Put the backup in the place of what the ledger holds.

    ``state`` is that of `state_of` when the old content was put aside, ``source`` names the backup in the journal, and
    ``at`` is the time of that line where the backup's journal has none. Raises `LedgerInUse` and `LedgerUnavailable`.
    """
    with backup.reading() as source_connection, ledger.writing() as target:
        _lock(target)
        if _state(target) != state:
            raise LedgerInUse(
                f"a process acted on the ledger {ledger.name} meanwhile: restore again once it is stopped"
            )
        highest = {table.name: _highest_key(target, table) for table in REPLACED}
        present = {table.name: _rows(target, table) for table in MERGED}
        for table in reversed(tables.metadata.sorted_tables):
            if table in REPLACED or table in MERGED:
                target.execute(delete(table))
        for name, rows in _merged(source_connection, present).items():
            if rows:
                target.execute(insert(tables.metadata.tables[name]), rows)
        _replace(source_connection, target, progress)
        target.execute(delete(tables.disowned).where(tables.disowned.c.magic.in_(select(tables.trade.c.magic))))
        _number_on(target, highest)
        restored = _counted(target)
        newest = target.execute(select(func.max(tables.journal.c.last_at))).scalar_one()
        said = {"file": source, "trades": restored.trades, "active": restored.active_trades, "raised_by": RAISED_BY}
        ledger.journal.write(target, [JournalEntry(newest or at, KIND, "a backup was restored", detail=said)])
    return restored


def _copy(file: Path, copy: Path) -> None:
    shutil.copyfile(file, copy)
    with suppress(FileNotFoundError):
        shutil.copyfile(file.with_name(f"{file.name}-wal"), copy.with_name(f"{copy.name}-wal"))


def _checked(copy: Path) -> Database:
    """The copy, opened for good. Raises `LedgerUnavailable` and `LedgerFromTheFuture`."""
    database = Database(url_of(copy))  # which reads every page
    try:
        with database.reading() as connection:
            if revision(connection, database.name) is None:
                raise LedgerUnavailable(database.name, "there is no ledger in it")
            for table, promised in manifest_of(connection).items():
                found = content_of(connection, table)
                if found != promised:
                    raise LedgerUnavailable(
                        database.name, f"table {table} is not as it was written: {found.rows} of {promised.rows} rows"
                    )
        with database.writing() as connection:
            connection.execute(text(f"DROP TABLE IF EXISTS {MANIFEST}"))
        migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _lock(connection: Connection) -> None:
    """Let nobody else read or write until the transaction ends. SQLite's one writer holds the whole file anyway."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in tables.metadata.sorted_tables)
        connection.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))


def _state(connection: Connection) -> str:
    live = connection.execute(statements(connection.dialect.name, bound_clock=False).live).all()
    if live:
        held = ", ".join(f"{row.resource} by {row.owner}" for row in live[:3])
        raise LedgerInUse(f"the ledger is in use, {held}: stop that process first; one that died lets go by itself")
    columns = tables.reservation.c
    tokens = connection.execute(select(columns.resource, columns.token).order_by(columns.resource)).all()
    return hashlib.sha256(repr([tuple(row) for row in tokens]).encode()).hexdigest()


def _rows(connection: Connection, table: Table) -> Rows:
    keys = [column.name for column in table.primary_key.columns]
    found = (row for batch in batches(connection, table) for row in batch)
    return {tuple(row[key] for key in keys): row for row in found}


def _merged(backup: Connection, present: Mapping[str, Rows]) -> dict[str, list[Row]]:
    """What the tables hold that are not simply replaced, in the order in which they can be inserted."""
    old = {table.name: _rows(backup, table) for table in MERGED}
    merged = {table.name: list({**old[table.name], **present[table.name]}.values()) for table in KEPT}
    return {
        tables.account.name: _accounts(old[tables.account.name], present[tables.account.name]),
        tables.reservation.name: _reservations(old[tables.reservation.name], present[tables.reservation.name]),
        tables.broker_account.name: _broker_accounts(
            old[tables.broker_account.name], present[tables.broker_account.name]
        ),
        **merged,
    }


def _accounts(old: Rows, present: Rows) -> list[Row]:
    """The backup's accounts, and those that were registered since; a prefix that is the backup's has no other."""
    taken = {row["prefix"] for row in old.values()}
    since = {key: row for key, row in present.items() if key not in old and row["prefix"] not in taken}
    accounts = []
    for key, row in {**old, **since}.items():
        sequence = max(row["sequence"], present.get(key, row)["sequence"]) + RAISED_BY
        accounts.append({**row, "sequence": min(sequence, HIGHEST_SEQUENCE)})
    return accounts


def _broker_accounts(old: Rows, present: Rows) -> list[Row]:
    """Those of the backup, as its trades are, and those that it does not know and no platform of it is."""
    taken = {(row["login"], row["server"]) for row in old.values()}
    since = {key: row for key, row in present.items() if (row["login"], row["server"]) not in taken}
    return list({**since, **old}.values())


def _reservations(old: Rows, present: Rows) -> list[Row]:
    """Everything released, and every token above all that were given out."""
    released = []
    for key, row in {**old, **present}.items():
        token = max(known[key]["token"] for known in (old, present) if key in known) + RAISED_BY
        released.append({**row, "owner": None, "expires_at": 0, "token": token})
    return released


def _replace(backup: Connection, target: Connection, progress: Progress | None) -> None:
    total = sum(backup.execute(select(func.count()).select_from(table)).scalar_one() for table in REPLACED)
    done = 0
    for table in REPLACED:
        for batch in batches(backup, table):
            target.execute(insert(table), batch)
            done += len(batch)
            if progress is not None:
                progress(done, total)


def _highest_key(connection: Connection, table: Table) -> int:
    (key,) = table.primary_key.columns
    return connection.execute(select(func.max(key))).scalar_one() or 0


def _number_on(target: Connection, highest: Mapping[str, int]) -> None:
    """Rows to come are numbered above all that there were. SQLite's journal keeps its own account of that."""
    if target.dialect.name != "postgresql":
        return
    for table in REPLACED:
        (key,) = table.primary_key.columns
        at_least = max(_highest_key(target, table), highest[table.name])
        if at_least:
            statement = text("SELECT setval(pg_get_serial_sequence(:table, :key), :at_least)")
            target.execute(statement, {"table": table.name, "key": key.name, "at_least": at_least})


def _counted(target: Connection) -> Restored:
    def count(table: Table, *conditions: Any) -> int:
        number: int = target.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
        return number

    return Restored(count(tables.trade), count(tables.trade, tables.IS_ACTIVE), count(tables.journal))
