"""The market of a simulated trade server: over recorded bars, or driven by hand. Symbols are the broker's own names.

The server moves it: `follow` brings it to an instant, and everything else is answered for that instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from connectors.mock_market import MockMarket, PriceSource
from connectors.paper_market import HeldBefore, Tape
from trading import ticks
from trading.attention import NEVER
from trading.bars import BarSeries
from trading.commodities import Commodity
from trading.market import Instant, Quote
from trading.ticks import Phase


class Market(Protocol):
    """Prices of every symbol of one broker, at one instant after another."""

    @property
    def until(self) -> Instant:
        """The instant of the next tick; `paper_market.NEVER` where that is not known."""
        ...

    def follow(self, at: Instant, held_before: HeldBefore) -> bool:
        """Go to an instant; True when a price may be another than before. A bar may be hard on what is held."""
        ...

    def quote(self, symbol: str) -> Quote | None:
        """The latest one, with the symbol for its commodity; None before the first."""
        ...

    def is_open(self, symbol: str) -> bool:
        """Whether it is traded."""
        ...

    def bars(self, symbol: str, count: int) -> BarSeries | None:
        """The last ``count`` bars of *bids* that have begun, the one under way as far as it has gone; None: no bars.

        ``spread`` is never NaN.
        """
        ...


class RecordedMarket:
    """Recorded bars, read as a paper account reads them: four ticks a bar."""

    def __init__(
        self,
        series: Mapping[str, BarSeries],
        commodities: Mapping[str, Commodity],
        spread_points: Mapping[str, float] | None = None,
    ) -> None:
        """All by symbol. ``spread_points``: instead of the commodity's typical spread, where a bar brings none.

        Raises `ConnectorError` for bars of another commodity, for none, and for bars too short to have ticks.
        """
        spreads = {name: commodity.typical_spread_points for name, commodity in commodities.items()}
        spreads.update(spread_points or {})
        self._spread_points = spreads
        self._tapes = {name: Tape(bars, commodities[name], spreads[name]) for name, bars in series.items()}
        self._held_before: HeldBefore = lambda commodity, before: None
        self._until: Instant = NEVER

    @property
    def until(self) -> Instant:
        """Of the symbol that ticks first."""
        return self._until

    def follow(self, at: Instant, held_before: HeldBefore) -> bool:
        """Go to the ticks of an instant."""
        self._held_before = held_before
        moved = [tape.follow(at, _of_symbol(symbol, held_before)) for symbol, tape in self._tapes.items()]
        self._until = min((tape.until for tape in self._tapes.values()), default=NEVER)
        return any(moved)

    def quote(self, symbol: str) -> Quote | None:
        """That of the latest tick."""
        tick = self._tapes[symbol].tick
        return None if tick is None else replace(tick.quote, commodity=symbol)

    def is_open(self, symbol: str) -> bool:
        """While a bar is under way."""
        tick = self._tapes[symbol].tick
        return tick is not None and not tick.shut

    def bars(self, symbol: str, count: int) -> BarSeries | None:
        """The recording's; the one under way is made of the ticks that have come."""
        tape = self._tapes[symbol]
        if tape.tick is None:
            return None
        end = tape.tick.index + 1
        bars = tape.series.window(max(0, end - count), end)
        return _of_bids(self._as_far_as_it_has_gone(symbol, tape, bars), tape.scale, self._spread_points[symbol])

    def _as_far_as_it_has_gone(self, symbol: str, tape: Tape, bars: BarSeries) -> BarSeries:
        """The last bar with nothing in it that has not happened yet."""
        assert tape.tick is not None, "the recording has begun"
        found = ticks.tick_at(tape.series, tape.since)
        if tape.tick.shut or found is None or found[1] is Phase.CLOSE or len(bars) == 0:
            return bars
        index, latest = found
        adverse = None
        if latest is not Phase.OPEN:
            adverse = self._held_before(symbol, ticks.tick_time(tape.series, index, Phase.ADVERSE))
        seen = [ticks.price(tape.series, index, Phase(phase), adverse) for phase in range(latest + 1)]
        return replace(
            bars,
            high=np.append(bars.high[:-1], max(seen)),
            low=np.append(bars.low[:-1], min(seen)),
            close=np.append(bars.close[:-1], seen[-1]),
        )


class HandMarket:
    """Prices that a test sets, or a function of market time, and bars that it brings."""

    def __init__(self, digits: Mapping[str, int] | None = None) -> None:
        """``digits``: of the prices of a symbol's bars; 5 where it is not told."""
        self._digits = dict(digits or {})
        self._market = MockMarket()
        self._at: Instant = 0

    @property
    def until(self) -> Instant:
        """Whoever drives it knows."""
        return NEVER

    # ------------------------------------------------------------ what a test sets

    def price(self, symbol: str, bid: float, ask: float) -> None:
        """From now on quote these, afresh at every instant."""
        self.price_by(symbol, lambda at: (bid, ask))

    def price_by(self, symbol: str, source: PriceSource) -> None:
        """From now on quote what the function says for the instant."""
        self._market.price_by(symbol, source)

    def freeze(self, symbol: str) -> None:
        """No more ticks until the next `price`, `price_by` or `reopen`."""
        self._market.freeze(symbol, self._at)

    def shut(self, symbol: str) -> None:
        """No more ticks, and nobody deals, until `reopen`."""
        self._market.shut(symbol, self._at)

    def reopen(self, symbol: str) -> None:
        """Tick and deal again."""
        self._market.reopen(symbol)

    def history(self, symbol: str, series: BarSeries) -> None:
        """Answer `bars` from this recording of mid prices."""
        self._market.history(replace(series, commodity=symbol))

    # ------------------------------------------------------------ the protocol

    def follow(self, at: Instant, held_before: HeldBefore) -> bool:
        """Go to an instant."""
        self._at = at
        return True

    def quote(self, symbol: str) -> Quote | None:
        """What was set, for the instant."""
        return self._market.quote(symbol, self._at)

    def is_open(self, symbol: str) -> bool:
        """Unless it was shut."""
        return not self._market.is_shut(symbol)

    def bars(self, symbol: str, count: int) -> BarSeries | None:
        """Of the recording, where there is one: those that are complete."""
        bars = self._market.bars(symbol, count, self._at)
        return _of_bids(bars, 10 ** self._digits.get(symbol, 5), 0.0) if len(bars) else None


def _of_symbol(symbol: str, held_before: HeldBefore) -> HeldBefore:
    """A tape asks by commodity; the account knows symbols."""
    return lambda commodity, before: held_before(symbol, before)


def _of_bids(bars: BarSeries, scale: int, spread_points: float) -> BarSeries:
    """Bids of mid prices, on the grid of prices: as a tick's bid is made of its mid."""
    spread = np.where(np.isfinite(bars.spread), bars.spread * scale, spread_points)

    def bids(mid: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.round(mid * scale - spread / 2) / scale

    return replace(
        bars,
        open=bids(bars.open),
        high=bids(bars.high),
        low=bids(bars.low),
        close=bids(bars.close),
        spread=np.round(spread) / scale,
    )
