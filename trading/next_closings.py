"""Which window of the day-end and Friday rules comes next, and what will be closed in it: what an operator looks at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trading.calendars import TradingTimes
from trading.closings import ClosingJob, Window, due_jobs, minutes_before, window_of_day
from trading.holidays import names_on
from trading.market import Instant
from trading.settings import Settings
from trading.timetable import Timetable
from trading.trade import Trade, TradeState


@dataclass(frozen=True, slots=True)
class NextClosing:
    """The next window of one commodity on one account: the one under way, or the first to come."""

    account: str
    commodity: str
    window: Window
    jobs: tuple[ClosingJob, ...]  # the rules that are judged in it, the first one first; none: nothing is closed
    is_short: bool  # the day ends earlier than is usual for its weekday
    holidays: tuple[str, ...]  # that are kept on a short day, as `trading/holidays.py` names them
    open_trades: int  # open now, and judged in it if they still are by then

    @property
    def closes(self) -> str:
        """What its rules close, in words."""
        if not self.jobs:
            return "nothing"
        job = self.jobs[0]
        which = "profitable trades" if job.only_profitable else "every trade"
        return which if job.every_strategy else f"{which} that close at day end"


def next_closings(
    settings: Settings, timetable: Timetable, trades: Iterable[Trade], now: Instant
) -> tuple[NextClosing, ...]:
    """One for each enabled account and commodity that it trades, the soonest first.

    ``trades``: among them those that are open. ``timetable`` reaches some weeks back and ahead of ``now``, for what is
    usual for a weekday is told by those around it.
    """
    held = [trade for trade in trades if trade.state is TradeState.OPEN]
    found = []
    for account in settings.accounts:
        for commodity in account.symbols if account.enabled else ():
            times = timetable.of(account.name, commodity)
            mine = [trade for trade in held if (trade.platform, trade.commodity) == (account.name, commodity)]
            closing = _next_closing(settings, times, account.name, commodity, mine, now)
            if closing is not None:
                found.append(closing)
    return tuple(sorted(found, key=lambda one: (one.window.starts_at, one.window.ends_at, one.account, one.commodity)))


def _next_closing(
    settings: Settings, times: TradingTimes, account: str, commodity: str, trades: list[Trade], now: Instant
) -> NextClosing | None:
    at = now if times.is_open(now) else times.next_open(now)
    window = None if at is None else window_of_day(times, minutes_before(settings, times, account, commodity), at)
    if window is None:
        return None
    jobs = due_jobs(times, settings, commodity=commodity, account=account, at=window.ends_at - 1)
    concerned = [trade for trade in trades if any(job.every_strategy or trade.closes_at_day_end for job in jobs)]
    is_short = times.is_short(window.trading_date)
    holidays = names_on(window.trading_date) if is_short else ()
    return NextClosing(account, commodity, window, jobs, is_short, holidays, len(concerned))
