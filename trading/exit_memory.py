"""What the exit rules must remember of an open trade from one pass to the next.

Nothing of it is only in memory: what was changed stands in the journal, from which `ExitMemory.from_adjustments` makes
it again after a restart, and the rest is measured anew, which can only make the rules wait longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from trading.exit_decisions import Adjust, Judgement
from trading.market import DAY, Instant
from trading.reading import MarketReading
from trading.trade import Trade

TRAILING = "trailing"  # the one rule that may speak at every pass and is not remembered


@dataclass(frozen=True, slots=True)
class PastAdjustment:
    """One adjustment of a trade as its journal line has it."""

    at: Instant
    rule: str
    target_before: float | None
    target_after: float | None
    strategy_changed: bool
    sigma: float | None  # of the valuation after it; None: it was not valued
    horizon_at: Instant | None  # likewise


@dataclass(frozen=True, slots=True)
class ExitMemory:
    """What was done to a trade, and what its levels were set by. Empty for a trade that has just been opened."""

    adjusted_at: Instant | None = None  # last change by a rule, trailing apart
    switched_at: Instant | None = None  # last change of strategy
    given_up: tuple[tuple[Instant, float], ...] = ()  # when a target was replaced, and that target; the last 24 hours'
    sigma: float | None = None  # remaining sigma when the target was last set under this horizon
    horizon_at: Instant | None = None  # that horizon
    read_at: Instant = -1  # the end of the last bar that was counted
    unsuited_bars: int = 0  # completed bars in a row whose market was not the strategy's

    @classmethod
    def from_adjustments(cls, lines: Iterable[PastAdjustment]) -> Self:
        """The memory that these adjustments of one trade leave, the oldest first."""
        memory = cls()
        for line in lines:
            memory = memory.noting(line)
        return memory

    def noting(self, line: PastAdjustment) -> Self:
        """After this adjustment, as it was written."""
        if line.rule == TRAILING:
            return self
        return self._noting(
            line.at, line.target_before, line.target_after, line.strategy_changed, line.sigma, line.horizon_at
        )

    def at_reading(self, trade: Trade, reading: MarketReading, *, horizon_at: Instant, variance: float | None) -> Self:
        """After a completed bar, before the trade is judged on it. Asking twice about one bar changes nothing.

        Counts the bars whose market was not made for the trade's strategy; while the regime is unknown, none. Where the
        horizon has moved on, the levels are measured by what is left until the new one.
        """
        memory = self
        if reading.at > self.read_at and reading.opinion is not None:
            opinion = reading.opinion
            suits = trade.strategy in opinion.barred or any(c.strategy is trade.strategy for c in opinion.candidates)
            memory = replace(memory, read_at=reading.at, unsuited_bars=0 if suits else self.unsuited_bars + 1)
        if variance is not None and horizon_at != self.horizon_at:
            memory = replace(memory, sigma=math.sqrt(variance), horizon_at=horizon_at)
        return memory

    def after(self, trade: Trade, judgement: Judgement, *, now: Instant) -> Self:
        """After this judgement on ``trade``, which is as it was before. Only an adjustment is remembered."""
        change, after = judgement.decision, judgement.after
        if not isinstance(change, Adjust) or judgement.rule == TRAILING:
            return self
        sigma, horizon_at = (None, None) if after is None else (after.sigma, after.horizon_at)
        switched = change.strategy is not None
        return self._noting(now, trade.target_price, change.target_price, switched, sigma, horizon_at)

    def _noting(
        self,
        at: Instant,
        target_before: float | None,
        target_after: float | None,
        strategy_changed: bool,
        sigma: float | None,
        horizon_at: Instant | None,
    ) -> Self:
        given_up = tuple(old for old in self.given_up if old[0] > at - DAY)
        if target_before is not None and target_before != target_after:
            given_up = (*given_up, (at, target_before))
        if target_before == target_after or sigma is None or horizon_at is None:
            sigma, horizon_at = self.sigma, self.horizon_at
        return replace(
            self,
            adjusted_at=at,
            switched_at=at if strategy_changed else self.switched_at,
            given_up=given_up,
            sigma=sigma,
            horizon_at=horizon_at,
            unsuited_bars=0 if strategy_changed else self.unsuited_bars,
        )
