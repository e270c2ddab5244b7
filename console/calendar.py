"""`run.py calendar`: one trading day of a commodity, when it ends, and what is closed before it does.

A date means a *trading date*: the local date on which the trading day ends, which may have begun on the evening
before. An instant means the day that it lies in; while the market is shut it lies in none.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from itertools import pairwise
from zoneinfo import ZoneInfo

from console import calendar_days, calendar_view
from console.arguments import Calendar
from console.calendar_days import Day
from console.configuration import Configuration
from console.errors import CommandError
from console.output import Output
from console.reading import commodity_named
from console.records import Data
from trading.calendars import OutsideSpan, TradingTimes
from trading.closings import minutes_before
from trading.commodities import Commodity
from trading.market import DAY, MINUTE, SECOND, Instant, instant, iso, moment
from trading.settings import Settings

YEARS = range(1971, 2100)
SPAN = calendar_days.COMPARED_WEEKS * 7 * DAY + 7 * DAY  # what is built on both sides of the day


@dataclass(frozen=True, slots=True)
class Asked:
    """Which day of which times: a date has no instant of its own."""

    times: TradingTimes
    day: date | None  # None: the market is shut at the instant
    instant: Instant  # the one asked for, or the opening of the day, or the midnight of a date that does not trade


def run(arguments: Calendar, configuration: Configuration, output: Output) -> int:
    """Show the trading day; answers the exit code."""
    output.show(calendar_data(arguments, configuration, round(time.time() * SECOND)), calendar_view.render)
    return 0


def calendar_data(arguments: Calendar, configuration: Configuration, now: Instant) -> Data:
    """The trading day that was asked for, or that of ``now``. Raises `CommandError` for what nothing knows.

    Instants are ISO 8601 in UTC. ``day_end``, ``effective_close`` and ``trading_date`` are None, and ``sessions`` are
    empty, where the day does not trade; an instant while the market is shut has no day.
    """
    commodity = commodity_named(arguments.commodity, configuration, "COMMODITY")
    require_account(arguments.account, configuration.settings)
    asked = _asked(arguments, configuration, commodity, now)
    try:
        return _data(arguments, configuration, commodity, asked)
    except OutsideSpan as error:
        raise CommandError(f"--at: {error}") from error


def require_account(name: str | None, settings: Settings) -> None:
    """Raise `CommandError` for an account that the settings do not have."""
    known = [account.name for account in settings.accounts]
    if name is not None and name not in known:
        raise CommandError(f"--account is {name!r}; expected one of {', '.join(known)}")


def buffer_of(settings: Settings, times: TradingTimes, account: str | None, commodity: str) -> tuple[float, str]:
    """The minutes before a day's end in which its rules are judged, and the setting that says so.

    Without an account, those of the commodity.
    """
    if account is None:
        if times.auto_close_minutes is not None:
            return times.auto_close_minutes, f"hours of {commodity}"
        return settings.auto_close_minutes_before, "auto_close_minutes_before"
    own = settings.account(account)
    hours = own.hours.get(commodity)
    if hours is not None and hours.auto_close_minutes_before is not None:
        origin = f"accounts.hours.{commodity} of {account}"
    elif own.auto_close_minutes_before is not None:
        origin = f"accounts.auto_close_minutes_before of {account}"
    else:
        origin = "auto_close_minutes_before" if times.auto_close_minutes is None else f"hours of {commodity}"
    return minutes_before(settings, times, account, commodity), origin


def _asked(arguments: Calendar, configuration: Configuration, commodity: Commodity, now: Instant) -> Asked:
    at = now if arguments.at is None else arguments.at
    year = at.year if isinstance(at, date) else _year_of(at)
    if year not in YEARS:
        raise CommandError(f"--at is in the year {year}; expected one from {YEARS[0]} to {YEARS[-1]}")
    zone = ZoneInfo(commodity.zone)
    around = _midnight(at, zone) if isinstance(at, date) else at
    times = _times_around(configuration, commodity, arguments.account, around)
    if not isinstance(at, date):
        return Asked(times, times.trading_date(at) if times.is_open(at) else None, at)
    sessions = times.sessions(at)
    return Asked(times, at, sessions[0][0] if sessions else around)


def _times_around(configuration: Configuration, commodity: Commodity, account: str | None, at: Instant) -> TradingTimes:
    """The commodity's trading times for some weeks before and after ``at``, on that account."""
    return configuration.trading_times(commodity, at - SPAN, at + SPAN, account)


def _data(arguments: Calendar, configuration: Configuration, commodity: Commodity, asked: Asked) -> Data:
    times, settings = asked.times, configuration.settings
    buffer, buffer_from = buffer_of(settings, times, arguments.account, commodity.id)
    day = None if asked.day is None else calendar_days.day_of(times, asked.day)
    trades = day is not None and bool(day.sessions)
    following = _following(times, day, asked.instant)
    next_open = times.next_open(asked.instant)
    week_end = _week_end(times, day)
    return {
        "commodity": commodity.id,
        "calendar": commodity.calendar,
        "zone": times.zone,
        "account": arguments.account,
        "at": None if isinstance(arguments.at, date) else iso(asked.instant),
        "is_open": None if isinstance(arguments.at, date) else times.is_open(asked.instant),
        **_day_data(day, buffer),
        "trading_date": day.trading_date.isoformat() if day is not None and trades else None,
        "date": None if day is None else day.trading_date.isoformat(),
        "buffer_minutes": buffer,
        "buffer_from": buffer_from,
        "ends_week": day.ends_week if day is not None and trades else None,
        "week_end": None if week_end is None else iso(week_end),
        "next_open": None if next_open is None else iso(next_open),
        "next_close": _iso(times.next_close(asked.instant)),
        "next_day": None if following is None else _next_data(following, buffer),
        "next_week_end": _iso(_next_week_end(times, following)),
        "rules": rules_of(settings, day) if day is not None and trades else [],
        "known_until": None if times.known_until is None else times.known_until.isoformat(),
        "is_by_rule_alone": _is_by_rule_alone(times, asked),
        "other_accounts": _other_accounts(arguments, configuration, commodity, asked, day, buffer),
    }


def _day_data(day: Day | None, buffer: float) -> Data:
    """What a day's end is, when no more is opened, and why it is not like the others of its weekday."""
    if day is None:
        unknown = dict.fromkeys(("day_end", "effective_close", "holiday", "usual_open", "usual_close"))
        return {**unknown, "sessions": [], "breaks": [], "is_early_close": False, "is_late_open": False}
    end = day.end
    return {
        "day_end": _iso(end),
        "effective_close": None if end is None else iso(end - round(buffer * MINUTE)),
        "sessions": [{"opens": iso(opens), "closes": iso(closes)} for opens, closes in day.sessions],
        "breaks": [{"from": iso(closes), "until": iso(opens)} for (_, closes), (opens, _) in pairwise(day.sessions)],
        "is_early_close": day.is_early_close,
        "is_late_open": day.is_late_open,
        "usual_open": _iso(day.usual_open),
        "usual_close": _iso(day.usual_close),
        "holiday": day.holiday,
    }


def _next_data(day: Day, buffer: float) -> Data:
    kept = ("sessions", "day_end", "effective_close", "is_early_close", "is_late_open", "holiday")
    told = _day_data(day, buffer)
    return {
        "trading_date": day.trading_date.isoformat(),
        **{key: told[key] for key in kept},
        "ends_week": day.ends_week,
    }


def _following(times: TradingTimes, day: Day | None, at: Instant) -> Day | None:
    """The next day that trades: after ``day``, or the one that goes on or comes while the market is shut."""
    date_of = times.trading_date(at) if day is None else day.trading_date + timedelta(days=1)
    for later in range(14):
        found = calendar_days.day_of(times, date_of + timedelta(days=later))
        if found.sessions:
            return found
    return None


def _week_end(times: TradingTimes, day: Day | None) -> Instant | None:
    return None if day is None or not day.sessions else times.week_end(day.sessions[0][0])


def _next_week_end(times: TradingTimes, following: Day | None) -> Instant | None:
    """The first end of a week that lies after the day: its own when more days of it follow."""
    return _week_end(times, following)


def _is_by_rule_alone(times: TradingTimes, asked: Asked) -> bool:
    """Whether the day lies so far ahead that its market has announced nothing yet."""
    day = times.trading_date(asked.instant) if asked.day is None else asked.day
    return times.known_until is not None and day > times.known_until


def rules_of(settings: Settings, day: Day) -> list[Data]:
    """The closing rules that are judged in the window of that day, in the order in which they are."""
    rules = []
    if day.ends_week and (settings.auto_close_all_friday or settings.auto_close_profitable_friday):
        everything = settings.auto_close_all_friday
        said = "every trade" if everything else "every trade with a net profit"
        setting = "auto_close_all_friday" if everything else "auto_close_profitable_friday"
        rules.append({"rule": "friday", "closes": said, "setting": setting})
    if settings.auto_close_profitable_daily:
        said = "trades with a net profit whose strategy closes at day end"
        rules.append({"rule": "day_end", "closes": said, "setting": "auto_close_profitable_daily"})
    return rules


def _other_accounts(
    arguments: Calendar,
    configuration: Configuration,
    commodity: Commodity,
    asked: Asked,
    day: Day | None,
    buffer: float,
) -> list[Data]:
    """The accounts for which this day ends at another time or is closed with another buffer."""
    if arguments.account is not None or day is None:
        return []
    settings, found = configuration.settings, []
    for account in settings.accounts:
        if not (account.enabled and commodity.id in account.symbols):
            continue
        own = _times_around(configuration, commodity, account.name, asked.instant)
        (minutes, _), end = buffer_of(settings, own, account.name, commodity.id), own.day_end_of(day.trading_date)
        if (end, minutes) != (day.end, buffer):
            close = None if end is None else end - round(minutes * MINUTE)
            found.append({"account": account.name, "day_end": _iso(end), "effective_close": _iso(close)})
    return found


def _iso(at: Instant | None) -> str | None:
    return None if at is None else iso(at)


def _midnight(day: date, zone: ZoneInfo) -> Instant:
    return instant(datetime.combine(day, time_of_day(), zone))


def _year_of(at: Instant) -> int:
    return moment(at).year
