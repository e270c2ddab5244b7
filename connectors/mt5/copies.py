"""copy_rates_* and copy_ticks_* over what a trade server can give: bars counted back from the last one, and ticks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from connectors.mt5.facts import (
    CONSTANTS,
    COPY_TICKS_INFO,
    COPY_TICKS_TRADE,
    ERRORS,
    RES_E_INVALID_PARAMS,
    TICK_FLAG_ASK,
    TICK_FLAG_BID,
    TICK_FLAG_BUY,
    TICK_FLAG_LAST,
    TICK_FLAG_SELL,
    TICK_FLAG_VOLUME,
)
from connectors.mt5.trade_server import PackageError, TradeServer

Row: TypeAlias = tuple[Any, ...]

TIMEFRAMES = frozenset(value for name, value in CONSTANTS.items() if name.startswith("TIMEFRAME_"))
MOST_BARS = 100_000  # in a chart, as a terminal is set up by default
FIRST_BARS = 256  # asked for when nobody knows how many there will be
GROWTH = 4

TIME, FLAGS = 0, 6  # columns of a bar or a tick, and of a tick
ANY_TICK = -1
KINDS_OF_TICKS = {
    COPY_TICKS_INFO: TICK_FLAG_BID | TICK_FLAG_ASK,
    COPY_TICKS_TRADE: TICK_FLAG_LAST | TICK_FLAG_VOLUME | TICK_FLAG_BUY | TICK_FLAG_SELL,
}
FOREVER_MSC = (1 << 63) - 1


@runtime_checkable
class TickHistory(Protocol):
    """What a trade server may have beside the rest."""

    def ticks(self, symbol: str, since_msc: int, until_msc: int) -> Sequence[Row]:
        """The ticks of that time, both ends included, oldest first; rows of time, bid, ask, last, volume, time_msc,
        flags, volume_real. Raises `PackageError` (-4) for a symbol that the broker does not have.
        """
        ...


def rates_from_position(server: TradeServer, symbol: str, timeframe: int, start: int, count: int) -> Sequence[Row]:
    """``count`` bars, the last one ``start`` before the one under way. Raises `PackageError`."""
    if timeframe not in TIMEFRAMES or start < 0 or count <= 0:
        raise PackageError(RES_E_INVALID_PARAMS, ERRORS[RES_E_INVALID_PARAMS])
    return server.rates(symbol, timeframe, start, min(count, MOST_BARS))


def rates_from_time(server: TradeServer, symbol: str, timeframe: int, until: int, count: int) -> Sequence[Row]:
    """``count`` bars, the last one no later than ``until``. Raises `PackageError`."""
    rows = _rates_back_to(
        server, symbol, timeframe, count, lambda rows: sum(row[TIME] <= until for row in rows) >= count
    )
    return [row for row in rows if row[TIME] <= until][-count:]


def rates_between(server: TradeServer, symbol: str, timeframe: int, since: int, until: int) -> Sequence[Row]:
    """The bars that begin in that time, both ends included. Raises `PackageError`."""
    if since > until:
        raise PackageError(RES_E_INVALID_PARAMS, ERRORS[RES_E_INVALID_PARAMS])
    rows = _rates_back_to(server, symbol, timeframe, FIRST_BARS, lambda rows: rows[0][TIME] < since)
    return [row for row in rows if since <= row[TIME] <= until]


def ticks_from(server: TradeServer, symbol: str, since: int, count: int, kinds: int) -> Sequence[Row]:
    """The first ``count`` ticks since then. Raises `PackageError`."""
    if count <= 0:
        raise PackageError(RES_E_INVALID_PARAMS, ERRORS[RES_E_INVALID_PARAMS])
    return _ticks(server, symbol, since * 1000, FOREVER_MSC, kinds)[:count]


def ticks_between(server: TradeServer, symbol: str, since: int, until: int, kinds: int) -> Sequence[Row]:
    """The ticks of that time, both ends included. Raises `PackageError`."""
    return _ticks(server, symbol, since * 1000, until * 1000, kinds)


def _rates_back_to(
    server: TradeServer, symbol: str, timeframe: int, count: int, enough: Callable[[Sequence[Row]], bool]
) -> Sequence[Row]:
    """Bars up to the one under way, so many that they suffice, or all that there are."""
    while True:
        rows = rates_from_position(server, symbol, timeframe, 0, count)
        if len(rows) < count or count >= MOST_BARS or enough(rows):
            return rows
        count *= GROWTH


def _ticks(server: TradeServer, symbol: str, since_msc: int, until_msc: int, kinds: int) -> Sequence[Row]:
    """Those of the wanted kinds; none where the trade server keeps no ticks."""
    server.symbol_info(symbol)
    if not isinstance(server, TickHistory):
        return []
    flags = KINDS_OF_TICKS.get(kinds, ANY_TICK)
    return [row for row in server.ticks(symbol, since_msc, until_msc) if flags == ANY_TICK or row[FLAGS] & flags]
