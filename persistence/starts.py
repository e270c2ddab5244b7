"""Starts: who began to lead a crew, and how that ended, so that a crash loop is noticed.

A process that begins to lead writes a row; when it steps down in order, alive, it says so there. Whoever begins to lead
next and finds a row without an ending has found a crash: the one before was killed, or exited because an actor was
given up. A process that stands by has no row, so it is never taken for one. A leader that was only asleep past its
lease is counted as a crash by its successor, and strikes that out itself when it wakes up and steps down.

All times are the lease clock's, as those of reservations are: two hosts may disagree on the time.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, delete, func, insert, select, update

from persistence.database import Database
from persistence.reservation_sql import BOUND_CLOCK, DatabaseClock
from persistence.reservations import Fence, LeaseClock, Reservations, crew_resource
from persistence.tables import StartEnding, crew_start

CRASH_WINDOW_SECONDS = 600.0
MOST_CRASHES = 5
"""So many crashes within the window are a loop."""


@dataclass(frozen=True, slots=True)
class Start:
    """A term of leadership that has begun."""

    id: int
    crew: str
    owner: str
    crashes: int  # of this crew, noticed within the last `CRASH_WINDOW_SECONDS`; the one before is one of them

    @property
    def is_in_crash_loop(self) -> bool:
        """Whether it is time to stop opening."""
        return self.crashes >= MOST_CRASHES


@dataclass(frozen=True, slots=True)
class Ended:
    """The newest term of leadership that was another owner's."""

    owner: str
    has_crashed: bool  # it ended, and said nothing


class Starts:
    """The table of starts."""

    def __init__(self, database: Database, reservations: Reservations, clock: LeaseClock | None = None) -> None:
        """``clock`` answers epoch milliseconds; None: the database's own clock."""
        self._database = database
        self._reservations = reservations
        self._clock = clock
        self._statements = _statements(bound_clock=clock is not None)

    def begin(self, crew: str, fence: Fence) -> Start:
        """Begin to lead. ``fence`` is that of the crew's lease. Raises `StaleToken` and ``ValueError``.

        Every earlier start of the crew that has no ending is a crash from now on.
        """
        if fence.resource != crew_resource(crew):
            raise ValueError(f"the fence is that of {fence.resource!r}; expected that of {crew_resource(crew)!r}")
        values = {"the_crew": crew, "the_owner": fence.owner, "the_token": fence.token}
        with self._database.writing() as connection:
            self._reservations.require(connection, fence)
            connection.execute(self._statements.find_crashes, self._timed(values))
            connection.execute(self._statements.forget, self._timed(values))
            crashes = connection.execute(self._statements.crashes, self._timed(values)).scalar_one()
            number = connection.execute(self._statements.begin, self._timed(values)).scalar_one()
        return Start(number, crew, fence.owner, crashes)

    def end(self, start: Start) -> None:
        """Step down in order. Never called by what crashes; and a crash that a successor has counted is struck out."""
        with self._database.writing() as connection:
            connection.execute(self._statements.end, self._timed({"the_id": start.id}))

    def before(self, start_of: str, crew: str) -> Ended | None:
        """Who led the crew before the owner ``start_of``; None where nobody did in the last `CRASH_WINDOW_SECONDS`."""
        with self._database.reading() as connection:
            found = connection.execute(self._statements.before, {"the_crew": crew, "the_owner": start_of}).first()
        return None if found is None else Ended(found.owner, found.ending == StartEnding.CRASHED)

    def crashes(self, crew: str) -> int:
        """How many crashes of the crew were noticed within the last `CRASH_WINDOW_SECONDS`."""
        with self._database.reading() as connection:
            count: int = connection.execute(self._statements.crashes, self._timed({"the_crew": crew})).scalar_one()
        return count

    def forgive(self, crew: str) -> int:
        """Count from zero again; answers how many crashes were forgiven. One that nobody has noticed yet is not."""
        with self._database.writing() as connection:
            return self.forgive_within(connection, crew)

    def forgive_within(self, connection: Connection, crew: str) -> int:
        """The same, as a part of the caller's transaction."""
        return connection.execute(self._statements.forgive, {"the_crew": crew}).rowcount

    def _timed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {**values, **({} if self._clock is None else {"now": self._clock()})}


class _Statements:
    """One statement for each step, made once for one clock."""

    def __init__(self, now: ColumnElement[int]) -> None:
        columns = crew_start.c
        of_crew = columns.crew == bindparam("the_crew")
        recent = columns.ended_at > now - round(CRASH_WINDOW_SECONDS * 1_000)
        self.find_crashes = (
            update(crew_start)
            .where(of_crew, columns.ended_at.is_(None))
            .values(ended_at=now, ending=StartEnding.CRASHED)
        )
        self.forget = delete(crew_start).where(of_crew, columns.ended_at.is_not(None), ~recent)
        self.crashes = (
            select(func.count()).select_from(crew_start).where(of_crew, recent, columns.ending == StartEnding.CRASHED)
        )
        self.before = (
            select(columns.owner, columns.ending)
            .where(of_crew, columns.owner != bindparam("the_owner"), columns.ended_at.is_not(None))
            .order_by(columns.id.desc())
            .limit(1)
        )
        self.begin = (
            insert(crew_start)
            .values(
                crew=bindparam("the_crew"),
                owner=bindparam("the_owner"),
                token=bindparam("the_token", type_=BigInteger),
                began_at=now,
            )
            .returning(columns.id)
        )
        self.end = (
            update(crew_start).where(columns.id == bindparam("the_id")).values(ended_at=now, ending=StartEnding.ORDERLY)
        )
        self.forgive = (
            update(crew_start).where(of_crew, columns.ending == StartEnding.CRASHED).values(ending=StartEnding.FORGIVEN)
        )


@functools.cache
def _statements(*, bound_clock: bool) -> _Statements:
    return _Statements(BOUND_CLOCK if bound_clock else DatabaseClock())
