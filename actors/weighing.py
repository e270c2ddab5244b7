"""What the rules say of open trades, and what these are worth: one by one when they are few, in columns when many.

Both ways give the same: the columns only leave out trades that the rules would surely hold (`trading.exit_screen`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from actors.accounts import Market
from actors.tracked import Tracked
from trading import exit_screen
from trading.analysis import Analysis
from trading.calendars import TradingTimes
from trading.exits import HELD, ExitRules, Judgement, exit_rules, judge
from trading.horizon import remaining_variance
from trading.market import SECOND, Instant, Quote, Side
from trading.probability import VARIANCE_UNCERTAINTY
from trading.quotes import unusable, usable_many
from trading.reading import MarketReading
from trading.trade import Trade
from trading.valuation import Valuation, break_even_price, value, value_many

log = logging.getLogger("watchbill.monitor")

FEW = 8  # up to so many trades, judging one by one is faster than building columns
NAN = math.nan

Row = tuple[Tracked, Quote]
Failed = Callable[[Trade, Exception], None]
CostOf = Callable[[Trade], float]


class Ready(NamedTuple):
    """A trade that may be judged: its quote is usable, and what it must remember of the newest bar it does."""

    tracked: Tracked
    quote: Quote
    horizon_at: Instant
    variance: float | None  # of the log price until then; None: nothing is expected yet
    uncertainty: float  # of that variance


@dataclass(frozen=True, slots=True)
class Weighed:
    """One trade, what the rules say of it, and what it is worth where that was due."""

    tracked: Tracked
    judgement: Judgement
    valuation: Valuation | None


class Weigher:
    """Knows the markets' newest readings and signals, and judges trades by them."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.readings: dict[str, MarketReading] = {}  # by commodity: the newest
        self.signals: dict[str, Analysis] = {}  # by commodity: the newest that passed the gate
        self.rules: dict[str, ExitRules] = {
            name: exit_rules(market.settings, commodity) for name, commodity in market.commodities.items()
        }
        self._columns: tuple[list[int], exit_screen.Watched] | None = None  # of the trades that were weighed last

    def weigh(self, rows: Sequence[Row], now: Instant, cost_of: CostOf, failed: Failed) -> list[Weighed]:
        """Judge these trades, whose markets are open, each on its quote; those of which nothing is to be said are left
        out. A trade is valued the first time after each bar, at the cost that ``cost_of`` says it has then.

        ``failed`` is told of a trade whose judging raised: a defect in a rule is no reason to judge no other trade.
        """
        ready = list(self._ready(rows, now, cost_of, failed))
        due = [one for one in ready if one.variance is not None and self._is_due(one.tracked)]
        in_columns = None if len(ready) <= FEW else self._in_columns(ready, due, now)
        speaking, valued = in_columns or (ready, {})
        judged: dict[int, Judgement] = {}
        for one in speaking:
            with _told(one, failed):
                judged[_id(one)] = self._judge(one, now)
        for one in due if in_columns is None else ():
            with _told(one, failed):
                valued |= _valued(one)
        found = []
        for one in ready:
            judgement, valuation = judged.get(_id(one), HELD), valued.get(_id(one))
            if valuation is not None:
                one.tracked.valued_at = self.readings[one.tracked.trade.commodity].at
            if valuation is not None or judgement is not HELD:
                found.append(Weighed(one.tracked, judgement, valuation))
        return found

    def _in_columns(
        self, ready: Sequence[Ready], due: Sequence[Ready], now: Instant
    ) -> tuple[Sequence[Ready], dict[int, Valuation]] | None:
        """Those of which a rule may have something to say, and the valuations of those that are due.

        None where that fails: one trade spoils its whole column, and asked one by one it will be named.
        """
        try:
            return self._that_may_speak(ready, now), _valued_in_columns(due)
        except Exception as fault:
            log.warning("judged one by one, for in columns: %s: %s", type(fault).__name__, fault)
            return None

    def _ready(self, rows: Sequence[Row], now: Instant, cost_of: CostOf, failed: Failed) -> Iterator[Ready]:
        variances: dict[tuple[str, TradingTimes, Instant], float | None] = {}
        settings = self._market.settings
        for (tracked, quote), is_usable in zip(rows, self._usable(rows, now), strict=True):
            if not is_usable:
                continue
            commodity = quote.commodity
            try:
                times = self._market.times.of(tracked.trade.platform, commodity)
                reading, horizon_at = self.readings.get(commodity), tracked.horizon_at(times, settings, now)
                key = commodity, times, horizon_at
                if key not in variances:
                    variances[key] = remaining_variance(reading, times, now, horizon_at)
                if reading is not None:
                    if tracked.costed_at < reading.at:
                        tracked.costs(cost_of(tracked.trade), reading.at)
                    tracked.has_read(reading, horizon_at, variances[key])
            except Exception as fault:
                failed(tracked.trade, fault)
                continue
            uncertainty = VARIANCE_UNCERTAINTY if reading is None else reading.variance_uncertainty
            yield Ready(tracked, quote, horizon_at, variances[key], uncertainty)

    def _usable(self, rows: Sequence[Row], now: Instant) -> Sequence[bool]:
        if len(rows) > FEW:
            bid, ask = np.array([(quote.bid, quote.ask) for _, quote in rows]).T
            time = np.array([quote.time for _, quote in rows], dtype=np.int64)
            negative = np.array([self.rules[quote.commodity].may_be_negative for _, quote in rows])
            max_age_seconds = self._market.settings.quote_max_age_seconds
            found: list[bool] = usable_many(bid, ask, time, now, max_age_seconds, may_be_negative=negative).tolist()
            return found
        return [self._is_usable(quote, now) for _, quote in rows]

    def _is_usable(self, quote: Quote, now: Instant) -> bool:
        rules = self.rules[quote.commodity]
        return unusable(quote, now, rules.quote_max_age_seconds, may_be_negative=rules.may_be_negative) is None

    def _is_due(self, tracked: Tracked) -> bool:
        """Whether the trade was not valued yet since its newest bar."""
        reading = self.readings.get(tracked.trade.commodity)
        return reading is not None and tracked.valued_at < reading.at

    def _judge(self, one: Ready, now: Instant) -> Judgement:
        commodity = one.quote.commodity
        return judge(
            one.tracked.trade,
            one.quote,
            now=now,
            rules=self.rules[commodity],
            horizon_at=one.horizon_at,
            reading=self.readings.get(commodity),
            signal=self.signals.get(commodity),
            variance=one.variance,
            memory=one.tracked.memory,
            cost=one.tracked.cost,
        )

    def _that_may_speak(self, rows: Sequence[Ready], now: Instant) -> list[Ready]:
        """Those of which a rule may have something to say."""
        signalled = {name for name, signal in self.signals.items() if self._is_young(signal, now)}
        means = {
            name: math.nan if reading.mean_price is None else reading.mean_price
            for name, reading in self.readings.items()
        }
        gone = {(name, side) for name in self.readings for side in Side if self._has_gone(name, side, signalled)}
        sigma_of = exit_screen.sigma_of
        figures = np.array([(one.quote.bid, one.quote.ask, sigma_of(one.variance), one.uncertainty) for one in rows])
        scene = exit_screen.Scene(
            bid=figures[:, 0],
            ask=figures[:, 1],
            usable=np.ones(len(rows), dtype=np.bool_),
            sigma=figures[:, 2],
            mean_price=np.array([means.get(one.quote.commodity, NAN) for one in rows]),
            signalled=np.array([one.quote.commodity in signalled for one in rows]),
            gone=np.array([(one.quote.commodity, one.tracked.trade.side) in gone for one in rows])
            if gone
            else np.zeros(len(rows), dtype=np.bool_),
            variance_uncertainty=figures[:, 3],
        )
        mask = exit_screen.may_speak(self._watched(rows), scene, self._market.settings.exits, now)
        return [rows[index] for index in np.flatnonzero(mask).tolist()]

    def _watched(self, rows: Sequence[Ready]) -> exit_screen.Watched:
        """The columns of these trades; those of the last time while no trade has changed."""
        stamps = [one.tracked.stamp for one in rows]
        if self._columns is None or self._columns[0] != stamps:
            tracked = [one.tracked for one in rows]
            memories = {one.trade.trade_id: one.memory for one in tracked}
            costs = {one.trade.trade_id: one.cost for one in tracked}
            trades = [one.trade for one in tracked]
            self._columns = stamps, exit_screen.watched(trades, memories, self.rules, costs)
        return self._columns[1]

    def _is_young(self, signal: Analysis, now: Instant) -> bool:
        return now - signal.made_at <= self._market.settings.analysis_max_age_seconds * SECOND

    def _has_gone(self, commodity: str, side: Side, signalled: set[str]) -> bool:
        """Whether nothing speaks for this side any more; False while that is not known."""
        opinion = self.readings[commodity].opinion
        if opinion is None or (commodity in signalled and self.signals[commodity].side is side):
            return False
        return not any(candidate.side is side and candidate.passes for candidate in opinion.candidates)


@contextmanager
def _told(one: Ready, failed: Failed) -> Iterator[None]:
    try:
        yield
    except Exception as fault:
        failed(one.tracked.trade, fault)


def _valued(one: Ready) -> dict[int, Valuation]:
    """The valuation of a trade as it stands, under its number; empty where there is none to be had."""
    if one.variance is None:
        return {}
    found = value(
        one.tracked.trade,
        one.quote,
        variance=one.variance,
        horizon_at=one.horizon_at,
        cost=one.tracked.cost,
        variance_uncertainty=one.uncertainty,
    )
    return {} if found is None else {_id(one): found}


def _valued_in_columns(due: Sequence[Ready]) -> dict[int, Valuation]:
    """The same for many, all at once."""
    if not due:
        return {}
    many = value_many(*np.array([_figures(one) for one in due]).T)
    columns = (many.target, many.stop, many.neither, many.profit, many.expected_value, many.sigma, many.expected_price)
    found = {}
    for one, numbers in zip(due, np.array(columns).T.tolist(), strict=True):
        target, stop, neither, profit, expected_value, sigma, expected_price = numbers
        if math.isfinite(profit):
            found[_id(one)] = Valuation(
                target, stop, neither, profit, expected_value, one.horizon_at, sigma, expected_price
            )
    return found


def _figures(one: Ready) -> tuple[float, ...]:
    """The trade's row of what `value_many` takes in columns."""
    trade = one.tracked.trade
    target = NAN if trade.target_price is None else trade.target_price
    break_even = break_even_price(trade, one.tracked.cost)
    variance = NAN if one.variance is None else one.variance
    closing = one.quote.closing_price(trade.side)
    return trade.side.sign, closing, trade.stop_price, target, break_even, variance, one.uncertainty


def _id(one: Ready) -> int:
    return one.tracked.trade.trade_id
