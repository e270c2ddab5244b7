"""``INSERT ... ON CONFLICT``, for which SQLAlchemy has one class for each database."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

Insert: TypeAlias = "sqlite.Insert | postgresql.Insert"


def insert_through(connection: Connection, table: Table) -> Insert:
    """An insert into the table, as the connection's database has it."""
    return insert_of(connection.dialect.name, table)


def insert_of(dialect: str, table: Table) -> Insert:
    """An insert into the table, for `sqlite` or `postgresql`."""
    if dialect != "postgresql":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # here: a twentieth of a short command, and most ledgers are files

    return postgresql.insert(table)
