"""The ledger: the one place that remembers, across restarts, crashes and processes."""

from __future__ import annotations

import random
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from persistence.adoption import Adoption
from persistence.broker_accounts import BrokerAccounts
from persistence.choices import Choices
from persistence.database import DEFAULT_TTL_SECONDS, Database
from persistence.disowned import Disowned
from persistence.journal import Journal
from persistence.memory import memory_in_front_of
from persistence.migrate import check, migrate
from persistence.modes import Modes
from persistence.owner import owner_name
from persistence.pauses import Pauses
from persistence.requests import Requests
from persistence.reservations import LeaseClock, Reservations
from persistence.retention import Retention
from persistence.schedule import Schedule
from persistence.starts import Starts
from persistence.tables import DEFAULT_CREW
from persistence.trades import Trades


class Ledger:
    """Everything that is remembered, by table, in one database. `open` is the way in.

    Several crews may share a database. Each sees its own journal and the trades on its own accounts; reservations are
    everybody's, because they are what keeps crews apart that name the same account.
    """

    def __init__(
        self, database: Database, *, crew: str, writer: str, lease_clock: LeaseClock | None, rng: random.Random
    ) -> None:
        """For a database whose tables are up to date."""
        self._database = database
        self.reservations = Reservations(database, lease_clock)
        self.journal = Journal(database, writer, crew)
        self.choices = Choices(database, crew)
        self.schedule = Schedule(database)
        self.retention = Retention(database, crew)
        self.modes = Modes(database, self.journal)
        self.starts = Starts(database, self.reservations, lease_clock)
        self.disowned = Disowned(database, self.journal)
        self.broker_accounts = BrokerAccounts(database, self.journal)
        self.adoption = Adoption(database, self.reservations, self.journal, crew, rng)
        self.pauses = Pauses(database, self.journal, self.modes)
        self.requests = Requests(database, self.journal, crew, lease_clock)
        self.trades = Trades(
            database, self.reservations, self.journal, self.schedule, self.modes, self.pauses, crew, rng
        )

    @classmethod
    def open(
        cls,
        url: str,
        *,
        crew: str = DEFAULT_CREW,
        ttl_seconds: float = DEFAULT_TTL_SECONDS,
        writer: str | None = None,
        lease_clock: LeaseClock | None = None,
        read_only: bool = False,
        rng: random.Random | None = None,
    ) -> Ledger:
        """Open the database of a SQLAlchemy URL, and bring its tables up to date.

        ``sqlite:///state/ledger.db`` is a file, made with its directory where it is missing; ``sqlite://`` is in memory
        and lives until `close`. ``crew``: whose ledger it is. ``ttl_seconds``: how long the leases live; on PostgreSQL
        nothing is waited for longer than a part of it. ``writer`` signs the journal; None: this process's `owner_name`.
        ``lease_clock`` answers epoch milliseconds in virtual time; None: the database's own clock. ``rng`` draws
        account prefixes. ``read_only`` creates and changes nothing, and works while another process writes.

        Opened for writing, a SQLite file is read through once, so that a damaged one is never written to.

        Raises `LedgerUnavailable` and `LedgerFromTheFuture`.
        """
        database = Database(url, read_only=read_only, ttl_seconds=ttl_seconds)
        try:
            if read_only:
                check(database)
            else:
                migrate(database)
            database.use_prepared_statements(memory_in_front_of)
        except BaseException:
            database.close()
            raise
        return cls(
            database,
            crew=crew,
            writer=owner_name() if writer is None else writer,
            lease_clock=lease_clock,
            rng=random.SystemRandom() if rng is None else rng,
        )

    @property
    def name(self) -> str:
        """The file, or the URL without its password."""
        return self._database.name

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._database.dialect

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
