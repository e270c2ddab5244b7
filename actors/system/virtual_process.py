"""One process in a virtual world."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from actors.system.agenda import Agenda
from actors.system.green import GreenFuture, GreenMailbox, GreenShell
from actors.system.runtime import Host
from actors.system.schedules import Task
from actors.system.spec import Spec

if TYPE_CHECKING:
    from actors.system.runtime_virtual import VirtualWorld


class VirtualRuntime:
    """One process in a `VirtualWorld`, for one `System`."""

    def __init__(self, world: VirtualWorld, agenda: Agenda, owner: str, seed: int | None) -> None:
        self.owner = owner
        self.host: Host | None = None
        self.tasks: list[Task] = []
        self.now = world.now
        self.elapsed = world.elapsed
        self.sleep = world.sleep
        self.identifier = world.identifier
        self.arm_elapsed = agenda.arm_elapsed
        self.arm_market = agenda.arm_market
        self.drop_timers = agenda.drop_timers
        self.unwinds = world.unwinds
        self._world = world
        self._seed = seed

    def rng(self, name: str) -> random.Random:
        """It follows from the seed, the process and the name, so that no actor disturbs another's numbers."""
        return random.Random(f"{self._seed}/{self.owner}/{name}")

    def attach(self, host: Host) -> None:
        """Raises ``ValueError`` when this process has a system already."""
        if self.host is not None:
            raise ValueError(f"runtime: {self.owner} carries a system already")
        self.host = host

    def new_shell(self, host: Host, spec: Spec) -> GreenShell:
        """An actor that does not run yet."""
        task = Task(spec.name, self.owner)
        self.tasks.append(task)
        mailbox = GreenMailbox(spec, task, self._world)
        rank = self._world.next_rank()
        shell = GreenShell(host, spec, self, mailbox, rank, lambda loop: self._world.begin(task, loop))
        mailbox.returned = shell.undelivered
        return shell

    def new_reply(self) -> GreenFuture:
        """A place for one answer."""
        return GreenFuture(self._world)

    def fault(self) -> None:
        """There is nothing in it that could fail by itself."""

    def kill(self) -> None:
        """Nothing of the process ever runs again. Called by one of its own actors, this does not return."""
        self._world.freeze(self.tasks)

    def pause(self, seconds: float) -> None:
        """Nothing of the process runs for so long: see `VirtualWorld.pause`."""
        self._world.pause(self.tasks, seconds)

    def close(self) -> None:
        """Nothing to do: actors that have ended have no timers, and greenlets of their own no more."""
