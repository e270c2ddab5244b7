"""What an account and its open trades come to at this moment: for the live view, and for the console's pages.

Everything is computed from one `AccountSnapshot`, so no figure is of another moment than the one beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.accounts import Market, Rates
from actors.messages import AccountSnapshot
from console.venue import Venue
from trading.closings import Window, minutes_before, window_of_day
from trading.market import Instant
from trading.sizing import risk_to_stop
from trading.standing import floating_profit
from trading.trade import Trade


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """One open trade at one moment; None where it is not known. Money in the account's currency."""

    price: float | None  # at which it would close now
    profit: float | None  # of closing it now, with the commission of both sides; None before the fill
    risk: float | None  # what is lost against the entry if its stop is hit
    value: float | None  # of the position at that price; never negative
    closes_at: Instant  # when a rule, or the longest hold, closes it at the latest


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """One account at one moment."""

    trades: Mapping[int, TradeFigures]  # by number
    open_risk: float | None  # what is lost when every stop is hit; None where one cannot be priced


@dataclass(frozen=True, slots=True)
class Figures:
    """Computes them for one market at one moment; to be made anew for the next."""

    market: Market
    venue: Venue
    _windows: dict[tuple[int, float], Window | None] = field(default_factory=dict)  # by trading times, and minutes

    def account(self, snapshot: AccountSnapshot, now: Instant) -> AccountFigures:
        """All of an account. ``now`` is market time."""
        rates = Rates(snapshot, self.market)
        trades = {trade.trade_id: self._trade(trade, snapshot, rates, now) for trade in snapshot.trades.values()}
        risks = [found.risk for found in trades.values()]
        known = [risk for risk in risks if risk is not None]
        return AccountFigures(trades, math.fsum(known) if len(known) == len(risks) else None)

    def is_open(self, platform: str, commodity: str, now: Instant) -> bool:
        """Whether a commodity can be traded on an account."""
        return self.market.times.of(platform, commodity).is_open(now) and self.venue.trades_at(commodity, now)

    def is_any_open(self, now: Instant) -> bool:
        """Whether anything that the crew trades can be traded."""
        accounts = self.market.settings.accounts
        return any(self.is_open(account.name, name, now) for account in accounts for name in account.symbols)

    def closes_at(self, trade: Trade, now: Instant) -> Instant:
        """The window before the day's end where the strategy ends with the day, the longest hold otherwise."""
        window = None
        if trade.closes_at_day_end:
            times = self.market.times.of(trade.platform, trade.commodity)
            minutes = minutes_before(self.market.settings, times, trade.platform, trade.commodity)
            key = id(times), minutes  # many accounts have the same
            if key not in self._windows:
                self._windows[key] = window_of_day(times, minutes, now)
            window = self._windows[key]
        return trade.time_stop_at if window is None else min(trade.time_stop_at, window.starts_at)

    def _trade(self, trade: Trade, snapshot: AccountSnapshot, rates: Rates, now: Instant) -> TradeFigures:
        quote = snapshot.quotes.get(trade.commodity)
        price = None if quote is None else quote.closing_price(trade.side)
        instrument, rate = snapshot.instruments.get(trade.commodity), rates.of(trade.commodity)
        profit = risk = value = None
        if instrument is not None and rate is not None:
            risk = risk_to_stop(trade, instrument, rate)
            if quote is not None and price is not None:
                value = abs(price) * instrument.contract_size * trade.volume_lots * rate
                if trade.entry_price is not None:
                    profit = floating_profit(trade, instrument, rate, quote)
        return TradeFigures(price, profit, risk, value, self.closes_at(trade, now))
