"""`run.py simulate`: seeded worlds of faults, against the real actors, ledger and recovery, in virtual time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from console.arguments import Simulate
from console.errors import CommandError
from console.output import Output
from simulation.campaign import Findings, campaign, quiet
from simulation.kinds import FAULTS, UnknownFault, kinds_named
from simulation.mutants import MUTANTS, Caught, hunt

MOST_JOBS = 8
VIOLATED = 1  # the exit code when an invariant was broken, or a mutant lived


def run(arguments: Simulate, output: Output) -> int:
    """Simulate, show what came of it, and return the exit code: 1 when something was broken."""
    try:
        kinds = kinds_named(arguments.faults)
    except UnknownFault as error:
        raise CommandError(f"--faults: {error}") from error
    if arguments.mutants:
        return _mutants(arguments, output)
    jobs = arguments.jobs or min(os.cpu_count() or 1, MOST_JOBS, arguments.seeds)
    with _progress(output, arguments.seeds, "simulating") as advance:
        findings = campaign(
            arguments.seed,
            arguments.seeds,
            kinds,
            connector=arguments.connector,
            jobs=jobs,
            lines=arguments.lines,
            advance=advance,
        )
    output.show(report(findings, arguments), render)
    return VIOLATED if findings.violations else 0


def report(findings: Findings, arguments: Simulate) -> dict[str, Any]:
    """The figures of a campaign, in JSON's types."""
    failed = findings.failed
    return {
        "seeds": findings.seeds,
        "first_seed": findings.first_seed,
        "violations": [
            {"seed": v.seed, "invariant": v.invariant, "what": v.what, "at_seconds": v.at_seconds}
            for v in findings.violations
        ],
        "seconds": round(findings.seconds, 3),
        "seeds_per_second": round(findings.seeds_per_second, 2),
        "virtual_hours": round(findings.virtual_seconds / 3600, 2),
        "faults": {kind: findings.struck[kind] for kind in FAULTS if findings.struck[kind]},
        "totals": dict(sorted(findings.count.items())),
        "replay": None if failed is None else replay_command(failed.seed, arguments),
        "trace_hash": None if failed is None else failed.digest,
        "trace": [] if failed is None else list(failed.last_lines),
    }


def replay_command(seed: int, arguments: Simulate) -> str:
    """What to type to see a seed again."""
    faults = "" if arguments.faults == "all" else f" --faults {arguments.faults}"
    connector = "" if arguments.connector == "paper" else f" --connector {arguments.connector}"
    return f"run.py simulate --seeds 1 --seed {seed}{faults}{connector}"


def render(data: Mapping[str, Any]) -> RenderableType:
    """The same for a person: figures, or the story of the seed that failed."""
    parts: list[RenderableType] = []
    if data["violations"]:
        parts += [Text(line) for line in data["trace"]]
        parts += [
            Text(f"\nseed {v['seed']} broke {v['invariant']}: {v['what']}", style="bold red")
            for v in data["violations"]
        ]
        parts.append(Text(f"to see it again: {data['replay']}\n"))
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("seeds", f"{data['seeds']} from {data['first_seed']} on, {data['seeds_per_second']:g} a second")
    table.add_row("virtual time", f"{data['virtual_hours']:g} hours")
    table.add_row("violations", str(len(data["violations"])))
    table.add_row("faults", ", ".join(f"{kind} {count}" for kind, count in data["faults"].items()) or "none")
    table.add_row("totals", ", ".join(f"{what} {count}" for what, count in data["totals"].items()))
    parts.append(table)
    return Group(*parts)


def _mutants(arguments: Simulate, output: Output) -> int:
    """Switch every mutant on in turn, and see how many seeds it lives."""
    caught: list[Caught] = []
    with _progress(output, len(MUTANTS), "hunting mutants") as advance, quiet():
        for mutant in MUTANTS:
            caught.append(hunt(mutant, arguments.seed, arguments.seeds, arguments.connector))
            advance(len(caught))
    rows = [
        {
            "mutant": found.mutant.name,
            "what": found.mutant.sentence,
            "faults": sorted(found.mutant.kinds),
            "seeds_needed": found.seeds,
            "invariant": None if found.violation is None else found.violation.invariant,
        }
        for found in caught
    ]
    alive = [row["mutant"] for row in rows if row["invariant"] is None]
    output.show({"mutants": rows, "alive": alive}, render_mutants)
    return VIOLATED if alive else 0


def render_mutants(data: Mapping[str, Any]) -> RenderableType:
    """The table of mutants."""
    table = Table(box=None)
    for heading in ("mutant", "what it does", "seeds", "caught by"):
        table.add_column(heading)
    for row in data["mutants"]:
        table.add_row(row["mutant"], row["what"], str(row["seeds_needed"]), row["invariant"] or "nobody")
    return table


@contextmanager
def _progress(output: Output, total: int, what: str) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=output.aside, transient=True, disable=not output.aside.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
