"""`run.py audit`: what each exit rule earns or costs, on recorded bars or in the ledger's own trades."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from console import audit_ledger
from console.arguments import Audit
from console.audit_figures import figures
from console.audit_series import PARTS, AuditedSeries, Work, follow_all
from console.audit_view import render_ledger, render_recorded
from console.calibration_series import read_all
from console.configuration import Configuration
from console.errors import CommandError
from console.output import Output
from trading.audit import RULES, Comparison, rules_on
from trading.market import iso

MOST_JOBS = 8
ALL_RULES = "all rules that are on"


def run(arguments: Audit, configuration: Configuration, output: Output) -> int:
    """Follow, compare, show; answers the exit code."""
    rules = _rules(arguments.rules)
    if arguments.ledger:
        output.show(audit_ledger.ledger_data(arguments, configuration, rules), render_ledger)
    elif arguments.data:
        output.show(recorded_data(arguments, configuration, rules, output), render_recorded)
    else:
        raise CommandError("audit: expected --data FILE… or --ledger, or both")
    return 0


def recorded_data(
    arguments: Audit, configuration: Configuration, rules: tuple[str, ...], output: Output
) -> dict[str, Any]:
    """The figures of trades on the files. Raises `CommandError`."""
    began = time.perf_counter()
    read = read_all(arguments.data, arguments.commodity, configuration)
    series = [AuditedSeries.of(each, configuration) for each in read]
    settings = configuration.settings
    comparisons = [Comparison.of(rule) for rule in rules]
    if not arguments.rules:
        comparisons.append(Comparison(ALL_RULES, rules_on(settings), frozenset()))
    work = Work(
        series=tuple(series),
        settings=settings,
        comparisons=tuple(comparisons),
        trades=arguments.trades,
        seed=arguments.seed,
    )
    tasks = PARTS * len(series)
    jobs = arguments.jobs or min(os.cpu_count() or 1, MOST_JOBS, tasks)
    with _progress(output, tasks) as advance:
        followed = follow_all(work, jobs, advance)
    if not followed.series:
        names = ", ".join(each.name for each in read)
        raise CommandError(f"no trade can be followed on the bars of {names}; expected more days of them")
    split_at = _split(followed.differences[comparisons[0].name].entered_at)
    return {
        "source": "recorded bars",
        "seed": arguments.seed,
        **figures(followed, comparisons, settings, split_at),
        "series": [
            {
                "name": one.name,
                "commodity": one.bars.commodity,
                "bars": len(one.bars),
                "bar_seconds": one.bars.bar_seconds,
                "trades": followed.series.count(one.name),
                "from": iso(int(one.bars.time[0])),
                "to": iso(one.bars.end(len(one.bars) - 1)),
                "remarks": list(each.remarks),
            }
            for one, each in zip(read, series, strict=True)
        ],
        "seconds": round(time.perf_counter() - began, 3),
    }


def _rules(wanted: tuple[str, ...]) -> tuple[str, ...]:
    for name in wanted:
        if name not in RULES:
            raise CommandError(f"--rule: there is no rule {name!r}; expected one of {', '.join(RULES)}")
    return tuple(name for name in RULES if name in wanted) or RULES


def _split(entered_at: Any) -> int:
    """The instant that has as many entries before as after it."""
    return int(np.sort(entered_at)[len(entered_at) // 2])


@contextmanager
def _progress(output: Output, total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("following"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=output.aside, transient=True, disable=not output.aside.is_terminal) as progress:
        task = progress.add_task("following", total=total)
        yield lambda done: progress.update(task, completed=done)
