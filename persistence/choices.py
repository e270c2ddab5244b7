"""The tables of candidates in the journal, for those who count over all of them.

A decision's line also holds the analysis and the sizing of each account; of that, nothing is made into objects here, so
that a hundred thousand lines are read in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, not_, or_, select

from persistence.database import Database
from persistence.errors import DamagedLine
from persistence.journal import DECISION, read_detail
from persistence.tables import journal
from trading.market import Instant

LINES_AT_A_TIME = 500
LATE_LINES = 100
"""Among so many a line finds its place. An account writes the line that chose it, with its order, or after its refusal:
a slow one after the lines of what was decided later."""
CANDIDATES = '"candidates":['
"""As `persistence.journal` writes it. Inside of a text the quotation marks would have backslashes before them."""
WANTED = ("candidates", "chosen", "decided_by")  # in a detail with sorted keys they follow each other

TURN_AT = '"turn_at":'

_TABLES = (
    select(*(journal.c[name] for name in ("id", "at", "repeated", "commodity", "detail")))
    .where(or_(journal.c.detail.contains('"candidates"'), not_(journal.c.detail.endswith("}"))))  # or it was cut short
    .order_by(journal.c.id)
)
_scan = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision for which accounts were compared, as its line has it."""

    id: int
    at: Instant
    repeated: int
    commodity: str | None
    detail: Mapping[str, Any]  # `candidates`, `chosen`, `decided_by` and `turn_at` alone

    @property
    def order(self) -> tuple[Instant, int]:
        """By what decisions are in the order in which they were made."""
        turn_at = self.detail.get("turn_at")
        return (turn_at if isinstance(turn_at, int) else self.at), self.id


@dataclass(frozen=True, slots=True)
class Answer:
    """How often an account gave one answer to being told to open."""

    platform: str
    commodity: str
    reason: str  # the state of the trade, or `refused:` and why
    count: int


class Choices:
    """What the journal knows of the choice between accounts."""

    def __init__(self, database: Database, crew: str) -> None:
        """``crew``: whose decisions."""
        self._database = database
        self._crew = crew

    def list(
        self, *, commodity: str | None = None, since: Instant | None = None, newest: int | None = None
    ) -> Iterator[Choice]:
        """Every decision that compared accounts, in the order in which they were made. Raises `LedgerError`.

        ``newest``: only those among so many of the newest decisions of all kinds. Read in parts, so that nobody who
        writes waits for a long report.
        """
        wanted = select(journal.c.id).where(journal.c.crew == self._crew, journal.c.kind == DECISION)
        if commodity is not None:
            wanted = wanted.where(journal.c.commodity == commodity)
        if since is not None:
            wanted = wanted.where(journal.c.last_at >= since)
        # The numbers alone are in an index; asked for in parts by order, the lines would be sorted for each part.
        with self._database.reading_at_once() as connection:
            numbers = sorted(connection.execute(wanted).scalars())
        if newest is not None:
            del numbers[:-newest]
        held: list[Choice] = []
        for first in range(0, len(numbers), LINES_AT_A_TIME):
            part = _TABLES.where(journal.c.id.in_(numbers[first : first + LINES_AT_A_TIME]))
            with self._database.reading_at_once() as connection:
                rows = connection.execute(part).all()
            held += [Choice(row.id, row.at, row.repeated, row.commodity, _table(row.id, row.detail)) for row in rows]
            held.sort(key=lambda choice: choice.order)
            yield from held[:-LATE_LINES]
            held = held[-LATE_LINES:]
        yield from held

    def answers(self, *, commodity: str | None = None, since: Instant | None = None) -> Sequence[Answer]:
        """What became of the opens that were told, counted, in order. Raises `LedgerError`."""
        columns = (journal.c.platform, journal.c.commodity, journal.c.reason)
        query = (
            select(*columns, func.sum(journal.c.repeated))
            .where(journal.c.crew == self._crew, journal.c.kind == "open_result")
            .group_by(*columns)
            .order_by(*columns)
        )
        if commodity is not None:
            query = query.where(journal.c.commodity == commodity)
        if since is not None:
            query = query.where(journal.c.last_at >= since)
        with self._database.reading_at_once() as connection:
            return [
                Answer(platform, named, reason, int(count))
                for platform, named, reason, count in connection.execute(query)
                if platform is not None and named is not None
            ]


def _table(line_id: int, detail: str) -> dict[str, Any]:
    """What is wanted of a line's detail, and when its turn was, which comes last. Raises `DamagedLine`."""
    table: dict[str, Any] = {}
    end = detail.find(CANDIDATES) - 1  # where the comma before it would be
    try:
        for key in WANTED:
            before = f'"{key}":'
            if not detail.startswith(before, end + 1):
                return read_detail(line_id, detail)  # another program wrote it, in another order or with blanks
            table[key], end = _scan(detail, end + 1 + len(before))
        turn = detail.find(TURN_AT, end)
        if turn >= 0:
            table["turn_at"], _ = _scan(detail, turn + len(TURN_AT))
    except ValueError as error:
        raise DamagedLine(line_id, str(error)) from error
    return table
