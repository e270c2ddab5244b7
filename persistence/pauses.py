"""Pauses of a part: of an account, of a commodity, or of one commodity on one account. The whole crew has its mode.

A pause is as close as a mode is. Whoever sets one first takes the crew's row among the modes for itself, the row that
an order's own transaction holds until it ends: so a pause that was committed before an order's row is seen by that
order, on either database, and there need be no row for what nobody ever paused. What is set here is only ever changed,
never deleted: who paused last, and when, stays to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from persistence.database import Database
from persistence.errors import OpensForbidden
from persistence.journal import Journal, JournalEntry
from persistence.modes import Modes
from persistence.prepared import prepared
from persistence.tables import opening_pause
from persistence.upserts import insert_through
from trading.market import Instant
from trading.modes import Mode

KIND = "pause"
"""Of the journal's lines about pauses of a part."""

PAUSES_OF_CREW = prepared(
    select(
        opening_pause.c.platform,
        opening_pause.c.commodity,
        opening_pause.c.paused,
        opening_pause.c.reason,
        opening_pause.c.set_by,
        opening_pause.c.since,
    )
    .where(opening_pause.c.crew == bindparam("the_crew"))
    .order_by(opening_pause.c.platform, opening_pause.c.commodity)
)


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of what a crew trades. Raises ``ValueError`` for the whole, which has a mode."""

    platform: str | None  # None: on every account
    commodity: str | None  # None: of everything

    def __post_init__(self) -> None:
        if self.platform is None and self.commodity is None:
            raise ValueError("platform and commodity are None; expected at least one of them: the whole has a mode")

    def covers(self, platform: str, commodity: str) -> bool:
        """Whether this trade would be of it."""
        return self.platform in (None, platform) and self.commodity in (None, commodity)

    def __str__(self) -> str:
        if self.commodity is None:
            return f"on {self.platform}"
        return f"of {self.commodity}" if self.platform is None else f"of {self.commodity} on {self.platform}"


@dataclass(frozen=True, slots=True)
class PauseRecord:
    """What was last said of a part, and by whom."""

    scope: Scope
    paused: bool
    reason: str  # in the words of whoever set it
    by: str
    since: Instant  # market time


class Pauses:
    """The table of pauses of a part."""

    def __init__(self, database: Database, journal: Journal, modes: Modes) -> None:
        self._database = database
        self._journal = journal
        self._modes = modes
        self._known: dict[str, Sequence[PauseRecord]] = {}  # of a database in memory, which nobody else can change

    def of(self, crew: str) -> Sequence[PauseRecord]:
        """What is paused now, in order of account and commodity."""
        known = self._known.get(crew)
        if known is not None:
            return known
        with self._database.reading_at_once() as connection:
            paused = [record for record in _records(connection, crew) if record.paused]
        if self._database.in_memory:  # a replay asks at every scan
            self._known[crew] = paused
        return paused

    def set(self, crew: str, scope: Scope, *, paused: bool, reason: str, by: str, at: Instant) -> bool:
        """Pause a part, or resume just that one; False where it was so already. ``at`` is market time.

        The first one's reason and time stay, and a line in the journal says who asked.
        """
        with self._database.writing() as connection:
            return self.write(connection, crew, scope, paused=paused, reason=reason, by=by, at=at)

    def write(
        self, connection: Connection, crew: str, scope: Scope, *, paused: bool, reason: str, by: str, at: Instant
    ) -> bool:
        """The same, as a part of the caller's transaction."""
        self._known.pop(crew, None)
        self._modes.keep_opens_out(connection, crew, at)
        if any(record.scope == scope and record.paused for record in _records(connection, crew)) is paused:
            return False
        changing = {"paused": paused, "reason": reason, "set_by": by, "since": at}
        key = {"crew": crew, "platform": scope.platform or "", "commodity": scope.commodity or ""}
        statement = insert_through(connection, opening_pause).values(**key, **changing)
        connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changing))
        said = {"crew": crew, "by": by, "said": reason}
        word = "paused" if paused else "resumed"
        self._journal.write(connection, [JournalEntry(at, KIND, word, scope.platform, scope.commodity, detail=said)])
        return True

    def require_opens(self, connection: Connection, crew: str, platform: str, commodity: str) -> None:
        """Raise `OpensForbidden` under a pause of this part. To be called after `Modes.require_opens`, whose lock keeps
        further pauses out until the caller's transaction ends.
        """
        for record in _records(connection, crew):
            if record.paused and record.scope.covers(platform, commodity):
                raise OpensForbidden(crew, Mode.PAUSED.value, str(record.scope))


def _records(connection: Connection, crew: str) -> Sequence[PauseRecord]:
    return [
        PauseRecord(Scope(row.platform or None, row.commodity or None), row.paused, row.reason, row.set_by, row.since)
        for row in connection.execute(PAUSES_OF_CREW, {"the_crew": crew})
    ]
