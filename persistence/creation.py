"""Makes the tables in an empty database.

The statements are worked out once for each kind of database, which takes four times as long as running them in memory:
a simulation makes a ledger for each of its worlds.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Dialect
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from persistence.tables import metadata

_STATEMENTS: dict[str, tuple[str, ...]] = {}  # by the dialect's name


def create_tables(connection: Connection) -> None:
    """Every table and index of `tables`, none of which may be there."""
    for statement in creation_statements(connection.dialect):
        connection.exec_driver_sql(statement)


def creation_statements(dialect: Dialect) -> tuple[str, ...]:
    """What makes them, in order."""
    if dialect.name not in _STATEMENTS:
        _STATEMENTS[dialect.name] = tuple(str(element.compile(dialect=dialect)) for element in _elements(dialect))
    return _STATEMENTS[dialect.name]


def _elements(dialect: Dialect) -> Iterator[ExecutableDDLElement]:
    for table in metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        if dialect.name == "postgresql":  # what only it is told; naming it any earlier loads it into every start
            table.dialect_kwargs.update(table.info)
            for index in indexes:
                index.dialect_kwargs.update(index.info)
        yield CreateTable(table)
        yield from map(CreateIndex, indexes)
