"""The modes of crews: one row for each cause, and the strictest of them counts.

A row is only ever changed, never deleted, and an order's own transaction locks it: a pause that was committed before
an order's row was is seen by that order, on either database, however close the two were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from persistence.database import Database
from persistence.errors import OpensForbidden
from persistence.journal import Journal, JournalEntry
from persistence.prepared import prepared
from persistence.tables import crew_mode
from persistence.upserts import insert_through
from trading.market import Instant
from trading.modes import Mode, ModeCause

KIND = "mode"
"""Of the journal's lines about modes."""

OF_CREW = prepared(
    select(crew_mode.c.cause, crew_mode.c.mode, crew_mode.c.reason, crew_mode.c.set_by, crew_mode.c.since).where(
        crew_mode.c.crew == bindparam("the_crew")
    )
)
OF_CREW_LOCKED = prepared(
    OF_CREW.with_for_update(read=True)
)  # SQLite needs no such word: its one writer holds the whole file

OPERATORS_ROW = prepared(
    select(crew_mode.c.since)
    .where(crew_mode.c.crew == bindparam("the_crew"), crew_mode.c.cause == bindparam("the_cause"))
    .with_for_update()
)  # the one that every order's transaction holds


@dataclass(frozen=True, slots=True)
class ModeRecord:
    """A mode, and how it came about."""

    mode: Mode
    cause: ModeCause = ModeCause.OPERATOR
    reason: str = ""  # in the words of whoever set it
    by: str = ""  # user@host, or the process; empty: nobody ever set one
    since: Instant = 0  # market time


TRADING = ModeRecord(Mode.TRADING)
STOPPING = "stopping"
"""What opens are refused for by a process that is about to end, in place of a mode."""


class Modes:
    """The table of modes."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._known: dict[str, ModeRecord] = {}  # of a database in memory, which nobody else can change
        self._is_stopping = False

    def stop_opening(self) -> None:
        """Let this process open nothing from now on, because it is about to end. Others are not concerned."""
        self._is_stopping = True

    def of(self, crew: str) -> ModeRecord:
        """The mode that the crew obeys: the strictest of its causes'. Trading where nobody ever set one."""
        known = self._known.get(crew)
        if known is not None:
            return known
        with self._database.reading() as connection:
            records = _records(connection, crew, locked=False)
            strictest = max(records, key=lambda record: record.mode.strictness, default=TRADING)
            if self._database.in_memory:  # a replay asks at every tick
                self._known[crew] = strictest
        return strictest

    def by_cause(self, crew: str) -> list[ModeRecord]:
        """The mode of each cause that ever set one, also where it permits everything again; in order of cause."""
        with self._database.reading() as connection:
            return sorted(_records(connection, crew, locked=False), key=lambda record: record.cause)

    def set(
        self,
        crew: str,
        mode: Mode,
        *entries: JournalEntry,
        reason: str,
        by: str,
        at: Instant,
        cause: ModeCause = ModeCause.OPERATOR,
    ) -> None:
        """Let ``cause`` want ``mode`` from now on, with a journal line that says who asked, and further ``entries``.

        ``Mode.TRADING`` lifts what this cause has set, and nothing else. ``at`` is market time.
        """
        with self._database.writing() as connection:
            self.write(connection, crew, ModeRecord(mode, cause, reason, by, at), *entries)

    def write(self, connection: Connection, crew: str, record: ModeRecord, *entries: JournalEntry) -> None:
        """The same, as a part of the caller's transaction."""
        self._known.pop(crew, None)
        before = {known.cause: known.mode for known in _records(connection, crew, locked=True)}
        _write(connection, crew, record)
        said = {"crew": crew, "cause": record.cause, "by": record.by, "said": record.reason}
        said["before"] = before.get(record.cause, Mode.TRADING)
        line = JournalEntry(record.since, KIND, record.mode.value, detail=said)
        self._journal.write(connection, [line, *entries])

    def wanted(self, connection: Connection, crew: str, cause: ModeCause) -> Mode:
        """What this cause wants now, which nobody changes until the caller's transaction ends."""
        records = _records(connection, crew, locked=True)
        return next((record.mode for record in records if record.cause is cause), Mode.TRADING)

    def keep_opens_out(self, connection: Connection, crew: str, at: Instant) -> None:
        """Let no order's row be committed until the caller's transaction ends, and wait for those under way."""
        _write(connection, crew, ModeRecord(Mode.TRADING, since=at), unless_present=True)
        connection.execute(OPERATORS_ROW, {"the_crew": crew, "the_cause": ModeCause.OPERATOR}).all()

    def require_opens(self, connection: Connection, crew: str, at: Instant) -> None:
        """Let no other mode be committed until the caller's transaction ends. Raises `OpensForbidden`.

        Where there is nothing to lock yet, a row that permits everything is made.
        """
        if self._is_stopping:
            raise OpensForbidden(crew, STOPPING)
        records = _records(connection, crew, locked=True)
        if not any(record.cause is ModeCause.OPERATOR for record in records):
            _write(connection, crew, ModeRecord(Mode.TRADING, since=at), unless_present=True)
            records = _records(connection, crew, locked=True)  # somebody may have made it between the two
        strictest = max((record.mode for record in records), key=lambda mode: mode.strictness)
        if not strictest.permits_opens:
            raise OpensForbidden(crew, strictest.value)


def _records(connection: Connection, crew: str, *, locked: bool) -> Sequence[ModeRecord]:
    query = OF_CREW_LOCKED if locked else OF_CREW
    return [
        ModeRecord(row.mode, row.cause, row.reason, row.set_by, row.since)
        for row in connection.execute(query, {"the_crew": crew})
    ]


def _write(connection: Connection, crew: str, record: ModeRecord, *, unless_present: bool = False) -> None:
    changing = {"mode": record.mode, "reason": record.reason, "set_by": record.by, "since": record.since}
    statement = insert_through(connection, crew_mode).values(crew=crew, cause=record.cause, **changing)
    if unless_present:
        connection.execute(statement.on_conflict_do_nothing())
    else:
        connection.execute(statement.on_conflict_do_update(index_elements=["crew", "cause"], set_=changing))
