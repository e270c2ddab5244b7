"""The prices of a rehearsal: written down before, so that it is known which trade has a profit when a day ends.

Each trading day of a commodity begins at its base price, and that is where trades are opened. Then the price moves by
one per cent up or down, or by so little that the costs eat it; and halfway through the window it turns, so that a
rule which judges twice, or late, comes to another verdict than one that judges in time.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from enum import IntEnum

from simulation.rehearsal_hours import ExpectedWindow
from trading.commodities import Commodity
from trading.market import HOUR, MINUTE, Instant

MOVE_FRACTION = 0.01  # of the price: many times the costs, and a fifth of the way to the stop
BASE_SPREADS = 5_000  # the base price, in spreads: a spread is then a fiftieth of a per cent
TURNS_AFTER = 8 * MINUTE  # from the window's beginning
SETTLING = 30 * MINUTE  # after a day's first session opens, before trades are opened


class Move(IntEnum):
    """Where a day's price goes."""

    DOWN = -1
    HARDLY = 0  # by its spread and a point: a buy has gained, and still costs more than that
    UP = 1


def opening_tick(window: ExpectedWindow) -> Instant | None:
    """The first full hour of a trading day at which trades are opened; None: the day is too short."""
    at = -(-(window.opens_at + SETTLING) // HOUR) * HOUR
    is_traded = any(opens <= at < closes for opens, closes in window.sessions)
    return at if is_traded and at + 2 * SETTLING < window.starts_at else None


class ScriptedPrices:
    """The bid and the ask of one commodity at every instant."""

    def __init__(self, commodity: Commodity, windows: Sequence[ExpectedWindow], rng: random.Random) -> None:
        """``windows``: those of one account, in order; both accounts are shown the same prices."""
        self._digits = commodity.digits
        self._spread = max(commodity.typical_spread_points, 1.0) * commodity.point
        self._base = round(BASE_SPREADS * self._spread, commodity.digits)
        self._since: list[Instant] = [0]
        self._bids: list[float] = [self._base]
        on_weekdays, at_week_ends = _moves(rng), _moves(rng)
        for window in windows:
            self._write(window, next(at_week_ends if window.ends_week else on_weekdays))

    def __call__(self, at: Instant) -> tuple[float, float]:
        """Bid and ask."""
        bid = self._bids[bisect_right(self._since, at) - 1]
        return bid, round(bid + self._spread, self._digits)

    @property
    def turns(self) -> Sequence[Instant]:
        """When it changes."""
        return self._since

    def _write(self, window: ExpectedWindow, move: Move) -> None:
        opening = opening_tick(window)
        moves_at = window.opens_at if opening is None else opening + SETTLING
        self._from(window.opens_at, 0.0)
        moved = MOVE_FRACTION * self._base * move if move else self._spread + 10.0**-self._digits
        self._from(moves_at, moved)
        if move:
            self._from(min(window.starts_at + TURNS_AFTER, window.ends_at - MINUTE), -moved)

    def _from(self, at: Instant, moved: float) -> None:
        self._since.append(at)
        self._bids.append(round(self._base + moved, self._digits))


def _moves(rng: random.Random) -> Iterator[Move]:
    """Each five days go up twice, down twice, and hardly anywhere once, in any order."""
    while True:
        five = [Move.UP, Move.UP, Move.DOWN, Move.DOWN, Move.HARDLY]
        rng.shuffle(five)
        yield from five
