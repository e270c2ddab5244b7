"""The two loops: kill whoever leads, or stop it past its lease and let it go on, while the other takes over.

Both end in the same way: everything settles, and then ledger and broker must tell one story.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

from simulation.processes import evidence, moments, traffic
from simulation.processes.program import Silence
from simulation.processes.report import Report
from simulation.processes.world import STANDING_BY, START_SECONDS, NeverSettled, Term, World
from trading.trade import TradeState

SEVERE = frozenset({"error", "critical"})  # an actor that crashed, a traceback, an exit code of 70
LONGEST_OVERLAP_SECONDS = 1.0  # for which a paused leader and its successor are both awake before it is checked
PAST_THE_LEASE = 1.5  # times to live

Progress: TypeAlias = Callable[[str], None]
Round: TypeAlias = Callable[[World, Term, Report], Term]


class Victims(Enum):
    """Whom a round kills."""

    LEADER = "leader"
    CREW = "crew"  # the one that stands by as well: somebody has to start another
    BROKER = "broker"
    LEADER_AND_BROKER = "leader and broker"


WEIGHTS = {Victims.LEADER: 12, Victims.CREW: 2, Victims.BROKER: 3, Victims.LEADER_AND_BROKER: 3}


def kill_round(world: World, term: Term, report: Report) -> Term:
    """Kill the leader, and now and then the other process or the broker, at a drawn moment; the next term."""
    moment = moments.draw(world.rng)
    victims = world.rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0] if world.plan.has_broker else Victims.LEADER
    moment.wait(term.program, term.begun.number)
    term = world.latest_term(term)
    standby = [program for program in world.programs if program.lives and program is not term.program]
    at = time.monotonic()
    if victims is not Victims.BROKER:
        at = term.program.kill()
        report.kills += 1
    for program in standby if victims is Victims.CREW else []:
        program.kill()
        report.kills += 1
        world.start()
    if victims in (Victims.BROKER, Victims.LEADER_AND_BROKER):
        world.kill_broker()
        report.broker_kills += 1
    _note(world, report, moment)
    if victims in (Victims.BROKER, Victims.LEADER_AND_BROKER):
        world.start_broker()
    if victims is Victims.BROKER:
        world.trades_again()  # by itself
        return world.latest_term(term)
    world.start()
    return _taken_over(world, report, term, at, is_measured=victims is Victims.LEADER)


def pause_round(world: World, term: Term, report: Report) -> Term:
    """Stop the leader at a drawn moment until the other leads, then let it go on: it must stand by.

    Stopped in the middle of a SQLite transaction it keeps the file's lock, and nobody else can write at all. Then it
    is left so past its lease, and when it goes on there must be one leader again, whichever of the two.
    """
    moment = moments.draw(world.rng)
    moment.wait(term.program, term.begun.number)
    term = world.latest_term(term)
    at = term.program.send(signal.SIGSTOP)
    report.pauses += 1
    holds_a_file = world.files_stay_locked()
    if holds_a_file:
        report.pauses_in_a_transaction += 1
        moments.rest(world.plan.ttl_seconds * PAST_THE_LEASE)
    else:
        _note(world, report, moment)
        successor = _taken_over(world, report, term, at)
        moments.rest(world.rng.uniform(0, LONGEST_OVERLAP_SECONDS))
    awake = world.ears.mark()
    term.program.send(signal.SIGCONT)
    if holds_a_file:
        successor = world.next_term(awake)
        world.surveyed_at(successor)
    if successor.program is not term.program:
        term.program.wait_for(STANDING_BY, START_SECONDS, since=awake)
    return successor


def run(world: World, rounds: int, progress: Progress, one_round: Round) -> Report:
    """So many rounds in one world, fewer where its market ends before, and the comparison.

    What goes wrong becomes a fault of the report.
    """
    report = Report(worlds=1)
    try:
        term = world.first_term()
        while report.rounds < rounds and not world.market_has_ended():
            term = one_round(world, term, report)
            report.rounds += 1
            progress(f"seed {world.plan.seed}: {report.rounds} of {rounds}")
        world.settle()
    except (Silence, NeverSettled, OSError) as error:
        report.faults.append(f"seed {world.plan.seed}: {type(error).__name__}: {error}")
    _compare(world, report)
    progress(f"seed {world.plan.seed}: compared: {report.in_words()}")
    return report


def _taken_over(world: World, report: Report, term: Term, at: float, *, is_measured: bool = True) -> Term:
    """The term after this one, whose leader was struck at an instant of the scale of `Heard.at`."""
    successor = world.next_term(term.begun.number + 1, besides=term.program)
    surveyed_at = world.surveyed_at(successor)
    if is_measured and successor.begun.at > at:
        report.takeover_seconds.append(surveyed_at - at)
    world.forgive_crashes()
    return successor


def _note(world: World, report: Report, moment: moments.Moment) -> None:
    report.struck_near[moment.near.value] += 1
    report.struck_with += evidence.states_of_slots(world.ledger, traffic.ACCOUNTS)


def _compare(world: World, report: Report) -> None:
    where = f"seed {world.plan.seed}"
    world.end_processes()
    report.tally = evidence.tally(world.ledger)
    report.still_unknown = len(world.ledger.trades.list(states=[TradeState.UNKNOWN]))
    report.faults += [f"{where}: {found}" for found in (*world.divergences(), *world.out_of_turn())]
    report.faults += [f"{where}: {heard}" for heard in world.ears.lines() if heard.level in SEVERE]
