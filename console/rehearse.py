"""`run.py rehearse`: a year of trading days over the whole catalogue in virtual time, and what fired when."""

from __future__ import annotations

import calendar
import signal
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from actors.accounts import Market
from console.arguments import Rehearse
from console.errors import CommandError
from console.output import Output
from console.tables import KEEP, Column, FittedTable
from feeds.catalogue import read_catalogue
from feeds.market_calendars import in_memory
from simulation.rehearsal import RehearsalOutcome, rehearsal_market
from simulation.rehearsal_months import rehearse
from trading.commodities import UnknownCommodity, find
from trading.market import iso

VIOLATED = 1  # the exit code when something was not as the calendar asks for
LONGEST = timedelta(days=3 * 366)
FIGURES = {  # with their columns
    "windows": Column("days", "right"),
    "week_ends": Column("week ends", "right", goes=4),
    "early_closes": Column("early", "right"),
    "opened": Column("opened", "right", goes=3),
    "day_end": Column("day end", "right"),
    "friday": Column("friday", "right"),
    "closed": Column("closed", "right", goes=1),
    "kept": Column("kept", "right", goes=2),
}
FAULTS = {  # and how soon the column of each goes while there is none of it
    "missed": KEEP,
    "twice": KEEP,
    "outside": KEEP,
    "wrong": 5,
    "extra": 6,
    "opened_in_window": 8,
    "opened_shut": 7,
}


def run(arguments: Rehearse, output: Output) -> int:
    """Rehearse, show the table, and return the exit code: 1 when a rule did not do as it must."""
    first, last = span(arguments)
    market = market_of(arguments.commodities, first, last)
    with _stopped_as_by_a_person(), _progress(output, f"rehearsing {first} to {last}") as advance:
        outcome = rehearse(market, first, last, arguments.seed, jobs=arguments.jobs, advance=advance)
    output.show(report(outcome, arguments.seed), render)
    return VIOLATED if outcome.violations else 0


def span(arguments: Rehearse) -> tuple[date, date]:
    """The first and the last trading date. Raises `CommandError` for dates that make no span."""
    begin, end = arguments.months or (1, 12)
    year = datetime.now(UTC).year if arguments.year is None else arguments.year
    last_day = calendar.monthrange(year, end)[1]
    first = date(year, begin, 1) if arguments.first is None else arguments.first
    last = date(year, end, last_day) if arguments.last is None else arguments.last
    if last < first:
        raise CommandError(f"--from is {first} and --to is {last}; expected dates in their order")
    if last - first > LONGEST:
        raise CommandError(f"--from is {first} and --to is {last}; expected three years at most")
    return first, last


def market_of(names: Collection[str], first: date, last: date) -> Market:
    """The market of these commodities, or of the whole catalogue where none is named. Raises `CommandError`."""
    catalogue = read_catalogue()
    try:
        chosen = [find(catalogue, name).id for name in names] or list(catalogue)
    except UnknownCommodity as error:
        raise CommandError(f"--commodities: {error}") from error
    return rehearsal_market(chosen, catalogue, first, last, in_memory())


def report(outcome: RehearsalOutcome, seed: int) -> dict[str, Any]:
    """The figures of a rehearsal, in JSON's types."""
    columns = (*FIGURES, *FAULTS)
    total = sum(outcome.counts.values(), Counter[str]())
    return {
        "first": outcome.first.isoformat(),
        "last": outcome.last.isoformat(),
        "seed": seed,
        "seconds": round(outcome.seconds, 3),
        "cpu_seconds": round(outcome.cpu_seconds, 3),
        "ticks": outcome.ticks,
        "crews": outcome.lives,
        "kills": dict(sorted(outcome.blows.items())),
        "commodities": {name: {key: of[key] for key in columns} for name, of in sorted(outcome.counts.items())},
        "total": {key: total[key] for key in columns},
        "violations": [
            {
                "kind": violation.kind,
                "account": violation.account,
                "commodity": violation.commodity,
                "at": iso(violation.at),
                "what": violation.what,
            }
            for violation in outcome.violations
        ],
    }


def render(data: Mapping[str, Any]) -> RenderableType:
    """The same for a person."""
    rows = [_row(name, counts) for name, counts in data["commodities"].items()]
    for cell in (total := _row("total", data["total"])):
        cell.stylize("bold")
    table = FittedTable("", list(_columns(data["total"])), [*rows, total])
    kills = ", ".join(f"{number} {moment}" for moment, number in data["kills"].items()) or "none"
    said = (
        f"{data['first']} to {data['last']}, seed {data['seed']}: {data['ticks']} ticks, {data['crews']} crews, "
        f"kills: {kills}; {data['seconds']:.0f} s, of one core {data['cpu_seconds']:.0f}"
    )
    violations = [
        Text(f"{v['kind']}: {v['account']}:{v['commodity']} at {v['at']}: {v['what']}", style="bold red")
        for v in data["violations"]
    ]
    last = Text(f"violations: {len(violations)}", style="bold red" if violations else "bold green")
    return Group(table, Text(said), *violations, last)


def _columns(total: Mapping[str, int]) -> Iterator[Column]:
    yield Column("commodity")
    yield from FIGURES.values()
    for name, goes in FAULTS.items():
        yield Column(name.replace("_", " "), "right", goes=KEEP if total[name] else goes)


def _row(name: str, counts: Mapping[str, int]) -> list[Text]:
    cells = [Text(name), *(Text(str(counts[key])) for key in FIGURES)]
    return cells + [Text(str(counts[key]), style="red" if counts[key] else "") for key in FAULTS]


@contextmanager
def _stopped_as_by_a_person() -> Iterator[None]:
    """Told to stop it ends as by Ctrl-C, and its processes with it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(output: Output, what: str) -> Iterator[Callable[[float], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=output.aside, transient=True, disable=not output.aside.is_terminal) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda done: progress.update(task, completed=done)
