"""What a commodity, a user's change to it, or one account says otherwise about trading hours."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from trading.holidays import require_key
from trading.sessions import week_of
from trading.settings_model import Model

LocalTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Hours(Model):
    """Trading hours laid over a calendar, on the clock of the commodity's zone. What is left out stays as it is below.

    ``sessions`` replace the calendar's weekly hours (see `trading/sessions.py`); its holidays, early closes and late
    opens stay. Dates are trading dates, named by the keys of `trading/holidays.py`. An early close ends a date's
    last session, a late open begins its first one, and both replace those that the calendar below has on that date.
    """

    sessions: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)] | None = None
    closed: Annotated[tuple[str, ...], Field(max_length=1_000)] = ()
    open: Annotated[tuple[str, ...], Field(max_length=1_000)] = ()  # where the calendar below is shut
    early_closes: Annotated[dict[str, LocalTime], Field(max_length=1_000)] = Field(default={})
    late_opens: Annotated[dict[str, LocalTime], Field(max_length=1_000)] = Field(default={})
    day_end: LocalTime | None = None
    friday_end: LocalTime | None = None  # of the week's last weekday, where it ends earlier than the others
    auto_close_minutes_before: Annotated[int, Field(ge=15, le=24 * 60)] | None = None

    @field_validator("sessions")
    @classmethod
    def sessions_are_a_week(cls, lines: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Refuse a line that is no session, and sessions that overlap."""
        if lines is not None:
            week_of(lines)
        return lines

    @field_validator("closed", "open", "early_closes", "late_opens")
    @classmethod
    def keys_name_dates(cls, keys: tuple[str, ...] | dict[str, str]) -> tuple[str, ...] | dict[str, str]:
        """Refuse a key that names no date."""
        for key in keys:
            require_key(key)
        return keys

    @model_validator(mode="after")
    def closed_or_open(self) -> Hours:
        """Refuse a date that is both."""
        both = set(self.closed) & set(self.open)
        if both:
            raise ValueError(f"closed and open both have {min(both)!r}; expected it in one of them")
        return self
