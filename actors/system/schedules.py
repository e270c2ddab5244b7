"""Who runs next in virtual time.

First come, first served is for replay. The seeded schedules look for races: a uniform random walk hardly ever strays
far from the fair order, while *priority-based* scheduling (PCT: Burckhardt, Kothari, Musuvathi and Nagarakatte, "A
Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010) starves some actors for long, which
is what most races need. With ``depth`` d it finds any bug that needs d ordering constraints, among n actors and k
steps, with a probability of at least 1 / (n k^(d-1)).
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from operator import attrgetter
from typing import Literal

import greenlet


class Task:
    """An actor, as far as scheduling is concerned."""

    __slots__ = (
        "is_blocked",
        "is_due",
        "is_frozen",
        "is_idle",
        "is_paused",
        "is_ready",
        "name",
        "owner",
        "priority",
        "resume",
        "thread",
    )

    def __init__(self, name: str, owner: str) -> None:
        self.name = name
        self.owner = owner  # its process
        self.thread: greenlet.greenlet | None = None
        self.resume: Callable[[], object] = self._has_not_begun
        self.is_ready = False  # it waits for its turn
        self.is_idle = False  # it waits at its empty mailbox
        self.is_blocked = False  # it sleeps, or waits for an answer
        self.is_frozen = False  # its process was killed: it never runs again
        self.is_paused = False  # its process was stopped: it goes on later, where it was
        self.is_due = False  # it wanted its turn while it was paused
        self.priority: float | None = None

    def begin(self, thread: greenlet.greenlet) -> None:
        """From now on `resume` lets it run until it gives its turn away."""
        self.thread = thread
        self.resume = thread.switch

    def _has_not_begun(self) -> None:
        raise RuntimeError(f"{self.owner} {self.name} has not begun")


_priority = attrgetter("priority")  # a number from when a task is first added


class Schedule(ABC):
    """The tasks that are ready, and the choice among them."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def add(self, task: Task) -> None:
        """``task`` is ready."""

    @abstractmethod
    def pick(self) -> Task:
        """Take out the task that runs next. There is at least one."""

    @abstractmethod
    def remove(self, task: Task) -> None:
        """``task`` is not ready after all."""

    @abstractmethod
    def interrupts(self) -> bool:
        """Whether the running task should let the others have a turn, now that it has sent something."""


class FirstComeFirstServed(Schedule):
    """Actors take turns, one message each, in the order in which they became ready."""

    def __init__(self) -> None:
        self._tasks: deque[Task] = deque()

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """At the end of the line."""
        self._tasks.append(task)

    def pick(self) -> Task:
        """The first in line."""
        return self._tasks.popleft()

    def remove(self, task: Task) -> None:
        """Out of the line."""
        self._tasks.remove(task)

    def interrupts(self) -> bool:
        """Never."""
        return False


class RandomWalk(Schedule):
    """Any ready actor with equal probability; a sender loses its turn with the probability ``preemption``."""

    def __init__(self, rng: random.Random, preemption: float) -> None:
        if not 0 <= preemption <= 1:
            raise ValueError(f"preemption must be a probability, not {preemption}")
        self._rng = rng
        self._preemption = preemption
        self._tasks: list[Task] = []

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """One more to choose from."""
        self._tasks.append(task)

    def pick(self) -> Task:
        """Any."""
        return self._tasks.pop(self._rng.randrange(len(self._tasks)))

    def remove(self, task: Task) -> None:
        """One fewer to choose from."""
        self._tasks.remove(task)

    def interrupts(self) -> bool:
        """With the probability ``preemption``."""
        return self._rng.random() < self._preemption


class PriorityBased(Schedule):
    """The ready actor of the highest priority. Priorities are random, and fall at ``depth`` - 1 random steps."""

    def __init__(self, rng: random.Random, depth: int, steps: int) -> None:
        """``steps``: about how many turns the run takes; the priorities change within them."""
        for field, value in (("pct_depth", depth), ("pct_steps", steps)):
            if value < 1:
                raise ValueError(f"{field} must be at least 1, not {value}")
        self._rng = rng
        self._tasks: list[Task] = []
        self._changes = {rng.randrange(steps) for _ in range(depth - 1)}
        self._step = 0
        self._lowest = 0.0

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """A new task gets a random priority, above all that have fallen."""
        if task.priority is None:
            task.priority = 1 + self._rng.random()
        self._tasks.append(task)

    def pick(self) -> Task:
        """The one of the highest priority; at a change point it falls below all others first."""
        best = max(self._tasks, key=_priority)
        if self._step in self._changes:
            self._lowest -= 1
            best.priority = self._lowest
            best = max(self._tasks, key=_priority)
        self._step += 1
        self._tasks.remove(best)
        return best

    def remove(self, task: Task) -> None:
        """One fewer."""
        self._tasks.remove(task)

    def interrupts(self) -> bool:
        """Always: an actor of a higher priority that can run, runs."""
        return True


def schedule_of(
    seed: int | None, strategy: Literal["random", "pct"], preemption: float, pct_depth: int, pct_steps: int
) -> Schedule:
    """The schedule that a seed asks for. Raises ``ValueError`` for parameters that make no sense."""
    if seed is None:
        return FirstComeFirstServed()
    rng = random.Random(f"{seed}/schedule")
    match strategy:
        case "random":
            return RandomWalk(rng, preemption)
        case "pct":
            return PriorityBased(rng, pct_depth, pct_steps)
        case _:
            raise ValueError(f"strategy must be 'random' or 'pct', not {strategy!r}")
