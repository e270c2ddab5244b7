"""Taking profit before the day ends, and before the weekend: which rule is due, and which trades it closes.

The *window* of a trading day runs from the effective close (the day's end minus a buffer of at least 15 minutes, for
brokers stop quoting before the calendar says) up to but not including the day's end. Inside it each rule is judged
once per (rule, commodity, account, date), at the first valid tick; the key of that judgement is written in the same
transaction as the closes that follow from it. Once the day has ended its rule is over: nothing stays due.

On the last day of the week both rules share one window. The Friday rule goes first and puts its name to what it
closes, for it asks for more (every strategy, perhaps every trade); the day-end rule then judges what is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from trading.calendars import TradingTimes
from trading.market import MINUTE, Deal, Entry, Instant, Instrument, Position
from trading.settings import Settings
from trading.trade import CloseReason, Trade, TradeState


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch before the end of one trading day in which its rules are judged and nothing is opened."""

    starts_at: Instant  # the effective close
    ends_at: Instant  # the end of the trading day; not part of the window
    trading_date: date
    ends_week: bool  # the weekend comes next

    def __contains__(self, at: Instant) -> bool:
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class ClosingJob:
    """One rule that is due on one account for one commodity, to be judged exactly once."""

    key: str
    rule: CloseReason  # DAY_END or FRIDAY
    commodity: str
    account: str
    window: Window
    every_strategy: bool  # False: only trades whose strategy closes at day end
    only_profitable: bool

    def closes(self, trade: Trade, net_profit: float) -> bool:
        """True when this rule closes that trade. Only an OPEN one: the others are already on their way."""
        return (
            trade.state is TradeState.OPEN
            and (trade.platform, trade.commodity) == (self.account, self.commodity)
            and (self.every_strategy or trade.closes_at_day_end)
            and (not self.only_profitable or net_profit > 0)
        )


def window_of_day(times: TradingTimes, minutes_before: float, at: Instant) -> Window | None:
    """The window of the trading day that ``at`` belongs to, whether it has begun or not; None while shut."""
    day_end = times.day_end(at)
    if day_end is None:
        return None
    return Window(
        starts_at=day_end - round(minutes_before * MINUTE),
        ends_at=day_end,
        trading_date=times.trading_date(at),
        ends_week=times.is_last_day_of_week(at),
    )


def minutes_before(settings: Settings, times: TradingTimes, account: str, commodity: str) -> float:
    """How long before the day's end the window of a commodity begins on an account, in minutes.

    The account's hours for the commodity say it, otherwise the account, otherwise the commodity's hours, otherwise the
    general setting. ``times``: those of the account (`trading.timetable.Timetable.of`).
    """
    own = settings.account(account)
    hours = own.hours.get(commodity)
    by_hours = None if hours is None else hours.auto_close_minutes_before
    for minutes in (by_hours, own.auto_close_minutes_before, times.auto_close_minutes):
        if minutes is not None:
            return minutes
    return settings.auto_close_minutes_before


def in_preclose_window(times: TradingTimes, minutes_before: float, at: Instant) -> bool:
    """True where nothing may be opened any more because the trading day is about to end."""
    window = window_of_day(times, minutes_before, at)
    return window is not None and at in window


def job_key(rule: CloseReason, commodity: str, account: str, trading_date: date) -> str:
    """The name under which one judgement is recorded, such as ``friday:EURUSD:alpha:2026-03-06``."""
    return f"{rule.value}:{commodity}:{account}:{trading_date.isoformat()}"


def due_jobs(
    times: TradingTimes, settings: Settings, *, commodity: str, account: str, at: Instant
) -> tuple[ClosingJob, ...]:
    """The rules to be judged at ``at``, in the order in which they judge; none outside the window.

    The caller leaves out those whose key is already recorded.
    """
    window = window_of_day(times, minutes_before(settings, times, account, commodity), at)
    if window is None or at not in window:
        return ()

    def job(rule: CloseReason, *, every_strategy: bool, only_profitable: bool) -> ClosingJob:
        key = job_key(rule, commodity, account, window.trading_date)
        return ClosingJob(key, rule, commodity, account, window, every_strategy, only_profitable)

    jobs = []
    if window.ends_week and (settings.auto_close_all_friday or settings.auto_close_profitable_friday):
        everything = settings.auto_close_all_friday
        jobs.append(job(CloseReason.FRIDAY, every_strategy=True, only_profitable=not everything))
    if settings.auto_close_profitable_daily:
        jobs.append(job(CloseReason.DAY_END, every_strategy=False, only_profitable=True))
    return tuple(jobs)


def overdue_jobs(
    times: TradingTimes, settings: Settings, *, commodity: str, account: str, at: Instant
) -> tuple[ClosingJob, ...]:
    """The rules of the last window that is over at ``at``, by which they had to be judged; none where there is none."""
    ended_at = times.last_day_end(at)
    if ended_at is None:
        return ()
    return due_jobs(times, settings, commodity=commodity, account=account, at=ended_at - 1)


def net_profit(position: Position, deals: Iterable[Deal], instrument: Instrument) -> float:
    """What closing the position now would leave, in account currency.

    Profit at the current closing price + swap so far + commission and fee of the deals that opened it (of ``deals``,
    those into this position, and one that reversed another into it) + the commission of the closing deal, expected from
    the instrument's terms. Charges are negative in a broker's figures; ``commission_per_lot`` is a price and positive.
    """
    entry = sum(
        deal.commission + deal.fee
        for deal in deals
        if deal.position_id == position.position_id and deal.entry is not Entry.OUT
    )
    expected_exit = -instrument.commission_per_lot * position.volume_lots
    return position.profit + position.swap + entry + expected_exit
