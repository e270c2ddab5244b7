"""One process of the crew: it starts, stands by, leads, is stopped and killed, and is started again.

It does what `console/serve.py` does with the real one, with the same parts: the reservation actor first, then the
question who leads, then everything else. What serve does on its main thread is done here by an actor of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from actors.commands import Command, Outcome
from actors.messages import Analysed, Lease, MarketRead, Reserve
from actors.names import MONITOR, OPERATOR, RESERVATION, TRADER, UPPER_LEVEL
from actors.reservation import LEASE_LOST
from actors.system.alerts import Alert
from actors.system.context import Behaviour, Context
from actors.system.errors import ActorError
from actors.system.runtime_virtual import VirtualWorld
from actors.system.spec import Spec
from actors.system.system import System
from actors.system.virtual_process import VirtualRuntime
from actors.wiring import Parts, crew_specs, journal_alert, operator_spec, reservation_spec
from connectors.base import Connector
from persistence.ledger import Ledger
from persistence.reservations import crew_resource
from simulation.database import Commits, ProcessDatabase, simulated_database
from simulation.kinds import COMMANDS
from simulation.scenario import Scenario
from simulation.story import Story
from trading.analysis import Analysis
from trading.reading import MarketReading

MAIN = "main"
CONSOLE, CONSOLE_LEVEL = "console", UPPER_LEVEL + 1
STANDBY_PART_OF_TTL = 1 / 12  # how often a process that stands by asks again, as in serve
STOP_SECONDS = 8.0
MILLISECONDS = 1_000

CRASHED = "crashed"  # the alert of a restart
FORESEEN = ("InjectedCrash:", "LedgerUnavailable:")
"""Of the errors that may end an actor's life: what a fault has put there, and a ledger that is away."""


@dataclass(frozen=True, slots=True)
class StandBy:
    """Timer: try to lead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A person asks for something, and waits for the answer, or for why there is none."""

    command: Command
    answered: Callable[[Outcome | str], None]


class Console:
    """What carries a person's commands to the operator's actor."""

    def receive(self, message: object, context: Context) -> None:
        """Ask, and tell what is answered."""
        if not isinstance(message, Asked):
            return
        try:
            message.answered(context.ask(OPERATOR, message.command))
        except ActorError as error:
            message.answered(f"no answer: {error}")


class Main:
    """What the program's main thread does: ask for the lead, and begin the crew when it is given."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def start(self, context: Context) -> None:
        """Ask at once."""
        context.later(0, StandBy())

    def receive(self, message: object, context: Context) -> None:
        """Ask, and ask again while another process leads."""
        process = self._process
        if process.leads or not isinstance(message, StandBy):
            return
        try:
            lease = context.ask(RESERVATION, Reserve(process.crew))
        except ActorError:
            lease = None  # refused, or not known: the next time
        if isinstance(lease, Lease):
            process.lead()
        else:
            context.later(process.ttl_seconds * STANDBY_PART_OF_TTL, message)


class Process:
    """One of the programs on one ledger. Between two of its lives nothing of it remains."""

    def __init__(
        self,
        name: str,
        scenario: Scenario,
        world: VirtualWorld,
        story: Story,
        connect: Callable[[Process], Mapping[str, Connector]],
        commits: Callable[[Process], Commits],
        host: Callable[[Process, Behaviour], Behaviour],
        crashed: Callable[[Process, str, str], None],
    ) -> None:
        """``connect``: new connections to every account. ``commits``: what stands around its transactions. ``host``:
        wraps each behaviour. ``crashed``: called with the actor and the error for a crash that no fault explains.
        """
        self.name = name
        self.ttl_seconds = scenario.settings.ai_db_reservation_ttl_seconds
        self.crew = crew_resource(scenario.settings.crew)
        self.is_alive = False
        self.leads = False
        self.is_deposed = False
        self.has_given_up = False
        self.is_awaited = False  # somebody will start it again
        self.lives = 0
        self.stopped_until = 0.0  # elapsed seconds; paused before that
        self._scenario = scenario
        self._world = world
        self._story = story
        self._connect = connect
        self._commits = commits
        self._host = host
        self._crashed = crashed
        self._runtime: VirtualRuntime | None = None
        self._system: System | None = None
        self._parts: Parts | None = None

    @property
    def owner(self) -> str:
        """The name of its present life, as an owner of leases. Empty before the first."""
        return "" if self._runtime is None else self._runtime.owner

    def start(self) -> None:
        """Begin a life: stand by."""
        self.is_alive, self.leads, self.is_deposed, self.has_given_up = True, False, False, False
        self.is_awaited = False
        self.lives += 1
        runtime = self._world.process()
        ledger = Ledger(
            ProcessDatabase(simulated_database().database, self._commits(self)),
            crew=self._scenario.settings.crew,
            writer=runtime.owner,
            lease_clock=self._lease_clock,
            rng=random.Random(f"{self._scenario.seed}/{runtime.owner}/ledger"),
        )
        self._runtime = runtime
        self._story.tell(self.name, MAIN, f"starts as {runtime.owner}")
        system = System(
            runtime, on_escalate=self._escalated, on_alert=lambda alert: self._alerted(runtime.owner, ledger, alert)
        )
        self._system = system
        obeys = COMMANDS in self._scenario.intensity
        self._parts = Parts(self._scenario.market, ledger, self._connect(self), takes_commands=obeys)
        system.spawn(self._hosted(reservation_spec(self._parts)))
        if obeys:
            system.spawn(self._hosted(operator_spec(self._parts)))
            system.spawn(Spec(CONSOLE, Console, CONSOLE_LEVEL))
        system.spawn(Spec(MAIN, lambda: Main(self), UPPER_LEVEL))

    def lead(self) -> None:
        """The lead is given: begin everything else."""
        self.leads = True
        self._story.count["terms"] += 1
        self._story.tell(self.name, MAIN, "leads")
        assert self._system is not None, "only a process that lives is given the lead"
        assert self._parts is not None
        for spec in sorted(crew_specs(self._parts), key=lambda spec: spec.level):
            self._system.spawn(self._hosted(spec))

    def die(self) -> None:
        """Gone, as by `kill -9`. Called by one of its own actors, this does not return."""
        if not self.is_alive:
            return
        self.is_alive = self.leads = False
        self._story.count["kills"] += 1
        assert self._system is not None
        self._system.kill()

    def pause(self, seconds: float) -> None:
        """Stop for so long. Called by one of its own actors, this returns when it goes on."""
        assert self._runtime is not None
        self.stopped_until = self._world.elapsed() + seconds
        self._story.count["pauses"] += 1
        self._runtime.pause(seconds)

    def step_down(self) -> None:
        """The lead is lost: stop everything in order, and stand by anew. For the driver of the world."""
        self._story.tell(self.name, MAIN, "steps down")
        assert self._system is not None
        self._system.stop(STOP_SECONDS)
        if not self.is_alive:
            return  # killed on the way
        self._system.kill()  # whatever did not stop in time
        self.is_alive = False
        self.start()

    def take(self, analysis: Analysis) -> bool:
        """Hear of an opinion, as from an analyst; False while nobody here listens."""
        if not (self.is_alive and self.leads) or self._system is None:
            return False
        self._system.tell(TRADER, Analysed(analysis))
        return True

    def command(self, command: Command, answered: Callable[[Outcome | str], None]) -> None:
        """Have it asked for here; ``answered`` may never be called."""
        if self.is_alive and self._system is not None:
            self._system.tell(CONSOLE, Asked(command, answered))

    def read(self, reading: MarketReading) -> None:
        """Hear of a bar, as from an analyst, where anybody listens."""
        if self.is_alive and self.leads and self._system is not None:
            self._system.tell(MONITOR, MarketRead(reading))

    def _hosted(self, spec: Spec) -> Spec:
        factory = spec.factory
        return replace(spec, factory=lambda: self._host(self, factory()))

    def _escalated(self, name: str, error: BaseException) -> None:
        self._story.tell(self.name, name, f"given up: {type(error).__name__}: {error}")
        self.has_given_up = True

    def _alerted(self, owner: str, ledger: Ledger, alert: Alert) -> None:
        if owner != self.owner or not self.is_alive:
            return
        self._story.tell(self.name, alert.actor, f"alert {alert.reason}: {alert.detail}")
        if alert.reason == CRASHED and not alert.detail.startswith(FORESEEN):
            self._crashed(self, alert.actor, alert.detail)
        if alert.reason == LEASE_LOST and alert.detail.startswith(f"{self.crew}:"):
            self.is_deposed = True
        journal_alert(ledger, alert)

    def _lease_clock(self) -> int:
        return int(self._world.elapsed() * MILLISECONDS)


class InjectedCrash(Exception):
    """An actor was made to raise."""


class Fragile:
    """A behaviour that raises before or after a message when it is told to."""

    def __init__(self, behaviour: Behaviour, crack: Callable[[str], None]) -> None:
        """``crack`` raises, or not. It is called with where it stands."""
        self._behaviour = behaviour
        self._crack = crack

    def start(self, context: Context) -> None:
        """As the behaviour starts."""
        start = getattr(self._behaviour, "start", None)
        if start is not None:
            start(context)

    def stop(self, context: Context) -> None:
        """As the behaviour stops."""
        stop = getattr(self._behaviour, "stop", None)
        if stop is not None:
            stop(context)

    def receive(self, message: Any, context: Context) -> Any:
        """As the behaviour receives."""
        answer = self._behaviour.receive(message, context)
        self._crack(context.name)
        return answer
