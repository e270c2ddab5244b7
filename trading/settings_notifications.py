"""Who is told of what happens, and of how much of it: the services that take messages, and the limits of sending."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from trading.market import HOUR, MINUTE
from trading.settings_model import Model

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


class Event(StrEnum):
    """What a message may be about."""

    OPENED = "opened"  # a trade was opened
    CLOSED = "closed"  # a trade was closed, with its reason and its profit
    STUCK = "stuck"  # a trade that should be closed is not
    UNKNOWN_OUTCOME = "unknown_outcome"  # nobody knows yet what became of an order; and what did, later
    TAKEOVER = "takeover"  # this process leads after another one
    HALTED = "halted"  # nobody guards the positions; and that they are guarded again
    PAUSED = "paused"  # opens were stopped or allowed again, by a person or by the program
    DAILY_SUMMARY = "daily_summary"
    ALERTS = "alerts"  # whatever else the operator is told of


class NotificationSettings(Model):
    """Messages to people: none are sent unless a service is named."""

    urls: tuple[SecretStr, ...] = ()  # as apprise writes them
    events: tuple[Event, ...] = tuple(Event)
    daily_summary_at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "21:30"  # UTC
    fold_seconds: Annotated[float, Field(ge=0, le=86_400)] = 900.0
    queue_length: Annotated[int, Field(ge=10, le=10_000)] = 200
    most_per_hour: Annotated[int, Field(ge=4, le=3_600)] = 60
    attempts: Annotated[int, Field(ge=1, le=100)] = 8
    retry_seconds: Annotated[float, Field(ge=1, le=3_600)] = 15.0
    give_up_seconds: Annotated[float, Field(ge=60, le=7 * 86_400)] = 3_600.0

    @model_validator(mode="after")
    def urls_are_addresses(self) -> NotificationSettings:
        """Refuse what cannot be an address of a service. The value stays out of the message: it is a secret."""
        for number, url in enumerate(self.urls):
            if not ADDRESS.fullmatch(url.get_secret_value().strip()):
                raise ValueError(f"urls[{number}] is no address; expected one such as ntfy://host/topic (a secret)")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """The services' addresses, secrets and all."""
        return tuple(url.get_secret_value().strip() for url in self.urls)

    @property
    def summary_offset(self) -> int:
        """When the daily summary is due, in milliseconds after midnight UTC."""
        hours, minutes = self.daily_summary_at.split(":")
        return int(hours) * HOUR + int(minutes) * MINUTE
