"""MonitorActor: watches open trades. `monitor_open_positions` guards and re-values, `adjust_open_trade` changes.

Stops and targets live here, not at the broker: every valid quote is judged, all trades of an account at once. What it
finds it *tells* the PlatformActor, which checks and acts; until the ledger says that it was done, each pass finds and
tells it again, so a message lost is one pass late and no more.
"""

from __future__ import annotations

import numpy as np

from actors.accounts import Market
from actors.known_trades import known_trades
from actors.messages import Adjust, Close, Quotes, Revalue, Signal, TradeChanged
from actors.names import platform_actor
from actors.system.context import Context, TimerHandle
from persistence.ledger import Ledger
from trading import exits
from trading.analysis import Analysis
from trading.exits import HOLD, ExitRules, exit_rules, guard, guard_many, levels, revalue
from trading.market import SECOND, Instant, Quote
from trading.quotes import usable_many
from trading.trade import Trade, TradeState

FEW = 8  # up to so many trades, judging one by one is faster than building columns


class MonitorActor:
    """Guards and re-values the open trades of every account."""

    def __init__(self, market: Market, ledger: Ledger) -> None:
        self._market = market
        self._ledger = ledger
        self._interval = round(market.settings.ai_monitor_interval_seconds * SECOND)
        self._trades: dict[str, dict[int, Trade]] = {}  # OPEN ones, by platform and number
        self._quotes: dict[tuple[str, str], Quote] = {}  # by platform and commodity
        self._revalued_at: Instant = 0
        self._next_revaluation: TimerHandle | None = None
        self._signals: dict[str, Analysis] = {}  # by commodity: the newest that passed the gate
        self._rules: dict[str, ExitRules] = {
            name: exit_rules(market.settings, commodity) for name, commodity in market.commodities.items()
        }

    def start(self, context: Context) -> None:
        """Find the open trades, and begin the valuations."""
        for trade in known_trades(self._ledger, self._market.settings, context):
            self._follow(trade)
        self._revalue_at(context.now(), context)

    def receive(self, message: object, context: Context) -> None:
        """Judge quotes as they come, and everything each interval."""
        match message:
            case Quotes(platform, _, quotes):
                for quote in quotes.values():
                    self._quotes[platform, quote.commodity] = quote
                self._guard(platform, context)
                if context.now() < self._revalued_at - self._interval:
                    self._revalue_at(context.now(), context)  # the clock was set back, and the timer would sleep on
            case TradeChanged(trade):
                self._follow(trade)
            case Signal(analysis):
                # Judged at once: by the next interval it may be too old to act upon.
                self._signals[analysis.commodity] = analysis
                self._revalue(analysis.commodity, context)
            case Revalue():
                self._revalued_at = context.now()
                self._revalue_at(self._revalued_at + self._interval, context)
                self.monitor_open_positions(context)
            case _:
                raise TypeError(f"the monitor does not take {type(message).__name__}")

    def _revalue_at(self, at: Instant, context: Context) -> None:
        if self._next_revaluation is not None:
            self._next_revaluation.cancel()
        self._next_revaluation = context.at(at, Revalue())

    def monitor_open_positions(self, context: Context) -> None:
        """Re-value every open trade that has a usable quote while its market is open."""
        for commodity in self._rules:
            self._revalue(commodity, context)

    def _revalue(self, commodity: str, context: Context) -> None:
        if not self._market.times[commodity].is_open(context.now()):
            return
        rules, signal = self._rules[commodity], self._signals.get(commodity)
        for trades in self._trades.values():
            for trade in [trade for trade in trades.values() if trade.commodity == commodity]:
                quote = self._quotes.get((trade.platform, commodity))
                if quote is None:
                    continue
                match revalue(trade, quote, context.now(), rules, opposite=signal):
                    case exits.Close() as close:
                        self._tell_close(trade, close, context)
                    case exits.Adjust() as change:
                        self.adjust_open_trade(trade, change, context)

    def adjust_open_trade(self, trade: Trade, change: exits.Adjust, context: Context) -> None:
        """Tell the account's actor to write the new levels. Where they require it, the next quote closes at once."""
        context.tell(
            platform_actor(trade.platform),
            Adjust(trade.trade_id, trade.commodity, change.stop_price, change.target_price, change.reason),
        )

    def _guard(self, platform: str, context: Context) -> None:
        """Judge the stop and the target of every open trade of this account on its newest quote."""
        trades = list(self._trades.get(platform, {}).values())
        if len(trades) > FEW:
            trades = self._hit(trades, context)
        now = context.now()
        for trade in trades:
            quote = self._quotes.get((platform, trade.commodity))
            if quote is None or not self._market.times[trade.commodity].is_open(now):
                continue
            decision = guard(trade, quote, now, self._rules[trade.commodity])
            if isinstance(decision, exits.Close):
                self._tell_close(trade, decision, context)

    def _hit(self, trades: list[Trade], context: Context) -> list[Trade]:
        """Those of many trades whose stop or target is reached, in one pass over columns."""
        quotes = [self._quotes.get((trade.platform, trade.commodity)) for trade in trades]
        bid = np.array([np.nan if quote is None else quote.bid for quote in quotes])
        ask = np.array([np.nan if quote is None else quote.ask for quote in quotes])
        time = np.array([0 if quote is None else quote.time for quote in quotes], dtype=np.int64)
        negative = np.array([self._rules[trade.commodity].may_be_negative for trade in trades])
        max_age_seconds = self._market.settings.quote_max_age_seconds
        usable = usable_many(bid, ask, time, context.now(), max_age_seconds, may_be_negative=negative)
        codes = guard_many(levels(trades), bid, ask, usable)
        return [trade for trade, code in zip(trades, codes, strict=True) if code != HOLD]

    def _tell_close(self, trade: Trade, decision: exits.Close, context: Context) -> None:
        order = Close(trade.trade_id, trade.commodity, decision.reason, decision.price)
        context.tell(platform_actor(trade.platform), order)

    def _follow(self, trade: Trade) -> None:
        account = self._trades.setdefault(trade.platform, {})
        if trade.state is TradeState.OPEN:
            account[trade.trade_id] = trade
        else:
            account.pop(trade.trade_id, None)
