"""When an open trade is closed, and when its stop follows the price.

Two judgements share one rule. *Guarding* looks at every batch of quotes: is the stop or the target reached? It has a
form for many positions at once (`guard_many`, one pass of numpy) and one for a single trade (`guard`); both measure by
`_to_stop` and `_to_target`. *Re-valuing* looks at each trade every monitor interval: time stop, opposite signal,
trailing.

A buy is judged on the bid and a sell on the ask, which is what closing gets. Touching a level counts. The stop is asked
before the target. A quote that may not be acted upon (`trading.quotes`) triggers nothing, not even a time stop: there
is no price to close at. The caller asks only while the market is open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from trading.analysis import Analysis
from trading.bars import Floats
from trading.commodities import Commodity
from trading.market import SECOND, Instant, Quote
from trading.quotes import unusable
from trading.settings import Settings
from trading.trade import CloseReason, Trade, TradeState

# A trailing stop moves in steps of a tenth of its distance, so that a run of a whole distance costs the ledger ten
# writes and not one a tick. The price of it: a trade may give back up to 1.1 distances from its best price.
TRAILING_STEP = 0.10

HOLD, STOP, TARGET = 0, 1, 2  # the codes of `guard_many`

FloatOrFloats = TypeVar("FloatOrFloats", float, Floats)


@dataclass(frozen=True, slots=True)
class Hold:
    """Leave the trade as it is."""


@dataclass(frozen=True, slots=True)
class Adjust:
    """Write a new stop and target. Neither is ever sent to a broker."""

    stop_price: float
    target_price: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the trade."""

    reason: CloseReason
    price: float  # the level that was hit, or the current closing price: what the fill is compared with


Decision: TypeAlias = Hold | Adjust | Close


@dataclass(frozen=True, slots=True)
class ExitRules:
    """The settings that exits depend on, for one commodity."""

    quote_max_age_seconds: float
    analysis_max_age_seconds: float
    opposite_signal_closes: bool
    may_be_negative: bool
    point: float  # the smallest price step


def exit_rules(settings: Settings, commodity: Commodity) -> ExitRules:
    """The exit rules of this commodity under these settings."""
    return ExitRules(
        quote_max_age_seconds=settings.quote_max_age_seconds,
        analysis_max_age_seconds=settings.analysis_max_age_seconds,
        opposite_signal_closes=settings.opposite_signal_closes,
        may_be_negative=commodity.may_be_negative,
        point=commodity.point,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The stops and targets of n trades as columns, in the order of the trades they were made from."""

    sign: Floats  # (n,) +1 for a buy, -1 for a sell
    stop: Floats  # (n,) NaN where there is nothing to guard
    target: Floats  # (n,) NaN where there is none


def levels(trades: Sequence[Trade]) -> Levels:
    """The levels to guard. A trade that is not OPEN has none: it is on its way in, or out."""
    rows = [
        (trade.side.sign, trade.stop_price, _or_nan(trade.target_price))
        if trade.state is TradeState.OPEN
        else (trade.side.sign, math.nan, math.nan)
        for trade in trades
    ]
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
    return Levels(sign=columns[:, 0], stop=columns[:, 1], target=columns[:, 2])


def guard_many(watched: Levels, bid: Floats, ask: Floats, usable: NDArray[np.bool_]) -> NDArray[np.int8]:
    """HOLD, STOP or TARGET for each of n trades. ``bid``, ``ask`` and ``usable`` are (n,), each trade's own quote.

    ``usable`` comes from `trading.quotes.usable_many`. What is hit is then closed by `guard`, one by one.
    """
    closing = np.where(watched.sign > 0, bid, ask)
    stopped = usable & (_to_stop(watched.sign, closing, watched.stop) <= 0)
    reached = usable & (_to_target(watched.sign, closing, watched.target) <= 0)
    return np.where(stopped, STOP, np.where(reached, TARGET, HOLD)).astype(np.int8)


def guard(trade: Trade, quote: Quote, now: Instant, rules: ExitRules) -> Hold | Close:
    """Close when the stop or the target is reached; the price is that level."""
    if not _may_judge(trade, quote, now, rules):
        return Hold()
    return _at_a_level(trade, quote.closing_price(trade.side)) or Hold()


def revalue(
    trade: Trade, quote: Quote, now: Instant, rules: ExitRules, *, opposite: Analysis | None = None
) -> Decision:
    """What to do with the trade now: the first of stop, target, time stop, opposite signal, trailing that applies.

    ``opposite`` is an analysis that has passed the gate. It closes the trade when it is of the same commodity and the
    other side, younger than the trade and not too old.
    """
    if not _may_judge(trade, quote, now, rules):
        return Hold()
    closing = quote.closing_price(trade.side)
    at_a_level = _at_a_level(trade, closing)
    if at_a_level is not None:
        return at_a_level
    if now >= trade.time_stop_at:
        return Close(CloseReason.TIME_STOP, closing)
    if rules.opposite_signal_closes and opposite is not None and _contradicts(opposite, trade, now, rules):
        return Close(CloseReason.OPPOSITE_SIGNAL, closing)
    return _behind(trade, closing, rules)


def trail(trade: Trade, quote: Quote, now: Instant, rules: ExitRules) -> Hold | Adjust:
    """Move a trailing stop to its distance behind the closing price, when that is at least one step tighter.

    The stop itself remembers the best price seen, so nothing else has to: it only ever moves one way. A step is a tenth
    of the trailing distance, or one point where that is more. Part of `revalue`; also fit to be asked on every quote.
    """
    if not _may_judge(trade, quote, now, rules):
        return Hold()
    return _behind(trade, quote.closing_price(trade.side), rules)


def tightened(trade: Trade, stop_price: float) -> float:
    """The tighter of the stop in force and ``stop_price``; the former when the latter is no number.

    The one place through which every new stop goes: the loss agreed at entry is the most that the rules can lose.
    """
    if not math.isfinite(stop_price):
        return trade.stop_price
    return max(trade.stop_price, stop_price) if trade.side.sign > 0 else min(trade.stop_price, stop_price)


def _to_stop(sign: FloatOrFloats, closing: FloatOrFloats, stop: FloatOrFloats) -> FloatOrFloats:
    """How far the closing price still is from the stop; at or below 0 it is hit. NaN where there is no stop."""
    return sign * (closing - stop)


def _to_target(sign: FloatOrFloats, closing: FloatOrFloats, target: FloatOrFloats) -> FloatOrFloats:
    """How far the closing price still is from the target; at or below 0 it is reached. NaN where there is none."""
    return sign * (target - closing)


def _at_a_level(trade: Trade, closing: float) -> Close | None:
    sign = float(trade.side.sign)
    if _to_stop(sign, closing, trade.stop_price) <= 0:
        return Close(CloseReason.TRAILING_STOP if trade.trailed else CloseReason.STOP, trade.stop_price)
    if trade.target_price is not None and _to_target(sign, closing, trade.target_price) <= 0:
        return Close(CloseReason.TARGET, trade.target_price)
    return None


def _behind(trade: Trade, closing: float, rules: ExitRules) -> Hold | Adjust:
    if trade.trailing_distance is None:
        return Hold()
    sign = trade.side.sign
    stop = tightened(trade, closing - sign * trade.trailing_distance)
    step = max(TRAILING_STEP * trade.trailing_distance, rules.point)
    if sign * (stop - trade.stop_price) < step:
        return Hold()
    return Adjust(stop, trade.target_price, "trailing")


def _may_judge(trade: Trade, quote: Quote, now: Instant, rules: ExitRules) -> bool:
    if trade.state is not TradeState.OPEN or quote.commodity != trade.commodity:
        return False
    fault = unusable(quote, now, rules.quote_max_age_seconds, may_be_negative=rules.may_be_negative)
    return fault is None


def _contradicts(analysis: Analysis, trade: Trade, now: Instant, rules: ExitRules) -> bool:
    return (
        analysis.commodity == trade.commodity
        and analysis.side is trade.side.opposite
        and analysis.made_at > trade.submitted_at
        and now - analysis.made_at <= rules.analysis_max_age_seconds * SECOND
    )


def _or_nan(price: float | None) -> float:
    return math.nan if price is None else price
