"""One open trade at one instant, with all that a rule may ask about it, and what a rule may answer.

Valuing costs as much as everything else together, so the trade as it stands is valued when first asked for, and once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from trading.analysis import Analysis, Strategy
from trading.exit_decisions import ExitRules
from trading.exit_memory import ExitMemory
from trading.market import SECOND, Instant, Quote
from trading.probability import VARIANCE_UNCERTAINTY
from trading.reading import MarketReading
from trading.settings_strategies import StrategySettings
from trading.trade import CloseReason, Trade
from trading.valuation import Valuation, break_even_price, value_levels


@dataclass(frozen=True, slots=True)
class Change:
    """New levels that a rule asks for, and perhaps a new strategy, with the valuations that it weighed."""

    rule: str
    why: str
    stop_price: float
    target_price: float | None
    before: Valuation
    after: Valuation
    strategy: Strategy | None = None


@dataclass(frozen=True, slots=True)
class EarlyClose:
    """A close that a rule asks for at the present price."""

    reason: CloseReason
    why: str
    before: Valuation


class Case:
    """What the rules read. ``stop_price`` is where trailing would have the stop now: they judge on top of that."""

    def __init__(
        self,
        trade: Trade,
        quote: Quote,
        *,
        now: Instant,
        rules: ExitRules,
        reading: MarketReading | None,
        signal: Analysis | None,
        horizon_at: Instant,
        variance: float,
        memory: ExitMemory,
        cost: float,
        stop_price: float,
    ) -> None:
        self.trade = trade
        self.now = now
        self.rules = rules
        self.settings = rules.settings
        self.reading = reading
        self.horizon_at = horizon_at
        self.memory = memory
        self.sign = trade.side.sign
        self.closing = quote.closing_price(trade.side)
        self.spread = quote.spread
        self.sigma = math.sqrt(variance)
        self.stop_price = stop_price
        self.break_even = break_even_price(trade, cost)
        self.signal = signal_in_force(signal, trade, now, rules.analysis_max_age_seconds)
        self._variance = variance
        self._uncertainty = VARIANCE_UNCERTAINTY if reading is None else reading.variance_uncertainty
        self._as_it_stands: Valuation | None = None

    @property
    def strategy(self) -> StrategySettings | None:
        """The settings of the trade's strategy."""
        return self.rules.strategies.get(self.trade.strategy)

    @property
    def is_ready(self) -> bool:
        """Whether the last adjustment is long enough ago for another."""
        adjusted_at = self.memory.adjusted_at
        # At least a millisecond: with any interval, a change is judged only by what comes after it.
        least = max(self.settings.minimum_interval_seconds * SECOND, 1)
        return adjusted_at is None or self.now - adjusted_at >= least

    @property
    def drift_sigmas(self) -> float:
        """What a signal in force is taken to know of the price, in the trade's direction and in sigmas; mostly 0."""
        if self.signal is None:
            return 0.0
        drift = self.settings.drift_sigmas
        return drift if self.signal.side is self.trade.side else -drift

    @property
    def least_distance(self) -> float:
        """How near to the closing price a rule may set a level; a point where there is no spread."""
        return max(self.settings.nearest_spreads * self.spread, self.rules.point)

    @property
    def nearest(self) -> float:
        """The price on the trade's winning side that a target may not be nearer than."""
        return self.closing + self.sign * self.least_distance

    def as_it_stands(self) -> Valuation | None:
        """The trade with its present levels; None where there is no probability to be had."""
        if self._as_it_stands is None:
            self._as_it_stands = self.with_levels(self.stop_price, self.trade.target_price)
        return self._as_it_stands

    def with_levels(self, stop_price: float, target_price: float | None) -> Valuation | None:
        """The trade with these levels."""
        return value_levels(
            self.sign,
            self.closing,
            stop_price,
            target_price,
            self.break_even,
            variance=self._variance,
            horizon_at=self.horizon_at,
            drift_sigmas=self.drift_sigmas,
            variance_uncertainty=self._uncertainty,
        )

    def keeps_value(self, before: Valuation, after: Valuation) -> bool:
        """Whether a change costs no more expected value than may be given for a probability."""
        return after.expected_value >= before.expected_value - self.settings.largest_value_loss_sigmas

    def is_better(self, before: Valuation, after: Valuation) -> bool:
        """Whether a nearer target is worth writing: a profit is likelier, the target clearly so, and no value is lost.

        The two probabilities are asked different things. A profit is the aim; but a target in the distance hardly
        touches it, whether near or far, and to ask for points of it would silence the rules.
        """
        clearly = after.target - before.target >= self.settings.least_probability_gain
        return clearly and after.profit > before.profit and self.keeps_value(before, after)


def signal_in_force(signal: Analysis | None, trade: Trade, now: Instant, max_age_seconds: float) -> Analysis | None:
    """The analysis, where it is about this commodity and not too old, and for the other side younger than the trade."""
    if signal is None or signal.commodity != trade.commodity or now - signal.made_at > max_age_seconds * SECOND:
        return None
    if signal.side is not trade.side and signal.made_at <= trade.submitted_at:
        return None
    return signal
