"""A trading day, as the API answers it: what `calendar --json` says."""

from __future__ import annotations

from pydantic import Field

from console.api.models_records import Answer


class Session(Answer):
    """A stretch of trading."""

    opens: str
    closes: str


class Break(Answer):
    """A stretch between two sessions of one day; `from` is its beginning."""

    from_: str = Field(alias="from")
    until: str


class DayEnd(Answer):
    """When a day trades and ends, and why it is not like the others of its weekday."""

    sessions: list[Session]
    day_end: str | None
    effective_close: str | None = Field(description="From then on the rules of the day's end are judged.")
    is_early_close: bool
    is_late_open: bool
    holiday: str | None


class NextDay(DayEnd):
    """The next day that trades."""

    trading_date: str
    ends_week: bool


class ClosingRule(Answer):
    """A rule that is judged in the window before the day's end."""

    rule: str
    closes: str
    setting: str


class OtherAccount(Answer):
    """An account for which the day ends at another time, or is closed with another buffer."""

    account: str
    day_end: str | None
    effective_close: str | None


class TradingDay(DayEnd):
    """One trading day of a commodity."""

    commodity: str
    calendar: str
    zone: str
    account: str | None
    at: str | None = Field(description="The instant that was asked for; null where a date was.")
    is_open: bool | None
    breaks: list[Break]
    usual_open: str | None
    usual_close: str | None
    trading_date: str | None = Field(description="Null where the day does not trade.")
    date: str | None
    buffer_minutes: float
    buffer_from: str = Field(description="The setting that says so.")
    ends_week: bool | None
    week_end: str | None
    next_open: str | None
    next_close: str | None
    next_day: NextDay | None
    next_week_end: str | None
    rules: list[ClosingRule]
    known_until: str | None
    is_by_rule_alone: bool
    other_accounts: list[OtherAccount]
