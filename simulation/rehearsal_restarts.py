"""When the crew of a rehearsal is killed, and for how long it stays away: three times a day, at random moments."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from trading.market import DAY, Instant

A_DAY = 3  # kills
LONGEST_AWAY_TICKS = 4  # three times in a row, that is still less than the shortest window
OPENS_SHARE = 1 / 8  # of the kills in the middle of an order strike opens, and the others closes
LIKELY_SHARE = 2 / 3  # of the moments lie where most can go wrong; the others anywhere

Moment = Literal["after the tick", "before an order", "after an order"]
MOMENTS: tuple[Moment, ...] = ("after the tick", "before an order", "after an order")


@dataclass(frozen=True, slots=True)
class Blow:
    """One end of a crew."""

    at: Instant
    moment: Moment  # where no order leaves at that tick: after it
    away_ticks: int  # the next crew begins so many ticks later


def draw_blows(
    ticks: Sequence[Instant],
    in_windows: Collection[Instant],
    with_closes: Collection[Instant],
    with_opens: Collection[Instant],
    rng: random.Random,
    number: int = A_DAY,
) -> Iterator[Blow]:
    """For each day of ``ticks`` so many blows, in order.

    The others are those of the ticks that lie in windows, and those at which positions may be closed, or opened.
    """
    days: dict[int, list[Instant]] = defaultdict(list)
    for tick in ticks:
        days[tick // DAY].append(tick)
    for day in days.values():
        windows = [tick for tick in day if tick in in_windows]
        closes = [tick for tick in day if tick in with_closes]
        opens = [tick for tick in day if tick in with_opens]
        blows = []
        for _ in range(number):
            moment = rng.choice(MOMENTS)
            orders = opens if rng.random() < OPENS_SHARE else closes
            likely = windows if moment == "after the tick" else orders
            at = rng.choice(likely if likely and rng.random() < LIKELY_SHARE else day)
            blows.append(Blow(at, moment, rng.randint(1, LONGEST_AWAY_TICKS)))
        yield from sorted(blows, key=attrgetter("at"))
