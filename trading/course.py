"""The course of one market as it was recorded: its ticks, and what was known of it at the end of each bar.

Everything in it is causal, so a trade that is followed along it meets what the program would have met. Readings are
made when they are first asked for, by the functions that the analyst uses, and kept for the trades that overlap.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from trading.analysis import Analysis, Strategy
from trading.bars import BarSeries, Floats
from trading.calendars import TradingTimes
from trading.closings import ClosingJob, due_jobs, in_preclose_window, minutes_before
from trading.confidence import gate
from trading.exit_decisions import ExitRules
from trading.horizon import remaining_variance
from trading.market import Instant, Quote, Side
from trading.opinion import Outlook, judge, make_analysis, read_market
from trading.reading import MarketReading
from trading.settings import Settings
from trading.strategies import barred_on_feed
from trading.ticks import Phase, price, tick_times, within_days

KEPT = 4_096  # readings, each with its forecast: some months of hours
PRICES_KEPT = 65_536


class Course:
    """One recorded market under certain settings. The settings of the exits play no part in it."""

    def __init__(
        self,
        bars: BarSeries,
        times: TradingTimes,
        settings: Settings,
        *,
        point: float,
        costs: Floats | None = None,
    ) -> None:
        """``bars`` have a spread throughout, and lie within ``times``; ``point`` is the smallest price step.

        ``costs``, (n,), are the commissions of a round trip at each bar, in price units; without them there are none.

        Raises ``ValueError`` for bars of which no readings can be made.
        """
        self.times = times
        self.settings = settings
        self.point = point
        self.costs = np.zeros(len(bars)) if costs is None else costs
        self.account = next(account.name for account in settings.accounts if account.enabled)
        window_minutes = minutes_before(settings, times, self.account, bars.commodity)
        self.bars = bars = within_days(bars, times, [window_minutes])
        self.outlook = Outlook(bars, settings)
        self.instants: list[tuple[Instant, ...]] = [
            tuple(row) for row in tick_times(bars).reshape(-1, len(Phase)).tolist()
        ]
        self.is_open: list[tuple[bool, ...]] = [
            tuple(row) for row in times.are_open(tick_times(bars)).reshape(-1, len(Phase)).tolist()
        ]
        self.open_at_end: list[bool] = times.are_open(bars.time + bars.bar_length).tolist()
        self._barred = barred_on_feed(settings.strategies, bars.bar_seconds)
        self._thresholds = settings.thresholds.of(settings.confidence_profile)
        self._lookback = 1 + int(settings.analysis_max_age_seconds // bars.bar_seconds)
        # By instance, for a cache on the methods would keep every course alive.
        self.reading = lru_cache(KEPT)(self._reading)
        self.analysis = lru_cache(KEPT)(self._analysis)
        self.variance = lru_cache(PRICES_KEPT)(self._variance)
        self.jobs = lru_cache(PRICES_KEPT)(self._jobs)
        self.quote = lru_cache(PRICES_KEPT)(self._quote)

    def __len__(self) -> int:
        return len(self.bars)

    @property
    def last(self) -> Instant:
        """The end of the last bar."""
        return self.bars.end(len(self.bars) - 1)

    def rules(self, settings: Settings) -> ExitRules:
        """The exit rules of ``settings`` for this market, which need not be one of the catalogue's."""
        return ExitRules(
            quote_max_age_seconds=settings.quote_max_age_seconds,
            analysis_max_age_seconds=settings.analysis_max_age_seconds,
            opposite_signal_closes=settings.opposite_signal_closes,
            may_be_negative=bool(np.min(self.bars.low) <= 0),
            point=self.point,
            settings=settings.exits,
            strategies=settings.strategies,
        )

    def cost(self, at: Instant) -> float:
        """The commissions of a round trip by the last bar that is complete at ``at``, in price units."""
        return float(self.costs[max(self.bars.completed(at) - 1, 0)])

    def may_open(self, index: int) -> bool:
        """Whether the calendar lets a trade be opened at the end of this bar."""
        if not self.open_at_end[index]:
            return False
        minutes = minutes_before(self.settings, self.times, self.account, self.bars.commodity)
        return not in_preclose_window(self.times, minutes, self.bars.end(index))

    def signal(self, index: int) -> Analysis | None:
        """The newest analysis that passed the gate and may still count when bar ``index`` has ended."""
        newest = (self.analysis(place) for place in range(index, max(index - self._lookback, -1), -1))
        return next((analysis for analysis in newest if analysis is not None), None)

    def eligible(self, index: int) -> tuple[Strategy, ...]:
        """The enabled strategies that the market at the end of this bar is made for."""
        strategies = self.settings.strategies
        return tuple(
            name
            for name in self.outlook.eligible(index)
            if name in strategies and strategies[name].enabled and name not in self._barred
        )

    def _reading(self, index: int) -> MarketReading:
        opinion = judge(
            self.outlook,
            index,
            strategies=self.settings.strategies,
            thresholds=self._thresholds,
            barred=self._barred,
        )
        return read_market(self.outlook, index, opinion, self.outlook.forecast(index))

    def _analysis(self, index: int) -> Analysis | None:
        """What the built-in analyst says at the end of this bar, where the gate lets it pass."""
        opinion = self.reading(index).opinion
        if opinion is None or opinion.best is None or not opinion.best.passes:
            return None
        made_at = self.bars.end(index)
        found = make_analysis(self.outlook, opinion, id=f"{self.bars.commodity}-{made_at}", made_at=made_at)
        return found if gate(found, self.settings.strategies, self._thresholds).passed else None

    def _variance(self, index: int, now: Instant, horizon_at: Instant) -> float | None:
        return remaining_variance(self.reading(index), self.times, now, horizon_at)

    def _jobs(self, at: Instant, account: str) -> tuple[ClosingJob, ...]:
        return due_jobs(self.times, self.settings, commodity=self.bars.commodity, account=account, at=at)

    def _quote(self, index: int, phase: Phase, side: Side) -> Quote:
        """What the account is quoted at this tick of a bar that is hard on ``side``."""
        mid, half = price(self.bars, index, phase, side), float(self.bars.spread[index]) / 2
        return Quote(self.bars.commodity, mid - half, mid + half, self.instants[index][phase])


def with_spread(bars: BarSeries, spread: Floats) -> BarSeries:
    """The bars with this spread, (n,), in price units."""
    return replace(bars, spread=spread)


def smallest_step(bars: BarSeries) -> float:
    """The power of ten that the closes are written in; what a price step is where no contract says it.

    Mids of bids and asks lie between two steps, hence the finest of most closes and not of all.
    """
    closes = bars.close[:: max(len(bars) // 2_000, 1)]
    for decimals in range(9):
        if np.mean(np.abs(np.round(closes, decimals) - closes) < 1e-9 * np.maximum(np.abs(closes), 1)) > 0.4:
            return float(10.0**-decimals)
    return 1e-8
