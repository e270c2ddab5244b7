"""MonitorActor: watches open trades. `monitor_open_positions` guards and judges, `adjust_open_trade` changes.

Stops and targets live here, not at the broker: every valid quote is judged, all trades of an account at once. Each
interval, and when a bar was read or an analysis passed the gate, every open trade is weighed as well: what is it worth,
and do the rules ask for anything? What is found is *told* to the PlatformActor, which checks and acts; until the ledger
says that it was done, each pass finds and tells it again, so a message lost is one pass late and no more.

No price waits for the ledger: this actor never asks it. The trades, and what the rules have changed of them, are told
by the accounts' actors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from actors import weighing
from actors.accounts import Market
from actors.costs import round_trip_cost
from actors.known_trades import ask_for_trades
from actors.messages import (
    Adjust,
    Close,
    Grounds,
    MarketRead,
    Quotes,
    ReadingsWanted,
    Revalue,
    RevalueRead,
    Signal,
    TradeChanged,
    Valued,
    WatchAges,
)
from actors.names import ANALYST, platform_actor
from actors.system.context import Context, TimerHandle
from actors.tracked import NOT_YET, Tracked
from actors.watch_ages import WatchedTrades
from actors.weighing import Row, Weighed, Weigher
from trading import exits
from trading.attention import EVERYTHING, NEVER, Attention
from trading.calendars import TradingTimes
from trading.exit_bands import quiet_band
from trading.exits import HOLD, Judgement, guard, guard_many, levels
from trading.market import SECOND, Instant, Instrument, Quote
from trading.quotes import unusable, usable_many
from trading.reading import MarketReading
from trading.trade import CloseReason, Trade, TradeState
from trading.valuation import Valuation

PLAIN = frozenset({CloseReason.STOP, CloseReason.TRAILING_STOP, CloseReason.TARGET, CloseReason.TIME_STOP})
"""Reasons that say all by themselves: there was nothing to weigh."""


class MonitorActor:
    """Guards and judges the open trades of every account."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._interval = round(market.settings.ai_monitor_interval_seconds * SECOND)
        self._open: dict[str, dict[str, Tracked]] = {}  # by platform and commodity: a slot holds one at most
        self._quotes: dict[str, dict[str, Quote]] = defaultdict(dict)  # by platform and commodity
        self._terms: dict[str, tuple[Mapping[str, Instrument], str]] = {}  # by platform: with the account's currency
        self._weigher = Weigher(market)
        self._watched = WatchedTrades(market)
        self._just_read: set[str] = set()  # commodities whose newest reading no trade was judged on yet
        self._not_judged: set[int] = set()  # trades on which judging has failed, and it was said
        self._is_blind = False  # weighing fails as a whole, and it was said
        self._revalued_at: Instant = 0
        self._next_revaluation: TimerHandle | None = None

    def start(self, context: Context) -> None:
        """Have the open trades told, and what was read of their markets; begin the valuations."""
        ask_for_trades(self._market.settings, context)
        context.tell(ANALYST, ReadingsWanted())
        self._revalue_at(context.now(), context)

    def receive(self, message: object, context: Context) -> dict[int, float] | None:
        """Judge quotes as they come, and everything each interval; answer `WatchAges`."""
        match message:
            case Quotes():
                self._guard(message, context)
                if context.now() < self._revalued_at - self._interval:
                    self._revalue_at(context.now(), context)  # the clock was set back, and the timer would sleep on
            case TradeChanged():
                self._follow(message, context)
            case MarketRead(reading):
                self._take_reading(reading, context)
            case RevalueRead():
                read, self._just_read = self._just_read, set()
                self._revalue([name for name in self._weigher.rules if name in read], context)
            case Signal(analysis):
                # Judged at once: by the next interval it may be too old to act upon.
                self._weigher.signals[analysis.commodity] = analysis
                self._revalue([analysis.commodity], context)
            case Revalue():
                self._revalued_at = context.now()
                self._revalue_at(self._revalued_at + self._interval, context)
                self.monitor_open_positions(context)
            case WatchAges():
                return self._watched.ages(context.now(), context.elapsed())
            case _:
                raise TypeError(f"the monitor does not take {type(message).__name__}")
        return None

    def monitor_open_positions(self, context: Context) -> None:
        """Judge every open trade that has a usable quote while its market is open."""
        self._revalue(self._weigher.rules, context)

    def adjust_open_trade(self, tracked: Tracked, judgement: Judgement, change: exits.Adjust, context: Context) -> None:
        """Tell the account's actor to write the change. Where the new levels require it, the next quote closes."""
        trade = tracked.trade
        context.tell(
            platform_actor(trade.platform),
            Adjust(
                trade.trade_id,
                trade.commodity,
                change.stop_price,
                change.target_price,
                change.reason,
                change.strategy,
                self._grounds(trade, judgement),
                judged=trade,
            ),
        )

    # ------------------------------------------------------------ what there is to watch

    def _follow(self, message: TradeChanged, context: Context) -> None:
        trade = message.trade
        account = self._open.setdefault(trade.platform, {})
        known = account.get(trade.commodity)
        if known is not None and known.trade.trade_id != trade.trade_id:
            known = None
        if trade.state is TradeState.OPEN:
            if known is None:
                if (other := account.get(trade.commodity)) is not None:  # that it is over was not heard of
                    self._watched.end(other.trade.trade_id)
                account[trade.commodity] = Tracked.of(trade, message.past)
                self._watched.begin(trade, (context.now(), context.elapsed()))
            else:
                known.is_now(trade, message.past)
        elif known is not None:
            del account[trade.commodity]
            self._watched.end(trade.trade_id)
            self._not_judged.discard(trade.trade_id)

    def _take_reading(self, reading: MarketReading, context: Context) -> None:
        """Judge by it once all quotes of this instant are in: accounts are polled one after the other."""
        commodity = reading.commodity
        self._weigher.readings[commodity] = reading
        if any(commodity in account for account in self._open.values()):
            if not self._just_read:
                context.later(0, RevalueRead())
            self._just_read.add(commodity)

    def attention(self, now: Instant) -> Attention:
        """Where nothing was read of the market yet, the levels and the end of each trade; otherwise every tick."""
        bands, until = [], NEVER
        for account in self._open.values():
            for commodity, tracked in account.items():
                trade, signal = tracked.trade, self._weigher.signals.get(commodity)
                is_new = signal is not None and signal.made_at > trade.submitted_at
                if commodity in self._weigher.readings or is_new:
                    return EVERYTHING
                bands.append(quiet_band(trade, self._weigher.rules[commodity]))
                until = min(until, trade.time_stop_at)
        return Attention(until, tuple(bands))

    # ------------------------------------------------------------ guarding

    def _guard(self, message: Quotes, context: Context) -> None:
        """Judge the stop and the target of every open trade of this account on its newest quote."""
        platform = message.platform
        quotes = self._quotes[platform]
        quotes.update(message.quotes)
        if message.currency is not None:
            were_known = platform in self._terms
            self._terms[platform] = message.instruments, message.currency
            if not were_known:
                for tracked in self._open.get(platform, {}).values():
                    tracked.costed_at = NOT_YET
        trades = [tracked.trade for tracked in self._open.get(platform, {}).values()]
        if len(trades) > weighing.FEW:
            trades = self._hit(trades, quotes, context)
        now = context.now()
        for trade in trades:
            quote = quotes.get(trade.commodity)
            if quote is None or not self._market.times.of(platform, trade.commodity).is_open(now):
                continue
            rules = self._weigher.rules[trade.commodity]
            decision = guard(trade, quote, now, rules)
            if isinstance(decision, exits.Close):
                self._tell_close(trade, decision, None, context)
            if unusable(quote, now, rules.quote_max_age_seconds, may_be_negative=rules.may_be_negative) is None:
                self._watched.judged((trade,), (now, context.elapsed()))

    def _hit(self, trades: list[Trade], quotes: Mapping[str, Quote], context: Context) -> list[Trade]:
        """Those of many trades whose stop or target is reached, in one pass over columns."""
        found = [quotes.get(trade.commodity) for trade in trades]
        bid = np.array([np.nan if quote is None else quote.bid for quote in found])
        ask = np.array([np.nan if quote is None else quote.ask for quote in found])
        time = np.array([0 if quote is None else quote.time for quote in found], dtype=np.int64)
        negative = np.array([self._weigher.rules[trade.commodity].may_be_negative for trade in trades])
        max_age_seconds = self._market.settings.quote_max_age_seconds
        usable = usable_many(bid, ask, time, context.now(), max_age_seconds, may_be_negative=negative)
        codes = guard_many(levels(trades), bid, ask, usable)
        now, times = context.now(), self._market.times
        judged = [
            trade
            for trade, may in zip(trades, usable.tolist(), strict=True)
            if may and times.of(trade.platform, trade.commodity).is_open(now)
        ]
        self._watched.judged(judged, (now, context.elapsed()))
        return [trade for trade, code in zip(trades, codes, strict=True) if code != HOLD]

    # ------------------------------------------------------------ judging

    def _revalue_at(self, at: Instant, context: Context) -> None:
        if self._next_revaluation is not None:
            self._next_revaluation.cancel()
        self._next_revaluation = context.at(at, Revalue())

    def _revalue(self, commodities: Iterable[str], context: Context) -> None:
        """Judge the open trades of these commodities, and have journalled what was valued."""
        now, rows = context.now(), list(self._rows(commodities, context.now()))
        weighed = self._weighed(rows, context) if rows else []
        valued: dict[str, list[tuple[Trade, Valuation]]] = defaultdict(list)
        for one in weighed:
            trade, judgement = one.tracked.trade, one.judgement
            match judgement.decision:
                case exits.Close() as close:
                    self._tell_close(trade, close, judgement, context)
                case exits.Adjust() as change:
                    self.adjust_open_trade(one.tracked, judgement, change, context)
            if one.valuation is not None:
                valued[trade.platform].append((trade, one.valuation))
        for platform, valuations in valued.items():
            context.tell(platform_actor(platform), Valued(now, tuple(valuations)))

    def _weighed(self, rows: Sequence[Row], context: Context) -> Sequence[Weighed]:
        """What the rules say; nothing where that fails, for no defect in weighing may end the guarding of stops."""
        failed = partial(self._failed, context=context)
        try:
            weighed = self._weigher.weigh(rows, context.now(), self._cost, failed)
        except Exception as fault:
            if not self._is_blind:
                said = f"no trade is judged, only stops and targets are guarded: {type(fault).__name__}: {fault}"
                context.alert("not_judged", said)
            self._is_blind = True
            return []
        self._is_blind = False
        return weighed

    def _rows(self, commodities: Iterable[str], now: Instant) -> Iterator[Row]:
        """The open trades that have a quote and an open market."""
        accounts = [(name, account, self._quotes[name]) for name, account in self._open.items() if account]
        is_open: dict[TradingTimes, bool] = {}  # most accounts share a commodity's times
        for commodity in commodities if accounts else ():
            for platform, account, quotes in accounts:
                tracked, quote = account.get(commodity), quotes.get(commodity)
                if tracked is None or quote is None:
                    continue
                times = self._market.times.of(platform, commodity)
                if times not in is_open:
                    is_open[times] = times.is_open(now)
                if is_open[times]:
                    yield tracked, quote

    def _cost(self, trade: Trade) -> float:
        instruments, currency = self._terms.get(trade.platform, ({}, ""))
        instrument = instruments.get(trade.commodity)
        if instrument is None:
            return 0.0
        return round_trip_cost(instrument, currency, self._market.commodities, self._quotes[trade.platform])

    def _tell_close(self, trade: Trade, decision: exits.Close, judgement: Judgement | None, context: Context) -> None:
        weighed = judgement is not None and decision.reason not in PLAIN
        grounds = self._grounds(trade, judgement) if judgement is not None and weighed else None
        order = Close(trade.trade_id, trade.commodity, decision.reason, decision.price, grounds)
        context.tell(platform_actor(trade.platform), order)

    def _grounds(self, trade: Trade, judgement: Judgement) -> Grounds:
        reading = self._weigher.readings.get(trade.commodity)
        opinion = None if reading is None else reading.opinion
        regime = None if opinion is None else opinion.regime
        return Grounds(judgement.why, regime, judgement.before, judgement.after)

    def _failed(self, trade: Trade, fault: Exception, context: Context) -> None:
        if trade.trade_id not in self._not_judged:
            self._not_judged.add(trade.trade_id)
            said = f"{trade.resource}: only its stop and target are guarded: {type(fault).__name__}: {fault}"
            context.alert("not_judged", said)
