"""What stands beside a terminal between any number of parents and the broker: the highest token, and what was sent.

Whoever would send an order, or raise the token, holds the floor while doing so. An order is sent with the floor held,
so that when `fence` has answered, no order of a lower token is under way in the package, and none will be.

On disk a floor is two SQLite files for each (login, server). One has the token and the magics. The other has nothing in
it: the lock is an exclusive transaction on it that writes nothing. It is not a transaction on the first, because that
one is committed while the lock is held; it is not a file with a process id in it, because such a file survives
`kill -9`; and it is SQLite's own lock and not `flock`, because the same code then waits with a time limit on every
system, excludes two holders within one process too, and needs no further package. The system drops it with the process.
Beside them lies a note of which process took the lock last, for people and for messages alone.

Tokens of two ledgers say nothing to each other: each counts from 1. So with each magic stands the token under which it
was sent, and a magic tells by its prefix which ledger gave it out.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol

from connectors.base import ConnectorError
from trading.order_numbers import SEQUENCE_BITS, prefix_of

APPLICATION_ID = 0x5742464C  # "WBFL" in the file's header: a floor, and not some other database
FORMAT = 2
LONGEST_NAME = 40  # characters of a server's name in the name of its files
LONGEST_WAIT_MILLISECONDS = 2**31 - 1  # that SQLite can wait for a lock
TRIAL_BYTES = 16_384  # about what a new floor takes
READER_SECONDS = 0.5  # for a program that copies the file: only the holder writes it
PAUSE_SECONDS = 0.01  # between two looks at a floor in memory that somebody else holds
LAST_SEQUENCE = (1 << SEQUENCE_BITS) - 1
BUSY = "another worker was sending an order, or raising the token, all the while"

SCHEMA = f"""
CREATE TABLE floor (
    id INTEGER PRIMARY KEY CHECK (id = 1), login INTEGER NOT NULL, server TEXT NOT NULL, token INTEGER NOT NULL);
CREATE TABLE magics (magic INTEGER PRIMARY KEY, token INTEGER NOT NULL);
CREATE INDEX magics_by_token ON magics (token, magic);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""

BRING_UP_TO_2 = """
ALTER TABLE magics ADD COLUMN token INTEGER NOT NULL DEFAULT 0;
UPDATE magics SET token = (SELECT token FROM floor);
CREATE INDEX magics_by_token ON magics (token, magic);
PRAGMA user_version = 2;
"""
"""In the first format no magic had its token. It was sent under the highest one seen at most."""


class FloorBusy(ConnectorError):
    """Somebody else held the floor for the whole of the time."""


class FloorUnusable(ConnectorError):
    """What was sent before cannot be read, or what is to be sent cannot be written down."""


class HeldFloor(Protocol):
    """The floor in the hands of one holder. Every call may raise `FloorUnusable`."""

    @property
    def token(self) -> int:
        """The highest token seen; 0 before the first."""
        ...

    def was_sent(self, magic: int) -> bool:
        """Whether an order with this magic was sent, or was about to be."""
        ...

    def sent_by_another(self, token: int, prefix: int) -> int | None:
        """A magic of another prefix that was sent under this token or a higher one; None: there is none."""
        ...

    def write(self, token: int, magic: int | None) -> None:
        """Have the token, and the magic sent under it where there is one, on disk when this returns, for good."""
        ...


class OrderFloor(Protocol):
    """The floor of one account at one server."""

    def hold(self, seconds: float) -> AbstractContextManager[HeldFloor]:
        """Have it for oneself, after waiting for at most so long. Raises `FloorBusy` and `FloorUnusable`."""
        ...

    def token_seen(self, seconds: float) -> int:
        """The highest token seen, for whoever only looks: nothing is made where nothing is. Raises as `hold`."""
        ...

    def try_write(self, seconds: float) -> int:
        """Write what is there once more, as it is, to see whether it can be written. Otherwise as `token_seen`."""
        ...


class DiskFloor:
    """A floor that outlives its processes, and is shared by all that are given the same directory.

    Nothing is kept open between two orders, so a directory that was set aside meanwhile is not written any more.
    """

    def __init__(self, directory: Path, login: int, server: str) -> None:
        self._directory = directory
        self._login, self._server = login, server
        self._path = directory / f"{file_stem(login, server)}.sqlite"
        self._lock_path = self._path.with_suffix(".lock")
        self._holder_path = self._path.with_suffix(".holder")
        self._is_checked = False  # that the file is whole: asked once, for it reads all of it

    @contextmanager
    def hold(self, seconds: float) -> Iterator[_HeldOnDisk]:
        """As `OrderFloor.hold`."""
        with self._named_trouble():
            self._directory.mkdir(parents=True, exist_ok=True)
            lock = sqlite3.connect(self._lock_path, isolation_level=None)
        with closing(lock):
            self._take(lock, seconds)
            self._note_holder()
            with self._named_trouble():
                database = sqlite3.connect(self._path, timeout=READER_SECONDS, isolation_level=None)
            with closing(database):
                with self._named_trouble():
                    self._prepare(database)
                yield _HeldOnDisk(database, self._named_trouble)

    def token_seen(self, seconds: float) -> int:
        """As `OrderFloor.token_seen`."""
        if not self._path.exists():
            return 0
        with self.hold(seconds) as floor:
            return floor.token

    def try_write(self, seconds: float) -> int:
        """As `OrderFloor.try_write`. Where there is no floor, a file is written that is gone at once."""
        if not self._path.exists():
            existing = next(parent for parent in self._path.parents if parent.exists())
            with self._named_trouble(), TemporaryFile(dir=existing) as trial:
                trial.write(bytes(TRIAL_BYTES))
                trial.flush()
                os.fsync(trial.fileno())
            return 0
        with self.hold(seconds) as floor:
            floor.write_again()
            return floor.token

    def _take(self, lock: sqlite3.Connection, seconds: float) -> None:
        until = time.monotonic() + seconds
        try:
            # In memory: a journal on disk would be made at each order, in vain.
            for statement in ("PRAGMA journal_mode = MEMORY", "BEGIN EXCLUSIVE"):
                milliseconds = int((until - time.monotonic()) * 1000)
                lock.execute(f"PRAGMA busy_timeout = {min(max(milliseconds, 0), LONGEST_WAIT_MILLISECONDS)}")
                lock.execute(statement)
        except sqlite3.Error as error:
            if _is_busy(error):
                raise FloorBusy(
                    f"{self._lock_path}: {BUSY}: {self._holder()}; if this goes on, that process hangs: end it"
                ) from error
            raise FloorUnusable(f"{self._lock_path}: the lock cannot be taken: {error}") from error

    def _note_holder(self) -> None:
        with suppress(OSError):  # no order is refused for the want of a note
            self._holder_path.write_text(str(os.getpid()), encoding="ascii")

    def _holder(self) -> str:
        try:
            return f"process {int(self._holder_path.read_text(encoding='ascii'))}"
        except (OSError, ValueError):
            return "a process that is not known"

    def _prepare(self, database: sqlite3.Connection) -> None:
        """Make a new file's tables, bring an old one's up; refuse a damaged file, and one of another account."""
        # What is truncated is synced too in this mode: a journal that came back after a power cut would undo the write.
        database.execute("PRAGMA journal_mode = TRUNCATE")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA fullfsync = ON")  # macOS: to the disk itself, and not only to its cache
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:
            self._make(database)
        if not self._is_checked:
            (finding,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if finding != "ok":
                raise FloorUnusable(f"{self._path}: the record of orders is damaged: {finding}")
            self._is_checked = True
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID or not 1 <= version <= FORMAT:
            raise FloorUnusable(
                f"{self._path}: this is not a record of orders that this program can read: application id "
                f"{application}, format {version}; expected {APPLICATION_ID} and 1 to {FORMAT}"
            )
        whose = database.execute("SELECT login, server FROM floor").fetchone()
        if whose != (self._login, self._server):
            raise FloorUnusable(
                f"{self._path}: the record of orders is of {whose}; expected {(self._login, self._server)}"
            )
        if version < FORMAT:
            with _whole_change(database):
                _carry_out(database, BRING_UP_TO_2)

    def _make(self, database: sqlite3.Connection) -> None:
        with _whole_change(database):
            _carry_out(database, SCHEMA)
            database.execute("INSERT INTO floor VALUES (1, ?, ?, 0)", (self._login, self._server))

    @contextmanager
    def _named_trouble(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, OverflowError) as error:
            raise FloorUnusable(f"{self._path}: the record of orders cannot be used: {error}") from error


class _HeldOnDisk:
    """A floor's open file, while its lock is held."""

    def __init__(self, database: sqlite3.Connection, named_trouble: Callable[[], AbstractContextManager[None]]) -> None:
        self._database = database
        self._named_trouble = named_trouble

    @property
    def token(self) -> int:
        """As `HeldFloor.token`."""
        with self._named_trouble():
            (token,) = self._database.execute("SELECT token FROM floor").fetchone()
        return int(token)

    def was_sent(self, magic: int) -> bool:
        """As `HeldFloor.was_sent`."""
        with self._named_trouble():
            return self._database.execute("SELECT 1 FROM magics WHERE magic = ?", (magic,)).fetchone() is not None

    def sent_by_another(self, token: int, prefix: int) -> int | None:
        """As `HeldFloor.sent_by_another`."""
        first = prefix << SEQUENCE_BITS
        with self._named_trouble():
            found = self._database.execute(
                "SELECT magic FROM magics WHERE token >= ? AND (magic < ? OR magic > ?) LIMIT 1",
                (token, first, first | LAST_SEQUENCE),
            ).fetchone()
        return None if found is None else int(found[0])

    def write(self, token: int, magic: int | None) -> None:
        """As `HeldFloor.write`."""
        with self._named_trouble(), _whole_change(self._database):
            self._database.execute("UPDATE floor SET token = ? WHERE token < ?", (token, token))
            if magic is not None:
                self._database.execute("INSERT OR IGNORE INTO magics VALUES (?, ?)", (magic, token))

    def write_again(self) -> None:
        """What is written so often is the file's header. A row that stays as it was would not be written at all."""
        with self._named_trouble():
            self._database.execute(f"PRAGMA user_version = {FORMAT}")


@contextmanager
def _whole_change(database: sqlite3.Connection) -> Iterator[None]:
    """All of it is on disk at the end, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    finally:
        if database.in_transaction:
            database.execute("ROLLBACK")


def _carry_out(database: sqlite3.Connection, script: str) -> None:
    """Within the change that is under way; the module's own ``executescript`` would end it first."""
    for statement in script.split(";"):
        database.execute(statement)


class MemoryFloor:
    """A floor for simulated worlds and tests, which outlives the workers in one process and nothing else."""

    def __init__(self, elapsed: Callable[[], float], sleep: Callable[[float], None]) -> None:
        """``elapsed``, ``sleep``: the clock by which a holder is waited for, real or virtual."""
        self._elapsed, self._sleep = elapsed, sleep
        self._lock = threading.Lock()
        self.token = 0
        self.magics: dict[int, int] = {}  # the token under which each was sent

    @contextmanager
    def hold(self, seconds: float) -> Iterator[HeldFloor]:
        """As `OrderFloor.hold`."""
        until = self._elapsed() + seconds
        # Looked at again and again, for a wait on the lock itself would stop a virtual world.
        while not self._lock.acquire(blocking=False):
            left = until - self._elapsed()
            if left <= 0:
                raise FloorBusy(BUSY)
            self._sleep(min(PAUSE_SECONDS, left))
        try:
            yield self
        finally:
            self._lock.release()

    def token_seen(self, seconds: float) -> int:
        """As `OrderFloor.token_seen`."""
        return self.token

    def try_write(self, seconds: float) -> int:
        """As `OrderFloor.try_write`: there is no disk to be full."""
        return self.token

    def was_sent(self, magic: int) -> bool:
        """As `HeldFloor.was_sent`."""
        return magic in self.magics

    def sent_by_another(self, token: int, prefix: int) -> int | None:
        """As `HeldFloor.sent_by_another`."""
        return sent_by_another(self.magics, token, prefix)

    def write(self, token: int, magic: int | None) -> None:
        """As `HeldFloor.write`, without a disk."""
        self.token = max(self.token, token)
        if magic is not None:
            self.magics.setdefault(magic, token)


def sent_by_another(magics: Mapping[int, int], token: int, prefix: int) -> int | None:
    """As `HeldFloor.sent_by_another`, of magics with the token under which each was sent."""
    return next((magic for magic, under in magics.items() if under >= token and prefix_of(magic) != prefix), None)


def file_stem(login: int, server: str) -> str:
    """A name for the files of an account at a server, legal on every system and of no other account.

    What is legal of the server's name is for people; the digest tells apart what file systems hold for the same.
    """
    legible = re.sub("[^A-Za-z0-9-]+", "_", server)[:LONGEST_NAME]
    digest = hashlib.sha256(server.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{login}-{legible}-{digest}"


def _is_busy(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF) in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )
