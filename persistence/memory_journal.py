"""The journal at hand: its newest lines, into which others fold, and the lines that are still to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from persistence.journal import APPEND, COUNT_UP, LAST_AT, NEWEST, WRITTEN
from persistence.memory import Changes
from persistence.memory_shapes import Shape
from persistence.prepared import Answer, Found, SqliteInMemory
from persistence.tables import journal

COLUMNS = tuple(column.name for column in journal.columns)
Line = tuple[Any, ...]
"""In the order of `COLUMNS`."""

LINE = Shape(tuple(journal.c[name] for name in ("at", *WRITTEN)))
_given = itemgetter("at_", *(f"{name}_" for name in WRITTEN))

NEXT = "next"
COUNTED = Found((), 1)
NEVER_SAID = Found((), 0)

INSERT = f"INSERT INTO journal ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
UPDATE = "UPDATE journal SET last_at = ?, repeated = ? WHERE id = ?"


class JournalAtHand:
    """The journal table.

    A key of either dictionary that is absent was not asked for yet, and then no line of it waits to be written, so that
    SQLite knows the answer.
    """

    name = "journal"

    def __init__(self, sqlite: SqliteInMemory, changes: Changes) -> None:
        """Nothing was read yet."""
        self._sqlite = sqlite
        self._changes = changes
        self._newest: dict[tuple[Any, ...], Line | None] = {}  # by crew, kind, platform, commodity
        self._last_at: dict[tuple[Any, ...], int | None] = {}  # by crew, kind, platform
        self._numbers: dict[str, int] = {}  # of the next line
        self._written_below = 0  # the numbers of the lines that SQLite has
        self.changed: dict[int, Line] = {}

    def answers(self) -> Sequence[tuple[Any, Answer]]:
        """As `TableAtHand.answers`."""
        return [(APPEND, self._append), (COUNT_UP, self._count_up), (LAST_AT, self._newest_at)]

    def write_down(self) -> None:
        """As `TableAtHand.write_down`."""
        if not self.changed:
            return
        lines = sorted(self.changed.items())
        below = self._written_below
        self._sqlite.run_many(INSERT, [line for number, line in lines if number >= below])
        self._sqlite.run_many(UPDATE, [(line[2], line[3], number) for number, line in lines if number < below])
        self.changed.clear()
        self._written_below = self._numbers[NEXT]

    def forget(self) -> None:
        """As `TableAtHand.forget`."""
        self._newest.clear()
        self._last_at.clear()
        self._numbers.clear()
        self.changed.clear()

    def _load(self) -> None:
        (highest,) = self._sqlite.ask("SELECT max(seq) FROM sqlite_sequence WHERE name = 'journal'")[0]
        self._numbers[NEXT] = self._written_below = (highest or 0) + 1

    def _append(self, values: Mapping[str, Any]) -> Found | None:
        given = LINE.fit(_given(values))
        if given is None:
            return None
        if not self._numbers:
            self._load()
        number = self._numbers[NEXT]
        at, crew, writer, kind, platform, commodity, trade_id, analysis_id, reason, detail = given
        line = (
            number, at, at, 1, writer, kind, platform, commodity, trade_id, analysis_id, reason, detail, crew
        )  # fmt: skip
        put = self._changes.put
        put(self._numbers, NEXT, number + 1)
        put(self.changed, number, line)
        put(self._newest, (crew, kind, platform, commodity), line)
        if platform is not None:
            key = (crew, kind, platform)
            before = self._known_last_at(key)
            if before is None or before < at:
                put(self._last_at, key, at)
        return COUNTED

    def _count_up(self, values: Mapping[str, Any]) -> Found | None:
        given = LINE.fit(_given(values))
        if given is None:
            return None
        if not self._numbers:
            self._load()
        at, crew, writer, kind, platform, commodity, trade_id, analysis_id, reason, _ = given
        key = (crew, kind, platform, commodity)
        if key not in self._newest:
            found = self._sqlite.fetch(NEWEST, values).first()
            self._newest[key] = None if found is None else tuple(found)
        line = self._newest[key]
        if line is None or (line[4], line[8], line[9], line[10]) != (writer, trade_id, analysis_id, reason):
            return NEVER_SAID
        again = (line[0], line[1], at, line[3] + 1, *line[4:])
        self._changes.put(self._newest, key, again)
        self._changes.put(self.changed, line[0], again)
        return COUNTED

    def _newest_at(self, values: Mapping[str, Any]) -> Found | None:
        key = (values["crew_"], values["the_kind"], values["the_platform"])
        if not all(type(word) is str for word in key):
            return None
        return Found([(self._known_last_at(key),)], -1)

    def _known_last_at(self, key: tuple[str, str, str]) -> int | None:
        if key not in self._last_at:
            crew, kind, platform = key
            wanted = {"crew_": crew, "the_kind": kind, "the_platform": platform}
            self._last_at[key] = self._sqlite.fetch(LAST_AT, wanted).scalar_one()
        return self._last_at[key]
