"""What the chances of a trade cost: microseconds a position, one by one and in columns, beside two other ways.

    python -m benchmarks.probability [--repetitions N] [--seed N] [--json]

Positions as a day's trading has them: stops and targets at a tenth to three standard deviations until the horizon, a
break-even near the price. Every way answers the same questions (target, stop, profit), with the variance uncertain, in
alternating repetitions of which the medians are reported, in processor time:

- *one*: `chances`, a position at a time;
- *columns*: `chances_many`, all at once; also for a variance that is known, and with a drift;
- *series*: the textbook's: the eigenfunctions' series in a plain loop, a hundred terms, no switch, for each node, with
  the profit by a Simpson rule over the density. Right wherever a hundred terms are enough;
- *dice*: paths of twenty-four steps with a Brownian bridge between them, 4,000 a position, in numpy. Right to a
  percent.

The differences between the answers are shown, too: a way that is fast and wrong is no peer.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.reservations import positive
from trading.bars import Floats
from trading.probability import NODES, VARIANCE_UNCERTAINTY, chances, chances_many

SIZES = (1, 100, 10_000)
ONE_BY_ONE_MOST = 2_000  # of the positions: one by one, more of them say nothing new
PEERS_MOST = 20
TERMS = 100
SIMPSON_PARTS = 40
PATHS, STEPS = 4_000, 24

Answers = tuple[Floats, Floats, Floats]
"""P(target), P(stop), P(profit), each of shape (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """What is asked, in columns of shape (n,)."""

    to_target: Floats
    to_stop: Floats
    variance: Floats
    drift: Floats
    to_breakeven: Floats

    def __len__(self) -> int:
        return len(self.variance)

    def first(self, count: int) -> Positions:
        """The first so many."""
        cut = slice(0, count)
        return Positions(
            self.to_target[cut], self.to_stop[cut], self.variance[cut], self.drift[cut], self.to_breakeven[cut]
        )


def positions(count: int, seed: int) -> Positions:
    """Positions in the middle of their lives."""
    rng = np.random.default_rng(seed)
    deviation = rng.uniform(0.001, 0.01, count)
    return Positions(
        to_target=deviation * rng.uniform(0.1, 3.0, count),
        to_stop=deviation * rng.uniform(0.1, 3.0, count),
        variance=deviation**2,
        drift=deviation * rng.normal(0.0, 0.1, count),
        to_breakeven=deviation * rng.normal(0.05, 0.02, count),
    )


# ---------------------------------------------------------------- the ways


def one_by_one(asked: Positions) -> Answers:
    """`chances` of each."""
    said = [
        chances(to_target=target, to_stop=stop, variance=variance, to_breakeven=breakeven)
        for target, stop, variance, breakeven in zip(
            asked.to_target.tolist(),
            asked.to_stop.tolist(),
            asked.variance.tolist(),
            asked.to_breakeven.tolist(),
            strict=True,
        )
    ]
    target, stop, profit = np.array([(each.target, each.stop, each.profit) for each in said]).T
    return target, stop, profit


def one_by_one_drifting(asked: Positions) -> Answers:
    """`chances` of each, with its drift."""
    said = [
        chances(
            to_target=float(asked.to_target[row]),
            to_stop=float(asked.to_stop[row]),
            variance=float(asked.variance[row]),
            drift=float(asked.drift[row]),
            to_breakeven=float(asked.to_breakeven[row]),
        )
        for row in range(len(asked))
    ]
    target, stop, profit = np.array([(each.target, each.stop, each.profit) for each in said]).T
    return target, stop, profit


def in_columns(asked: Positions) -> Answers:
    """`chances_many`."""
    said = chances_many(asked.to_target, asked.to_stop, asked.variance, 0.0, asked.to_breakeven)
    return said.target, said.stop, said.profit


def in_columns_known(asked: Positions) -> Answers:
    """`chances_many` for a variance that is known."""
    said = chances_many(asked.to_target, asked.to_stop, asked.variance, 0.0, asked.to_breakeven, 0.0)
    return said.target, said.stop, said.profit


def in_columns_drifting(asked: Positions) -> Answers:
    """`chances_many`, with a drift in every row."""
    said = chances_many(asked.to_target, asked.to_stop, asked.variance, asked.drift, asked.to_breakeven)
    return said.target, said.stop, said.profit


def by_textbook_series(asked: Positions) -> Answers:
    """A loop over positions, nodes and terms, as the formulas stand in the books."""
    found = np.zeros((3, len(asked)))
    for row in range(len(asked)):
        for place, weight in NODES:
            factor = math.exp(VARIANCE_UNCERTAINTY * place - VARIANCE_UNCERTAINTY**2 / 2)
            found[:, row] += weight * np.array(textbook_row(asked, row, float(asked.variance[row]) * factor))
    return found[0], found[1], found[2]


def textbook_row(asked: Positions, row: int, variance: float) -> tuple[float, float, float]:
    """One position at one variance."""
    target, stop = float(asked.to_target[row]), float(asked.to_stop[row])
    breakeven, length = float(asked.to_breakeven[row]), target + stop
    up, down = stop / length, target / length
    waves = []
    for term in range(1, TERMS + 1):
        wave = math.sin(term * math.pi * stop / length) * math.exp(-((term * math.pi / length) ** 2) * variance / 2)
        up -= 2 / (term * math.pi) * (-1) ** (term + 1) * wave
        down -= 2 / (term * math.pi) * wave
        waves.append(wave)
    if breakeven >= target:
        return up, down, 0.0
    alive = 0.0
    width = (target - breakeven) / SIMPSON_PARTS
    for part in range(SIMPSON_PARTS + 1):
        place = breakeven + part * width + stop
        density = 2 / length * sum(wave * math.sin(n * math.pi * place / length) for n, wave in enumerate(waves, 1))
        alive += density * (1 if part in (0, SIMPSON_PARTS) else 4 if part % 2 else 2) * width / 3
    return up, down, up + alive


def by_dice(asked: Positions) -> Answers:
    """Paths of each position; each path has a variance of its own."""
    rng = np.random.default_rng(1)
    found = np.zeros((3, len(asked)))
    for row in range(len(asked)):
        target, stop = float(asked.to_target[row]), float(asked.to_stop[row])
        factor = np.exp(VARIANCE_UNCERTAINTY * rng.standard_normal(PATHS) - VARIANCE_UNCERTAINTY**2 / 2)
        variance = float(asked.variance[row]) * factor / STEPS
        place, ended = np.zeros(PATHS), np.zeros(PATHS, dtype=np.int64)
        for _ in range(STEPS):
            after = place + np.sqrt(variance) * rng.standard_normal(PATHS)
            up = np.exp(-2 * np.maximum(target - place, 0) * np.maximum(target - after, 0) / variance)
            down = np.exp(-2 * np.maximum(stop + place, 0) * np.maximum(stop + after, 0) / variance)
            hit = np.where(down > rng.random(PATHS), -1, np.where(up > rng.random(PATHS), 1, 0))
            ended = np.where(ended == 0, hit, ended)
            place = after
        profit = (ended == 1) | ((ended == 0) & (place > float(asked.to_breakeven[row])))
        found[:, row] = (ended == 1).mean(), (ended == -1).mean(), profit.mean()
    return found[0], found[1], found[2]


# ---------------------------------------------------------------- measuring

Way = tuple[str, Callable[[Positions], Answers], int]
"""Its name, itself, and of how many positions at most."""

WAYS: tuple[Way, ...] = (
    ("one", one_by_one, ONE_BY_ONE_MOST),
    ("one, drift", one_by_one_drifting, ONE_BY_ONE_MOST),
    ("columns", in_columns, SIZES[-1]),
    ("columns, drift", in_columns_drifting, SIZES[-1]),
    ("columns, known variance", in_columns_known, SIZES[-1]),
    ("series", by_textbook_series, PEERS_MOST),
    ("dice", by_dice, PEERS_MOST),
)


def microseconds(way: Callable[[Positions], Answers], asked: Positions) -> float:
    """Of one position, in processor time; what is quick is done again until it takes long enough to measure."""
    rounds, taken = 0, 0.0
    begun = time.process_time()
    while taken < 0.02:
        way(asked)
        rounds += 1
        taken = time.process_time() - begun
    return taken / rounds / len(asked) * 1e6


def measure(repetitions: int, seed: int) -> dict[str, Any]:
    """Every way at every size."""
    sizes: dict[str, dict[str, float]] = {}
    for size in SIZES:
        asked = positions(size, seed)
        taken: dict[str, list[float]] = {name: [] for name, _, _ in WAYS}
        for _ in range(repetitions):
            for name, way, most in WAYS:
                taken[name].append(microseconds(way, asked.first(most)))
        sizes[str(size)] = {name: round(statistics.median(each), 3) for name, each in taken.items()}
    asked = positions(SIZES[-1], seed)
    ours = [column[:PEERS_MOST] for column in in_columns(asked)]
    asked = asked.first(PEERS_MOST)
    return {
        "microseconds_a_position": sizes,
        "ratio_to_columns_at_10000": {
            name: round(sizes["10000"][name] / sizes["10000"]["columns"], 1) for name in ("one", "series", "dice")
        },
        "largest_difference": {
            name: float(f"{max(float(np.abs(a - b).max()) for a, b in zip(way(asked), ours, strict=True)):.1e}")
            for name, way in (("one", one_by_one), ("series", by_textbook_series), ("dice", by_dice))
        },
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Microseconds a position for its chances, beside two other ways.")
    parser.add_argument("--repetitions", type=positive, default=5, help="of each way, taking turns")
    parser.add_argument("--seed", type=int, default=0, help="of the positions")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    found = measure(arguments.repetitions, arguments.seed)
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{'microseconds a position':<28}" + "".join(f"{size:>12,}" for size in SIZES) + f"{'difference':>14}")
    for name, _, _ in WAYS:
        row = "".join(f"{found['microseconds_a_position'][str(size)][name]:>12,.2f}" for size in SIZES)
        difference = found["largest_difference"].get(name)
        print(f"{name:<28}{row}" + (f"{difference:>14.0e}" if difference is not None else ""))
    ratios = ", ".join(f"{name} {ratio:,.1f}" for name, ratio in found["ratio_to_columns_at_10000"].items())
    print(f"times the cost in columns of 10,000: {ratios}")


if __name__ == "__main__":
    main()
