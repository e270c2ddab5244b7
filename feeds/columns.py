"""The columns of a file of bars, found by the names that exports give them, as times, prices and spreads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from feeds.clocks import FileClock
from feeds.errors import FeedError
from feeds.table_columns import Column, NotNumbers, TextColumn
from feeds.tables import Table
from feeds.times import ShownTimes, UnreadableTime, settled, shown_times
from trading.bars import Floats, Instants

Prices: TypeAlias = Literal["mid", "bid", "ask"]

TIME_NAMES = (  # the first one found is taken
    *("time", "datetime", "timestamp", "date", "gmt time", "local time", "time (utc)", "utc", "open time", "open_time"),
    *("unix", "epoch", "__index_level_0__", ""),
)
MID_NAMES = (("open", "high", "low", "close"), ("o", "h", "l", "c"))
BID_NAMES = (("bo", "bh", "bl", "bc"), ("bidopen", "bidhigh", "bidlow", "bidclose"))
ASK_NAMES = (("ao", "ah", "al", "ac"), ("askopen", "askhigh", "asklow", "askclose"))
MOST_DECIMALS = 8
POINTS_FRACTION = 0.02  # whole numbers that are a larger part of the price than this are points


@dataclass(frozen=True, slots=True, eq=False)
class PriceColumns:
    """Prices as the file has them, each of shape (n,)."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    spread: Floats  # in price units, NaN where there is none
    are: Prices
    spread_in: str  # in words, how the spread is written


class BarColumns:
    """The columns of one file, turned into what bars are made of."""

    def __init__(self, path: Path, table: Table) -> None:
        self._path = path
        self._columns = table.columns
        self._is_metatrader = table.is_metatrader or ({"tick_volume", "tickvol"} & set(table.columns) != set())
        self._names = {_plain(name): name for name in reversed(list(table.columns))}

    def shown_times(self, wanted: str | None = None) -> ShownTimes:
        """What the time column shows, (n,).

        ``wanted`` is the column's name where another than the usual is meant. Raises `FeedError`.
        """
        column = self._columns[self._time_name(wanted)]
        native = column.native_times()
        if native is not None:
            shown, is_local = native
            return ShownTimes(shown.tolist(), shown, np.full(len(shown), is_local))
        values = self._time_values(column, wanted)
        try:
            return shown_times(values)
        except UnreadableTime as error:
            raise self._unreadable(error, wanted) from error

    def settled(self, shown: ShownTimes, clock: FileClock, wanted: str | None = None) -> Instants:
        """The instants, (n,), with those that name no zone as ``clock`` means them. Raises `FeedError`."""
        try:
            return settled(shown, clock)
        except UnreadableTime as error:
            raise self._unreadable(error, wanted) from error

    def prices(self, are: Prices | None = None) -> PriceColumns:
        """The prices, of which bids and asks make mids. ``are``: what a single set is; by default bids in what
        MetaTrader writes, and mids elsewhere. Raises `FeedError`.
        """
        bids, asks = self._found(BID_NAMES), self._found(ASK_NAMES)
        if bids and asks:
            both = zip(map(self._numbers, bids), map(self._numbers, asks), strict=True)
            bid, ask = zip(*both, strict=True)
            opened, high, low, close = ((below + above) / 2 for below, above in zip(bid, ask, strict=True))
            return PriceColumns(opened, high, low, close, ask[-1] - bid[-1], "mid", "bids and asks")
        single = self._found(MID_NAMES) or bids or asks
        if not single:
            wanted = "open, high, low, close (or o, h, l, c; or bids bo, bh, bl, bc with asks ao, ah, al, ac)"
            raise FeedError(f"{self._path}: there are no columns of prices; expected {wanted}{self._have()}")
        usual: Prices = "ask" if single == asks else "bid" if single == bids or self._is_metatrader else "mid"
        opened, high, low, close = (self._numbers(name) for name in single)
        spread, spread_in = self._spread(close)
        return PriceColumns(opened, high, low, close, spread, are or usual, spread_in)

    def _spread(self, close: Floats) -> tuple[Floats, str]:
        if "spread" not in self._columns:
            return np.full(len(close), np.nan), "no spreads"
        spread = self._numbers("spread")
        known = spread[np.isfinite(spread)]
        are_whole = len(known) > 0 and bool(np.all(known == np.rint(known)) and np.any(known > 0))
        are_large = are_whole and float(np.median(known)) > POINTS_FRACTION * float(np.nanmedian(np.abs(close)))
        if are_large or (are_whole and self._is_metatrader):
            decimals = decimals_of(close)
            return spread / 10**decimals, f"spreads in points of {10.0**-decimals:g}"
        return spread, "spreads in price units"

    def _found(self, choices: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
        """The first of the sets of names that the file has whole, as it writes them; empty: none."""
        for names in choices:
            if all(name in self._names for name in names):
                return tuple(self._names[name] for name in names)
        return ()

    def _time_name(self, wanted: str | None) -> str:
        names = TIME_NAMES if wanted is None else (wanted.strip().lower(),)
        name = next((name for name in names if name in self._columns), None)
        if name is None:
            expected = "time, date, datetime or timestamp" if wanted is None else wanted
            raise FeedError(f"{self._path}: there is no column of times; expected {expected}{self._have()}")
        return name

    def _time_values(self, column: Column, wanted: str | None) -> Sequence[object]:
        if self._time_name(wanted) == "time" and "date" in self._columns and column.is_text:
            days = self._columns["date"].values()
            return [f"{day} {clock}" for day, clock in zip(days, column.values(), strict=True)]
        return column.values()

    def _unreadable(self, error: UnreadableTime, wanted: str | None) -> FeedError:
        shown = "empty" if error.value is None else repr(error.value)
        name = self._time_name(wanted) or "the first column"
        return FeedError(f"{self._path}: row {error.row}: {name} is {shown}; expected {error.expected}")

    def _numbers(self, name: str) -> Floats:
        """The column as numbers, NaN where it is empty. Raises `FeedError` naming the first value that is none."""
        column = self._columns[name]
        try:
            return column.numbers()
        except NotNumbers as error:
            for row, value in enumerate(column.values()):
                if not _is_number(value):
                    raise FeedError(f"{self._path}: row {row}: {name} is {value!r}; expected a number") from error
            raise FeedError(f"{self._path}: {name} is a column of {column.kind}; expected numbers") from error

    def _have(self) -> str:
        names = ", ".join(name or "one without a name" for name in self._columns)
        return f"; its columns are: {names}"


def decimals_of(prices: Floats) -> int:
    """With how many decimals prices are written: the fewest that leave 99 in 100 of them as they are."""
    known = prices[np.isfinite(prices)]
    for decimals in range(MOST_DECIMALS):
        off = np.abs(np.round(known, decimals) - known) > 1e-9 * np.maximum(np.abs(known), 1.0)
        if np.count_nonzero(off) <= len(known) // 100:
            return decimals
    return MOST_DECIMALS


def _plain(name: str) -> str:
    """A name without what exports put between its words: ``bid_open``, ``Bid Open`` and ``BidOpen`` are one."""
    return re.sub(r"[ _.\-]", "", name)


def _is_number(value: object) -> bool:
    """Whether a cell could be one, or is empty."""
    if value is None:
        return True
    try:
        TextColumn([str(value)]).numbers()
    except NotNumbers:
        return False
    return True
