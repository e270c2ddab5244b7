"""The process that asks pandas_market_calendars for the schedules of exchanges.

It is a process of its own because the library brings pandas, which takes longer to import, and more memory, than all
of the program. Its parent (`market_calendars_building.py`) leaves a `Request` on standard input and finds the arrays on
standard output. It ends at its deadline by itself.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
from pydantic import TypeAdapter

from feeds.market_calendars_files import checked, made_with, to_bytes
from trading.bars import Instants
from trading.calendars import ExchangeSchedule

if TYPE_CHECKING:
    from pandas import DataFrame
    from pandas_market_calendars import MarketCalendar


@dataclass(frozen=True, slots=True)
class Request:
    """Which calendars to make, from the trading date ``first`` to the trading date ``last``."""

    calendars: tuple[str, ...]  # as the library spells them
    first: date
    last: date
    seconds: float  # how long it may take


class UnknownCalendar(LookupError):
    """The library has no calendar of that name."""


REQUESTS = TypeAdapter(Request)


def main() -> None:
    """Make what standard input asks for."""
    request = REQUESTS.validate_json(sys.stdin.buffer.read())
    output, sys.stdout = sys.stdout.buffer, sys.stderr  # the library may print; the answer is the arrays alone
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(request.seconds, exit=True, file=nowhere)
        output.write(answer_to(request))
        output.flush()
        faulthandler.cancel_dump_traceback_later()


def answer_to(request: Request) -> bytes:
    """The schedules; of a calendar that cannot be made, why."""
    made: list[ExchangeSchedule] = []
    faults: dict[str, str] = {}
    by_rules: dict[type[MarketCalendar], ExchangeSchedule] = {}
    for name in request.calendars:
        try:
            made.append(schedule_of(name, request.first, request.last, by_rules))
        except UnknownCalendar as error:
            faults[name] = str(error)
        except Exception as error:  # whatever the library does with one of them, the others are made
            faults[name] = f"{type(error).__name__}: {error}"
    return to_bytes(made_with(), made, faults)


def last_known_date(*names: str) -> date:
    """Up to when the library can know more than rules of a calendar: the end of the year in which it was last checked.

    Exchanges announce a year's closings in the course of the year before it; a library knows those of its own year.
    ``names``: those of the calendar, of which the first with sources counts; they are as good as the one that was
    looked at the longest time ago. A calendar that comes from elsewhere names no sources: then it is the newest look at
    any, since the release has no date of its own.
    """
    from pandas_market_calendars.sources import CALENDAR_SOURCES

    own = next((CALENDAR_SOURCES[name] for name in names if CALENDAR_SOURCES.get(name)), ())
    every = (source for sources in CALENDAR_SOURCES.values() for source in sources)
    looked = min((s.last_verified for s in own), default="") or max(source.last_verified for source in every)
    return date(date.fromisoformat(looked).year, 12, 31)


def schedule_of(
    name: str,
    first: date,
    last: date,
    by_rules: dict[type[MarketCalendar], ExchangeSchedule],
) -> ExchangeSchedule:
    """One calendar as arrays. ``by_rules``: what was made before, as many names stand for the same rules."""
    from pandas_market_calendars import get_calendar, get_calendar_names

    known = get_calendar_names()
    if name not in known:
        near = ", ".join(get_close_matches(name, known))
        raise UnknownCalendar("the library has none of that name" + (f"; did it mean {near}?" if near else ""))
    calendar = get_calendar(name)
    rules = type(calendar)
    if rules not in by_rules:
        table = calendar.schedule(first.isoformat(), last.isoformat())
        dates, opens, closes = _columns(table)
        made = ExchangeSchedule(
            name=name, zone=str(calendar.tz), first=first, last=last,
            known_until=last_known_date(name, calendar.name, *calendar.aliases),
            dates=dates, opens=opens, closes=closes,
        )  # fmt: skip
        by_rules[rules] = checked(made)
    return replace(by_rules[rules], name=name)


def _columns(table: DataFrame) -> tuple[Instants, Instants, Instants]:
    """Trading dates, openings and closings: a row for each session, two of them for a day with a break."""
    dates = table.index.to_numpy(dtype="datetime64[D]").astype(np.int64)
    opens, closes = _instants(table, "market_open"), _instants(table, "market_close")
    if "break_start" in table:
        stops, goes_on = _instants(table, "break_start"), _instants(table, "break_end")
        is_broken = (opens < stops) & (stops < goes_on) & (goes_on < closes)  # neither on days without one (NaT)
        dates = np.concatenate([dates, dates[is_broken]])
        opens, closes = (
            np.concatenate([opens, goes_on[is_broken]]),
            np.concatenate([np.where(is_broken, stops, closes), closes[is_broken]]),
        )
    is_session = opens < closes
    order = np.argsort(opens[is_session], kind="stable")
    return dates[is_session][order], opens[is_session][order], closes[is_session][order]


def _instants(table: DataFrame, column: str) -> Instants:
    found: Instants = table[column].to_numpy(dtype="datetime64[ms]").astype(np.int64)
    return found
