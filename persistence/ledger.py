"""The ledger: the one place that remembers, across restarts, crashes and processes."""

from __future__ import annotations

import random
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from persistence.database import Database
from persistence.journal import Journal
from persistence.migrate import check, migrate
from persistence.owner import owner_name
from persistence.reservations import LeaseClock, Reservations
from persistence.schedule import Schedule
from persistence.trades import Trades


class Ledger:
    """Reservations, trades, journal and schedule in one database. `open` is the way in."""

    def __init__(self, database: Database, *, writer: str, lease_clock: LeaseClock | None, rng: random.Random) -> None:
        """For a database whose tables are up to date."""
        self._database = database
        self.reservations = Reservations(database, lease_clock)
        self.journal = Journal(database, writer)
        self.schedule = Schedule(database)
        self.trades = Trades(database, self.reservations, self.journal, self.schedule, rng)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        writer: str | None = None,
        lease_clock: LeaseClock | None = None,
        read_only: bool = False,
        rng: random.Random | None = None,
    ) -> Ledger:
        """Open the database of a SQLAlchemy URL, and bring its tables up to date.

        ``sqlite:///state/ledger.db`` is a file, made with its directory where it is missing; ``sqlite://`` is in memory
        and lives until `close`. ``writer`` signs the journal; None: this process's `owner_name`. ``lease_clock``
        answers epoch milliseconds in virtual time; None: the database's own clock. ``rng`` draws account prefixes.
        ``read_only`` creates and changes nothing, and works while another process writes.

        Opened for writing, a SQLite file is read through once, so that a damaged one is never written to.

        Raises `LedgerUnavailable` and `LedgerFromTheFuture`.
        """
        database = Database(url, read_only=read_only)
        try:
            if read_only:
                check(database)
            else:
                migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(
            database,
            writer=owner_name() if writer is None else writer,
            lease_clock=lease_clock,
            rng=random.SystemRandom() if rng is None else rng,
        )

    @property
    def name(self) -> str:
        """The file, or the URL without its password."""
        return self._database.name

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that may write: see `Database.writing`."""
        return self._database.writing()

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that reads one consistent state: see `Database.reading`."""
        return self._database.reading()

    def check_pages(self) -> None:
        """Read every page of a SQLite file, as opening it for writing does. Raises `LedgerUnavailable` for damage."""
        self._database.check_pages()

    def close(self) -> None:
        """Close every connection, leaving no write-ahead log behind unless others use it. Twice is as good as once."""
        self._database.close()
