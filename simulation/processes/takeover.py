"""How long nobody guards the trades: from the moment a leader is struck to the next one's first clean scan.

The promise is the time to live, one look of the one that stands by, and one scan. It is measured with real processes,
at a moment that falls anywhere between two renewals of the lease.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum

from simulation.processes import databases, moments
from simulation.processes.loops import PAST_THE_LEASE, Progress
from simulation.processes.program import Program, Silence
from simulation.processes.proxy import Wire
from simulation.processes.report import Report
from simulation.processes.world import STANDING_BY, START_SECONDS, Term, World

RENEWALS_PER_TTL = 3


class Way(StrEnum):
    """How the leader is lost."""

    KILL = "kill"  # kill -9
    STOP = "stop"  # SIGSTOP, and SIGCONT after the takeover
    CUT = "cut"  # it reaches the database no more, and learns nothing
    TERM = "term"  # SIGTERM: it hands over in order


def run(world: World, rounds: int, progress: Progress, way: Way) -> Report:
    """Measure so many takeovers in one world. What goes wrong becomes a fault of the report."""
    report = Report(worlds=1)
    with ExitStack() as wires:
        measured = _Takeovers(world, way, wires)
        try:
            term = world.first_term(measured.start)
            while report.rounds < rounds:
                term = measured.once(term, report)
                progress(f"{way} {report.rounds} of {rounds}")
        except (Silence, OSError) as error:
            report.faults.append(f"{way}, seed {world.plan.seed}: {type(error).__name__}: {error}")
        world.end_processes()
    return report


class _Takeovers:
    """The rounds of one way in one world."""

    def __init__(self, world: World, way: Way, wires: ExitStack) -> None:
        self._world = world
        self._way = way
        self._wires = wires
        self._wire_of: dict[Program, Wire] = {}

    def start(self) -> Program:
        """One more process; with a wire of its own to the database where that will be cut."""
        if self._way is not Way.CUT:
            return self._world.start()
        url = self._world.plan.database_url
        wire = self._wires.enter_context(Wire(*databases.address_of(url)))
        program = self._world.start(settings={"DATABASE_URL": databases.through(url, wire.port)})
        self._wire_of[program] = wire
        return program

    def once(self, term: Term, report: Report) -> Term:
        """Lose the leader, wait for the next one's first clean scans, and see to one that stands by."""
        world = self._world
        moments.rest(world.rng.uniform(0, world.plan.ttl_seconds / RENEWALS_PER_TTL))
        term = world.latest_term(term)
        strike, mend = self._means(term.program)
        at = strike()
        if self._way is Way.STOP and world.files_stay_locked():
            report.pauses_in_a_transaction += 1
            return self._wait_for_the_sleeper(term)
        successor = world.next_term(term.begun.number + 1, besides=term.program)
        report.takeover_seconds.append(world.surveyed_at(successor) - at)
        report.rounds += 1
        mended = world.ears.mark()
        mend().wait_for(STANDING_BY, START_SECONDS, since=mended)
        world.forgive_crashes()
        return successor

    def _means(self, leader: Program) -> tuple[Callable[[], float], Callable[[], Program]]:
        """How the leader is lost, and how there are two again: the second answers who stands by then."""
        match self._way:
            case Way.KILL:
                return leader.kill, self.start
            case Way.TERM:
                return lambda: leader.send(signal.SIGTERM), self.start
            case Way.STOP:
                return lambda: leader.send(signal.SIGSTOP), lambda: self._awake(leader)
            case Way.CUT:
                wire = self._wire_of[leader]
                return wire.cut, lambda: self._joined(wire, leader)

    def _awake(self, leader: Program) -> Program:
        leader.send(signal.SIGCONT)
        return leader

    def _joined(self, wire: Wire, leader: Program) -> Program:
        wire.mend()
        return leader

    def _wait_for_the_sleeper(self, term: Term) -> Term:
        """It sleeps with a SQLite file locked, so that nobody can take over: not a run."""
        world = self._world
        moments.rest(world.plan.ttl_seconds * PAST_THE_LEASE)
        mark = world.ears.mark()
        term.program.send(signal.SIGCONT)
        successor = world.next_term(mark)
        if successor.program is not term.program:
            term.program.wait_for(STANDING_BY, START_SECONDS, since=mark)
        world.surveyed_at(successor)
        return successor
