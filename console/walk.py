"""How a driver takes a crew through a recording, noting what the accounts are worth at the end of each bar."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from actors.system.alerts import Alert
from connectors.base import Connector, Foreseeing
from console.recorded import Recording
from persistence.ledger import Ledger
from trading.market import Instant
from trading.settings import Settings
from trading.ticks import FOUR_TICKS, bar_ends


class Crew(Protocol):
    """A crew that a driver moves through the market."""

    @property
    def ledger(self) -> Ledger:
        """What it writes to."""
        ...

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """Its brokers, by account."""
        ...

    @property
    def defect(self) -> Alert | None:
        """The first alert that tells of a defect of the program; None while there is none."""
        ...

    def advance_to(self, at: Instant) -> None:
        """Move market time to ``at``, and do all that follows from it."""
        ...

    def undisturbed_until(self, limit: Instant) -> Instant:
        """The first instant after now, and at most ``limit``, at which anybody might act."""
        ...


def equities(connectors: Iterable[Foreseeing], instants: Sequence[Instant]) -> list[float]:
    """What all accounts together are worth at each of these instants, at none of which anything happens."""
    totals = [0.0] * len(instants)
    for connector in connectors:
        totals = [total + equity for total, equity in zip(totals, connector.equities(instants), strict=True)]
    return totals


@dataclass(slots=True)
class Walk:
    """What was seen on the way through a recording."""

    bars: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    equity: list[tuple[Instant, float]] = field(default_factory=list)
    broken_off_at: Instant | None = None  # where an actor crashed: what comes after it would mean nothing


def most_ticks_per_bar(settings: Settings) -> int:
    """How many ticks of a bar some account sees."""
    return max(account.paper.ticks_per_bar for account in settings.accounts)


def walk_through(
    crew: Crew,
    recording: Recording,
    first: Instant,
    last: Instant,
    advance: Callable[[int], None] | None = None,
    *,
    poll_seconds: float = 1.0,
    ticks_per_bar: int = len(FOUR_TICKS),
    every_tick: bool = False,
) -> Walk:
    """Move the crew from tick to tick; note the equity of all accounts together at the end of each bar.

    Ticks at which nobody would act are left out, unless ``every_tick`` is asked for. What comes of it is the same. It
    ends where an actor crashes.
    """
    begun_before = recording.bars_until(first - 1)
    walk = Walk(bars=recording.bars_until(last - 1) - begun_before)
    instants = recording.instants(first, last, poll_seconds, ticks_per_bar)
    ends = np.unique(np.concatenate([bar_ends(series) for series in recording.series.values()]))
    is_end = np.isin(instants, ends).tolist()
    instants = instants.tolist()
    foreseeing = [connector for connector in crew.connectors.values() if isinstance(connector, Foreseeing)]
    began, began_cpu = time.perf_counter(), time.process_time()
    number = 0
    while number < len(instants):
        at = instants[number]
        crew.advance_to(at)
        if is_end[number]:
            # Nobody else asks the connectors now: the actors have come to rest.
            equity = sum(connector.account(math.inf).equity for connector in crew.connectors.values())
            walk.equity.append((at, equity))
            if advance is not None:
                advance(recording.bars_until(at - 1) - begun_before)
        if crew.defect is not None:
            walk.broken_off_at = at
            walk.bars = recording.bars_until(at) - begun_before
            break
        number += 1
        if number < len(instants) - 1 and not every_tick:
            following = bisect_left(instants, crew.undisturbed_until(instants[-1]), number)
            if following > number:
                passed = [instants[i] for i in range(number, following) if is_end[i]]
                walk.equity += zip(passed, equities(foreseeing, passed), strict=True)
                number = following
    walk.seconds = time.perf_counter() - began
    walk.cpu_seconds = time.process_time() - began_cpu
    return walk
