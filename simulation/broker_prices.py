"""The market of a simulated broker: for each commodity a random walk, one step a second, the same for everybody.

The walk is made of whole points from whole random numbers, so it is the same on every machine. It is followed as far
as somebody asks and never changed behind that. Over a weekend, and wherever `shut` is called, nothing is dealt and
quotes stand still; the walk goes on underneath, so that a market opens with a gap.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from connectors.accounting import ROLLOVER_HOUR, ROLLOVER_ZONE
from trading.bars import BarSeries
from trading.commodities import Commodity
from trading.market import HOUR, MINUTE, SECOND, Instant, Quote, Side, instant, moment

FIRST_PRICES = {
    "EURUSD": 1.1,
    "GBPUSD": 1.27,
    "AUDUSD": 0.66,
    "USDJPY": 150.0,
    "BITCOIN": 60_000.0,
    "ETHEREUM": 3_000.0,
}
ANY_PRICE = 100.0
LOWEST_FRACTION = 0.1  # of the first price; no walk goes below
STEPS_PER_HOUR = 3600
BAR = HOUR
FRIDAY, SUNDAY = 4, 6


@dataclass(slots=True)
class Walk:
    """The bids of one commodity, in points, one for each second since the beginning."""

    commodity: Commodity
    rng: random.Random
    bids: list[int]
    step_points: int  # the widest step of one second
    jump_points: int = 0  # to be taken with the next step
    still_from: Instant = 0  # quotes stand still from here ...
    still_until: Instant = 0  # ... to here
    shut_from: Instant = 0
    shut_until: Instant = 0
    weekend: tuple[Instant, Instant] = (0, 0)  # the one that is on, or comes next
    quotes: dict[int, Quote] = field(default_factory=dict)  # of the second that was asked for last

    def bid(self, step: int) -> int:
        """The bid of a second, in points; the walk is followed so far."""
        bids = self.bids
        if len(bids) <= step:
            lowest, widest, drawn = round(bids[0] * LOWEST_FRACTION), self.step_points, self.rng.randrange
            bid, of = bids[-1] + self.jump_points, 2 * widest + 1
            self.jump_points = 0
            while len(bids) <= step:
                bid = max(lowest, bid - widest + drawn(of))
                bids.append(bid)
        return bids[step]


class SimulatedMarket:
    """Prices by time."""

    def __init__(
        self, commodities: Mapping[str, Commodity], rng: random.Random, origin: Instant, hourly_volatility: float
    ) -> None:
        """``hourly_volatility``: the standard deviation of an hour's change, as a fraction of the price."""
        self._origin = origin
        self._walks = {}
        for name in sorted(commodities):
            commodity = commodities[name]
            first = round(FIRST_PRICES.get(name, ANY_PRICE) / commodity.point)
            # Whole numbers from -n to n, equally likely, have the standard deviation n / sqrt(3).
            step = round(first * hourly_volatility / math.sqrt(STEPS_PER_HOUR) * math.sqrt(3))
            self._walks[name] = Walk(commodity, random.Random(rng.getrandbits(64)), [first], max(1, step))

    def quote(self, commodity: str, at: Instant) -> Quote:
        """What the market itself quotes at an instant, whatever is shown of it. Its time is the last full second."""
        walk = self._walks[commodity]
        step = (at - self._origin) // SECOND
        known = walk.quotes.get(step)
        if known is not None:
            return known
        spread = max(1, round(walk.commodity.typical_spread_points))
        bid, digits, point = walk.bid(step), walk.commodity.digits, walk.commodity.point
        made = Quote(
            commodity, round(bid * point, digits), round((bid + spread) * point, digits), self._origin + step * SECOND
        )
        walk.quotes = {step: made}
        return made

    def shown(self, commodity: str, at: Instant) -> Quote:
        """The quote that a client is shown: it stands still while quotes are stale or the market is shut."""
        walk = self._walks[commodity]
        since = at
        if walk.still_from <= at < walk.still_until:
            since = walk.still_from
        shut_since = self._shut_since(walk, at)
        return self._past(commodity, at, min(since, at if shut_since is None else shut_since))

    def fill(self, commodity: str, side: Side, at: Instant) -> float | None:
        """What dealing this side costs at an instant; None where the market is shut."""
        if self._shut_since(self._walks[commodity], at) is not None:
            return None
        return self.quote(commodity, at).opening_price(side)

    def deals(self, commodity: str, at: Instant) -> bool:
        """Whether the market is open."""
        return self._shut_since(self._walks[commodity], at) is None

    def stand_still(self, commodity: str, at: Instant, until: Instant) -> None:
        """Show no new quotes for a while."""
        walk = self._walks[commodity]
        walk.still_from, walk.still_until = at, until

    def shut(self, commodity: str, at: Instant, until: Instant) -> None:
        """Shut the market for a while."""
        walk = self._walks[commodity]
        walk.shut_from, walk.shut_until = at, until

    def jump(self, commodity: str, at: Instant, steps: int) -> None:
        """Let the price jump with the next second, by so many of its widest steps, down for a negative number."""
        walk = self._walks[commodity]
        walk.bid((at - self._origin) // SECOND)
        walk.jump_points = steps * walk.step_points

    def behave(self) -> None:
        """Open what is shut, and show what is quoted; weekends stay."""
        for walk in self._walks.values():
            walk.still_until = walk.shut_until = 0
            walk.jump_points = 0

    def bars(self, commodity: str, count: int, now: Instant) -> BarSeries:
        """The last ``count`` hours that are complete: mid prices since the beginning of the walk."""
        walk = self._walks[commodity]
        steps = BAR // SECOND
        complete = max(0, (now - self._origin) // BAR)
        walk.bid(complete * steps)
        first = max(0, complete - max(0, count))
        spread = max(1, round(walk.commodity.typical_spread_points)) * walk.commodity.point
        shape = (complete - first, steps)
        bids = np.array(walk.bids[first * steps : complete * steps], dtype=np.float64).reshape(shape)
        mids = bids * walk.commodity.point + spread / 2
        empty = np.empty(0, dtype=np.float64)
        return BarSeries(
            commodity,
            steps,
            self._origin + np.arange(first, complete, dtype=np.int64) * BAR,
            mids[:, 0] if len(mids) else empty,
            mids.max(axis=1) if len(mids) else empty,
            mids.min(axis=1) if len(mids) else empty,
            mids[:, -1] if len(mids) else empty,
            np.full(len(mids), spread),
        )

    def minutes(self, commodity: str, now: Instant) -> BarSeries:
        """Every minute since the beginning of the walk, the one under way as far as it has gone: of bids."""
        walk = self._walks[commodity]
        last = (now - self._origin) // SECOND
        walk.bid(last)
        bids = np.array(walk.bids[: last + 1], dtype=np.int64)
        minutes = (self._origin + np.arange(len(bids), dtype=np.int64) * SECOND) // MINUTE
        edges = np.flatnonzero(np.diff(minutes, prepend=-1))
        point = np.float64(walk.commodity.point)
        spread = max(1, round(walk.commodity.typical_spread_points)) * point
        return BarSeries(
            commodity,
            MINUTE // SECOND,
            minutes[edges] * MINUTE,
            bids[edges] * point,
            np.maximum.reduceat(bids, edges) * point,
            np.minimum.reduceat(bids, edges) * point,
            bids[np.append(edges[1:], last + 1) - 1] * point,
            np.full(len(edges), spread),
        )

    def _past(self, commodity: str, at: Instant, since: Instant) -> Quote:
        if since == at:
            return self.quote(commodity, at)
        return self.quote(commodity, max(since, self._origin))

    def _shut_since(self, walk: Walk, at: Instant) -> Instant | None:
        if walk.shut_from <= at < walk.shut_until:
            return walk.shut_from
        if walk.commodity.calendar == "always":
            return None
        if at >= walk.weekend[1]:
            walk.weekend = weekend_at_or_after(at)
        return walk.weekend[0] if at >= walk.weekend[0] else None


def weekend_at_or_after(at: Instant) -> tuple[Instant, Instant]:
    """From when to when currencies rest: Friday to Sunday, 17:00 New York; the weekend that is on, or the next."""
    local = moment(at).astimezone(ROLLOVER_ZONE)
    friday = (local + timedelta(days=(FRIDAY - local.weekday()) % 7)).replace(
        hour=ROLLOVER_HOUR, minute=0, second=0, microsecond=0
    )
    if local.weekday() > FRIDAY:
        friday -= timedelta(days=7)  # the weekend that has begun
    sunday = friday + timedelta(days=SUNDAY - FRIDAY)
    if instant(sunday) <= at:
        friday, sunday = friday + timedelta(days=7), sunday + timedelta(days=7)
    return instant(friday), instant(sunday)
