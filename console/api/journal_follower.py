"""Follows the journal line by line: the newest events, alerts and valuations, without asking for each trade anew.

Lines are read in the order of their numbers, once each. A line that was counted up keeps its number, and on PostgreSQL
two writers may commit out of order: so the newest lines are read whole every few seconds.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from console.account_trouble import LINES as ALERTS
from console.sentences import is_told_twice
from persistence.journal import VALUATION, JournalLine
from persistence.ledger import Ledger

EVENTS = 30
LOOKED_AT = 2 * EVENTS  # some are told twice, and left out
MOST_AT_ONCE = 2_000  # lines; after a longer absence everything is read anew
READ_ANEW_SECONDS = 5.0


@dataclass(slots=True)
class JournalFollower:
    """Call `read` now and then, from one thread at a time."""

    ledger: Ledger
    elapsed: Callable[[], float] = time.monotonic
    events: OrderedDict[int, JournalLine] = field(default_factory=OrderedDict)  # by number, oldest first
    alerts: deque[JournalLine] = field(default_factory=lambda: deque(maxlen=ALERTS))  # newest first
    _valuations: dict[int, JournalLine | None] = field(default_factory=dict)  # by trade; None: it has none
    _newest_id: int | None = None
    _read_anew_at: float = 0.0

    def read(self) -> None:
        """Take in what was written since. Raises `LedgerError`."""
        if self._newest_id is None:
            self._begin()
            return
        lines = self.ledger.journal.list(after_id=self._newest_id, limit=MOST_AT_ONCE)
        if len(lines) == MOST_AT_ONCE:
            self._begin()
            return
        for line in reversed(lines):
            self._take(line)
        if self.elapsed() >= self._read_anew_at:
            self._read_events()

    def valuation(self, trade_id: int) -> JournalLine | None:
        """The newest valuation of an open trade. Only the first question about a trade reaches the ledger."""
        if trade_id not in self._valuations:
            found = self.ledger.journal.list(kind=VALUATION, trade_id=trade_id, limit=1)
            self._valuations[trade_id] = found[0] if found else None
        return self._valuations[trade_id]

    def keep_valuations_of(self, trade_ids: Iterable[int]) -> None:
        """Forget those of all other trades."""
        kept = set(trade_ids)
        for gone in [trade_id for trade_id in self._valuations if trade_id not in kept]:
            del self._valuations[gone]

    def _begin(self) -> None:
        newest = self.ledger.journal.list(limit=1)
        self._newest_id = newest[0].id if newest else 0
        self._valuations.clear()
        self.alerts.clear()
        self.alerts.extend(self.ledger.journal.list(kind="alert", limit=ALERTS))
        self._read_events()

    def _take(self, line: JournalLine) -> None:
        self._newest_id = line.id
        if line.kind == VALUATION:
            # Of one that nobody asked about, the ledger will say it when somebody does.
            if line.trade_id in self._valuations:
                self._valuations[line.trade_id] = line
            return
        if line.kind == "alert":
            self.alerts.appendleft(line)
        self._take_event(line)

    def _read_events(self) -> None:
        self._read_anew_at = self.elapsed() + READ_ANEW_SECONDS
        for line in reversed(self.ledger.journal.list(without=VALUATION, limit=LOOKED_AT)):
            self._take_event(line)

    def _take_event(self, line: JournalLine) -> None:
        if is_told_twice(line) or (len(self.events) == EVENTS and line.id < next(iter(self.events))):
            return
        is_late = bool(self.events) and line.id < next(reversed(self.events)) and line.id not in self.events
        self.events[line.id] = line
        if is_late:
            self.events = OrderedDict(sorted(self.events.items()))
        if len(self.events) > EVENTS:
            self.events.popitem(last=False)


Value = TypeVar("Value")


@dataclass(slots=True)
class Kept(Generic[Value]):
    """A figure that costs something to find out: asked for anew after a while, and the later the more it costs."""

    find: Callable[[], Value]
    at_least_seconds: float
    elapsed: Callable[[], float] = time.monotonic
    part_of_the_time: float = 0.02  # that finding it may take at most
    _known: list[Value] = field(default_factory=list)  # one, once it was found
    _due_at: float | None = None

    def forget(self) -> None:
        """Something has happened that changes it."""
        self._due_at = None

    def value(self) -> Value:
        """As it was found last."""
        began = self.elapsed()
        if self._due_at is None or began >= self._due_at:
            self._known = [self.find()]
            ended = self.elapsed()
            self._due_at = ended + max(self.at_least_seconds, (ended - began) / self.part_of_the_time)
        return self._known[0]
