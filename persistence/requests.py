"""What operators asked for, each under an id of its own, so that asking twice is asking once.

The row is there before anything is done, so that whoever leads after a crash knows what was asked for; and what came of
it is written into the same row. How long ago it was asked is counted by the lease clock: market time stands still
between two runs on paper accounts and has a speed of its own, while a person who waits for an answer, or has turned to
something else long since, lives by no other clock than the database's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.engine import Row

from persistence.database import Database
from persistence.journal import Journal, JournalEntry
from persistence.reservation_sql import statements
from persistence.reservations import LeaseClock
from persistence.tables import RequestState, operator_request
from persistence.upserts import insert_through
from trading.market import Instant

_COLUMNS = operator_request.c
_SELECT = select(operator_request)
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for, and what is known of it."""

    request_id: str  # chosen by whoever asked
    command: str  # its kind
    digest: str  # of what was asked for
    by: str  # who asked first
    at: Instant  # market time, when it was asked first
    state: RequestState
    said: str  # what is known, in words
    detail: Mapping[str, Any] = field(default_factory=dict)  # in JSON's types
    age_seconds: float = 0.0  # since it was asked, by the lease clock


class Requests:
    """The table of requests of one crew."""

    def __init__(self, database: Database, journal: Journal, crew: str, clock: LeaseClock | None = None) -> None:
        """``clock``: the lease clock, in epoch milliseconds; None: the database's own."""
        self._database = database
        self._journal = journal
        self._crew = crew
        self._clock = clock
        self._now = statements(database.dialect, bound_clock=clock is not None).now

    def begin(self, connection: Connection, request: Request, *entries: JournalEntry) -> bool:
        """Write it down, with its journal lines, as a part of the caller's transaction.

        False, and nothing was written: there is one of this id.
        """
        values = {
            "crew": self._crew,
            "request_id": request.request_id,
            "command": request.command,
            "digest": request.digest,
            "asked_by": request.by,
            "at": request.at,
            "begun_at": self._instant(connection),
            "state": request.state,
            "said": request.said,
            "detail": _encode(request.detail),
            "updated": request.at,
        }
        statement = insert_through(connection, operator_request).values(**values).on_conflict_do_nothing()
        if connection.execute(statement).rowcount == 0:
            return False
        self._journal.write(connection, entries)
        return True

    def find(self, request_id: str) -> Request | None:
        """The request of this id, None where nobody asked under it."""
        with self._database.reading() as connection:
            return self.known(connection, request_id)

    def known(self, connection: Connection, request_id: str) -> Request | None:
        """The same, as a part of the caller's transaction."""
        query = _SELECT.where(_COLUMNS.crew == self._crew, _COLUMNS.request_id == request_id)
        row = connection.execute(query).one_or_none()
        return None if row is None else _request(row, self._instant(connection))

    def unresolved(self) -> Sequence[Request]:
        """Those of which it is not known yet what comes of them, the oldest first."""
        with self._database.reading() as connection:
            query = _SELECT.where(_COLUMNS.crew == self._crew, _COLUMNS.state == RequestState.UNRESOLVED)
            rows = connection.execute(query.order_by(_COLUMNS.begun_at, _COLUMNS.request_id)).all()
            now = self._instant(connection) if rows else 0
        return [_request(row, now) for row in rows]

    def settle(
        self,
        request_id: str,
        state: RequestState,
        said: str,
        detail: Mapping[str, Any],
        at: Instant,
        *entries: JournalEntry,
    ) -> bool:
        """Write what is known by now, with journal lines. False: it was settled before, and nothing was written."""
        with self._database.writing() as connection:
            changed = connection.execute(
                update(operator_request)
                .where(
                    _COLUMNS.crew == self._crew,
                    _COLUMNS.request_id == request_id,
                    _COLUMNS.state == RequestState.UNRESOLVED,
                )
                .values(state=state, said=said, detail=_encode(detail), updated=at)
            ).rowcount
            if changed:
                self._journal.write(connection, entries)
        return bool(changed)

    def _instant(self, connection: Connection) -> int:
        instant: int = connection.execute(self._now, {} if self._clock is None else {"now": self._clock()}).scalar_one()
        return instant


def _request(row: Row[Any], now: int) -> Request:
    return Request(
        row.request_id,
        row.command,
        row.digest,
        row.asked_by,
        row.at,
        row.state,
        row.said,
        json.loads(row.detail),
        max(0.0, (now - row.begun_at) / 1_000),
    )
