"""Were the claims true of the levels as they stood?

A claim is about a stop, a target and a strategy as they are. Rules change them, and close early, and then nobody will
ever know what the old levels would have come to. Yet a true probability changes only by what happens, and not on
average: its mean at any later moment is what it was (a martingale). So each claim is settled by whichever comes first:
the trade's end, the claim's horizon, or a change of what it is about; there, what was claimed of the trade as it had
been until then stands for the end that it did not have. The journal has that figure in the line of the change.

What is so settled is tested up to the change and no farther: a forecast that is wrong in the same way before and after
it would pass. So this stands beside the count of what became of the trades, and does not replace it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np

from console.figures import number
from console.ledger_claims import BY_STOP, BY_TIME, CLAIMS, Claim, Valued, came_of, valued_of
from persistence.journal import JournalLine
from trading.bars import Floats, Instants
from trading.market import MINUTE, Instant
from trading.trade import CloseReason, Trade

CHANGES = ("adjustment", "exit")  # the kinds of the journal's lines about changes
AT_ONCE = MINUTE  # what is changed so soon after a claim tells nothing of it
LEFT_ALONE = BY_STOP | BY_TIME | {CloseReason.TARGET}


@dataclass(frozen=True, slots=True, eq=False)
class StandingClaims:
    """n claims that are settled; every array is (n,)."""

    claimed: Floats  # probabilities
    came: Floats  # 1 where it happened, 0 where it did not, between them what was claimed at the change
    trade: Instants  # whose they are
    by_claim: int  # how many were settled at a change


@dataclass(frozen=True, slots=True)
class _Life:
    """What the journal has of one trade, the oldest first."""

    valuations: list[JournalLine]
    changes: list[JournalLine]

    def next_change(self, at: Instant) -> JournalLine | None:
        """The first change at or after this instant."""
        place = bisect_left(self.changes, at, key=lambda line: line.at)
        return self.changes[place] if place < len(self.changes) else None

    def claimed_at(self, change: JournalLine, claim: Claim, since: Instant) -> float | None:
        """What was claimed of the trade just before it was changed, later than ``since``; None where nothing was."""
        before: Any = change.detail.get("valuation_before")
        if isinstance(before, Mapping):
            return number(before.get(claim))
        seen = list(takewhile(lambda line: line.at <= change.at, self.valuations))
        return number(seen[-1].detail.get(claim)) if seen and seen[-1].at > since else None


def standing_claims(
    valuations: Iterable[JournalLine], changes: Iterable[JournalLine], trades: Iterable[Trade]
) -> dict[Claim, StandingClaims]:
    """The claims of these lines of kind `valuation` about settled trades, the lines of each kind the oldest first."""
    by_id = {trade.trade_id: trade for trade in trades if trade.profit is not None and trade.closed_at is not None}
    lives: dict[int, _Life] = defaultdict(lambda: _Life([], []))
    for line in valuations:
        lives[line.trade_id or 0].valuations.append(line)
    for line in sorted(changes, key=lambda line: (line.at, line.id)):
        lives[line.trade_id or 0].changes.append(line)
    return {claim: _columns(claim, by_id, lives) for claim in CLAIMS}


def _columns(claim: Claim, trades: Mapping[int, Trade], lives: Mapping[int, _Life]) -> StandingClaims:
    rows: list[tuple[float, float, int]] = []
    by_claim = 0
    for trade_id, life in lives.items():
        trade = trades.get(trade_id)
        for line in life.valuations if trade is not None else ():
            valued = valued_of(line, claim)
            if trade is None or valued is None or (claim == "target" and valued.claimed == 0):
                continue
            change = life.next_change(line.at)
            is_changed = change is not None and change.at < valued.horizon_at
            came = _at_change(life, change, claim, line.at) if change and is_changed else _at_end(claim, valued, trade)
            if came is not None:
                rows.append((valued.claimed, came, trade_id))
                by_claim += is_changed
    return _as_arrays(rows, by_claim)


def _at_change(life: _Life, change: JournalLine, claim: Claim, claimed_at: Instant) -> float | None:
    return None if change.at - claimed_at < AT_ONCE else life.claimed_at(change, claim, claimed_at)


def _at_end(claim: Claim, valued: Valued, trade: Trade) -> float | None:
    """What the trade's end says; None where a person or the broker brought it about."""
    if trade.close_reason not in LEFT_ALONE and trade.closed_at is not None and trade.closed_at <= valued.horizon_at:
        return None
    came = came_of(claim, valued, trade)
    return None if isinstance(came, str) else float(came)


def _as_arrays(rows: Sequence[tuple[float, float, int]], by_claim: int) -> StandingClaims:
    claimed, came, trade = zip(*rows, strict=True) if rows else ((), (), ())
    return StandingClaims(
        claimed=np.array(claimed, dtype=np.float64),
        came=np.array(came, dtype=np.float64),
        trade=np.array(trade, dtype=np.int64),
        by_claim=by_claim,
    )
