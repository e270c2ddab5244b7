"""The life of a trade: its states, the arrows between them, and the record that is kept of it.

Every state has one line here, every arrow is named, and nothing else may happen: a transition that is not in
`ARROWS` is a defect and raises. "Unknown" is a state of its own because a lost answer is neither a yes nor a no: no
error, retry count or time-out ever turns it into FAILED.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trading.analysis import Regime, Strategy
from trading.market import Instant, Side


class TradeState(StrEnum):
    """Where a trade stands. What recovery does with each after a crash is in `docs/lifecycle.md`."""

    SUBMITTED = "submitted"  # committed before the order leaves; the order may or may not have been sent
    UNKNOWN = "unknown"  # the order's fate is being looked up; the slot is closed to opens
    OPEN = "open"  # the broker holds the position
    CLOSING = "closing"  # committed before the close leaves; the close may or may not have been sent
    CLOSED = "closed"  # the position is gone; late deals may still correct the profit
    FAILED = "failed"  # provably no position came of the order
    LATE = "late"  # an order marked FAILED appeared at the broker after all


ACTIVE = frozenset({TradeState.SUBMITTED, TradeState.UNKNOWN, TradeState.OPEN, TradeState.CLOSING})
"""At most one of these exists for each (platform, commodity): a partial unique index says the same."""

HELD = frozenset({TradeState.OPEN, TradeState.CLOSING, TradeState.LATE})
"""A live position of ours is believed to exist."""

ARROWS: dict[tuple[TradeState, TradeState], str] = {
    (TradeState.SUBMITTED, TradeState.OPEN): "the broker said done",
    (TradeState.SUBMITTED, TradeState.FAILED): "a definite no",
    (TradeState.SUBMITTED, TradeState.UNKNOWN): "any other answer, or none",
    (TradeState.UNKNOWN, TradeState.OPEN): "the look-up found the position",
    (TradeState.UNKNOWN, TradeState.CLOSED): "the look-up found deals in and out",
    (TradeState.UNKNOWN, TradeState.FAILED): "the order was rejected, or absent in enough clean scans",
    (TradeState.OPEN, TradeState.OPEN): "adjusted",
    (TradeState.OPEN, TradeState.CLOSING): "stop, target, schedule, adjustment or operator",
    (TradeState.OPEN, TradeState.CLOSED): "gone in two clean scans",
    (TradeState.CLOSING, TradeState.CLOSING): "partly closed, or another attempt",
    (TradeState.CLOSING, TradeState.CLOSED): "the position is gone",
    (TradeState.FAILED, TradeState.LATE): "the order appeared at the broker after all",
    (TradeState.LATE, TradeState.OPEN): "the slot is free and the trade still wanted",
    (TradeState.LATE, TradeState.CLOSED): "not wanted any more, and closed",
    (TradeState.CLOSED, TradeState.CLOSED): "a late deal corrected the profit",
}


class ForbiddenTransition(Exception):
    """A trade may not go from its state to the other one."""


def arrow(before: TradeState, after: TradeState) -> str:
    """The name of the arrow. Raises `ForbiddenTransition` where there is none."""
    try:
        return ARROWS[before, after]
    except KeyError:
        raise ForbiddenTransition(f"there is no way from {before} to {after}") from None


class CloseReason(StrEnum):
    """Why a trade is closed."""

    STOP = "stop"
    TARGET = "target"
    TRAILING_STOP = "trailing_stop"  # the stop had been tightened by trailing before it was hit
    TIME_STOP = "time_stop"  # the strategy's longest hold is over
    OPPOSITE_SIGNAL = "opposite_signal"
    ADVERSE_DRIFT = "adverse_drift"  # the signal has turned, its information is shown, and holding on costs
    SIGNAL_GONE = "signal_gone"  # nothing speaks for the trade any more, and its target is out of reach
    DAY_END = "day_end"
    FRIDAY = "friday"
    OPERATOR = "operator"
    LATE = "late"  # executed after it was given up, and not wanted any more
    BROKER = "broker"  # gone without us: closed by hand, or by the broker
    UNRECORDED = "unrecorded"  # closed by us while the ledger was away, by a process that took the reason with it


@dataclass(frozen=True, slots=True)
class TradePlan:
    """What a trade means to do, agreed before its order leaves. Distances are in price units, from the entry."""

    strategy: Strategy
    stop_distance: float  # the loss agreed at entry: the stop never lies farther away than this
    target_distance: float | None  # None: no fixed distance (trailing, or aiming at a price)
    target_price: float | None  # where mean reversion aims; None: none
    trailing_distance: float | None  # None: the stop does not trail
    longest_hold_seconds: float
    closes_at_day_end: bool


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade as the ledger keeps it. Prices are in the commodity's price units, money in account currency."""

    trade_id: int
    platform: str
    commodity: str
    side: Side
    state: TradeState
    strategy: Strategy
    regime: Regime  # at entry
    analysis_id: str
    confidence: float  # 0 to 100, at entry
    volume_lots: float  # asked for until the fill; from then on what the broker holds, or held
    magic: int  # account prefix << 32 | sequence; the broker carries it, so the order can be looked up
    account_token: int  # fencing token under which the row was last written
    commodity_token: int  # fencing token of the reservation under which the order was submitted
    expected_price: float  # the price seen when the open was decided
    stop_distance: float
    target_distance: float | None
    trailing_distance: float | None
    stop_price: float  # the stop in force; it only ever tightens
    target_price: float | None
    daily_volatility: float  # sd of daily log returns, at entry
    submitted_at: Instant
    time_stop_at: Instant
    closes_at_day_end: bool
    position_id: int | None = None  # the broker's identifier, which never changes
    ticket: int | None = None
    entry_price: float | None = None
    opened_at: Instant | None = None
    exit_price: float | None = None
    closed_at: Instant | None = None
    close_reason: CloseReason | None = None  # set when CLOSING is entered
    profit: float | None = None  # net: the sum of the broker's deals, once closed
    detail: str = ""  # why it failed, or what is not known

    @property
    def resource(self) -> str:
        """`<platform>:<commodity>`: the slot that this trade occupies."""
        return resource(self.platform, self.commodity)

    @property
    def trailed(self) -> bool:
        """True when the stop stands tighter than agreed at entry."""
        if self.entry_price is None:
            return False
        agreed = self.entry_price - self.side.sign * self.stop_distance
        return self.side.sign * (self.stop_price - agreed) > 1e-9 * self.stop_distance


def resource(platform: str, commodity: str) -> str:
    """The reservation's name: `<platform>:<commodity>`."""
    return f"{platform}:{commodity}"
