"""Many worlds, some at a time, each in a directory of its own that is removed unless something was wrong there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from simulation.processes.databases import new_database
from simulation.processes.loops import Progress
from simulation.processes.report import Report
from simulation.processes.world import World, WorldPlan

ROUNDS_PER_WORLD = 20  # the recorded market lasts some minutes at this speed

Errand = Callable[[World, int, Progress], Report]


@dataclass(frozen=True, slots=True)
class Campaign:
    """How many rounds of what, and where."""

    rounds: int
    plan: WorldPlan
    parallel: int = 2
    rounds_per_world: int = ROUNDS_PER_WORLD
    server_url: str = ""  # of a PostgreSQL server, where each world gets a database; empty: SQLite files

    def shares(self) -> list[int]:
        """The rounds of each world."""
        whole, rest = divmod(self.rounds, self.rounds_per_world)
        return [self.rounds_per_world] * whole + ([rest] if rest else [])


def run(campaign: Campaign, errand: Errand, progress: Progress) -> Report:
    """Send every world on its errand, and add up what came of it. An interrupt ends every process first."""
    total = Report()
    worlds: list[World] = []
    shares: Sequence[int] = campaign.shares()

    def one(number: int, rounds: int) -> Report:
        plan = replace(campaign.plan, seed=campaign.plan.seed + number)
        return _in_a_world(campaign, plan, rounds, errand, progress, worlds)

    # The pool's threads start the processes, which die with the thread that started them: it lives as long as they.
    with ThreadPoolExecutor(campaign.parallel) as pool:
        try:
            for report in pool.map(one, range(len(shares)), shares):
                total.add(report)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for world in worlds:
                world.ears.abandon()  # its own thread tidies up
            raise
    return total


def _in_a_world(
    campaign: Campaign, plan: WorldPlan, rounds: int, errand: Errand, progress: Progress, worlds: list[World]
) -> Report:
    directory = Path(tempfile.mkdtemp(prefix="watchbill-soak-"))
    report = Report()
    try:
        with ExitStack() as stack:
            if campaign.server_url:
                plan = replace(plan, database_url=stack.enter_context(new_database(campaign.server_url)))
            world = stack.enter_context(World(directory, plan))
            worlds.append(world)
            report = errand(world, rounds, progress)
            if report.faults:
                said = "\n".join(map(str, world.ears.lines()))
                (directory / "said.txt").write_text(said, encoding="utf-8")
                report.faults.append(f"seed {plan.seed}: kept what there was in {directory}")
    finally:
        if not report.faults:
            shutil.rmtree(directory, ignore_errors=True)
    return report
