"""The one database of a simulated world, each process's faulty way to it, and the referee's own way to look at it.

It lives in memory and is real: SQLite, the program's tables, the program's statements. All processes of a world share
one connection, which is sound because nobody's turn ends within a transaction: a process that dies before a commit has
written nothing, and one that dies after it everything.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import fields
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from persistence.database import Database, MemoryTransaction
from persistence.errors import LedgerUnavailable
from persistence.migrate import migrate
from persistence.prepared import PreparedConnection
from persistence.sqlite import newest_sqlite
from persistence.tables import metadata
from trading.trade import Trade

NAME = "simulated ledger"
ADDRESS = "file:watchbill-simulation?mode=memory&cache=shared"


class Commits(Protocol):
    """What stands around every transaction of one process: its faults, and those who watch."""

    def before_writing(self) -> BaseException | None:
        """The transaction is about to begin. Raises what keeps it from beginning; answers what refuses its commit."""

    def before_reading(self) -> None:
        """A question is about to be asked. Raises what keeps it from being answered."""

    def committed(self) -> None:
        """The transaction has been committed."""

    def after_writing(self) -> None:
        """The process is about to learn of its commit. Raises what it hears instead."""


class ReadingConnection(PreparedConnection):
    """A connection on which a question is no transaction."""

    def begin(self, *, at_once: bool) -> None:
        """Nothing."""

    def end(self, *, commits: bool) -> None:
        """Nothing."""


class SharedDatabase(Database):
    """The database itself. It reads without transactions, which saves a tenth of a run's time.

    Here they would keep nobody out: between two statements of one turn nothing else happens.
    """

    def __init__(self) -> None:
        """Connect, and connect once more to read."""
        self._question: MemoryTransaction | None = None
        url = f"sqlite:///{ADDRESS}&uri=true"
        super().__init__(url)
        migrate(self)
        self.use_prepared_statements()  # the same statements, in two thirds of a run's time
        reader = create_engine(url, module=newest_sqlite(), poolclass=StaticPool).connect()
        self._question = MemoryTransaction(self, ReadingConnection(reader), at_once=False)

    def reading(self) -> AbstractContextManager[Connection]:
        """As `Database.reading`."""
        return self._question or super().reading()


class ProcessDatabase(Database):
    """The shared database as one process sees it."""

    def __init__(self, shared: Database, commits: Commits) -> None:
        """It makes no connection of its own, and closes none."""
        self.read_only = False
        self.dialect = shared.dialect
        self.in_memory = False  # as far as this process can tell: others change it too
        self._transaction = self._statement = None  # the short ways of a database that is one process's own
        self.name = NAME
        self._shared = shared
        self._commits = commits

    def writing(self) -> AbstractContextManager[Connection]:
        """As `Database.writing`, unless the world has a fault in store."""
        return Writing(self._shared, self._commits)

    def writing_at_once(self) -> AbstractContextManager[Connection]:
        """As `writing`."""
        return self.writing()

    def reading(self) -> AbstractContextManager[Connection]:
        """As `Database.reading`, unless the world has a fault in store."""
        return Reading(self._shared, self._commits)

    def reading_at_once(self) -> AbstractContextManager[Connection]:
        """As `reading`."""
        return self.reading()

    def close(self) -> None:
        """The world keeps its database."""


class Writing(AbstractContextManager[Connection]):
    """A transaction of one process that may write."""

    __slots__ = ("_commits", "_refusal", "_transaction")

    def __init__(self, shared: Database, commits: Commits) -> None:
        self._transaction = shared.writing()
        self._commits = commits
        self._refusal: BaseException | None = None

    def __enter__(self) -> Connection:
        self._refusal = self._commits.before_writing()
        return self._transaction.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._transaction.__exit__(kind, error, traceback)
            return
        refusal = self._refusal
        if refusal is not None:
            self._transaction.__exit__(type(refusal), refusal, None)
            raise refusal
        self._transaction.__exit__(None, None, None)
        self._commits.committed()
        self._commits.after_writing()


class Reading(AbstractContextManager[Connection]):
    """A question of one process."""

    __slots__ = ("_commits", "_question")

    def __init__(self, shared: Database, commits: Commits) -> None:
        self._question = shared.reading()
        self._commits = commits

    def __enter__(self) -> Connection:
        self._commits.before_reading()
        return self._question.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._question.__exit__(kind, error, traceback)


class TradeRow(NamedTuple):
    """A row of the trades as the referee reads it: plain values, in the order of the fields of `Trade`."""

    trade_id: int
    platform: str
    commodity: str
    side: str
    state: str
    strategy: str
    regime: str
    analysis_id: str
    confidence: float
    volume_lots: float
    magic: int
    account_token: int
    commodity_token: int
    expected_price: float
    stop_distance: float
    target_distance: float | None
    trailing_distance: float | None
    stop_price: float
    target_price: float | None
    daily_volatility: float
    submitted_at: int
    time_stop_at: int
    closes_at_day_end: int
    position_id: int | None
    ticket: int | None
    entry_price: float | None
    opened_at: int | None
    exit_price: float | None
    closed_at: int | None
    close_reason: str | None
    profit: float | None
    detail: str

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self.side == "buy" else -1

    @property
    def slot(self) -> tuple[str, str]:
        """Platform and commodity."""
        return self.platform, self.commodity


class LeaseRow(NamedTuple):
    """A row of the reservations as the referee reads it."""

    resource: str
    owner: str | None
    token: int
    expires_at: int


class Books:
    """The referee's own connection to the simulated ledger: plain statements that share nothing with the program."""

    def __init__(self) -> None:
        self._connection: Any = newest_sqlite().connect(ADDRESS, uri=True, check_same_thread=False)
        names = [field.name for field in fields(Trade)]
        if tuple(names) != TradeRow._fields:
            raise AssertionError("the fields of a trade have changed: let TradeRow follow")
        self._trades = f"SELECT {', '.join(names)} FROM trade ORDER BY trade_id"

    def trades(self) -> list[tuple[Any, ...]]:
        """Every trade, in the order of their numbers, as plain tuples: they compare fast."""
        rows: list[tuple[Any, ...]] = self._connection.execute(self._trades).fetchall()
        return rows

    def leases(self) -> list[LeaseRow]:
        """Every reservation, released ones included."""
        query = "SELECT resource, owner, token, expires_at FROM reservation"
        return [LeaseRow(*row) for row in self._connection.execute(query)]

    def prefixes(self) -> dict[str, int]:
        """The prefix of each account's magic numbers."""
        return dict(self._connection.execute("SELECT platform, prefix FROM account").fetchall())

    def modes(self) -> list[tuple[str, str]]:
        """Cause and mode of everything that a mode was set for."""
        found: list[tuple[str, str]] = self._connection.execute("SELECT cause, mode FROM crew_mode").fetchall()
        return found

    def pauses(self) -> list[tuple[str, str]]:
        """Account and commodity of every part that is paused; empty: of all of them."""
        query = "SELECT platform, commodity FROM opening_pause WHERE paused"
        found: list[tuple[str, str]] = self._connection.execute(query).fetchall()
        return found

    def requests(self) -> list[tuple[str, str, str]]:
        """Id, state and detail (JSON) of what operators asked for."""
        query = "SELECT request_id, state, detail FROM operator_request ORDER BY request_id"
        found: list[tuple[str, str, str]] = self._connection.execute(query).fetchall()
        return found

    def journal(self, kind: str) -> list[tuple[str, str, int, str]]:
        """Reason, detail (JSON), repetitions and writer of every line of one kind, oldest first."""
        query = "SELECT reason, detail, repeated, writer FROM journal WHERE kind = ? ORDER BY id"
        found: list[tuple[str, str, int, str]] = self._connection.execute(query, (kind,)).fetchall()
        return found

    def clear(self) -> None:
        """Leave the tables as a new ledger has them."""
        for table in reversed(metadata.sorted_tables):
            self._connection.execute(f"DELETE FROM {table.name}")
        self._connection.execute("DELETE FROM sqlite_sequence")
        self._connection.commit()


class Shared(NamedTuple):
    """What all worlds of this process use, one after the other."""

    database: Database
    books: Books


@cache
def simulated_database() -> Shared:
    """The database, made once in a process of ours: its tables and prepared statements serve every seed."""
    return Shared(SharedDatabase(), Books())


class Weather:
    """The state of the database: there, away, or full. The same for every process."""

    def __init__(self) -> None:
        self.is_away = False
        self.is_full = False

    def clear_up(self) -> None:
        """Well again."""
        self.is_away = self.is_full = False

    def trouble_reading(self) -> LedgerUnavailable | None:
        """Why a question is not answered now."""
        return LedgerUnavailable(NAME, "unable to open database file") if self.is_away else None

    def trouble_writing(self) -> LedgerUnavailable | None:
        """Why nothing can be written now."""
        return LedgerUnavailable(NAME, "database or disk is full") if self.is_full else self.trouble_reading()
