"""What the ledger says was claimed of trades, and what became of them.

The journal's lines of kind `valuation` carry the monitor's probabilities, the trade's row how it ended. A line that an
older program wrote, or that lacks a number, is left out and counted, and nothing raises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from console.figures import number
from persistence.journal import JournalLine
from persistence.ledger import Ledger
from trading.market import HOUR, Instant
from trading.trade import CloseReason, Trade, TradeState
from trading.trade_claims import TradeClaims

KIND = "valuation"
Claim: TypeAlias = Literal["target", "stop", "profit"]
CLAIMS: tuple[Claim, ...] = ("target", "stop", "profit")

BY_STOP = frozenset({CloseReason.STOP, CloseReason.TRAILING_STOP})
BY_TIME = frozenset({CloseReason.TIME_STOP, CloseReason.DAY_END, CloseReason.FRIDAY})

GRACE = HOUR  # what is closed because its time is up is closed a little later, on recorded bars by up to a bar's part

UNREADABLE = "not readable"
UNSETTLED = "of trades that are not settled"
CUT_SHORT = "of trades that a rule, a person or the broker cut short"
AIMLESS = "without a target"


@dataclass(frozen=True, slots=True)
class LedgerClaims:
    """The claims of each kind, and how many lines were left out of each, by reason."""

    claims: Mapping[Claim, TradeClaims]
    left_out: Mapping[Claim, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Valued:
    """What a line says."""

    claimed: float
    horizon_at: Instant
    strategy: str  # in force then


_Row: TypeAlias = tuple[float, bool, int, str]
"""The claim, whether it happened, the trade, its strategy then."""


def read_claims(ledger: Ledger, *, since: Instant | None = None, newest: int | None = None) -> LedgerClaims:
    """The valuations that the ledger holds (since an instant of market time; so many), against the trades' ends."""
    lines = ledger.journal.list(kind=KIND, since=since, limit=newest)[::-1]
    # No more trades than lines can be spoken of, and the newest lines are of trades that closed last.
    settled = ledger.trades.list(states={TradeState.CLOSED}, limit=newest)
    return claims_of(lines, settled)


def claims_of(lines: Iterable[JournalLine], trades: Iterable[Trade]) -> LedgerClaims:
    """The same, from the lines and the settled trades."""
    by_id = {trade.trade_id: trade for trade in trades}
    rows: dict[Claim, list[_Row]] = {claim: [] for claim in CLAIMS}
    left_out: dict[Claim, Counter[str]] = {claim: Counter() for claim in CLAIMS}
    for line in lines:
        trade = by_id.get(line.trade_id or 0)
        for claim in CLAIMS:
            valued = valued_of(line, claim)
            came = UNREADABLE if valued is None else came_of(claim, valued, trade)
            if isinstance(came, str) or valued is None or trade is None:
                left_out[claim][str(came)] += 1
            else:
                rows[claim].append((valued.claimed, came, trade.trade_id, valued.strategy))
    return LedgerClaims({claim: _columns(found) for claim, found in rows.items()}, left_out)


def valued_of(line: JournalLine, claim: Claim) -> Valued | None:
    """What the line claims; None where it lacks a number."""
    claimed, horizon_at = number(line.detail.get(claim)), line.detail.get("horizon_at")
    if claimed is None or not 0 <= claimed <= 1 or not isinstance(horizon_at, int):
        return None
    return Valued(claimed, horizon_at, str(line.detail.get("strategy", "unknown")))


def came_of(claim: Claim, valued: Valued, trade: Trade | None) -> bool | str:
    """Whether what was claimed happened by the horizon, or why that cannot be said."""
    if claim == "target" and valued.claimed == 0:
        return AIMLESS  # it would be right for free
    if trade is None or trade.profit is None or trade.closed_at is None:
        return UNSETTLED
    at_horizon = GRACE if trade.close_reason in BY_TIME else 0
    outlived = trade.closed_at > valued.horizon_at + at_horizon
    if outlived:
        return False  # it was open at the horizon: it had touched no level, and the rules that take profits found none
    if claim == "profit":
        return trade.profit > 0
    if trade.close_reason is CloseReason.TARGET or trade.close_reason in BY_STOP:
        return (trade.close_reason is CloseReason.TARGET) == (claim == "target")
    return False if trade.close_reason in BY_TIME else CUT_SHORT


def _columns(rows: list[_Row]) -> TradeClaims:
    claimed, happened, trade, strategy = zip(*rows, strict=True) if rows else ((), (), (), ())
    return TradeClaims(
        claimed=np.array(claimed, dtype=np.float64),
        happened=np.array(happened, dtype=np.bool_),
        trade=np.array(trade, dtype=np.int64),
        strategy=np.array(strategy, dtype=np.str_),
    )
