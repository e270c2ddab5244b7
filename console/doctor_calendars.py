"""What `doctor` says of trading times: what is open, and up to when it is known what will be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from console.check import Check
from console.configuration import Configuration
from console.figures import clock
from feeds.errors import CalendarUnavailable
from trading.calendars import TradingTimes, needs_schedule
from trading.closings import minutes_before
from trading.market import DAY, MINUTE, Instant, moment
from trading.timetable import Timetable

NAME = "calendars"
DAYS_OF_CALENDAR = 30


def calendars_check(configuration: Configuration, now: Instant) -> Check:
    """Whether the trading times of all that is traded can be built, and what they say of ``now``."""
    try:
        timetable = configuration.calendars.timetable(
            configuration.settings, configuration.commodities, now, now + DAYS_OF_CALENDAR * DAY
        )
    except CalendarUnavailable as error:
        return Check(NAME, "failed", str(error), "put right what it names: without trading times nothing is traded")
    times = {name: timetable[name] for name in configuration.traded}
    said = _grouped((name, _now(of, now)) for name, of in times.items())
    said += _of_accounts(configuration, timetable, now)
    said += _grouped((name, _known(of)) for name, of in times.items() if of.known_until is not None)
    shut_out = [*_never_opened(configuration, timetable, now)]
    if shut_out:
        advice = "make auto_close_minutes_before shorter, or the sessions longer: nothing will ever be opened"
        return Check(NAME, "warning", "; ".join((*said, *shut_out)), advice)
    # A library that was looked at in the year before knows all that can be had: nobody could put that right.
    if any(of.known_until is not None and of.known_until.year < moment(now).year - 1 for of in times.values()):
        advice = (
            "bring pandas_market_calendars and this program up to date, and say in hours what your broker announced: "
            "closings announced since are not known"
        )
        return Check(NAME, "warning", "; ".join(said), advice)
    return Check(NAME, "ok", "; ".join(said))


def folder_needed(configuration: Configuration) -> Path | None:
    """Where the calendars of exchanges are kept; None where nothing that is traded has one."""
    needed = (needs_schedule(configuration.commodities[name]) for name in configuration.traded)
    return configuration.calendars.folder if any(needed) else None


def _now(times: TradingTimes, now: Instant) -> str:
    if not times.is_open(now):
        opening = times.next_open(now)
        return "shut" if opening is None else f"shut until {clock(opening)}"
    closing = times.next_close(now)
    return "open, never shuts" if closing is None else f"open until {clock(closing)}"


def _known(times: TradingTimes) -> str:
    return f"as announced until {times.known_until}, later by rule alone"


def _never_opened(configuration: Configuration, timetable: Timetable, now: Instant) -> Iterator[str]:
    """Where each day's buffer begins before the day does."""
    for account in configuration.settings.accounts:
        for name in account.symbols if account.enabled else ():
            times = timetable.of(account.name, name)
            minutes = minutes_before(configuration.settings, times, account.name, name)
            days = [times.sessions(moment(now + day * DAY).date()) for day in range(1, DAYS_OF_CALENDAR)]
            if all(day[-1][1] - minutes * MINUTE <= day[0][0] for day in days if day):
                yield f"{name} on {account.name} trades for less than the {minutes:g} minutes before its day's end"


def _of_accounts(configuration: Configuration, timetable: Timetable, now: Instant) -> list[str]:
    """The hours of accounts that have their own."""
    accounts = [account for account in configuration.settings.accounts if account.enabled]
    return [
        f"{name} on {account.name} {_now(timetable.of(account.name, name), now)}"
        for account in accounts
        for name in account.symbols
        if name in account.hours
    ]


def _grouped(said: Iterable[tuple[str, str]]) -> list[str]:
    """What is said of several commodities in the same words, said once."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name, words in said:
        names[words].append(name)
    return [f"{', '.join(of)} {words}" for words, of in names.items()]
