"""A paper account's book on disk: one SQLite file, one transaction for each thing that happens.

The commit comes before the answer: an order that was answered is in the file, and one that is not in the file never
happened. Two processes may open one book (a leader and its standby). Each change checks, inside its transaction, that
nobody else has changed the book since this process read it; if somebody has, nothing is written, the book is read
again, and `BookMoved` asks the caller to decide anew, on the new token and the new positions.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Protocol, TypeVar

from connectors.account_book import AccountBook, BookMoved, Change, Holding
from connectors.accounting import cents
from connectors.base import ConnectorError
from trading.market import Deal, Entry, Instant, Order, Side

APPLICATION_ID = 0x57424250  # "WBBP" in the file's header: a book, and not some other database
FORMAT = 2
LOCK_TIMEOUT_SECONDS = 2.0  # for the other process's commit; no transaction of ours lasts longer than an fsync
PRIMARY_CODE = 0xFF  # the part of an SQLite result code that names its kind
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)

SCHEMA = f"""
CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id = 1), platform TEXT NOT NULL, currency TEXT NOT NULL, balance REAL NOT NULL,
    token INTEGER NOT NULL, next_number INTEGER NOT NULL, last_seen INTEGER, revision INTEGER NOT NULL);
CREATE TABLE positions (
    ticket INTEGER PRIMARY KEY, position_id INTEGER NOT NULL, magic INTEGER NOT NULL, commodity TEXT NOT NULL,
    side TEXT NOT NULL, volume_lots REAL NOT NULL, open_price REAL NOT NULL, open_time INTEGER NOT NULL,
    swap REAL NOT NULL, margin REAL NOT NULL, comment TEXT NOT NULL);
CREATE TABLE orders (
    "order" INTEGER PRIMARY KEY, magic INTEGER NOT NULL, commodity TEXT NOT NULL, side TEXT NOT NULL,
    volume_lots REAL NOT NULL, accepted INTEGER NOT NULL, time INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE deals (
    deal INTEGER PRIMARY KEY, "order" INTEGER NOT NULL, position_id INTEGER NOT NULL, magic INTEGER NOT NULL,
    commodity TEXT NOT NULL, side TEXT NOT NULL, entry TEXT NOT NULL, volume_lots REAL NOT NULL, price REAL NOT NULL,
    profit REAL NOT NULL, swap REAL NOT NULL, commission REAL NOT NULL, fee REAL NOT NULL, time INTEGER NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE magics (magic INTEGER PRIMARY KEY);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""

# Format 1 knew hedging accounts only, where a position's ticket is its identifier.
FROM_FORMAT_1 = """
ALTER TABLE positions ADD COLUMN position_id INTEGER NOT NULL DEFAULT 0;
UPDATE positions SET position_id = ticket;
PRAGMA user_version = 2;
"""


class BookUnavailable(ConnectorError):
    """The file cannot be used at this moment: its disk is full, or fails. Later it can be, with nobody's help here."""


class BookBusy(BookUnavailable):
    """Another process holds the file."""


class PaperBook(AccountBook):
    """The book of one account in one file, which is made, with its folder, where there is none.

    Raises `ConnectorError` naming the file when it cannot be read or written, is damaged, is something else, or
    belongs to another account; and of its kinds `BookUnavailable` while the disk has no room, or fails, and `BookBusy`
    while another process holds it for too long.
    """

    def __init__(self, path: Path, platform: str, currency: str, opening_balance: float) -> None:
        super().__init__(opening_balance)
        self._path = path
        self._platform = platform
        self._currency = currency
        self._revision = 0
        self._database: sqlite3.Connection | None = None
        try:
            self.reload()
        finally:
            self.close()  # nothing is held open until the account is used

    def record(self, change: Change) -> None:
        """Write the change and then make it in memory."""
        with self._trouble_named(), self._transaction() as database:
            balance, number = self.balance, self.next_number
            for order in change.orders:
                _insert(database, "orders", order)
                number = max(number, order.order + 1)
            for deal in change.deals:
                _insert(database, "deals", deal)
                number = max(number, deal.deal + 1)
                balance = cents(balance + deal.net)
            for holding in change.held:
                _insert(database, "positions", holding, "OR REPLACE")
            for ticket in change.gone:
                database.execute("DELETE FROM positions WHERE ticket = ?", (ticket,))
            if change.magic is not None:
                database.execute("INSERT OR IGNORE INTO magics VALUES (?)", (change.magic,))
            database.execute(
                "UPDATE account SET balance = ?, token = ?, next_number = ?, last_seen = ?, revision = revision + 1",
                (balance, self.token if change.token is None else change.token, number, change.at),
            )
        self._revision += 1
        self._apply(change)

    def saw(self, at: Instant) -> None:
        """Write how far the market was followed; never back to before what another process has written."""
        with self._trouble_named():
            database = self._open()
            written = database.execute(
                "UPDATE account SET last_seen = max(coalesce(last_seen, ?), ?) WHERE revision = ?",
                (at, at, self._revision),
            )
            if written.rowcount == 0:
                self._moved(database)
        self.last_seen = at

    def reload(self) -> None:
        """Read everything from the file."""
        with self._trouble_named():
            self._read(self._open())

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _read(self, database: sqlite3.Connection) -> None:
        database.execute("BEGIN")  # one view of all tables, whatever another process writes meanwhile
        try:
            row = database.execute(
                "SELECT platform, currency, balance, token, next_number, last_seen, revision FROM account"
            ).fetchone()
            holdings = list(_select(database, "positions", Holding, "ticket"))
            orders = list(_select(database, "orders", Order, "time"))
            deals = list(_select(database, "deals", Deal, "time"))
            magics = {magic for (magic,) in database.execute("SELECT magic FROM magics")}
        finally:
            database.execute("ROLLBACK")
        if row is None:
            raise ConnectorError(f"{self._path}: the book has no account in it")
        platform, currency, balance, token, next_number, last_seen, revision = row
        if (platform, currency) != (self._platform, self._currency):
            raise ConnectorError(
                f"{self._path}: the book is that of account {platform!r} in {currency}; "
                f"expected {self._platform!r} in {self._currency}"
            )
        self.balance, self.token, self.next_number = balance, token, next_number
        self.last_seen, self._revision = last_seen, revision
        self.holdings = {holding.ticket: holding for holding in holdings}
        self.orders, self.deals, self.magics = orders, deals, magics

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # The account's actor may live on another thread than the wiring; it alone calls, one call at a time.
            database = sqlite3.connect(
                self._path, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(database)
            except BaseException:
                database.close()
                raise
            self._database = database
        return self._database

    def _prepare(self, database: sqlite3.Connection) -> None:
        """Make the tables in a new file; refuse a file that is no book, or a damaged one."""
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("BEGIN IMMEDIATE")
        try:
            if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in SCHEMA.split(";"):
                    database.execute(statement)
                database.execute(
                    "INSERT INTO account VALUES (1, ?, ?, ?, 0, 1, NULL, 0)",
                    (self._platform, self._currency, self.balance),
                )
            elif _header(database) == (APPLICATION_ID, 1):
                for statement in FROM_FORMAT_1.split(";"):
                    database.execute(statement)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        application, version = _header(database)
        if application != APPLICATION_ID:
            raise ConnectorError(f"{self._path}: this database is not the book of a paper account")
        if version != FORMAT:
            raise ConnectorError(f"{self._path}: the book is of format {version}; expected {FORMAT}")
        (finding,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            raise ConnectorError(f"{self._path}: the book is damaged: {finding}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction on an unmoved book; raises `BookMoved`, after a reload, on a moved one."""
        database = self._open()
        database.execute("BEGIN IMMEDIATE")
        try:
            (revision,) = database.execute("SELECT revision FROM account").fetchone()
            if revision == self._revision:
                yield database
                database.execute("COMMIT")
        finally:
            if database.in_transaction:
                database.execute("ROLLBACK")
        if revision != self._revision:
            self._moved(database)

    def _moved(self, database: sqlite3.Connection) -> NoReturn:
        self._read(database)
        raise BookMoved(f"{self._path}: another process wrote the book")

    @contextmanager
    def _trouble_named(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
            raise _kind_of(error)(f"{self._path}: the book cannot be used: {error}") from error


def _header(database: sqlite3.Connection) -> tuple[int, int]:
    """The application id and the format that the file declares."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return application, version


def _kind_of(error: Exception) -> type[ConnectorError]:
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return BookUnavailable
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & PRIMARY_CODE:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return BookBusy
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:  # a file that cannot grow is either, depending on which one
            return BookUnavailable
        case _:
            return ConnectorError


def discard_book(path: Path) -> None:
    """Remove a book, so that the account begins anew. Harmless where there is none."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


class _Record(Protocol):
    """A dataclass whose fields are the columns of its table."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Row = TypeVar("Row", Holding, Order, Deal)

CONVERSIONS: dict[str, type] = {"side": Side, "entry": Entry, "accepted": bool}


def _insert(database: sqlite3.Connection, table: str, record: _Record, conflict: str = "") -> None:
    names = [field.name for field in fields(record)]
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    database.execute(
        f"INSERT {conflict} INTO {table} ({columns}) VALUES ({marks})", [getattr(record, name) for name in names]
    )


def _select(database: sqlite3.Connection, table: str, kind: type[Row], order: str) -> Iterator[Row]:
    names = [field.name for field in fields(kind)]
    columns = ", ".join(f'"{name}"' for name in names)
    for row in database.execute(f"SELECT {columns} FROM {table} ORDER BY {order}, 1"):
        values = dict(zip(names, row, strict=True))
        for name in CONVERSIONS.keys() & values.keys():
            values[name] = CONVERSIONS[name](values[name])
        yield kind(**values)
