"""What the calendar asks for, worked out a second time: which window each account has for each commodity on each day.

The rules of the program (`trading/closings.py`) are not asked. From the calendar come the sessions of each date alone;
when a day ends, which day is the last of its week, and when the window begins is reckoned here by the words of
`docs/rehearsal.md`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from trading.calendars import TradingTimes
from trading.commodities import Commodity
from trading.market import MINUTE, Instant, moment

ALL_WEEKDAYS = 7
DAYS_AROUND = 60  # looked at on both sides of the span, to know at what time a market usually ends


@dataclass(frozen=True, slots=True)
class ExpectedWindow:
    """The last minutes of one trading day of one commodity on one account."""

    account: str
    commodity: str
    trading_date: date
    sessions: tuple[tuple[Instant, Instant], ...]  # of that date, in order
    starts_at: Instant
    ends_at: Instant  # the end of the day; not part of the window
    ends_week: bool
    is_early: bool  # it ends earlier, on the exchange's clock, than such a weekday usually does

    @property
    def slot(self) -> tuple[str, str]:
        """Account and commodity."""
        return self.account, self.commodity

    @property
    def opens_at(self) -> Instant:
        """When the trading day begins."""
        return self.sessions[0][0]

    def __contains__(self, at: Instant) -> bool:
        return self.starts_at <= at < self.ends_at


class ExpectedDays:
    """The trading days of one commodity on one account, in order."""

    def __init__(
        self, account: str, commodity: Commodity, times: TradingTimes, minutes_before: float, first: date, last: date
    ) -> None:
        """Trading dates from ``first`` to ``last``, both included. The times must reach two months beyond them."""
        zone = ZoneInfo(commodity.zone)
        around = _dates(first - timedelta(days=DAYS_AROUND), last + timedelta(days=DAYS_AROUND))
        days = {day: found for day in around if (found := times.sessions(day))}
        self.has_weekends = len({day.weekday() for day in days}) < ALL_WEEKDAYS
        last_of_week = {day.isocalendar()[:2]: day for day in days}  # the later one of a week replaces the earlier
        ends = {day: moment(found[-1][1]).astimezone(zone).strftime("%H:%M") for day, found in days.items()}
        usual = _usual_ends(ends)
        self.windows = [
            ExpectedWindow(
                account,
                commodity.id,
                day,
                found,
                starts_at=found[-1][1] - round(minutes_before * MINUTE),
                ends_at=found[-1][1],
                ends_week=self.has_weekends and last_of_week[day.isocalendar()[:2]] == day,
                is_early=ends[day] < usual[day.weekday()],
            )
            for day, found in days.items()
            if first <= day <= last
        ]
        self._starts = [window.starts_at for window in self.windows]
        self._sessions = [session for found in days.values() for session in found]
        self._opens = [opens for opens, _ in self._sessions]

    def window_of(self, at: Instant) -> ExpectedWindow | None:
        """The window that ``at`` lies in, if it does."""
        index = bisect_right(self._starts, at) - 1
        return self.windows[index] if index >= 0 and at in self.windows[index] else None

    def trades_at(self, at: Instant) -> bool:
        """Whether a session is going on."""
        session = bisect_right(self._opens, at) - 1
        return session >= 0 and at < self._sessions[session][1]


def _dates(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _usual_ends(ends: dict[date, str]) -> dict[int, str]:
    """By weekday, the local time at which most of them end."""
    counts: dict[int, Counter[str]] = {}
    for day, end in ends.items():
        counts.setdefault(day.weekday(), Counter())[end] += 1
    return {weekday: count.most_common(1)[0][0] for weekday, count in counts.items()}
