"""What is drawn of a trade: the bars around it, its levels as they moved, what happened where, and its worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from console.figures import number, price, words
from console.records import Data, mapping, time_text
from persistence.journal import VALUATION, JournalLine
from trading.bars import BarSeries
from trading.market import iso
from trading.trade import Trade

BARS_BEFORE = 60  # the entry
BARS_AFTER = 30  # the exit
MOST_BARS = 1_500
MOST_VALUATIONS = 1_000  # the newest


@dataclass(frozen=True, slots=True)
class Around:
    """The bars around a trade; ``said`` tells in words what of them is missing, empty where nothing is."""

    bars: BarSeries | None
    said: str = ""


def around(trade: Trade, series: BarSeries | None) -> Around:
    """Of the bars that are kept those from shortly before the entry until shortly after the exit, or the newest."""
    if series is None or len(series) == 0:
        return Around(None, f"no bar of {trade.commodity} on {trade.platform} has come yet")
    began = trade.opened_at or trade.submitted_at
    first = int(series.time[0])
    if trade.closed_at is not None and trade.closed_at < first:
        return Around(None, f"the bars that are kept begin at {iso(first)}, after this trade")
    entry = max(int(np.searchsorted(series.time, began, side="right")) - 1, 0)
    stop = len(series)
    if trade.closed_at is not None:
        stop = min(int(np.searchsorted(series.time, trade.closed_at, side="right")) + BARS_AFTER, stop)
    start = max(entry - BARS_BEFORE, stop - MOST_BARS, 0)
    said = f"the bars that are kept begin at {iso(first)}, within this trade" if began < first else ""
    if start > entry:
        said = f"only the newest {MOST_BARS:,} bars of this trade are shown"
    return Around(series.window(start, stop), said)


def columns(series: BarSeries | None, digits: int | None) -> Data:
    """The bars as columns of equal length, ``opened_at`` in ISO 8601; none of them without bars."""
    names = ("open", "high", "low", "close")
    if series is None:
        return {"bar_seconds": None, "opened_at": [], **{name: [] for name in names}}
    decimals = 8 if digits is None else digits + 1  # mid prices may lie between two points
    prices = {name: [round(float(value), decimals) for value in getattr(series, name)] for name in names}
    return {"bar_seconds": series.bar_seconds, "opened_at": [iso(int(at)) for at in series.time], **prices}


def marks(trade: Trade, adjustments: Iterable[Data], digits: int | None) -> list[Data]:
    """Where the trade began and ended and what moved its levels, oldest first: ``{kind, at, price, text}``."""
    return list(_marks(trade, adjustments, digits))


def _marks(trade: Trade, adjustments: Iterable[Data], digits: int | None) -> Iterator[Data]:
    if trade.entry_price is not None and trade.opened_at is not None:
        text = f"{words(trade.side)} {trade.volume_lots:g} at {price(trade.entry_price, digits)}"
        yield {"kind": "entry", "at": iso(trade.opened_at), "price": trade.entry_price, "text": text}
    for moved in adjustments:
        yield {"kind": "adjustment", "at": moved["at"], "price": moved["stop_after"], "text": moved["text"]}
    if trade.exit_price is not None and trade.closed_at is not None:
        text = f"{words(trade.close_reason)} at {price(trade.exit_price, digits)}"
        yield {"kind": "exit", "at": iso(trade.closed_at), "price": trade.exit_price, "text": text}


def worth(lines: Iterable[JournalLine]) -> list[Data]:
    """What the trade was found to be worth over time, oldest first: probabilities as fractions, EV in sigmas."""
    valued = sorted((line for line in lines if line.kind == VALUATION), key=lambda line: line.id)
    return [_worth(line) for line in valued[-MOST_VALUATIONS:]]


def _worth(line: JournalLine) -> Data:
    found: Any = mapping(line.detail)
    names = ("profit", "target", "stop", "expected_value")
    return {"at": time_text(line.at), **{name: number(found.get(name)) for name in names}}
