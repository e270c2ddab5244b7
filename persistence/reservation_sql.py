"""The statements of the reservation table, for both databases. What they promise is told in `reservations`."""

from __future__ import annotations

import functools
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, bindparam, exists, literal_column, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.functions import FunctionElement

from persistence.prepared import prepared
from persistence.tables import reservation
from persistence.upserts import Insert, insert_of


class DatabaseClock(FunctionElement[int]):
    """The database's clock in epoch milliseconds, read when the row is examined."""

    type = BigInteger()
    inherit_cache = True


@compiles(DatabaseClock, "sqlite")
def _sqlite_clock(_element: DatabaseClock, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"  # 2440587.5 is 1970-01-01 in Julian days


@compiles(DatabaseClock, "postgresql")
def _postgresql_clock(_element: DatabaseClock, _compiler: SQLCompiler, **_: Any) -> str:
    # now() would be the time at which the transaction began: a takeover computed from it makes two owners
    return "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"


BOUND_CLOCK = bindparam("now", type_=BigInteger)
"""A lease clock of the caller's: simulation and replay live in a time of their own."""


class Statements:
    """One statement for each operation, made once for one database and one clock.

    Bound names differ from column names, because SQLAlchemy keeps those for itself in an UPDATE.
    """

    def __init__(self, dialect: str, now: ColumnElement[int]) -> None:
        """``now`` is evaluated again wherever it stands."""
        columns = reservation.c
        ttl = bindparam("ttl", type_=BigInteger)
        live = (columns.resource == bindparam("res", type_=String), columns.expires_at > now)
        mine = (
            *live,
            columns.owner == bindparam("own", type_=String),
            columns.token == bindparam("tok", type_=BigInteger),
        )
        self.now = select(now.label("instant"))
        shown = (columns.resource, columns.owner, columns.token, columns.expires_at)
        self.reserve = _reserve_on_postgresql(now) if dialect == "postgresql" else _reserve_on_sqlite(now)
        self.renew = update(reservation).where(*mine).values(expires_at=now + ttl).returning(columns.token)
        self.release = update(reservation).where(*mine).values(owner=None, expires_at=0).returning(columns.token)
        self.holder = select(*shown).where(*live)
        self.live = select(*shown).where(columns.expires_at > now).order_by(columns.resource)
        # FOR SHARE (SQLite has no such thing and needs none: its one writer holds the whole file) makes a takeover wait
        # until this transaction ends. A plain SELECT, or FOR KEY SHARE, lets a stale write land.
        self.fence = select(columns.token).where(*mine).with_for_update(read=True)
        for statement in (self.reserve, self.renew, self.release, self.holder, self.fence):
            prepared(statement)


@functools.cache
def statements(dialect: str, *, bound_clock: bool) -> Statements:
    """The statements for one database, on its own clock or on a bound one."""
    return Statements(dialect, BOUND_CLOCK if bound_clock else DatabaseClock())


COLUMNS = ("resource", "owner", "token", "acquired_at", "expires_at")


def _new_row(now: ColumnElement[int]) -> tuple[ColumnElement[Any], ...]:
    resource, owner = bindparam("res", type_=String), bindparam("own", type_=String)
    return resource, owner, literal_column("1", BigInteger), now, now + bindparam("ttl", type_=BigInteger)


def _reserve_on_sqlite(now: ColumnElement[int]) -> ReturningInsert[Any]:
    values = dict(zip(COLUMNS, _new_row(now), strict=True))
    return _or_take_over(insert_of("sqlite", reservation).values(values), now)


def _reserve_on_postgresql(now: ColumnElement[int]) -> ReturningInsert[Any]:
    # The outer condition makes a refusal free: without it each one takes a transaction number and writes a log record.
    seen = reservation.alias("seen")
    held = exists().where(seen.c.resource == bindparam("res", type_=String), seen.c.expires_at > now)
    insert = insert_of("postgresql", reservation).from_select(COLUMNS, select(*_new_row(now)).where(~held))
    return _or_take_over(insert, now)


def _or_take_over(insert: Insert, now: ColumnElement[int]) -> ReturningInsert[Any]:
    # The times are computed here again: those in the row to insert are older than the wait for a lock.
    columns = reservation.c
    changes = {
        "owner": insert.excluded.owner,
        "token": columns.token + literal_column("1", BigInteger),
        "acquired_at": now,
        "expires_at": now + bindparam("ttl", type_=BigInteger),
    }
    return insert.on_conflict_do_update(
        index_elements=[columns.resource], set_=changes, where=columns.expires_at <= now
    ).returning(columns.token, columns.expires_at)
