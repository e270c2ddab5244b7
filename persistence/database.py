"""One database: one writing connection behind a lock, readers beside it, and errors that say what is wrong.

A transaction is a ``with`` block. It commits at the end of the block and rolls back when the block raises; whatever
the database has to complain about arrives as a `LedgerError`. No transaction may begin inside another of the same
thread, because it would wait for itself; and none may wait for anything but the database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from types import ModuleType, TracebackType
from typing import cast

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoFreeReader

from persistence import sqlite
from persistence.errors import LedgerError, LedgerUnavailable, NestedTransaction
from persistence.prepared import PreparedConnection, Stand

LOCK_TIMEOUT_SECONDS = 30.0
"""How long a thread waits for the other threads' transactions: several times the longest that one may take."""

DEFAULT_TTL_SECONDS = 60.0

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}

OUR_FAULT = (IntegrityError, ProgrammingError, InterfaceError, DataError, NotSupportedError)
"""What a database raises when it is well and the statement is not."""


def parsed(url: str) -> URL:
    """The URL in its parts. Raises `LedgerUnavailable`, without showing what may hold a password."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise LedgerUnavailable("at the configured URL", "expected something like sqlite:///state/ledger.db") from error
    database = parts.get_backend_name()
    if database not in DRIVERS:
        raise LedgerUnavailable(parts.render_as_string(), f"{database} is not supported, only {' and '.join(DRIVERS)}")
    return parts.set(drivername=DRIVERS[database])


class Database:
    """The connections of one process to one database."""

    def __init__(self, url: str, *, read_only: bool = False, ttl_seconds: float = DEFAULT_TTL_SECONDS) -> None:
        """Connect, creating a missing SQLite file unless ``read_only``.

        ``ttl_seconds``: how long the leases live, which limits what may be waited for. Raises `LedgerUnavailable`.
        """
        parts = parsed(url)
        self.read_only = read_only
        self._ttl_seconds = ttl_seconds
        self.dialect = parts.get_backend_name()
        self.in_memory = self.dialect == "sqlite" and sqlite.in_memory(parts)
        self._is_private = self.in_memory and not parts.query and parts.database in (None, "", ":memory:")
        self._file = sqlite.file_of(parts) if self.dialect == "sqlite" else None
        self.name = str(self._file or parts.render_as_string())
        self._server: ModuleType | None = None  # what is special about PostgreSQL, where the ledger is there
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._writer: Connection | None = None
        self._transaction: MemoryTransaction | None = None  # of a database in memory, whose tables are there
        self._statement: MemoryTransaction | None = None  # the same, for one statement
        self._readers: Engine | None = None
        self._engines: list[Engine] = []
        try:
            self._connect(parts)
        except BaseException:
            self.close()
            raise

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that may write.

        Raises `NestedTransaction` inside another one, and `LedgerUnavailable` when the ledger was opened to read
        only, when the database fails, or when other threads or processes keep it for too long.
        """
        return self._transaction or self._writing()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if self.read_only:
            raise LedgerUnavailable(self.name, "it was opened to be read only")
        with self._on_writing_connection() as connection:
            yield connection

    def writing_at_once(self) -> AbstractContextManager[Connection]:
        """A transaction of exactly one statement, which commits itself: on PostgreSQL that saves two round trips.

        Raises as `writing` does.
        """
        return self._statement or self._writing_at_once()

    @contextmanager
    def _writing_at_once(self) -> Iterator[Connection]:
        if self.read_only or self.dialect != "postgresql":
            with self.writing() as connection:
                yield connection
            return
        with self._on_writing_connection(commits_each=True) as connection:
            yield connection

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that reads one consistent state. Raises as `writing` does."""
        return self._transaction or self._reading()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if self.in_memory:  # there is one connection in all
            with self._on_writing_connection() as connection:
                yield connection
            return
        if self._readers is None:
            raise LedgerUnavailable(self.name, "it was closed")
        with self._not_nested(), self._explained(), self._readers.connect() as connection, connection.begin():
            yield connection

    def reading_at_once(self) -> AbstractContextManager[Connection]:
        """A transaction of exactly one statement, which reads: on PostgreSQL that saves two round trips.

        Raises as `writing` does.
        """
        return self._statement or self._reading_at_once()

    @contextmanager
    def _reading_at_once(self) -> Iterator[Connection]:
        if self.dialect != "postgresql":
            with self.reading() as connection:
                yield connection
            return
        if self._readers is None:
            raise LedgerUnavailable(self.name, "it was closed")
        once = self._readers.execution_options(isolation_level="AUTOCOMMIT")  # of the same pool
        with self._not_nested(), self._explained(), once.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection, once the transactions of other threads are over. Twice is as good as once."""
        with self._alone():
            writer, self._writer, self._readers = self._writer, None, None
            self._transaction = self._statement = None
            if writer is not None:
                if self._file is not None and not writer.invalidated:
                    sqlite.empty_write_ahead_log(writer.connection.driver_connection)
                writer.close()
            # The readers first: only a connection that may write removes the log's files when it is the last to go.
            for engine in reversed(self._engines):
                engine.dispose()
            self._engines.clear()

    def use_prepared_statements(self, stand: Callable[[PreparedConnection], Stand] | None = None) -> None:
        """From now on let a database in memory take the short way to the driver. Its tables are there.

        ``stand`` makes what stands in front of a database that nobody else can reach, and answers for it.
        """
        if self.in_memory and self._writer is not None:
            connection = PreparedConnection(self._writer)
            if self._is_private and stand is not None:
                connection.put_in_front(stand(connection))
            self._transaction = MemoryTransaction(self, connection, at_once=False)
            self._statement = MemoryTransaction(self, connection, at_once=True)

    def check_pages(self) -> None:
        """Read every page of a SQLite file. Raises `LedgerUnavailable` for a damaged one; elsewhere it does nothing."""
        if self.dialect != "sqlite" or self.in_memory:
            return
        with self.reading() as connection:
            self._must_be_well(sqlite.damage(connection.connection.driver_connection))

    def _connect(self, parts: URL) -> None:
        try:
            with self._explained():
                if self.dialect == "postgresql":
                    self._connect_to_postgresql(parts)
                elif self.in_memory:
                    self._writer = self._kept(sqlite.writing_engine(parts)).connect()
                else:
                    self._connect_to_file(parts)
        except (OSError, ImportError, ArgumentError, sqlite.newest_sqlite().Error) as error:
            raise LedgerUnavailable(self.name, str(error)) from error

    def _connect_to_file(self, parts: URL) -> None:
        if self._file is not None and self._file.is_dir():
            raise LedgerUnavailable(self.name, "it is a directory")
        if not self.read_only:
            self._open_file_for_writing(parts)
        elif self._file is not None and not self._file.exists():
            raise LedgerUnavailable(self.name, "there is no such file")
        self._readers = self._kept(sqlite.reading_engine(sqlite.read_only_url(parts)))
        self._readers.connect().close()

    def _open_file_for_writing(self, parts: URL) -> None:
        if self._file is not None:
            sqlite.prepare_file(self._file)
        engine = self._kept(sqlite.writing_engine(parts))
        mode = sqlite.use_write_ahead_log(engine)
        if mode != "wal":
            raise LedgerUnavailable(self.name, f"its file system allows no write-ahead log (the mode stays {mode!r})")
        sqlite.warn_of_wal_reset_defect(sqlite.newest_sqlite().sqlite_version_info)
        with closing(engine.raw_connection()) as raw:  # in no transaction, which would keep others waiting
            self._must_be_well(sqlite.damage(raw.driver_connection))
        self._writer = engine.connect()
        with self._writer.begin() as probe:  # on a read-only file SQLite grants the transaction, and refuses the writes
            self._writer.exec_driver_sql("PRAGMA user_version = 0")
            probe.rollback()

    def _must_be_well(self, damage: str | None) -> None:
        if damage is not None:
            raise LedgerUnavailable(self.name, f"it is damaged ({damage}); keep a copy of it and restore a backup")

    def _connect_to_postgresql(self, parts: URL) -> None:
        from persistence import (
            postgresql,  # here: its driver takes a tenth of a start's time, and most ledgers are files
        )

        self._server = postgresql
        # A process that acts must not wait for what it reads either; one that only looks may read a whole journal.
        acting = postgresql.Patience.of_writer(self._ttl_seconds)
        readers = postgresql.Patience.of_reader() if self.read_only else acting
        self._readers = self._kept(postgresql.engine(parts, writes=False, patience=readers))
        self._readers.connect().close()
        if not self.read_only:
            self._writer = self._kept(postgresql.engine(parts, writes=True, patience=acting)).connect()

    @contextmanager
    def _on_writing_connection(self, *, commits_each: bool = False) -> Iterator[Connection]:
        with self._alone(), self._explained():
            if self._writer is None:
                raise LedgerUnavailable(self.name, "it was closed")
            if self._server is not None:
                self._server.renew_if_ended(self._writer)
            commits = self._server.committing_each(self._writer) if self._server and commits_each else nullcontext()
            with commits, self._writer.begin():
                yield self._writer

    def _kept(self, engine: Engine) -> Engine:
        self._engines.append(engine)
        return engine

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Keep the writing connection for this thread. Raises `NestedTransaction` and `LedgerUnavailable`."""
        self._enter_thread()
        if not self._lock.acquire(timeout=LOCK_TIMEOUT_SECONDS):
            self._thread.in_transaction = False
            raise LedgerUnavailable(
                self.name, f"other threads have kept the connection for {LOCK_TIMEOUT_SECONDS:g} seconds"
            )

    def leave(self) -> None:
        """Let others have it."""
        self._lock.release()
        self._thread.in_transaction = False

    def _enter_thread(self) -> None:
        if getattr(self._thread, "in_transaction", False):
            raise NestedTransaction(f"a transaction on the ledger {self.name} was begun inside another one")
        self._thread.in_transaction = True

    @contextmanager
    def _not_nested(self) -> Iterator[None]:
        self._enter_thread()
        try:
            yield
        finally:
            self._thread.in_transaction = False

    def explained(self, error: DBAPIError) -> LedgerError:
        """What the database's complaint means for the ledger."""
        reason = str(error.orig).strip()
        if isinstance(error, OUR_FAULT) and not error.connection_invalidated:
            return LedgerError(f"the ledger {self.name} refused a statement: {reason}")
        return LedgerUnavailable(self.name, reason)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self.explained(error) from error
        except NoFreeReader as error:
            raise LedgerUnavailable(self.name, "too many readers at a time") from error
        except Exception as error:
            if self._server is None or not isinstance(error, self._server.DriverError):
                raise
            # Met outside of any statement, so SQLAlchemy did not see it.
            raise LedgerUnavailable(self.name, str(error).strip()) from error


class MemoryTransaction(AbstractContextManager[Connection]):
    """A transaction on the one connection of a database in memory: what `Database` does elsewhere, in fewer steps."""

    def __init__(self, database: Database, connection: PreparedConnection, *, at_once: bool) -> None:
        """``at_once``: it is always of one statement, which SQLite commits by itself."""
        self._database = database
        self._connection = connection
        self._at_once = at_once

    def __enter__(self) -> Connection:
        self._database.enter()
        try:
            self._connection.begin(at_once=self._at_once)
        except BaseException as error:
            self._database.leave()
            if isinstance(error, DBAPIError):
                raise self._database.explained(error) from error
            raise
        return cast(Connection, self._connection)  # as much of one as the ledger needs

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            try:
                self._connection.end(commits=error is None)
            finally:
                self._database.leave()
        except DBAPIError as refusal:
            raise self._database.explained(refusal) from refusal
        if isinstance(error, DBAPIError):
            raise self._database.explained(error) from error
