"""A recorded market, read at the clock's time: the latest tick of each commodity, and what an order gets on it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from connectors.base import ConnectorError
from connectors.paper_fills import fill_points
from connectors.point_columns import PointColumns, Reaches
from trading import ticks
from trading.attention import NEVER, Band
from trading.bars import BarSeries, Floats, Instants
from trading.commodities import Commodity
from trading.market import Instant, Quote, Side
from trading.ticks import Phase

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

    def __init__(
        self,
        series: BarSeries,
        commodity: Commodity,
        typical_spread_points: float,
        phases: Sequence[Phase] = ticks.FOUR_TICKS,
    ) -> None:
        """``typical_spread_points`` serves where a bar brings no spread of its own. ``phases``: the ticks of a bar, all
        four or the closing one alone.

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
        self._reaches: dict[Side, Reaches] = {}
        self.scale: int = 10**commodity.digits  # points in one unit of price; dividing by it gives the nearest double
        self._commodity = commodity.id
        self._phases = tuple(phases)
        self._offsets = tuple(ticks.phase_offset(series.bar_seconds, phase) for phase in Phase)
        self._shorter = _offsets_of_shorter(series)
        self._points = PointColumns(series, self.scale, typical_spread_points)
        self._times = np.ascontiguousarray(series.time).data  # an item of it is a plain number, and found fast

    def follow(self, now: Instant, held_before: HeldBefore) -> bool:
        """Go to the tick of ``now``; True when that is another one than before.

        The order of a bar's extremes is fixed by what is held when the first of them comes: a position opened on the
        bar's opening tick counts, and nothing that is done later in the bar can change a path already under way.
        """
        if self.since <= now < self.until:
            return False
        begun = bisect_right(self._times, now) - 1
        found = self._latest(begun, now)
        if found is None:
            self.tick, self.since, self.until = None, -NEVER, self._tick_time(0, self._phases[0])
            return True
        index, phase = found
        before = self.tick
        end = self._times[begun] + self.series.bar_length
        following = self._times[begun + 1] if begun + 1 < len(self._times) else NEVER
        shut = now >= end
        if shut:
            self.since, self.until = end, following
        else:
            # Where the bar's own first tick has not come yet, the last one of the bar before it stands, and trades.
            self.since = self._tick_time(index, phase) if index == begun else self._times[begun]
            self.until = min(self._next_tick(begun, now), end, following)
        self.tick = self._read(index, phase, shut, held_before)
        if before is None or (before.index, before.shut) != (index, shut):
            self.turns += 1
        return True

    def first_outside(self, side: Side, low: float, high: float, now: Instant, limit: Instant) -> Instant:
        """The first instant after ``now``, at most ``limit``, at which ``side`` closes at ``low``, ``high`` or beyond.

        Perhaps too early: of a bar that reaches a limit somewhere, every tick is one.
        """
        first, last = self._bars_to_come(now, limit)
        index = self._columns(side).first_outside(low, high, first, last)
        if index is None:
            return limit
        return min(limit, max(now + 1, self._tick_time(index, self._phases[0])))

    def worst(self, side: Side, now: Instant, limit: Instant) -> float | None:
        """The least favourable price of closing ``side`` after ``now`` and up to ``limit``, if there is any."""
        first, last = self._bars_to_come(now, limit)
        return self._columns(side).worst(side, first, last) if first < last else None

    def closing_prices(self, side: Side, instants: Sequence[Instant], held_before: HeldBefore) -> Floats:
        """At what ``side`` closes at each of these instants, none of which lies before the first tick."""
        at = np.asarray(instants, dtype=np.int64)
        begun = self.series.time.searchsorted(at, side="right") - 1
        age = at - self.series.time[begun]
        adverse, closing = self._adverse_and_closing(begun)
        is_over = age >= closing
        closes = self._points.closing(side, "close")
        if len(self._phases) == 1:
            found = closes[np.where(is_over, begun, begun - 1)]
        elif bool(np.all(is_over | (age < adverse))):
            found = np.where(is_over, closes[begun], self._points.closing(side, "open")[begun])
        else:  # some lie between a bar's extremes, whose order depends on what is held
            found = np.array([self._closing_price(side, instant, held_before) for instant in instants])
        return found

    def _adverse_and_closing(self, bars: Instants) -> tuple[Instants, Instants]:
        """How long after their openings the second and the last tick of these bars come."""
        known = (self._shorter.get(bar, self._offsets) for bar in bars.tolist()) if self._shorter else (self._offsets,)
        offsets = np.array([*known], dtype=np.int64).reshape(-1, len(Phase))
        return offsets[:, Phase.ADVERSE], offsets[:, Phase.CLOSE]

    def _closing_price(self, side: Side, at: Instant, held_before: HeldBefore) -> float:
        begun = bisect_right(self._times, at) - 1
        index, phase = self._latest(begun, at) or (0, self._phases[0])
        bid, ask = self._points.of(index, phase, held_before(self._commodity, self._tick_time(index, Phase.ADVERSE)))
        return (bid if side is Side.BUY else ask) / self.scale

    def _columns(self, side: Side) -> Reaches:
        """What the ticks of each bar reach, computed at first use."""
        reaches = self._reaches.get(side)
        if reaches is None:
            reaches = self._reaches[side] = self._points.reaches(side, self._phases)
        return reaches

    def _bars_to_come(self, now: Instant, limit: Instant) -> tuple[int, int]:
        """The bars, first and past the last, that have a tick after ``now`` and one up to ``limit``."""
        begun = bisect_right(self._times, now) - 1
        is_over = begun < 0 or now >= self._tick_time(begun, Phase.CLOSE)
        return begun + is_over, bisect_right(self._times, limit)

    def _latest(self, begun: int, now: Instant) -> tuple[int, Phase] | None:
        """As `ticks.tick_at`, where the bar that has begun last is known."""
        if begun < 0:
            return None
        age, offsets = now - self._times[begun], self._shorter.get(begun, self._offsets)
        for phase in reversed(self._phases):
            if age >= offsets[phase]:
                return begun, phase
        return None if begun == 0 else (begun - 1, self._phases[-1])

    def _tick_time(self, index: int, phase: Phase) -> Instant:
        at: Instant = self._times[index] + self._shorter.get(index, self._offsets)[phase]
        return at

    def _next_tick(self, begun: int, now: Instant) -> Instant:
        coming = (self._tick_time(begun, phase) for phase in self._phases)
        return next((at for at in coming if at > now), NEVER)

    def _read(self, index: int, phase: Phase, shut: bool, held_before: HeldBefore) -> Tick:
        adverse = None
        if phase is not self._phases[0]:
            adverse = held_before(self._commodity, self._tick_time(index, Phase.ADVERSE))
        bid, ask = self._points.of(index, phase, adverse)
        previous_bid, previous_ask = None, None
        if phase is not self._phases[0]:
            previous_bid, previous_ask = self._points.of(index, Phase(phase - 1), adverse)
        quote = Quote(self._commodity, bid / self.scale, ask / self.scale, self._tick_time(index, phase))
        return Tick(index, quote, bid, ask, previous_bid, previous_ask, shut)


def _offsets_of_shorter(series: BarSeries) -> dict[int, tuple[int, ...]]:
    """When the ticks of those bars come that do not tick up to their ends; by their places."""
    if series.tick_spans is None:
        return {}
    cut = np.flatnonzero(series.tick_spans.extremes < series.bar_length).tolist()
    return {index: ticks.offsets_of(series, index) for index in cut}


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

    def first_outside(self, band: Band, now: Instant, limit: Instant) -> Instant:
        """The first instant after ``now``, at most ``limit``, at which the price may leave the band."""
        tape = self._tapes[band.commodity]
        return tape.first_outside(band.side, band.low, band.high, now, limit)

    def worst(self, commodity: str, side: Side, now: Instant, limit: Instant) -> float | None:
        """The least favourable price of closing ``side`` after ``now`` and up to ``limit``."""
        return self._tapes[commodity].worst(side, now, limit)

    def closing_prices(self, commodity: str, side: Side, instants: Sequence[Instant]) -> Floats:
        """At what ``side`` closes at each of these instants, as long as nothing is dealt before."""
        return self._tapes[commodity].closing_prices(side, instants, self._held_before)

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
