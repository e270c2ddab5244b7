"""When an open trade is closed, and when its stop, its target or its strategy is changed.

Two judgements share one rule. *Guarding* looks at every batch of quotes: is the stop or the target reached? It has a
form for many positions at once (`guard_many`, one pass of numpy) and one for a single trade (`guard`). *Judging* looks
at each trade every monitor interval: guarding first, then the time stop and the rules in the order of `ENDING` and
`CHANGING`. `docs/exits.md` explains them one by one.

A buy is judged on the bid and a sell on the ask, which is what closing gets. Touching a level counts. The stop is asked
before the target. A quote that may not be acted upon (`trading.quotes`) triggers nothing, not even a time stop: there
is no price to close at. The caller asks only while the market is open.

One adjustment at a time: whoever speaks first is heard, and a trailing stop is laid beneath what it says. An adjustment
that was written is therefore followed by a hold, until something else becomes known.
"""

from __future__ import annotations

from trading.analysis import Analysis
from trading.exit_break_even import break_even
from trading.exit_case import Case, signal_in_force
from trading.exit_decisions import Adjust, Close, Decision, ExitRules, Hold, Judgement, exit_rules
from trading.exit_early import adverse_drift, signal_gone
from trading.exit_levels import (
    HOLD,
    STOP,
    TARGET,
    TRAILING_STEP,
    Levels,
    at_a_level,
    guard_many,
    levels,
    tightened,
    trailed_stop,
)
from trading.exit_memory import TRAILING, ExitMemory, PastAdjustment
from trading.exit_switch import regime_switch
from trading.exit_target import follow_mean, rescale
from trading.market import Instant, Quote
from trading.quotes import unusable
from trading.reading import MarketReading
from trading.trade import CloseReason, Trade, TradeState

__all__ = [
    "HELD",
    "HOLD",
    "STOP",
    "TARGET",
    "TRAILING_STEP",
    "Adjust",
    "Close",
    "Decision",
    "ExitMemory",
    "ExitRules",
    "Hold",
    "Judgement",
    "Levels",
    "PastAdjustment",
    "exit_rules",
    "guard",
    "guard_many",
    "judge",
    "levels",
    "tightened",
    "trail",
]

ENDING = (adverse_drift, signal_gone)
CHANGING = (regime_switch, follow_mean, rescale, break_even)

NOTHING_REMEMBERED = ExitMemory()
HELD = Judgement(Hold())


def guard(trade: Trade, quote: Quote, now: Instant, rules: ExitRules) -> Hold | Close:
    """Close when the stop or the target is reached; the price is that level."""
    if not _may_judge(trade, quote, now, rules):
        return Hold()
    return at_a_level(trade, quote.closing_price(trade.side)) or Hold()


def trail(trade: Trade, quote: Quote, now: Instant, rules: ExitRules) -> Hold | Adjust:
    """Move a trailing stop to its distance behind the closing price, when that is at least one step tighter.

    Part of `judge`; also fit to be asked on every quote.
    """
    if not _may_judge(trade, quote, now, rules):
        return Hold()
    stop = _trailed(trade, quote.closing_price(trade.side), rules)
    return Hold() if stop == trade.stop_price else Adjust(stop, trade.target_price, TRAILING)


def judge(
    trade: Trade,
    quote: Quote,
    *,
    now: Instant,
    rules: ExitRules,
    horizon_at: Instant,
    reading: MarketReading | None = None,
    signal: Analysis | None = None,
    variance: float | None = None,
    memory: ExitMemory | None = None,
    cost: float = 0.0,
) -> Judgement:
    """What to do with the trade now, why, and what it is worth before and after.

    ``signal`` is the newest analysis of the commodity that passed the gate. It closes the trade when it is of the other
    side, younger than the trade and not too old. ``horizon_at`` and ``variance`` come from `trading.horizon`; without a
    variance there are no probabilities, and the rules that need them are silent. ``memory`` is what was done to the
    trade before; without one no target is moved, for a day's share may be used up. ``cost`` is the round trip's
    commission in price units.
    """
    if not _may_judge(trade, quote, now, rules):
        return HELD
    closing = quote.closing_price(trade.side)
    at_level = at_a_level(trade, closing)
    if at_level is not None:
        which = "target" if at_level.reason is CloseReason.TARGET else "stop"
        return Judgement(at_level, rule=which, why=f"the {which} at {at_level.price:.10g} is reached")
    if now >= trade.time_stop_at:
        return Judgement(Close(CloseReason.TIME_STOP, closing), rule="time_stop", why="the longest hold is over")
    if rules.opposite_signal_closes and signal is not None and _contradicts(signal, trade, now, rules):
        why = f"{signal.id} speaks for the other side"
        return Judgement(Close(CloseReason.OPPOSITE_SIGNAL, closing), rule="opposite_signal", why=why)
    stop = _trailed(trade, closing, rules)
    case = None
    if variance is not None and variance > 0 and closing > 0:
        case = Case(
            trade,
            quote,
            now=now,
            rules=rules,
            reading=reading,
            signal=signal,
            horizon_at=horizon_at,
            variance=variance,
            memory=NOTHING_REMEMBERED if memory is None else memory,
            cost=cost,
            stop_price=stop,
        )
        spoken = _heard(case, may_move_target=memory is not None)
        if spoken is not None:
            return spoken
    if stop == trade.stop_price:
        return HELD
    before = None if case is None else case.with_levels(trade.stop_price, trade.target_price)
    after = None if case is None else case.as_it_stands()
    change = Adjust(stop, trade.target_price, TRAILING)
    return Judgement(change, before, after, TRAILING, "the price has moved on, and the stop follows it")


def _heard(case: Case, *, may_move_target: bool) -> Judgement | None:
    """The first rule that has something to say."""
    for ending in ENDING:
        closed = ending(case)
        if closed is not None:
            decision = Close(closed.reason, case.closing)
            return Judgement(decision, closed.before, None, closed.reason.value, closed.why)
    if not case.is_ready:
        return None
    for changing in CHANGING:
        change = changing(case)
        if change is None or (change.target_price != case.trade.target_price and not may_move_target):
            continue
        stop = tightened(case.trade, change.stop_price)
        adjust = Adjust(stop, change.target_price, change.rule, change.strategy)
        before = change.before
        if case.stop_price != case.trade.stop_price:
            before = case.with_levels(case.trade.stop_price, case.trade.target_price) or before
        return Judgement(adjust, before, change.after, change.rule, change.why)
    return None


def _trailed(trade: Trade, closing: float, rules: ExitRules) -> float:
    distance = trade.trailing_distance if rules.settings.trailing.enabled else None
    return trailed_stop(trade, distance, closing, rules.point)


def _may_judge(trade: Trade, quote: Quote, now: Instant, rules: ExitRules) -> bool:
    if trade.state is not TradeState.OPEN or quote.commodity != trade.commodity:
        return False
    fault = unusable(quote, now, rules.quote_max_age_seconds, may_be_negative=rules.may_be_negative)
    return fault is None


def _contradicts(signal: Analysis, trade: Trade, now: Instant, rules: ExitRules) -> bool:
    in_force = signal_in_force(signal, trade, now, rules.analysis_max_age_seconds)
    return in_force is not None and in_force.side is trade.side.opposite
