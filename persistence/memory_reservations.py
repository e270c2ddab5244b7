"""Reservations at hand. What the statements promise is told in `reservations`; only a bound clock is known here."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

from persistence.memory import Changes
from persistence.prepared import Answer, Found, SqliteInMemory
from persistence.reservation_sql import COLUMNS, statements

Taken = namedtuple("Taken", ["token", "expires_at"])
Row = tuple[str, str | None, int, int, int]
"""Resource, owner, token, and when it was acquired and expires."""

MOST_MILLISECONDS = 1 << 53
"""Of an instant or a time to live; their sum has its place in a column."""

NOTHING = Found([], -1)


class ReservationsAtHand:
    """The reservation table."""

    name = "reservation"

    def __init__(self, sqlite: SqliteInMemory, changes: Changes) -> None:
        """Nothing was read yet."""
        self._sqlite = sqlite
        self._changes = changes
        self._rows: dict[str, Row] = {}
        self._is_loaded = False
        self.changed: dict[str, Row] = {}

    def answers(self) -> Sequence[tuple[Any, Answer]]:
        """As `TableAtHand.answers`."""
        of = statements("sqlite", bound_clock=True)
        return [
            (of.reserve, self._reserve),
            (of.renew, self._renew),
            (of.release, self._release),
            (of.holder, self._holder),
            (of.fence, self._fence),
        ]

    def write_down(self) -> None:
        """As `TableAtHand.write_down`."""
        marks = ", ".join("?" * len(COLUMNS))
        insert = f"INSERT OR REPLACE INTO reservation ({', '.join(COLUMNS)}) VALUES ({marks})"
        self._sqlite.run_many(insert, list(self.changed.values()))
        self.changed.clear()

    def forget(self) -> None:
        """As `TableAtHand.forget`."""
        self._rows.clear()
        self.changed.clear()
        self._is_loaded = False

    def _row(self, values: Mapping[str, Any]) -> Row | None:
        if not self._is_loaded:
            rows = self._sqlite.ask(f"SELECT {', '.join(COLUMNS)} FROM reservation")
            self._rows.update((row[0], row) for row in rows)
            self._is_loaded = True
        return self._rows.get(values["res"])

    def _write(self, row: Row) -> None:
        self._changes.put(self._rows, row[0], row)
        self._changes.put(self.changed, row[0], row)

    def _mine(self, values: Mapping[str, Any]) -> Row | None:
        row = self._row(values)
        if row is None or row[4] <= values["now"] or row[1] != values["own"] or row[2] != values["tok"]:
            return None
        return row

    def _reserve(self, values: Mapping[str, Any]) -> Found | None:
        if not _are_usual(values, ("res", "own"), ("now", "ttl")):
            return None
        row, now = self._row(values), values["now"]
        if row is not None and row[4] > now:
            return NOTHING
        token, expires_at = 1 if row is None else row[2] + 1, now + values["ttl"]
        self._write((values["res"], values["own"], token, now, expires_at))
        return Found([Taken(token, expires_at)], 1)

    def _renew(self, values: Mapping[str, Any]) -> Found | None:
        if not _are_usual(values, ("res", "own"), ("now", "ttl", "tok")):
            return None
        row = self._mine(values)
        if row is None:
            return NOTHING
        self._write((*row[:4], values["now"] + values["ttl"]))
        return Found([(row[2],)], 1)

    def _release(self, values: Mapping[str, Any]) -> Found | None:
        if not _are_usual(values, ("res", "own"), ("now", "tok")):
            return None
        row = self._mine(values)
        if row is None:
            return NOTHING
        self._write((row[0], None, row[2], row[3], 0))
        return Found([(row[2],)], 1)

    def _holder(self, values: Mapping[str, Any]) -> Found | None:
        if not _are_usual(values, ("res",), ("now",)):
            return None
        row = self._row(values)
        return NOTHING if row is None or row[4] <= values["now"] else Found([(row[0], row[1], row[2], row[4])], -1)

    def _fence(self, values: Mapping[str, Any]) -> Found | None:
        if not _are_usual(values, ("res", "own"), ("now", "tok")):
            return None
        row = self._mine(values)
        return NOTHING if row is None else Found([(row[2],)], -1)


def _are_usual(values: Mapping[str, Any], words: tuple[str, ...], numbers: tuple[str, ...]) -> bool:
    for name in words:
        word = values[name]
        if type(word) is not str or not word.isascii():
            return False
    for name in numbers:
        number = values[name]
        if type(number) is not int or not -MOST_MILLISECONDS < number < MOST_MILLISECONDS:
            return False
    return True
