"""Timers are messages to oneself.

Order among timers that are due is by (due, rank of the actor, count within the actor). The rank is the order of
spawning, and an actor arms its timers one after the other, so this order does not depend on which of several threads
ran first: it is the same on threads and in virtual time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Protocol

from actors.system.items import Control

_SMALLEST_COMPACTION = 1_024


class TimerOwner(Protocol):
    """The actor to which a timer's message goes."""

    def timer_due(self, timer: Timer) -> None:
        """Put the timer into the mailbox."""

    def timer_gone(self, timer: Timer) -> None:
        """The timer will not fire any more, or has done its work."""


class Timer(Control):
    """One armed message, and the handle that cancels it. It travels through the mailbox itself."""

    __slots__ = ("cancelled", "count", "due", "life", "message", "owner", "rank")

    def __init__(self, message: Any, owner: TimerOwner, life: int, rank: int, count: int) -> None:
        self.message = message
        self.owner = owner
        self.life = life  # of the behaviour that armed it: a crash ends the life, and with it the timer
        self.rank = rank
        self.count = count
        self.due: float = 0
        self.cancelled = False

    def cancel(self) -> None:
        """The message will not be received, not even when it waits in the mailbox already."""
        if not self.cancelled:
            self.cancelled = True
            self.owner.timer_gone(self)

    def fire(self) -> None:
        """Put the message into the mailbox."""
        if not self.cancelled:
            self.owner.timer_due(self)

    def __repr__(self) -> str:
        return f"timer {self.message!r}"


class TimerQueue:
    """Armed timers in the order in which they are due. The unit of ``due`` is the caller's; not thread-safe."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int, Timer]] = []
        self._compact_at = _SMALLEST_COMPACTION

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, due: float, timer: Timer) -> None:
        """Arm ``timer``."""
        timer.due = due
        heapq.heappush(self._heap, (due, timer.rank, timer.count, timer))
        if len(self._heap) > self._compact_at:  # timers that are always cancelled in time would pile up otherwise
            self.drop(lambda armed: armed.cancelled)

    def next_due(self) -> float | None:
        """When the first timer is due, or None when there is none."""
        heap = self._heap
        while heap:
            if not heap[0][3].cancelled:
                return heap[0][0]
            heapq.heappop(heap)
        return None

    def pop_first(self, now: float) -> Timer | None:
        """Take out the first timer that is due by ``now``."""
        due = self.next_due()
        if due is None or due > now:
            return None
        return heapq.heappop(self._heap)[3]

    def pop_due(self, now: float) -> list[Timer]:
        """Take out every timer that is due by ``now``, in order."""
        due = []
        while (timer := self.pop_first(now)) is not None:
            due.append(timer)
        return due

    def drop(self, unwanted: Callable[[Timer], bool]) -> None:
        """Forget the timers for which ``unwanted`` is true."""
        self._heap = [entry for entry in self._heap if not unwanted(entry[3])]
        heapq.heapify(self._heap)
        self._compact_at = max(_SMALLEST_COMPACTION, 2 * len(self._heap))
