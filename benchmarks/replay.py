"""Replay: bars per CPU second of the whole lifecycle, beside a bare loop over the same ticks in the same run.

The bare loop reads the same four ticks of every bar and does nothing else: the ratio says what the lifecycle (actors,
ledger, two paper accounts, four pillars) costs above it. Run with `python benchmarks/replay.py [--bars N] [--json]`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from console.configuration import load
from console.recorded import Recording, first_judged
from console.replay import Scene, in_virtual_time, walk_through
from feeds.synthetic import synthetic_bars
from trading.ticks import price, tick_at

REPETITIONS = 3


def bare_loop(scene: Scene) -> tuple[int, float]:
    """Bars, and CPU seconds, of reading every tick."""
    series = next(iter(scene.recording.series.values()))
    began, seen = time.process_time(), 0.0
    instants = scene.recording.instants(scene.first, scene.last).tolist()
    for at in instants:
        tick = tick_at(series, at)
        if tick is not None:
            seen += price(series, tick[0], tick[1], None)
    bars = scene.recording.bars_until(scene.last - 1) - scene.recording.bars_until(scene.first - 1)
    return bars, time.process_time() - began


def lifecycle(scene: Scene) -> tuple[int, float, int]:
    """Bars, CPU seconds, and trades, of the whole lifecycle."""
    with in_virtual_time(scene) as crew:
        walk = walk_through(crew, scene.recording, scene.first, scene.last)
        return walk.bars, walk.cpu_seconds, len(crew.ledger.trades.list())


def main() -> None:
    """Alternate the two, and print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    series = synthetic_bars(1)
    recording = Recording({series.commodity: series}, "simulated hours")
    first = first_judged(recording)
    begin = recording.bars_until(first)
    end = min(begin + arguments.bars, len(series) - 1)
    configuration = load(None, {})
    scene = Scene(configuration.settings, configuration, recording, first, int(series.time[end]))
    bare, whole, trades = [], [], 0
    for _ in range(REPETITIONS):
        bars, seconds = bare_loop(scene)
        bare.append(bars / seconds)
        bars, seconds, trades = lifecycle(scene)
        whole.append(bars / seconds)
    figures = {
        "bars": bars,
        "trades": trades,
        "lifecycle_bars_per_cpu_second": round(statistics.median(whole), 1),
        "bare_loop_bars_per_cpu_second": round(statistics.median(bare), 1),
        "ratio": round(statistics.median(whole) / statistics.median(bare), 5),
    }
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:32} {value}")


if __name__ == "__main__":
    main()
