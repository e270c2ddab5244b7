"""A simulated market for when there is no recorded one: hourly bars like those of EURUSD, from a seed.

It has what the rules look for and must withstand: weeks from Sunday 17:00 to Friday 17:00 New York with gaps between
them, quiet nights and busy afternoons, volatility that clusters, and phases that trend, range and storm.

The same seed gives the same bars to the last bit on every machine and with every release of NumPy. Therefore only the
raw bits of PCG64 are used, whose stream is guaranteed (the distributions of `Generator` are not), and only the four
operations and square roots, which IEEE 754 defines exactly (powers, exponentials and logarithms are the library's own).

The volatility of an hour is a GARCH(1, 1) process (Bollerslev, 1986) around the level of the phase.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from trading.bars import BarSeries, check_bars
from trading.market import HOUR, SECOND, instant

BARS = 5_000
FIRST_HOUR = datetime(2024, 1, 7, 22, tzinfo=UTC)  # a Sunday, 17:00 in New York
NEW_YORK = ZoneInfo("America/New_York")
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
WEEK_TURNS_AT_HOUR = 17

START_PRICE = 1.10
DIGITS = 5
HOURLY_VOLATILITY = 0.0010  # sd of an average hour's return: about half a percent a day
STEPS_PER_HOUR = 12  # prices within an hour, from which its high and low come
WEEKEND_GAP = 3.0  # in average hours' volatility
ANCHOR_PULL = 0.0006  # of the distance to the start price, per hour: no price wanders off for good
SHOCK_WEIGHT, MEMORY = 0.08, 0.90  # GARCH: how much the last hour's square and the last variance count
HIGHEST_VARIANCE = 25.0  # relative to an average hour's: a storm stays a storm, and no explosion

# The size of an hour's moves relative to the average, by hour of the day in UTC: Asia, London, New York, the roll.
HOUR_PROFILE = (
    0.65, 0.70, 0.70, 0.65, 0.60, 0.65, 0.85, 1.20, 1.30, 1.20, 1.05, 1.00,
    1.15, 1.50, 1.60, 1.50, 1.25, 1.00, 0.85, 0.75, 0.65, 0.50, 0.45, 0.55,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Phase:
    """What the market is doing for some days."""

    drift: float  # mean return of an hour, in average hours' volatility
    volatility: float  # relative to the average
    pull: float  # of the distance to where the phase began, per hour
    mean_hours: int


PHASES = (
    Phase(drift=0.12, volatility=0.95, pull=0.0, mean_hours=110),  # rising
    Phase(drift=-0.12, volatility=0.95, pull=0.0, mean_hours=110),  # falling
    Phase(drift=0.0, volatility=0.80, pull=0.06, mean_hours=90),  # ranging
    Phase(drift=0.0, volatility=1.70, pull=0.0, mean_hours=24),  # storm
)


def synthetic_bars(seed: int = 1, count: int = BARS, commodity: str = "EURUSD") -> BarSeries:
    """``count`` hourly mid bars without spreads of their own, from January 2024 on.

    Raises ``ValueError`` for a negative seed, and for a count below 1.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
    if count < 1:
        raise ValueError(f"count is {count}; expected at least 1")
    hours = list(_trading_hours(count))
    chance = _Chance(seed, count)
    paths = _paths(hours, chance)
    scale = 10.0**DIGITS
    grid = np.rint(paths * scale) / scale
    return check_bars(
        BarSeries(
            commodity=commodity,
            bar_seconds=HOUR // SECOND,
            time=np.array([instant(hour) for hour in hours], dtype=np.int64),
            open=grid[:, 0].copy(),
            high=grid.max(axis=1),
            low=grid.min(axis=1),
            close=grid[:, -1].copy(),
            spread=np.full(count, np.nan),
        ),
        source=f"simulated market of seed {seed}",
    )


class _Chance:
    """All the randomness of one market, drawn at once: shape (count, STEPS_PER_HOUR) shocks and some coins an hour."""

    def __init__(self, seed: int, count: int) -> None:
        bits = np.random.PCG64(seed)
        # The sum of twelve uniforms less six is close to normal, and exact in whole numbers.
        raw = bits.random_raw(count * STEPS_PER_HOUR * 12).reshape(count, STEPS_PER_HOUR, 12) >> np.uint64(32)
        total = raw.sum(axis=2, dtype=np.uint64).astype(np.float64)
        self.shocks: NDArray[np.float64] = total / 2.0**32 - 6.0
        self.coins: NDArray[np.float64] = (bits.random_raw(count * 3) >> np.uint64(32)).reshape(count, 3) / 2.0**32


def _trading_hours(count: int) -> Iterator[datetime]:
    hour = FIRST_HOUR
    while count:
        local = hour.astimezone(NEW_YORK)
        shut = (
            local.weekday() == SATURDAY
            or (local.weekday() == FRIDAY and local.hour >= WEEK_TURNS_AT_HOUR)
            or (local.weekday() == SUNDAY and local.hour < WEEK_TURNS_AT_HOUR)
        )
        if not shut:
            yield hour
            count -= 1
        hour += timedelta(hours=1)


def _paths(hours: list[datetime], chance: _Chance) -> NDArray[np.float64]:
    """The prices within each hour, shape (hours, 1 + STEPS_PER_HOUR): the open, and the end of each step."""
    paths = np.empty((len(hours), 1 + STEPS_PER_HOUR), dtype=np.float64)
    price, began_at, variance = START_PRICE, START_PRICE, 1.0
    phase = PHASES[0]
    previous: datetime | None = None
    step_share = 1 / STEPS_PER_HOUR
    for index, hour in enumerate(hours):
        changes, which, gap = (float(coin) for coin in chance.coins[index])
        if changes < 1 / phase.mean_hours:
            others = [other for other in PHASES if other is not phase]
            phase, began_at = others[int(which * len(others))], price
        if previous is not None and hour - previous > timedelta(hours=1):
            price *= 1 + (2 * gap - 1) * WEEKEND_GAP * HOURLY_VOLATILITY
        previous = hour
        size = HOURLY_VOLATILITY * phase.volatility * HOUR_PROFILE[hour.hour] * math.sqrt(variance)
        step_size = size * math.sqrt(step_share)
        pull = phase.pull * (began_at / price - 1) + ANCHOR_PULL * (START_PRICE / price - 1)
        drift = (phase.drift * HOURLY_VOLATILITY + pull) * step_share
        paths[index, 0] = price
        total = 0.0
        for step in range(STEPS_PER_HOUR):
            shock = float(chance.shocks[index, step])
            total += shock
            price *= 1 + drift + step_size * shock
            paths[index, step + 1] = price
        surprise = total * total * step_share * variance
        variance = min(1 - SHOCK_WEIGHT - MEMORY + SHOCK_WEIGHT * surprise + MEMORY * variance, HIGHEST_VARIANCE)
    return paths
