"""By which rule a broker's clock differs from UTC: a constant, and an hour more while daylight saving time lasts.

Most brokers keep New York + 7 h, so that their days end with the week of the currency market; some keep the European
dates of daylight saving time; some none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from trading.market import HOUR, Instant, moment

UNITED_STATES, EUROPE = ZoneInfo("America/New_York"), ZoneInfo("Europe/Athens")


class Dates(StrEnum):
    """Whose dates of daylight saving time a clock keeps."""

    UNITED_STATES = "United States"
    EUROPE = "Europe"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a broker's clock is ahead of UTC, at any instant."""

    dates: Dates
    standard: int  # milliseconds, outside of daylight saving time

    def offset(self, at: Instant) -> int:
        """Milliseconds that the clock is ahead of UTC."""
        return self.standard + daylight_saving(self.dates, at)

    def utc(self, server_time: int) -> Instant:
        """The instant at which the clock shows this; of the two in the hour that comes twice, one."""
        at = server_time - self.offset(server_time - self.standard)
        again = server_time - self.offset(at)
        return again if self.offset(again) == server_time - again else at


def daylight_saving(dates: Dates, at: Instant) -> int:
    """Milliseconds that clocks are set forward at an instant."""
    return 0 if dates is Dates.NONE else _daylight_saving(dates, at // HOUR)


@lru_cache(maxsize=100_000)
def _daylight_saving(dates: Dates, hour: int) -> int:
    """In an hour since 1970: clocks are changed at whole hours of UTC only."""
    zone = UNITED_STATES if dates is Dates.UNITED_STATES else EUROPE
    saved = moment(hour * HOUR).astimezone(zone).dst()
    return 0 if saved is None else round(saved.total_seconds() * 1_000)


def rules_for(offset: int, at: Instant) -> tuple[Rule, ...]:
    """Every rule by which a clock is so many milliseconds ahead of UTC at an instant, the likeliest first."""
    united_states, europe, none = (Rule(dates, offset - daylight_saving(dates, at)) for dates in Dates)
    if united_states.standard == 2 * HOUR:
        return united_states, europe, none
    if europe.standard in (0, HOUR, 2 * HOUR):
        return europe, united_states, none
    return none, europe, united_states
