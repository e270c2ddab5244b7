"""`run.py soak`: real processes of this program, killed, paused and taken over from, and what came of it."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from console.arguments import Soak
from console.errors import CommandError
from console.output import Output
from console.tables import Cell, Column, pairs, table
from persistence.database import parsed
from simulation.processes import campaign, loops, takeover
from simulation.processes.campaign import Campaign
from simulation.processes.report import Report
from simulation.processes.takeover import Way
from simulation.processes.world import WorldPlan

FOUND_SOMETHING = 1
LOOP_TTL_SECONDS = 3.0
TAKEOVER_TTL_SECONDS = 5.0
TAKEOVER_SPEED = 3_600.0  # an hourly bar a second: the ledger is mostly idle
LOST_REPLIES = 0.02  # of the orders in the kill loop: a kill and a lost answer may meet


def run(arguments: Soak, output: Output) -> int:
    """Do what is asked, and show it; 1 when something was lost, doubled or late, 0 otherwise."""
    if sys.platform == "win32":
        raise CommandError("soak needs the signals of POSIX, which Windows does not have")
    server = _server(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: every process and directory is tidied away
    began = time.monotonic()

    def progress(text: str) -> None:
        output.aside.print(Text(f"{time.monotonic() - began:7.1f} s  {text}"), soft_wrap=True)

    if arguments.what == "takeover":
        ways = _ways(arguments, server)
        reports = {way.value: _takeovers(arguments, server, way, progress) for way in ways}
    else:
        reports = {arguments.what: _loop(arguments, server, progress)}
    data = {
        "what": arguments.what,
        "database": "postgresql" if server else "sqlite",
        "seed": arguments.seed,
        "seconds": round(time.monotonic() - began, 1),
        "reports": {name: report.data() for name, report in reports.items()},
        "divergences": [fault for report in reports.values() for fault in report.faults],
    }
    output.show(data, render)
    return FOUND_SOMETHING if data["divergences"] else 0


def _server(arguments: Soak) -> str:
    if arguments.database is None:
        return ""
    if parsed(arguments.database).get_backend_name() != "postgresql":
        raise CommandError(
            "--database is no server; expected the URL of PostgreSQL, where each world gets a new database, "
            "or nothing, for files of SQLite"
        )
    return arguments.database


def _ways(arguments: Soak, server: str) -> Sequence[Way]:
    if arguments.way is not None:
        way = Way(arguments.way)
        if way is Way.CUT and not server:
            raise CommandError("--way cut needs --database: nothing lies between a process and a file of SQLite")
        return (way,)
    return tuple(way for way in Way if server or way is not Way.CUT)


def _loop(arguments: Soak, server: str, progress: loops.Progress) -> Report:
    is_kill = arguments.what == "kill"
    plan = WorldPlan(arguments.seed, LOOP_TTL_SECONDS, lose_replies=LOST_REPLIES if is_kill else 0.0)
    one_round = loops.kill_round if is_kill else loops.pause_round
    wanted = Campaign(arguments.rounds, plan, arguments.parallel, server_url=server)
    return campaign.run(wanted, partial(loops.run, one_round=one_round), progress)


def _takeovers(arguments: Soak, server: str, way: Way, progress: loops.Progress) -> Report:
    plan = WorldPlan(arguments.seed, TAKEOVER_TTL_SECONDS, TAKEOVER_SPEED)
    # One world, and nothing beside it: what is measured is a time.
    wanted = Campaign(arguments.rounds, plan, 1, rounds_per_world=arguments.rounds, server_url=server)
    return campaign.run(wanted, partial(takeover.run, way=way), progress)


def render(data: Mapping[str, Any]) -> RenderableType:
    """The figures, and what was wrong."""
    found = data["divergences"]
    verdict = Text("nothing lost, nothing doubled", style="green")
    if found:
        verdict = Text(f"{len(found)} found", style="bold red")
    parts: list[RenderableType] = []
    if data["what"] == "takeover":
        parts.append(_times(data["reports"]))
        verdict = verdict if found else Text("none", style="green")
    else:
        (report,) = data["reports"].values()
        parts.append(pairs(_figures(report)))
    parts.append(pairs([("database", data["database"]), ("seed", str(data["seed"])), ("divergences", verdict)]))
    return Group(*parts, *(Text(fault) for fault in found))


def _figures(report: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    times = report["takeover"]
    pauses = f"{report['pauses']}, {report['pauses_in_a_transaction']} of them in a transaction of SQLite"
    rows: list[tuple[str, Cell]] = [
        ("rounds", f"{report['rounds']} in {report['worlds']} worlds"),
        ("kills", f"{report['kills']} of the program, {report['broker_kills']} of the broker"),
        ("pauses", pauses),
        ("struck near", _counts(report["struck_near"])),
        ("slots then", _counts(report["slots_when_struck"])),
        ("trades", f"{report['opens']} opened, {report['closes']} closed"),
        ("closed by", _counts(report["closed_by"])),
        ("unknown", f"{report['unknown_outcomes']}, {report['unknown_outcomes_resolved']} resolved"),
    ]
    if times is not None:
        spread = f"{times['min_seconds']:.2f} s, {times['median_seconds']:.2f} s, {times['max_seconds']:.2f} s"
        rows.append(("takeover", f"{spread} (shortest, median, longest of {times['runs']})"))
    return rows


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _times(reports: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    columns = (
        Column("leader lost by"),
        Column("runs", "right"),
        Column("shortest", "right"),
        Column("median", "right"),
        Column("longest", "right"),
    )
    rows = []
    for way, report in reports.items():
        times = report["takeover"]
        if times is not None:
            seconds = (f"{times[f'{name}_seconds']:.2f} s" for name in ("min", "median", "max"))
            rows.append((way, str(times["runs"]), *seconds))
    title = f"Takeover, with leases of {TAKEOVER_TTL_SECONDS:g} s"
    return table(title, columns, rows, otherwise="Nobody took over.")
