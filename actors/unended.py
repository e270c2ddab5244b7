"""Which troubles of an account last, by what was last said of each in the journal."""

from __future__ import annotations

from collections.abc import Iterable

from actors.names import TROUBLES
from persistence.journal import JournalLine


def unended(alerts: Iterable[JournalLine]) -> list[JournalLine]:
    """The last word on each kind of trouble that was not followed by its end. ``alerts``: of one account, newest first.

    Each kind stands for itself: a broker that answers again does not bring back a symbol that it took away.
    """
    newest: dict[int, JournalLine] = {}
    for line in alerts:
        for kind, (begins, ends) in enumerate(TROUBLES):
            if line.reason in begins + ends:
                newest.setdefault(kind, line)
    return [line for kind, line in sorted(newest.items()) if line.reason in TROUBLES[kind][0]]
