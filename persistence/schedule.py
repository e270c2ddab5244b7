"""The scheduled jobs that have run. A job's key names its day, so that it runs at most once: across restarts, clock
steps, and processes."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from persistence.database import Database
from persistence.errors import JobFired
from persistence.prepared import prepared
from persistence.tables import scheduled
from trading.market import Instant

KEY_CHARACTERS = 200

FIRED = prepared(select(scheduled.c.at).where(scheduled.c.key == bindparam("job")))
FIRE = prepared(insert(scheduled).values(key=bindparam("job"), at=bindparam("now")))


class Schedule:
    """The table of scheduled jobs. A key is text such as ``day_end:EURUSD:alpha:2017-05-19``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def has_fired(self, key: str) -> bool:
        """Whether the job has run."""
        with self._database.reading_at_once() as connection:
            return connection.execute(FIRED, {"job": checked_key(key)}).one_or_none() is not None

    def fire(self, key: str, at: Instant) -> None:
        """Use the key up. Raises `JobFired` when it was used before."""
        with self._database.writing() as connection:
            self.claim(connection, key, at)

    def claim(self, connection: Connection, key: str, at: Instant) -> None:
        """The same, as a part of the caller's transaction, which must not commit when this raises."""
        try:
            connection.execute(FIRE, {"job": checked_key(key), "now": at})
        except IntegrityError as error:
            raise JobFired(f"the scheduled job {key} has run already") from error


def checked_key(key: str) -> str:
    """The key itself. Raises ``ValueError`` for one that is empty or too long."""
    if not 0 < len(key) <= KEY_CHARACTERS:
        raise ValueError(f"key of the scheduled job is {key!r}; expected 1 to {KEY_CHARACTERS} characters")
    return key
