"""The market clock of a broker process, and the claim on its books: one small SQLite file that only one may hold.

Every instant is in the file before anybody hears of it, so a broker that was killed goes on from there and its market
time never goes back. The writes are not flushed to the disk: after a power cut the last of them may be missing, and
then the accounts' books, which are flushed, say how far the market had come.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from connectors.base import ConnectorError
from trading.market import Instant, iso

PRIMARY_CODE = 0xFF  # the part of an SQLite result code that names its kind
SCHEMA = "CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY CHECK (id = 1), now INTEGER)"


class BooksTaken(ConnectorError):
    """Another broker process holds these books."""


class BrokerClock:
    """Market time, moved by the broker's walk. Made, it holds the books of its directory until it is closed."""

    def __init__(self, path: Path) -> None:
        """``path``: the file, which is made, with its folder, where there is none.

        Raises `BooksTaken` when another process holds it, and `ConnectorError` when it cannot be used.
        """
        self._path = path
        self._now: Instant | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Written by the walk's thread alone, and made and closed by the wiring's.
            self._file = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            raise ConnectorError(f"{path}: the broker's clock cannot be used: {error}") from error
        try:
            # Taken by the first write, and kept: the operating system lets go of it when the process ends, however.
            self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = NORMAL")
            self._file.execute(SCHEMA)
            self._file.execute("INSERT INTO clock VALUES (1, NULL) ON CONFLICT (id) DO UPDATE SET now = now")
            ((self._now,),) = self._file.execute("SELECT now FROM clock").fetchall()
        except sqlite3.Error as error:
            self._file.close()
            if getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise BooksTaken(f"{path.parent}: another broker holds these books; stop it first") from error
            raise ConnectorError(f"{path}: the broker's clock cannot be used: {error}") from error

    @property
    def left_at(self) -> Instant | None:
        """Where the market was left; None: it has never been walked through."""
        return self._now

    def now(self) -> Instant:
        """Market time. Raises `ConnectorError` before the first `move_to`."""
        if self._now is None:
            raise ConnectorError("the broker's market has not begun")
        return self._now

    def elapsed(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)

    def move_to(self, at: Instant) -> None:
        """Go on. Raises ``ValueError`` for an instant in the past, `ConnectorError` when it cannot be written."""
        if self._now is not None and at < self._now:
            raise ValueError(f"instant: market time cannot go back from {iso(self._now)} to {iso(at)}")
        try:
            self._file.execute("UPDATE clock SET now = ?", (at,))
        except sqlite3.Error as error:
            raise ConnectorError(f"{self._path}: the broker's clock cannot be written: {error}") from error
        self._now = at

    def close(self) -> None:
        """Let go of the books."""
        self._file.close()
