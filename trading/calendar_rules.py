"""Our own calendars: markets whose hours a few lines say better than a library.

A rule is a zone and the `Hours` at the bottom, over which the catalogue, the user and the account lay theirs. Two of
them have holidays alone, for their commodities trade at different hours: the catalogue gives the sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType

from trading.comex_short_days import early_ends
from trading.fx_day import FX_ZONE
from trading.market import Instant, moment
from trading.settings_hours import Hours

FX_DAY_END = "17:00"  # of Sunday, when the FX week opens, and of Friday, when it ends


class BadCalendar(ValueError):
    """The calendar's hours contradict themselves; the message names the commodity, the field and the value."""


@dataclass(frozen=True, slots=True)
class CalendarRule:
    """A market's hours as data, on the clock of ``zone``."""

    zone: str
    hours: Hours
    known_until: date | None = None  # where holidays are announced: later years are by rule alone


def fx_rule() -> CalendarRule:
    """Foreign exchange: Sunday 17:00 to Friday 17:00 New York, closed for 25 December and 1 January.

    Both are whole trading days: FX is closed for 25 December from 17:00 on the 24th to 17:00 on the 25th. No other
    holiday closes it, and a 25 December at the weekend is not kept on another day.
    """
    hours = Hours(sessions=("Mon-Fri 17:00-17:00",), closed=("12-25", "01-01"), day_end=FX_DAY_END)
    return CalendarRule(FX_ZONE, hours)


def always_rule(zone: str, day_end: str = FX_DAY_END) -> CalendarRule:
    """A market that never shuts: its days end at a local time, its weeks do not end."""
    return CalendarRule(zone, Hours(sessions=("Mon-Sun 00:00-24:00",), day_end=day_end))


ICE_SOFTS = CalendarRule(
    FX_ZONE,
    Hours(
        closed=(
            "new_year",
            "martin_luther_king",
            "presidents_day",
            "good_friday",
            "memorial_day",
            "juneteenth",
            "independence_day",
            "labor_day",
            "thanksgiving",
            "christmas",
        ),
        early_closes={"christmas_eve": "13:05"},
    ),
    known_until=date(2026, 12, 31),
)
"""Coffee, cocoa and sugar at ICE Futures U.S.: its holidays; sessions from the catalogue."""

LME = CalendarRule("Europe/London", Hours(closed=("english_bank_holidays",)), known_until=date(2027, 12, 31))
"""The London Metal Exchange: the bank holidays of England, as far as they are proclaimed; no sessions of its own."""

OWN_CALENDARS: Mapping[str, str] = MappingProxyType(
    {
        "fx": "Sunday 17:00 to Friday 17:00 New York",
        "always": "never shuts",
        "ice_softs": "the holidays of ICE Futures U.S.",
        "lme": "the bank holidays of London",
    }
)
"""The names of our own calendars, and what each says in a few words."""


def own_rule(name: str, zone: str) -> CalendarRule:
    """The rule of one of `OWN_CALENDARS`. ``zone`` is where a market that never shuts has its days."""
    rules = {"fx": fx_rule(), "always": always_rule(zone), "ice_softs": ICE_SOFTS, "lme": LME}
    return rules[name]


COMEX_AND_NYMEX = frozenset(
    f"CMEGlobex_{product}" for product in ("GC", "SI", "HG", "PL", "PA", "CL", "BZ", "HO", "NG", "RB")
)
"""The library's calendars of metals and energies, whose early ends are ours (`trading/comex_short_days.py`)."""


def short_days_of(calendar: str, first: Instant, last: Instant) -> CalendarRule:
    """What lies right above a library's calendar: its short days as they were observed, where they are known better."""
    if calendar not in COMEX_AND_NYMEX:
        return CalendarRule(FX_ZONE, Hours())
    return _comex_short_days(moment(first).year - 1, moment(last).year + 1)


@lru_cache(maxsize=64)  # one for a span, and all metals and energies have the same
def _comex_short_days(first_year: int, last_year: int) -> CalendarRule:
    ends = {day: minute for year in range(first_year, last_year + 1) for day, minute in early_ends(year).items()}
    clock = {day.isoformat(): f"{minute // 60:02d}:{minute % 60:02d}" for day, minute in ends.items()}
    return CalendarRule(FX_ZONE, Hours(early_closes=clock))
