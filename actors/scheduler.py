"""SchedulerActor: day end, Friday, time stops.

It knows the times, and tells; the PlatformActor knows the figures, and judges. What it tells it repeats until it hears
that it is done, so a message lost, or an actor restarted, is one check late and no more. Nothing is remembered between
runs but the keys in the ledger: a restart inside a window catches up, and after the close there is nothing left to do.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.known_trades import known_trades
from actors.messages import CheckTimes, Close, CloseIfProfitable, RuleJudged, TimeStop, TradeChanged
from actors.names import platform_actor
from actors.system.context import Context, TimerHandle
from persistence.ledger import Ledger
from trading.attention import EVERYTHING, NEVER, Attention
from trading.closings import due_jobs, minutes_before, overdue_jobs, window_of_day
from trading.market import HOUR, SECOND, Instant
from trading.settings import Settings
from trading.timetable import Timetable
from trading.trade import CloseReason, Trade, TradeState

LONGEST_SLEEP = HOUR  # calendars may be extended while it sleeps
CLOCK_CHECK_SECONDS = 60.0  # as elapsed time goes: a timer of a clock that was set back sleeps until it is where it was


@dataclass(frozen=True, slots=True)
class Followed:
    """An open trade, and the timer for the end of its longest hold."""

    trade: Trade
    timer: TimerHandle


class SchedulerActor:
    """Tells the PlatformActors what the clock and the calendars ask for."""

    def __init__(self, settings: Settings, ledger: Ledger, times: Timetable) -> None:
        """``times`` is asked anew each time, for it may take later calendars while this actor runs."""
        self._settings = settings
        self._ledger = ledger
        self._times = times
        self._judged: set[str] = set()
        self._waiting: dict[int, Followed] = {}  # by trade
        self._looked_back: dict[int, Instant] = {}  # by trade: the day's end whose rules were looked back at
        self._checks: tuple[TimerHandle, ...] = ()

    def start(self, context: Context) -> None:
        """Find the open trades, and look at the clock."""
        for trade in known_trades(self._ledger, self._settings, context):
            self._follow(trade, context)
        context.at(context.now(), CheckTimes())

    def receive(self, message: object, context: Context) -> None:
        """Follow trades and the clock."""
        match message:
            case CheckTimes():
                self._check(context)
            case TradeChanged(trade):
                self._follow(trade, context)
            case TimeStop(trade_id):
                self._time_stop(trade_id, context)
            case RuleJudged(key):
                self._judged.add(key)
            case _:
                raise TypeError(f"the scheduler does not take {type(message).__name__}")

    def attention(self, now: Instant) -> Attention:
        """The ends of holds, and the windows of the rules; without an open trade neither comes to anything."""
        until = NEVER
        for followed in self._waiting.values():
            trade = followed.trade
            until = min(until, trade.time_stop_at, self._next_rule(trade.platform, trade.commodity, now))
        return EVERYTHING if until <= now else Attention(until)

    def _next_rule(self, platform: str, commodity: str, now: Instant) -> Instant:
        """When a rule is next due for this slot; now, while one waits to be judged."""
        settings, times = self._settings, self._times.of(platform, commodity)
        judged_daily = settings.auto_close_profitable_daily
        if not (judged_daily or settings.auto_close_profitable_friday or settings.auto_close_all_friday):
            return NEVER
        window = window_of_day(times, minutes_before(settings, times, platform, commodity), now)
        if window is None:
            return times.next_open(now) or now
        if now < window.starts_at:
            return window.starts_at
        jobs = due_jobs(times, settings, commodity=commodity, account=platform, at=now)
        return window.ends_at if all(job.key in self._judged for job in jobs) else now

    def _check(self, context: Context) -> None:
        now = context.now()
        self._look_back(now, context)
        next_at = now + LONGEST_SLEEP
        for account in self._settings.accounts:
            if not account.enabled:
                continue
            for commodity in account.symbols:
                next_at = min(next_at, self._check_one(account.name, commodity, now, context))
        for timer in self._checks:
            timer.cancel()
        self._checks = (context.at(next_at, CheckTimes()), context.later(CLOCK_CHECK_SECONDS, CheckTimes()))

    def _look_back(self, now: Instant, context: Context) -> None:
        """Tell of rules whose window went by unjudged while a trade was open: without a tick, or without us."""
        for followed in self._waiting.values():
            self._look_back_for(followed.trade, now, context)

    def _look_back_for(self, trade: Trade, now: Instant, context: Context) -> None:
        times = self._times.of(trade.platform, trade.commodity)
        ended_at = times.last_day_end(now)
        if ended_at is None or ended_at == self._looked_back.get(trade.trade_id):
            return
        self._looked_back[trade.trade_id] = ended_at
        if trade.opened_at is not None and trade.opened_at < ended_at:
            for job in overdue_jobs(times, self._settings, commodity=trade.commodity, account=trade.platform, at=now):
                if job.key not in self._judged:
                    context.tell(platform_actor(trade.platform), CloseIfProfitable(job))

    def _check_one(self, platform: str, commodity: str, now: Instant, context: Context) -> Instant:
        """Tell what is due, and answer when to look again."""
        times = self._times.of(platform, commodity)
        poll = round(self._settings.price_poll_seconds * SECOND)
        window = window_of_day(times, minutes_before(self._settings, times, platform, commodity), now)
        if window is None:
            return times.next_open(now) or now + LONGEST_SLEEP
        if now < window.starts_at:
            return window.starts_at
        for job in due_jobs(times, self._settings, commodity=commodity, account=platform, at=now):
            if job.key not in self._judged:
                context.tell(platform_actor(platform), CloseIfProfitable(job))
        return now + poll

    def _follow(self, trade: Trade, context: Context) -> None:
        followed = self._waiting.pop(trade.trade_id, None)
        if trade.state not in (TradeState.OPEN, TradeState.CLOSING):
            if followed is not None:
                followed.timer.cancel()
                self._look_back_for(followed.trade, context.now(), context)  # it may have ended at the first tick since
            self._looked_back.pop(trade.trade_id, None)
        elif followed is not None and followed.trade.time_stop_at == trade.time_stop_at:
            self._waiting[trade.trade_id] = Followed(trade, followed.timer)
        else:
            if followed is not None:
                followed.timer.cancel()  # its strategy has changed, and with it the longest hold
            self._wait(trade, max(trade.time_stop_at, context.now()), context)

    def _wait(self, trade: Trade, at: Instant, context: Context) -> None:
        self._waiting[trade.trade_id] = Followed(trade, context.at(at, TimeStop(trade.trade_id)))

    def _time_stop(self, trade_id: int, context: Context) -> None:
        followed = self._waiting.get(trade_id)
        if followed is None:
            return
        # Repeated until the ledger says that the trade is closed: the market may be shut, the broker may refuse.
        trade, now = followed.trade, context.now()
        times = self._times.of(trade.platform, trade.commodity)
        interval = round(self._settings.ai_monitor_interval_seconds * SECOND)
        again_at = now + interval if times.is_open(now) else times.next_open(now) or now + LONGEST_SLEEP
        self._wait(trade, again_at, context)
        if trade.state is TradeState.OPEN and times.is_open(now):
            order = Close(trade.trade_id, trade.commodity, CloseReason.TIME_STOP, price=None)
            context.tell(platform_actor(trade.platform), order)
