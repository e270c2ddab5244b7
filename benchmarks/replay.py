"""Replay: bars per CPU second of the whole lifecycle, beside other engines on the same task in the same run.

The task (`sma_task.py`) is 100,000 hourly bars with crosses of two means, a stop, a target and one position, judged at
closes. A plain loop knows the right trades, and every engine's are held against them: the bars of entry and exit, and
the reasons where an engine can say them. Each engine runs in a process of its own, one after the other, and again, so
that all meet the same machine; the median counts. What is timed is the engine's own run in CPU seconds, without its
imports and without making its data. An engine that is not installed is said to be missing.

Ours (`sma_lifecycle.py`) is what trades live: actors, gate, sizing, reservations, the ledger with a line for every
decision, the paper account. Its analyst is told of every bar; ticks that no actor waits for are left out. Below it
stands the older figure: the built-in analyst on four ticks a bar and two accounts, beside a bare loop over the same
ticks.

Run with `python benchmarks/replay.py [--bars N] [--rounds N] [--only ENGINE ...] [--json]`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.sma_engines import ENGINES
from benchmarks.sma_lifecycle import lifecycle
from benchmarks.sma_task import BARS, disagreement, right_answer, task_bars
from console.configuration import load
from console.recorded import Recording, first_judged
from console.replay import Scene, in_virtual_time
from console.walk import walk_through
from feeds.synthetic import synthetic_bars
from trading.ticks import price, tick_at

OURS = "watchbill"
PLAIN = "plain loop"
ANALYST_BARS = 2_000


def run_engine(name: str, count: int) -> dict[str, Any]:
    """One run of one engine, in this process."""
    bars, source = task_bars(count)
    began = time.process_time()
    right = right_answer(bars)
    if name == PLAIN:
        return _figures(name, count, len(right), time.process_time() - began, "", source)
    try:
        found, seconds = lifecycle(bars) if name == OURS else ENGINES[name][1](bars)
    except ModuleNotFoundError as error:
        return {"engine": name, "missing": str(error)}
    return _figures(name, count, len(found), seconds, disagreement(found, right), source)


def _figures(name: str, bars: int, trades: int, seconds: float, wrong: str, source: str) -> dict[str, Any]:
    return {
        "engine": name,
        "bars": bars,
        "trades": trades,
        "cpu_seconds": round(seconds, 3),
        "bars_per_cpu_second": round(bars / seconds, 1),
        "wrong": wrong,
        "source": source,
    }


def compared(names: list[str], count: int, rounds: int) -> list[dict[str, Any]]:
    """Every engine in a process of its own, in turn, ``rounds`` times: the median of each."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            command = [sys.executable, __file__, "--engine", name, "--bars", str(count)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name}: {done.stderr.strip()}")
            runs[name].append(json.loads(done.stdout.splitlines()[-1]))
    return [_median(runs[name]) for name in names]


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    if "missing" in runs[0]:
        return runs[0]
    seconds = statistics.median(run["cpu_seconds"] for run in runs)
    spread = [min(run["cpu_seconds"] for run in runs), max(run["cpu_seconds"] for run in runs)]
    speed = round(runs[0]["bars"] / seconds, 1)
    return {**runs[0], "cpu_seconds": seconds, "cpu_seconds_between": spread, "bars_per_cpu_second": speed}


def built_in_analyst(count: int) -> dict[str, Any]:
    """The built-in analyst on four ticks a bar and two accounts, beside reading every tick and doing nothing else."""
    series = synthetic_bars(1)
    recording = Recording({series.commodity: series}, "simulated hours")
    first = first_judged(recording)
    begin = recording.bars_until(first)
    end = min(begin + count, len(series) - 1)
    configuration = load(None, {})
    scene = Scene(configuration.settings, configuration, recording, first, int(series.time[end]))
    with in_virtual_time(scene) as crew:
        walk = walk_through(crew, recording, scene.first, scene.last)
        trades = len(crew.ledger.trades.list())
    bare, bare_seconds = _bare_loop(scene)
    return {
        "bars": walk.bars,
        "trades": trades,
        "bars_per_cpu_second": round(walk.bars / walk.cpu_seconds, 1),
        "bare_loop_bars_per_cpu_second": round(bare / bare_seconds, 1),
    }


def _bare_loop(scene: Scene) -> tuple[int, float]:
    series = next(iter(scene.recording.series.values()))
    began, seen = time.process_time(), 0.0
    for at in scene.recording.instants(scene.first, scene.last).tolist():
        tick = tick_at(series, at)
        if tick is not None:
            seen += price(series, tick[0], tick[1], None)
    bars = scene.recording.bars_until(scene.last - 1) - scene.recording.bars_until(scene.first - 1)
    return bars, time.process_time() - began


def show(engines: list[dict[str, Any]], analyst: dict[str, Any]) -> None:
    """The figures as a table, ours first."""
    ours = next((row for row in engines if row["engine"] == OURS), None)
    print(f"{'engine':16} {'trades':>7} {'CPU s':>8} {'bars/CPU s':>12} {'ours/its':>9}  trades as by the plain loop")
    for row in engines:
        if "missing" in row:
            print(f"{row['engine']:16} not installed ({row['missing']})")
            continue
        ratio = "" if ours is None else f"{ours['bars_per_cpu_second'] / row['bars_per_cpu_second']:9.2f}"
        kind = ENGINES[row["engine"]][0] if row["engine"] in ENGINES else ""
        agrees = row["wrong"] or "yes"
        speed = f"{row['bars_per_cpu_second']:12,.0f}"
        print(f"{row['engine']:16} {row['trades']:7} {row['cpu_seconds']:8.2f} {speed} {ratio:>9}  {agrees} {kind}")
    print(f"\nthe built-in analyst, 4 ticks a bar, 2 accounts: {analyst}")


def main() -> None:
    """Run what was asked for."""
    warnings.simplefilter("ignore")  # the engines' own, of which there are many
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [PLAIN, OURS, *ENGINES]
    parser.add_argument("--bars", type=int, default=BARS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--engine", choices=names, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.engine is not None:
        print(json.dumps(run_engine(arguments.engine, arguments.bars)))
        return
    engines = compared(arguments.only, arguments.bars, arguments.rounds)
    analyst = built_in_analyst(min(arguments.bars, ANALYST_BARS))
    if arguments.json:
        print(json.dumps({"engines": engines, "built_in_analyst": analyst}))
    else:
        show(engines, analyst)


if __name__ == "__main__":
    main()
