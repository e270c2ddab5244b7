"""When a trade will be closed whatever its price does: the horizon of every probability that is said of it.

It is the first of three instants: the end of the trade's longest hold; the effective close of the trading day, where
the day-end rule is for its strategy; the effective close of the week, where a Friday rule is switched on. A rule that
takes profits only leaves a losing trade open: once its window has begun, the trade's horizon is the next one. So the
probability of profit is always that of ending with a profit *by the horizon*.
"""

from __future__ import annotations

from trading.calendars import TradingTimes, open_spans
from trading.closings import Window, minutes_before, window_of_day
from trading.market import SECOND, Instant
from trading.reading import MarketReading
from trading.settings import Settings
from trading.trade import Trade

MOST_DAYS_AHEAD = 8  # a week's end is never farther away; beyond it the longest hold decides
STALE_BARS = 3  # a reading that so many bars of open market have followed unread is no longer of this market


def horizon(trade: Trade, times: TradingTimes, settings: Settings, now: Instant) -> Instant:
    """The instant of the next forced close. At or before ``now`` only where the longest hold is over.

    Asked while the market is shut, it counts from the next opening. Raises `OutsideSpan` where ``times`` are not built
    that far.
    """
    daily = trade.closes_at_day_end and settings.auto_close_profitable_daily
    weekly = settings.auto_close_all_friday or settings.auto_close_profitable_friday
    last = trade.time_stop_at
    if not (daily or weekly):
        return last
    minutes = minutes_before(settings, times, trade.platform, trade.commodity)
    at: Instant | None = now
    for _ in range(2 * MOST_DAYS_AHEAD):  # a day, and the hours after it in which the market is shut
        if at is None or at >= last:
            return last
        window = window_of_day(times, minutes, at)
        if window is None:
            at = times.next_open(at)
            continue
        if _closes(window, daily=daily, weekly=weekly) and window.starts_at > now:
            return min(last, window.starts_at)
        at = window.ends_at
    return last


def remaining_variance(
    reading: MarketReading | None, times: TradingTimes, now: Instant, horizon_at: Instant
) -> float | None:
    """The variance of the log price that is expected of the open hours until the horizon; None while nothing is.

    Nothing is expected while the forecast warms up, nor by a reading that the market has left behind: where bars stop
    coming, no probability is made up. It is the same for every trade of one commodity and one horizon, so it need be
    asked but once for all of them.
    """
    if reading is None or reading.forecast is None or horizon_at <= now:
        return None
    unread_seconds = sum(end - start for start, end in open_spans(times, reading.at, now)) / SECOND
    if unread_seconds > STALE_BARS * reading.bar_seconds:
        return None
    variance = reading.forecast.variance(open_spans(times, now, horizon_at))
    return variance if variance > 0 else None


def _closes(window: Window, *, daily: bool, weekly: bool) -> bool:
    return daily or (weekly and window.ends_week)
