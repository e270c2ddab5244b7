"""A trade's levels: whether one is hit, and how a stop may move. One rule in two forms, for one trade and for many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trading.bars import Floats
from trading.exit_decisions import Close
from trading.trade import CloseReason, Trade, TradeState

# A trailing stop moves in steps of a tenth of its distance, so that a run of a whole distance costs the ledger ten
# writes and not one a tick. The price of it: a trade may give back up to 1.1 distances from its best price.
TRAILING_STEP = 0.10

HOLD, STOP, TARGET = 0, 1, 2  # the codes of `guard_many`

FloatOrFloats = TypeVar("FloatOrFloats", float, Floats)


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The stops and targets of n trades as columns, in the order of the trades they were made from."""

    sign: Floats  # (n,) +1 for a buy, -1 for a sell
    stop: Floats  # (n,) NaN where there is nothing to guard
    target: Floats  # (n,) NaN where there is none


def levels(trades: Sequence[Trade]) -> Levels:
    """The levels to guard. A trade that is not OPEN has none: it is on its way in, or out."""
    rows = [
        (trade.side.sign, trade.stop_price, or_nan(trade.target_price))
        if trade.state is TradeState.OPEN
        else (trade.side.sign, math.nan, math.nan)
        for trade in trades
    ]
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
    return Levels(sign=columns[:, 0], stop=columns[:, 1], target=columns[:, 2])


def guard_many(watched: Levels, bid: Floats, ask: Floats, usable: NDArray[np.bool_]) -> NDArray[np.int8]:
    """HOLD, STOP or TARGET for each of n trades. ``bid``, ``ask`` and ``usable`` are (n,), each trade's own quote.

    ``usable`` comes from `trading.quotes.usable_many`. What is hit is then closed by `trading.exits.guard`, one by one.
    """
    closing = np.where(watched.sign > 0, bid, ask)
    stopped = usable & (to_stop(watched.sign, closing, watched.stop) <= 0)
    reached = usable & (to_target(watched.sign, closing, watched.target) <= 0)
    return np.where(stopped, STOP, np.where(reached, TARGET, HOLD)).astype(np.int8)


def at_a_level(trade: Trade, closing: float) -> Close | None:
    """The close that the stop or the target asks for at this closing price, at that level. The stop is asked first."""
    sign = float(trade.side.sign)
    if to_stop(sign, closing, trade.stop_price) <= 0:
        return Close(CloseReason.TRAILING_STOP if trade.trailed else CloseReason.STOP, trade.stop_price)
    if trade.target_price is not None and to_target(sign, closing, trade.target_price) <= 0:
        return Close(CloseReason.TARGET, trade.target_price)
    return None


def to_stop(sign: FloatOrFloats, closing: FloatOrFloats, stop: FloatOrFloats) -> FloatOrFloats:
    """How far the closing price still is from the stop; at or below 0 it is hit. NaN where there is no stop."""
    return sign * (closing - stop)


def to_target(sign: FloatOrFloats, closing: FloatOrFloats, target: FloatOrFloats) -> FloatOrFloats:
    """How far the closing price still is from the target; at or below 0 it is reached. NaN where there is none."""
    return sign * (target - closing)


def tightened(trade: Trade, stop_price: float) -> float:
    """The tighter of the stop in force and ``stop_price``; the former when the latter is no number.

    The one place through which every new stop goes: the loss agreed at entry is the most that the rules can lose.
    """
    if not math.isfinite(stop_price):
        return trade.stop_price
    return max(trade.stop_price, stop_price) if trade.side.sign > 0 else min(trade.stop_price, stop_price)


def trailed_stop(trade: Trade, distance: float | None, closing: float, point: float) -> float:
    """Where a stop that trails at ``distance`` belongs now; where it is when it does not trail, or not by a whole step.

    The stop itself remembers the best price seen, so nothing else has to: it only ever moves one way. A step is a tenth
    of the trailing distance, or one point where that is more.
    """
    if distance is None:
        return trade.stop_price
    sign = trade.side.sign
    stop = tightened(trade, closing - sign * distance)
    step = max(TRAILING_STEP * distance, point)
    return stop if sign * (stop - trade.stop_price) >= step else trade.stop_price


def or_nan(price: float | None) -> float:
    """A column has no None."""
    return math.nan if price is None else price
