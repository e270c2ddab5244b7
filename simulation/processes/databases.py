"""A database of its own for each world on a PostgreSQL server, dropped afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

NAME_PREFIX = "watchbill_soak_"


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """The URL of a new database on the server of ``server_url``, whose user may make one.

    Raises ``psycopg.Error`` when it cannot be made. Whoever is still connected at the end is thrown out.
    """
    server = make_url(server_url).set(drivername="postgresql")
    plain = f"{NAME_PREFIX}{secrets.token_hex(6)}"
    name = sql.Identifier(plain)
    _administer(server, sql.SQL("CREATE DATABASE {}").format(name))
    try:
        yield server.set(database=plain).render_as_string(hide_password=False)
    finally:
        _administer(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def through(url: str, port: int) -> str:
    """The same database, reached through a port of this machine."""
    return make_url(url).set(host="127.0.0.1", port=port).render_as_string(hide_password=False)


def address_of(url: str) -> tuple[str, int]:
    """Host and port of the server."""
    parts = make_url(url)
    return parts.host or "127.0.0.1", parts.port or 5432


def _administer(server: URL, statement: sql.Composed) -> None:
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(statement)
