"""A recorded market, read at the clock's time: the latest tick of each commodity, and what an order gets on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from connectors.base import ConnectorError
from connectors.paper_fills import fill_points
from trading import ticks
from trading.bars import BarSeries
from trading.commodities import Commodity
from trading.market import Instant, Quote, Side
from trading.ticks import Phase

NEVER: Instant = 2**63 - 1

HeldBefore: TypeAlias = Callable[[str, Instant], Side | None]
"""``held_before(commodity, instant)``: the side that an account held just before an instant; None: flat."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The market of one commodity from one tick to the next. Bids and asks are in whole points."""

    index: int  # the bar
    quote: Quote
    bid: int
    ask: int
    previous_bid: int | None  # of the tick before in the same bar; None at the bar's first
    previous_ask: int | None
    shut: bool  # the bar is over and no other has begun: nobody trades


class Tape:
    """Follows one series of mid prices: the bid lies half a spread below, the ask a whole spread above the bid."""

    def __init__(self, series: BarSeries, commodity: Commodity, typical_spread_points: float) -> None:
        """``typical_spread_points`` serves where a bar brings no spread of its own.

        Raises `ConnectorError` for bars of another commodity, for none, and for bars too short to have ticks.
        """
        if series.commodity != commodity.id or len(series) == 0:
            raise ConnectorError(f"the market of {commodity.id} is {len(series)} bars of {series.commodity}")
        if series.bar_seconds < ticks.SHORTEST_BAR_SECONDS:
            expected = f"expected at least {ticks.SHORTEST_BAR_SECONDS}"
            raise ConnectorError(f"the bars of {commodity.id} are {series.bar_seconds} s long; {expected}")
        self.series = series
        self.tick: Tick | None = None  # None: the recording has not begun
        self.turns = 0  # how many bars were seen to begin, or to end without another
        self.since: Instant = NEVER
        self.until: Instant = NEVER  # the tick stands from `since` up to, not including, `until`
        self.scale: int = 10**commodity.digits  # points in one unit of price; dividing by it gives the nearest double
        self._commodity = commodity.id
        self._typical_spread_points = typical_spread_points

    def follow(self, now: Instant, held_before: HeldBefore) -> bool:
        """Go to the tick of ``now``; True when that is another one than before.

        The order of a bar's extremes is fixed by what is held when the first of them comes: a position opened on the
        bar's opening tick counts, and nothing that is done later in the bar can change a path already under way.
        """
        if self.since <= now < self.until:
            return False
        found = ticks.tick_at(self.series, now)
        if found is None:
            self.tick, self.since, self.until = None, -NEVER, int(self.series.time[0])
            return True
        index, phase = found
        before = self.tick
        following = int(self.series.time[index + 1]) if index + 1 < len(self.series) else NEVER
        end = self.series.end(index)
        shut = now >= end
        if shut:
            self.since, self.until = end, following
        else:
            next_tick = end if phase is Phase.CLOSE else ticks.tick_time(self.series, index, Phase(phase + 1))
            self.since, self.until = ticks.tick_time(self.series, index, phase), min(next_tick, following)
        self.tick = self._read(index, phase, shut, held_before)
        if before is None or (before.index, before.shut) != (index, shut):
            self.turns += 1
        return True

    def _read(self, index: int, phase: Phase, shut: bool, held_before: HeldBefore) -> Tick:
        adverse = None
        if phase is not Phase.OPEN:
            adverse = held_before(self._commodity, ticks.tick_time(self.series, index, Phase.ADVERSE))
        bid, ask = self._points(index, phase, adverse)
        previous_bid, previous_ask = None, None
        if phase is not Phase.OPEN:
            previous_bid, previous_ask = self._points(index, Phase(phase - 1), adverse)
        at = ticks.tick_time(self.series, index, phase)
        quote = Quote(self._commodity, bid / self.scale, ask / self.scale, at)
        return Tick(index, quote, bid, ask, previous_bid, previous_ask, shut)

    def _points(self, index: int, phase: Phase, adverse: Side | None) -> tuple[int, int]:
        spread = float(self.series.spread[index]) * self.scale
        if not math.isfinite(spread):
            spread = self._typical_spread_points
        bid = round(ticks.price(self.series, index, phase, adverse) * self.scale - spread / 2)
        return bid, bid + round(spread)


class PaperMarket:
    """What one account sees of the recording. Accounts differ: each bar is hard on what its own account holds."""

    def __init__(self, tapes: Mapping[str, Tape], slippage_points: int, held_before: HeldBefore) -> None:
        self._tapes = tapes
        self._slippage_points = slippage_points
        self._held_before = held_before
        # No tick changes from `since` up to, not including, `until`.
        self.since: Instant = NEVER
        self.until: Instant = NEVER

    def follow(self, now: Instant) -> bool:
        """Go to ``now``; True when any commodity has another tick than before."""
        moved = [tape.follow(now, self._held_before) for tape in self._tapes.values()]
        self.since = max((tape.since for tape in self._tapes.values()), default=-NEVER)
        self.until = min((tape.until for tape in self._tapes.values()), default=NEVER)
        return any(moved)

    @property
    def turns(self) -> int:
        """A count that grows whenever a bar begins, or ends without another."""
        return sum(tape.turns for tape in self._tapes.values())

    def quote(self, commodity: str) -> Quote | None:
        """The latest quote, or None before the recording begins."""
        tick = self._tapes[commodity].tick
        return None if tick is None else tick.quote

    def series(self, commodity: str) -> BarSeries:
        """The whole recording of a commodity, the future included."""
        return self._tapes[commodity].series

    def trades(self, commodity: str) -> bool:
        """True while the commodity's market is open."""
        tape = self._tapes.get(commodity)
        return tape is not None and tape.tick is not None and not tape.tick.shut

    def fill(self, commodity: str, side: Side, expected_price: float, *, opening: bool) -> float | None:
        """The price at which ``side`` is dealt now, slippage included; None while the market is shut."""
        tape = self._tapes.get(commodity)
        if tape is None or tape.tick is None or tape.tick.shut:
            return None
        buying, tick = side is Side.BUY, tape.tick
        points = fill_points(
            tick.previous_ask if buying else tick.previous_bid,
            tick.ask if buying else tick.bid,
            expected_price * tape.scale,
            buying=buying,
            opening=opening,
            slippage=self._slippage_points,
        )
        return points / tape.scale
