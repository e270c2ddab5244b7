"""The small tables at hand: accounts and their numbers, scheduled jobs, modes and pauses."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

from persistence.accounts import NEXT_NUMBER
from persistence.memory import Changes
from persistence.memory_shapes import Shape
from persistence.modes import OF_CREW, OF_CREW_LOCKED
from persistence.pauses import PAUSES_OF_CREW
from persistence.prepared import Answer, Found, SqliteInMemory
from persistence.schedule import FIRE, FIRED
from persistence.tables import crew_mode, opening_pause, scheduled

Number = namedtuple("Number", ["prefix", "sequence"])
JOB = Shape(tuple(scheduled.columns))


class AccountsAtHand:
    """The number of each account's newest order. Accounts themselves come and change by SQLite alone."""

    name = "account"

    def __init__(self, sqlite: SqliteInMemory, changes: Changes) -> None:
        """Nothing was read yet."""
        self._sqlite = sqlite
        self._changes = changes
        self._numbers: dict[str, Number] = {}
        self._is_loaded = False
        self.changed: dict[str, Number] = {}

    def answers(self) -> Sequence[tuple[Any, Answer]]:
        """As `TableAtHand.answers`."""
        return [(NEXT_NUMBER, self._next_number)]

    def knows(self, platform: str) -> bool:
        """Whether there is such an account."""
        if not self._is_loaded:
            rows = self._sqlite.ask("SELECT platform, prefix, sequence FROM account")
            self._numbers.update((name, Number(prefix, sequence)) for name, prefix, sequence in rows)
            self._is_loaded = True
        return platform in self._numbers

    def write_down(self) -> None:
        """As `TableAtHand.write_down`."""
        rows = [(number.sequence, platform) for platform, number in self.changed.items()]
        self._sqlite.run_many("UPDATE account SET sequence = ? WHERE platform = ?", rows)
        self.changed.clear()

    def forget(self) -> None:
        """As `TableAtHand.forget`."""
        self._numbers.clear()
        self.changed.clear()
        self._is_loaded = False

    def _next_number(self, values: Mapping[str, Any]) -> Found | None:
        platform = values["the_platform"]
        if type(platform) is not str or not self.knows(platform):
            return None
        before = self._numbers[platform]
        number = Number(before.prefix, before.sequence + 1)
        self._changes.put(self._numbers, platform, number)
        self._changes.put(self.changed, platform, number)
        return Found([number], 1)


class JobsAtHand:
    """The scheduled jobs that have run."""

    name = "scheduled"

    def __init__(self, sqlite: SqliteInMemory, changes: Changes) -> None:
        """Nothing was read yet."""
        self._sqlite = sqlite
        self._changes = changes
        self._jobs: dict[str, int] = {}
        self._is_loaded = False
        self.changed: dict[str, int] = {}

    def answers(self) -> Sequence[tuple[Any, Answer]]:
        """As `TableAtHand.answers`."""
        return [(FIRED, self._fired), (FIRE, self._fire)]

    def write_down(self) -> None:
        """As `TableAtHand.write_down`."""
        self._sqlite.run_many("INSERT INTO scheduled (key, at) VALUES (?, ?)", list(self.changed.items()))
        self.changed.clear()

    def forget(self) -> None:
        """As `TableAtHand.forget`."""
        self._jobs.clear()
        self.changed.clear()
        self._is_loaded = False

    def _load(self) -> None:
        if not self._is_loaded:
            self._jobs.update(self._sqlite.ask("SELECT key, at FROM scheduled"))
            self._is_loaded = True

    def _fired(self, values: Mapping[str, Any]) -> Found | None:
        if type(values["job"]) is not str:
            return None
        self._load()
        at = self._jobs.get(values["job"])
        return Found([] if at is None else [(at,)], -1)

    def _fire(self, values: Mapping[str, Any]) -> Found | None:
        job = JOB.fit((values["job"], values["now"]))
        if job is None:
            return None
        self._load()
        key, at = job
        if key in self._jobs:
            return None
        self._changes.put(self._jobs, key, at)
        self._changes.put(self.changed, key, at)
        return Found((), 1)


class OfCrewsAtHand:
    """What SQLite answered when it was asked for a crew's rows of a small table. They change by SQLite alone."""

    def __init__(self, sqlite: SqliteInMemory, name: str, question: Any, *, asked_as: Sequence[Any] = ()) -> None:
        """``question``: for the rows of ``the_crew`` in the table ``name``; ``asked_as``: the same in other words."""
        self._sqlite = sqlite
        self.name = name
        self._question = question
        self._asked_as = (question, *asked_as)
        self._said: dict[str, Found] = {}
        self.changed: dict[str, Any] = {}

    def answers(self) -> Sequence[tuple[Any, Answer]]:
        """As `TableAtHand.answers`."""
        return [(question, self._of_crew) for question in self._asked_as]

    def write_down(self) -> None:
        """As `TableAtHand.write_down`: there is nothing to write."""

    def forget(self) -> None:
        """As `TableAtHand.forget`."""
        self._said.clear()

    def _of_crew(self, values: Mapping[str, Any]) -> Found | None:
        crew = values["the_crew"]
        if type(crew) is not str:
            return None
        if crew not in self._said:
            self._said[crew] = self._sqlite.fetch(self._question, values)
        return self._said[crew]


def modes_at_hand(sqlite: SqliteInMemory) -> OfCrewsAtHand:
    """The modes of crews."""
    return OfCrewsAtHand(sqlite, crew_mode.name, OF_CREW, asked_as=[OF_CREW_LOCKED])


def pauses_at_hand(sqlite: SqliteInMemory) -> OfCrewsAtHand:
    """Their pauses of a part."""
    return OfCrewsAtHand(sqlite, opening_pause.name, PAUSES_OF_CREW)
