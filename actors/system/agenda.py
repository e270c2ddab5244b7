"""What is to happen in a virtual world, and when: the world's own events, and the timers of actors."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from actors.system.timers import Timer, TimerOwner, TimerQueue
from actors.system.virtual_time import VirtualTime, nanoseconds
from trading.market import Instant


class Event:
    """Something that the world itself has to do at a time: wake an actor, or let a message arrive."""

    __slots__ = ("_argument", "_do")

    def __init__(self, do: Callable[[Any], None], argument: Any) -> None:
        self._do: Callable[[Any], None] | None = do
        self._argument = argument

    def cancel(self) -> None:
        """It will not happen."""
        self._do = None
        self._argument = None

    @property
    def is_cancelled(self) -> bool:
        """Whether it was."""
        return self._do is None

    def happen(self) -> None:
        """Do it, unless it was cancelled."""
        if self._do is not None:
            self._do(self._argument)


class EventQueue:
    """Events in the order of their times, and of their making where those are equal."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Event]] = []
        self._made = 0

    def add(self, elapsed: int, do: Callable[[Any], None], argument: Any) -> Event:
        """Call ``do(argument)`` at ``elapsed`` nanoseconds."""
        event = Event(do, argument)
        self._made += 1
        heapq.heappush(self._heap, (elapsed, self._made, event))
        return event

    def next_time(self) -> int | None:
        """When the next event happens, or None when there is none."""
        heap = self._heap
        while heap:
            if not heap[0][2].is_cancelled:
                return heap[0][0]
            heapq.heappop(heap)
        return None

    def happen_until(self, elapsed: int) -> None:
        """Let everything up to ``elapsed`` happen."""
        heap = self._heap
        while heap and heap[0][0] <= elapsed:
            heapq.heappop(heap)[2].happen()


class Agenda:
    """Moves time to what happens next, and lets it happen."""

    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self._events = EventQueue()
        self._elapsed_timers = TimerQueue()  # due in elapsed nanoseconds
        self._market_timers = TimerQueue()  # due at market instants
        self._tick_began: int | None = None  # elapsed nanoseconds, during a tick

    def add_event(self, elapsed: int, do: Callable[[Any], None], argument: Any) -> Event:
        """Call ``do(argument)`` at ``elapsed`` nanoseconds."""
        return self._events.add(elapsed, do, argument)

    def arm_elapsed(self, timer: Timer, delay_seconds: float) -> None:
        """Fire after ``delay_seconds``. During a tick, timers without delay are ordered as if all armed at once."""
        if not delay_seconds and self._tick_began is not None:
            self._elapsed_timers.add(self._tick_began, timer)
        else:
            self._elapsed_timers.add(self.time.elapsed + nanoseconds(delay_seconds), timer)

    def arm_market(self, timer: Timer, instant: Instant) -> None:
        """Fire when market time has reached ``instant``."""
        self._market_timers.add(instant, timer)

    def drop_timers(self, owner: TimerOwner) -> None:
        """Forget every timer of one actor."""
        for timers in (self._elapsed_timers, self._market_timers):
            timers.drop(lambda timer: timer.owner is owner)

    # ---- from event to event

    def next_time(self) -> int | None:
        """When something happens next, in elapsed nanoseconds, or None when nothing ever does."""
        earliest = self._events.next_time()
        due = self._elapsed_timers.next_due()
        if due is not None and (earliest is None or due < earliest):
            earliest = int(due)
        if self.time.is_flowing and (market_due := self._market_timers.next_due()) is not None:
            due = self.time.elapsed_at(int(market_due))
            if earliest is None or due < earliest:
                earliest = due
        return earliest

    def is_anything_due(self) -> bool:
        """Whether something would happen without time moving."""
        next_time = self.next_time()
        return next_time is not None and next_time <= self.time.elapsed

    def move_on(self) -> None:
        """Move time to what happens next, and let all of it happen: market timers before elapsed ones."""
        self._move_to_next(self.next_time())
        if self.time.is_flowing:
            for timer in self._market_timers.pop_due(self.time.market):
                timer.fire()
        for timer in self._elapsed_timers.pop_due(self.time.elapsed):
            timer.fire()

    # ---- by ticks

    def begin_tick(self, instant: Instant) -> list[Timer]:
        """Jump to ``instant``, and take out the market timers that are due, in order. Raises ``ValueError``."""
        self.time.jump_to(instant)
        self._tick_began = self.time.elapsed
        return self._market_timers.pop_due(instant)

    def next_elapsed_of_tick(self) -> Timer | None:
        """Take out the first elapsed timer that is due."""
        return self._elapsed_timers.pop_first(self.time.elapsed)

    def move_on_in_tick(self) -> None:
        """Move elapsed time to the next event of the world, and let it happen. No timer fires."""
        self._move_to_next(self._events.next_time())

    def end_tick(self, not_fired: list[Timer]) -> None:
        """The tick is over; market timers that did not get their turn stay armed."""
        self._tick_began = None
        for timer in not_fired:
            self._market_timers.add(timer.due, timer)

    def _move_to_next(self, next_time: int | None) -> None:
        assert next_time is not None, "whoever sleeps or waits has a deadline"
        self.time.move_to(max(next_time, self.time.elapsed))
        self._events.happen_until(self.time.elapsed)
