"""The trading times of commodities whose calendars are those of exchanges, from arrays that are kept on disk.

The schedules come from pandas_market_calendars, which is asked in a process of its own, once: what it said is kept as
one `.npz` a calendar, and a start that finds everything there imports no pandas. A file that was made by another
version of the library or by other clocks, that does not reach far enough or that is not whole is made again. If that
fails, an old one that reaches far enough goes on serving: there may be positions that nobody else would guard.
Commodities with a rule of our own need none of this.
"""

from __future__ import annotations

import logging
import threading
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from feeds.errors import CalendarUnavailable
from trading.calendars import MARGIN_DAYS, BadCalendar, ExchangeSchedule, TradingTimes, build, needs_schedule
from trading.commodities import Commodity
from trading.market import Instant, moment
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.settings_hours import Hours
from trading.timetable import Timetable

BUILD_SECONDS = 60.0  # for all calendars of a start: it takes two, most of them for the import of pandas
YEARS_BEFORE, YEARS_AFTER = 2, 3  # whole years around what is asked: what another command, or the next start, needs

log = logging.getLogger("watchbill.calendars")


class CalendarStore:
    """Builds trading times, and keeps the schedules that they are built from. It may be used by several threads."""

    def __init__(
        self, folder: Path | None, *, build_seconds: float = BUILD_SECONDS, command: Sequence[str] | None = None
    ) -> None:
        """``folder``: where the arrays are kept, made when there is something to keep; None: in memory alone.

        ``command``: what to run in place of the process that asks the library, for tests of what may become of it.
        """
        self.folder = folder
        self._build_seconds = build_seconds
        self._command = command
        self._schedules: dict[str, ExchangeSchedule] = {}
        self._outdated: dict[str, ExchangeSchedule] = {}  # on disk, but to be made again
        self._lock = threading.RLock()
        self._is_told = False  # that the folder cannot be written

    def times(self, commodity: Commodity, first: Instant, last: Instant, *hours: Hours) -> TradingTimes:
        """When the commodity trades, from ``first`` to ``last``; ``hours``: an account's, over the commodity's own.

        Raises `CalendarUnavailable`, also for hours that contradict themselves or their calendar.
        """
        name = needs_schedule(commodity)
        schedule = None if name is None else self.schedules({name: commodity.id}, first, last)[name]
        try:
            return build(commodity, first, last, schedule=schedule, hours=hours)
        except BadCalendar as error:
            raise CalendarUnavailable(str(error)) from error

    def times_on(self, account: AccountSettings, commodity: Commodity, first: Instant, last: Instant) -> TradingTimes:
        """The same on an account, with the hours that it says, if any. Raises as `times`, and names the account."""
        own = account.hours.get(commodity.id)
        if own is None:
            return self.times(commodity, first, last)
        try:
            return self.times(commodity, first, last, own)
        except CalendarUnavailable as error:
            raise CalendarUnavailable(f"with accounts.hours of {account.name}: {error}") from error

    def times_of(self, commodities: Iterable[Commodity], first: Instant, last: Instant) -> dict[str, TradingTimes]:
        """The trading times of each of these commodities, by its id; what is missing is made at once. As `times`."""
        each = list(commodities)
        needed = {needs_schedule(commodity): commodity.id for commodity in reversed(each)}
        self.schedules({name: commodity for name, commodity in needed.items() if name is not None}, first, last)
        return {commodity.id: self.times(commodity, first, last) for commodity in each}

    def timetable(
        self, settings: Settings, commodities: Mapping[str, Commodity], first: Instant, last: Instant
    ) -> Timetable:
        """The trading times of all that the accounts trade, and their own where they say otherwise. As `times`."""
        traded = sorted({name for account in settings.accounts for name in account.symbols})
        times = self.times_of([commodities[name] for name in traded], first, last)
        of_accounts = {
            (account.name, name): self.times_on(account, commodities[name], first, last)
            for account in settings.accounts
            for name in account.symbols
            if name in account.hours
        }
        return Timetable(times, of_accounts)

    def schedules(self, wanted: Mapping[str, str], first: Instant, last: Instant) -> dict[str, ExchangeSchedule]:
        """The schedules of these calendars, around ``first`` to ``last``. All that are missing are made at once.

        ``wanted``: by calendar a commodity that needs it, for messages. Raises `CalendarUnavailable`.
        """
        margin = timedelta(days=MARGIN_DAYS)
        earliest, latest = moment(first).date() - margin, moment(last).date() + margin
        with self._lock:
            missing = {
                name: commodity
                for name, commodity in wanted.items()
                if not self._has(name, commodity, earliest, latest)
            }
            if missing:
                begins, ends = moment(first).year - YEARS_BEFORE, moment(last).year + YEARS_AFTER
                try:
                    self._make(missing, date(begins, 1, 1), date(ends, 12, 31))
                except CalendarUnavailable as error:
                    self._use_outdated(missing, earliest, latest, error)
            return {name: self._schedules[name] for name in wanted}

    def file_of(self, calendar: str) -> Path | None:
        """Where a calendar's arrays are kept; None where they are not."""
        # Quoted, so that no two calendars share a file and every system takes the name.
        return None if self.folder is None else self.folder / f"{urllib.parse.quote(calendar, safe='')}.npz"

    def _has(self, name: str, commodity: str, earliest: date, latest: date) -> bool:
        """Whether a schedule that covers these dates is at hand, or on disk."""
        if not _covers(self._schedules.get(name), earliest, latest):
            kept = self._kept(name, commodity)
            if kept is not None and (name not in self._schedules or _covers(kept, earliest, latest)):
                self._schedules[name] = kept
        return _covers(self._schedules.get(name), earliest, latest)

    def _kept(self, name: str, commodity: str) -> ExchangeSchedule | None:
        """What is on disk, where it can be trusted."""
        file = self.file_of(name)
        if file is None:
            return None
        from feeds import market_calendars_files as files  # as all of this: only for calendars that are not our own

        try:
            found = files.read(file)
        except (OSError, files.BadSchedules) as error:
            log.warning("%s: %s is made again: %s", commodity, file, error)
            return None
        if found is None:
            return None
        if len(found.schedules) != 1 or found.schedules[0].name != name:
            log.warning("%s: %s is made again: it is not the calendar %r", commodity, file, name)
            return None
        (schedule,), (clock,), installed = found.schedules, found.clocks, made_with()
        if installed is None:  # it can be made by nobody
            return schedule
        if found.made_with != installed:
            log.info("%s: %s is made again: it is by %s, installed is %s", commodity, file, found.made_with, installed)
        elif clock != files.clock_of(schedule):
            log.info("%s: %s is made again: the clocks of %s go otherwise now", commodity, file, schedule.zone)
        else:
            return schedule
        self._outdated[name] = schedule
        return None

    def _use_outdated(self, missing: Mapping[str, str], first: date, last: date, error: CalendarUnavailable) -> None:
        """Go on with what was to be made again, where that covers these dates for all of them; or raise ``error``."""
        for name in missing:
            kept = (self._schedules.get(name), self._outdated.get(name))
            found = next((schedule for schedule in kept if _covers(schedule, first, last)), None)
            if found is None:
                raise error
            self._schedules[name] = found
        log.warning("going on with calendars that were to be made again: %s", error)

    def _make(self, missing: Mapping[str, str], first: date, last: date) -> None:
        """Have calendars made, and keep them. Raises `CalendarUnavailable`."""
        from feeds.market_calendars_building import build_schedules

        shorter = [self._schedules[name] for name in missing if name in self._schedules]  # they become longer
        first = min((first, *(schedule.first for schedule in shorter)))
        last = max((last, *(schedule.last for schedule in shorter)))
        which = ", ".join(f"{commodity} ({name})" for name, commodity in missing.items())
        if made_with() is None:
            raise CalendarUnavailable(
                f"{which}: the trading times are those of pandas_market_calendars, which is not installed here; "
                "expected: pip install pandas_market_calendars, or hours of your own and a calendar of ours"
            )
        log.info("making the calendars of %s from %s to %s", which, first, last)
        try:
            made = build_schedules(tuple(missing), first, last, self._build_seconds, self._command)
        except CalendarUnavailable as error:
            raise CalendarUnavailable(
                f"{which}: {error}; run.py doctor looks at it again, and "
                "pip install --force-reinstall pandas_market_calendars mends a broken installation"
            ) from error
        for schedule in made.schedules:
            self._schedules[schedule.name] = schedule
            self._keep(schedule, made.made_with)
        for name, commodity in missing.items():
            if name in made.faults or not _covers(self._schedules.get(name), first, last):
                said = made.faults.get(name, f"it does not reach from {first} to {last}")
                raise CalendarUnavailable(
                    f"{commodity}: the calendar {name!r} cannot be made: {said}; expected a calendar of "
                    "pandas_market_calendars, as it spells it, or one of ours"
                )

    def _keep(self, schedule: ExchangeSchedule, version: str) -> None:
        from feeds import market_calendars_files as files

        file = self.file_of(schedule.name)
        if file is None:
            return
        try:
            files.write(file, files.to_bytes(version, (schedule,)))
        except OSError as error:
            if not self._is_told:
                self._is_told = True
                log.warning("calendars cannot be kept in %s, so every start makes them again: %s", self.folder, error)


@cache
def in_memory() -> CalendarStore:
    """A store for the length of the process, which keeps nothing on disk."""
    return CalendarStore(None)


@cache
def made_with() -> str | None:
    """The installed library and its version; None where it is not installed, or not whole."""
    from importlib.metadata import PackageNotFoundError

    from feeds.market_calendars_files import made_with as version

    try:
        return version()
    except PackageNotFoundError:
        return None


def _covers(schedule: ExchangeSchedule | None, first: date, last: date) -> bool:
    return schedule is not None and schedule.first <= first and last <= schedule.last
