"""What a replay asks of its ledger again and again, answered by plain Python in front of SQLite.

A replay's ledger lives in memory, and some twenty statements, asked a hundred thousand times, take a third of its time.
Here these are answered from dictionaries. Everything else about the ledger stays what it is: the same classes decide
the same things with the same statements, and only who answers a statement is another. So the answers must be those of
SQLite to the byte, and that is made easy to see by three rules:

- A table at hand answers a statement only where it is sure. Values of an unusual type, a broken index, a missing row:
  there it *declines*, and SQLite answers, or refuses in its own words.
- Before SQLite answers anything, it is given everything that was committed, and then, inside its own transaction, what
  the transaction under way has changed so far. From there to its end that transaction is SQLite's alone.
- A table into which SQLite wrote is forgotten, and read again when it is next needed. After a transaction of SQLite's
  that was rolled back, all are.

Whoever speaks to SQLite in text, past the statements that are known, ends it for good: there may be a trigger since.

A transaction that never needs SQLite ends by keeping its changes, or by taking them back one by one. What was kept is
written into SQLite in batches. There is no safety in this: what must survive a crash belongs in a file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from persistence.prepared import Answer, PreparedConnection, SqliteInMemory

ABSENT: Any = object()

MOST_CHANGES = 50_000
"""After so many changes SQLite is given the rows that it does not have yet: enough for a batch, too few to fill the
memory."""

Step = tuple[dict[Any, Any], Any, Any]


class Changes:
    """What the transaction under way has changed in dictionaries, so that it can be taken back."""

    def __init__(self) -> None:
        """Nothing was changed yet."""
        self._steps: list[Step] = []

    def put(self, mapping: dict[Any, Any], key: Any, value: Any) -> None:
        """Set a key; to `ABSENT`: remove it."""
        self._steps.append((mapping, key, mapping.get(key, ABSENT)))
        if value is ABSENT:
            mapping.pop(key, None)
        else:
            mapping[key] = value

    def keep(self) -> int:
        """Let it be so; answers how many there were."""
        count = len(self._steps)
        self._steps.clear()
        return count

    def take_back(self) -> list[Step]:
        """Undo everything; answers what `put` would have to be told to do it again."""
        again = []
        for mapping, key, before in reversed(self._steps):
            again.append((mapping, key, mapping.get(key, ABSENT)))
            if before is ABSENT:
                mapping.pop(key, None)
            else:
                mapping[key] = before
        self._steps.clear()
        again.reverse()
        return again


class TableAtHand(Protocol):
    """Rows of one table, and the statements about it that can be answered from them."""

    name: str
    changed: dict[Any, Any]
    """By key, the rows that SQLite does not have yet."""

    def answers(self) -> Sequence[tuple[Any, Answer]]:
        """Each statement with what answers it."""

    def write_down(self) -> None:
        """Give SQLite the rows that it does not have yet, and note that it has them."""

    def forget(self) -> None:
        """Let go of every row: SQLite knows better."""


class Memory:
    """All tables at hand of one database."""

    def __init__(self, sqlite: SqliteInMemory, tables: Sequence[TableAtHand], changes: Changes) -> None:
        """``changes`` are those that the ``tables`` make."""
        self._sqlite = sqlite
        self._tables = tables
        self._changes = changes
        self._kept = 0  # changes since SQLite was given the rows
        self.answers: Mapping[int, Answer] = {
            id(statement): answer for table in tables for statement, answer in table.answers()
        }

    def keep(self) -> None:
        """Commit what the transaction under way has changed."""
        self._kept += self._changes.keep()
        if self._kept > MOST_CHANGES:
            self._write_down()

    def take_back(self) -> None:
        """Roll back what the transaction under way has changed."""
        self._changes.take_back()

    def hand_over(self, begin: Callable[[], None]) -> None:
        """Give SQLite all that it does not know: first what was committed, then, once it has begun, what was not."""
        uncommitted = self._changes.take_back()
        self._write_down()
        begin()
        for mapping, key, value in uncommitted:
            self._changes.put(mapping, key, value)
        for table in self._tables:
            table.write_down()

    def handed_back(self, written: Collection[str], *, committed: bool) -> None:
        """The transaction that was handed over has ended. ``written``: the tables that SQLite has changed."""
        self._changes.keep()
        for table in self._tables:
            if not committed or table.name in written:
                table.forget()

    def _write_down(self) -> None:
        self._kept = 0
        if not any(table.changed for table in self._tables):
            return
        self._sqlite.run("BEGIN IMMEDIATE")
        try:
            for table in self._tables:
                table.write_down()
        except BaseException:
            self._sqlite.run("ROLLBACK")
            raise
        self._sqlite.run("COMMIT")


def memory_in_front_of(connection: PreparedConnection) -> Memory:
    """The tables at hand for a database that nobody else can reach."""
    from persistence.memory_journal import JournalAtHand
    from persistence.memory_registers import AccountsAtHand, JobsAtHand, modes_at_hand, pauses_at_hand
    from persistence.memory_reservations import ReservationsAtHand
    from persistence.memory_trades import TradesAtHand

    changes = Changes()
    accounts = AccountsAtHand(connection, changes)  # written first: trades refer to them
    tables: list[TableAtHand] = [
        accounts,
        TradesAtHand(connection, changes, accounts),
        JournalAtHand(connection, changes),
        ReservationsAtHand(connection, changes),
        JobsAtHand(connection, changes),
        modes_at_hand(connection),
        pauses_at_hand(connection),
    ]
    return Memory(connection, tables, changes)
