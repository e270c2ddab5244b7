"""Statements that are compiled once and then run on the driver's own cursor.

A replay lives in a database in memory and runs a few statements some hundred thousand times. SQLite needs a few
microseconds for each; what SQLAlchemy does around it takes ten times as long. So a statement that is `prepared`, and
kept for as long as the program runs, is compiled by SQLAlchemy the first time, and from then on its text goes straight
to the driver. The text is the same, so what it does is the same. Everything else goes SQLAlchemy's way, in the same
transaction.

Before either, a `Stand` may answer by itself, without SQLite: `memory` tells how.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import ClauseElement, Connection, Dialect, Transaction
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound

Statement = TypeVar("Statement", bound=ClauseElement)

BEGUN = "begun"
"""The key in a connection's notes under which it says that its transaction has been begun already, on the driver."""

_PREPARED: dict[int, ClauseElement] = {}


def prepared(statement: Statement) -> Statement:
    """The statement itself, which lives for as long as the program, and has only plain bound values."""
    _PREPARED[id(statement)] = statement
    return statement


class Found:
    """What a prepared statement answered: the part of SQLAlchemy's results that the ledger asks for."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> Sequence[Any]:
        """Every row."""
        return self._rows

    def first(self) -> Any:
        """The first row, or None."""
        return self._rows[0] if self._rows else None

    def one_or_none(self) -> Any:
        """The only row, or None. Raises ``MultipleResultsFound``."""
        if len(self._rows) > 1:
            raise MultipleResultsFound("more than one row was found, where one or none is expected")
        return self.first()

    def scalar_one_or_none(self) -> Any:
        """The first value of the only row, or None. Raises ``MultipleResultsFound``."""
        row = self.one_or_none()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:
        """The first value of the only row. Raises ``MultipleResultsFound`` and ``NoResultFound``."""
        row = self.one_or_none()
        if row is None:
            raise NoResultFound("no row was found, where one is expected")
        return row[0]


Answer: TypeAlias = Callable[[Mapping[str, Any]], "Found | None"]
"""What a statement answers to these bound values; None: SQLite must be asked."""


class Stand(Protocol):
    """What may stand in front of SQLite, and answer for it."""

    answers: Mapping[int, Answer]
    """By the identity of the statement."""

    def keep(self) -> None:
        """Commit a transaction of which SQLite knows nothing."""

    def take_back(self) -> None:
        """Roll it back."""

    def hand_over(self, begin: Callable[[], None]) -> None:
        """Tell SQLite everything, beginning its transaction with ``begin``, which it ends alone."""

    def handed_back(self, written: Collection[str], *, committed: bool) -> None:
        """That transaction has ended. ``written``: the tables that statements have changed."""


class SqliteInMemory(Protocol):
    """SQLite behind a `Stand`, as far as that needs it."""

    def run(self, sql: str) -> None:
        """Run a statement that answers nothing."""

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each row of values."""

    def ask(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """The rows of a query, as SQLite keeps them."""

    def fetch(self, statement: Any, values: Mapping[str, Any]) -> Found:
        """What SQLite answers to a prepared query."""


class _Compiled:
    """One statement for one set of bound names, in the driver's terms."""

    __slots__ = ("_binders", "_constants", "_names", "_readers", "_row", "answers", "sql")

    def __init__(self, statement: Any, names: Sequence[str], dialect: Any) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names) or None)
        self.sql: str = str(compiled)
        self._names: Sequence[str] = compiled.positiontup or ()
        self._constants: dict[str, Any] = compiled.params  # of literals in the statement; None for the others
        types = {name: bound.type.dialect_impl(dialect) for name, bound in compiled.binds.items()}
        made = [(index, types[name].bind_processor(dialect)) for index, name in enumerate(self._names)]
        self._binders = [(index, binder) for index, binder in made if binder is not None]
        columns = list(getattr(statement, "exported_columns", ()))
        self.answers = bool(columns)
        readers = [
            (i, column.type.dialect_impl(dialect).result_processor(dialect, None)) for i, column in enumerate(columns)
        ]
        self._readers: list[tuple[int, Callable[[Any], Any]]] = [
            (i, reader) for i, reader in readers if reader is not None
        ]
        self._row = namedtuple("Row", [column.key or "" for column in columns], rename=True)  # type: ignore[misc]

    def parameters(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the question marks."""
        constants = self._constants
        found = [values[name] if name in values else constants[name] for name in self._names]
        for index, binder in self._binders:
            found[index] = binder(found[index])
        return found

    def rows(self, raw: Sequence[Any]) -> list[Any]:
        """Rows with names, their values in the program's types."""
        readers = self._readers
        if not readers:
            return [self._row(*row) for row in raw]
        rows = []
        for row in raw:
            values = list(row)
            for index, reader in readers:
                values[index] = reader(values[index])
            rows.append(self._row(*values))
        return rows


_COMPILED: dict[tuple[Any, ...], _Compiled] = {}
"""By the module of the driver, the statement and the names: what one database has compiled, the next need not."""


class PreparedConnection:
    """The one connection of a database in memory."""

    def __init__(self, connection: Connection) -> None:
        """``connection`` has no transaction now, and none is begun on it but through this."""
        self._connection = connection
        self._driver: Any = connection.connection.driver_connection
        self._module = connection.dialect.dbapi
        self._error: type[Exception] = self._module.Error  # type: ignore[union-attr]  # it is connected
        self._stand: Stand | None = None
        self._answers: Mapping[int, Answer] = {}
        self._at_once = False
        self._on_sqlite = True  # this transaction
        self._begun = False
        self._joined: Transaction | None = None  # SQLAlchemy's, where it takes part
        self._written: set[str] | None = set()  # the tables that statements have changed; None: unknown

    @property
    def dialect(self) -> Dialect:
        """SQLite's."""
        return self._connection.dialect

    def put_in_front(self, stand: Stand) -> None:
        """From now on let it answer what it can."""
        self._stand = stand
        self._answers = stand.answers

    def begin(self, *, at_once: bool) -> None:
        """Begin a transaction; one ``at_once`` is of one statement, for which SQLite makes one of its own."""
        self._at_once = at_once
        self._on_sqlite = self._stand is None
        if self._on_sqlite:
            self._begin()

    def end(self, *, commits: bool) -> None:
        """Commit the transaction, or roll it back."""
        if self._on_sqlite:
            self._end(commits=commits)
        elif self._stand is not None:
            if commits:
                self._stand.keep()
            else:
                self._stand.take_back()

    def __getattr__(self, name: str) -> Any:
        """Whatever else a connection can do, it does SQLAlchemy's way."""
        self._join()
        self._written = None
        return getattr(self._connection, name)

    def execute(self, statement: Any, values: Any = None) -> Any:
        """As SQLAlchemy's; a prepared statement with one set of values goes the short way."""
        is_plain = values is None or isinstance(values, dict)
        if not self._on_sqlite and is_plain:
            answer = self._answers.get(id(statement))
            if answer is not None and (found := answer(values or {})) is not None:
                return found
        if id(statement) not in _PREPARED or not is_plain:
            self._join()
            self._note(statement)
            return self._connection.execute(statement, values)
        self._go_to_sqlite()
        self._note(statement)
        return self.fetch(statement, values or {})

    def fetch(self, statement: Any, values: Mapping[str, Any]) -> Found:
        """What SQLite answers to a prepared statement."""
        key = (self._module, id(statement), *values)
        compiled = _COMPILED.get(key)
        if compiled is None:
            compiled = _COMPILED[key] = _Compiled(statement, tuple(values), self._connection.dialect)
        cursor = self._run(compiled.sql, compiled.parameters(values))
        return Found(compiled.rows(cursor.fetchall()) if compiled.answers else (), cursor.rowcount)

    def run(self, sql: str) -> None:
        """As `SqliteInMemory.run`."""
        self._run(sql, ())

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """As `SqliteInMemory.run_many`."""
        if rows:
            try:
                self._driver.executemany(sql, rows)
            except self._error as error:
                raise self._explained(sql, rows, error) from error

    def ask(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """As `SqliteInMemory.ask`."""
        rows: Sequence[tuple[Any, ...]] = self._run(sql, ()).fetchall()
        return rows

    def _begin(self) -> None:
        self._begun = not self._at_once
        if self._begun:
            self.run("BEGIN IMMEDIATE")

    def _end(self, *, commits: bool) -> None:
        committed = False
        try:
            self._end_on_sqlite(commits=commits)
            committed = commits
        finally:
            written, self._written = self._written, set()
            if self._stand is not None:
                if written is None:  # somebody spoke to SQLite directly: there may be a trigger, or another table
                    self._stand, self._answers = None, {}
                else:
                    self._stand.handed_back(written, committed=committed)

    def _end_on_sqlite(self, *, commits: bool) -> None:
        joined, self._joined = self._joined, None
        if joined is not None:
            self._connection.info.pop(BEGUN, None)
            if commits:
                joined.commit()
            else:
                joined.rollback()
        elif self._begun:
            if commits:
                self.run("COMMIT")
            elif self._driver.in_transaction:
                self.run("ROLLBACK")

    def _go_to_sqlite(self) -> None:
        if not self._on_sqlite and self._stand is not None:
            self._on_sqlite = True
            self._stand.hand_over(self._begin)

    def _join(self) -> None:
        """Let SQLAlchemy take part in the transaction, which may have been begun on the driver."""
        self._go_to_sqlite()
        if self._joined is None:
            if self._begun:
                self._connection.info[BEGUN] = True
            self._joined = self._connection.begin()

    def _note(self, statement: Any) -> None:
        """Which table the statement may change."""
        if self._written is None or getattr(statement, "is_select", False):
            return
        if getattr(statement, "is_dml", False):
            self._written.add(statement.table.name)
        else:
            self._written = None

    def _run(self, sql: str, parameters: Sequence[Any]) -> Any:
        try:
            return self._driver.execute(sql, parameters)
        except self._error as error:
            raise self._explained(sql, parameters, error) from error

    def _explained(self, sql: str, parameters: Sequence[Any], error: Exception) -> Exception:
        return DBAPIError.instance(sql, parameters, error, self._error, dialect=self._connection.dialect)
