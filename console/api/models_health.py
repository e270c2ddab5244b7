"""The health of the process and of all that it stands on, as the API answers it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from console.api.models_records import Answer, ReservationRow
from console.api.models_status import DeadFeed


class ActorRow(Answer):
    """An actor at this moment."""

    name: str
    level: int
    state: str
    is_vital: bool = Field(description="The process cannot go on without it.")
    depth: int = Field(description="Messages that wait in its mailbox.")
    processed: int
    conflated: int = Field(description="Messages that a newer one replaced before they were taken.")
    restarts: int
    dead_letters: int
    last_message: str
    answer_age_seconds: float | None = Field(description="Since it last answered a ping; null: it never did.")


class FeedRow(Answer):
    """A source of sentiment."""

    name: str
    is_dead: bool
    since: str | None
    said: str
    read_seconds_ago: float | None = Field(description="Null: it never was, or this process does not lead.")
    answer_age_seconds: float | None = Field(description="Of the actor that reads it.")


class TerminalRow(Answer):
    """An account's way to its broker."""

    platform: str
    connector: str
    enabled: bool
    is_connected: bool | None = Field(description="Null while this process does not lead.")
    reason: str
    at: str | None = Field(description="When its platform last showed the account.")
    silent_seconds: float | None = Field(description="Market time since then.")


class DatabaseRow(Answer):
    """The ledger's database."""

    dialect: str
    name: str = Field(description="The file, or the address without its password.")
    is_reachable: bool
    said: str = Field(description="Why it is not.")
    file_bytes: int | None = Field(description="With its write-ahead log; null for a server.")
    round_trip_milliseconds: float | None


class AlertRow(Answer):
    """What the operator was told."""

    at: str | None
    actor: str
    reason: str
    detail: str


class ProcessRow(Answer):
    """This process."""

    version: str
    process_id: int
    host: str
    owner: str = Field(description="Its name in leases and in the journal.")
    python: str
    uptime_seconds: float
    cpu_seconds: float
    resident_bytes: int | None = Field(description="Memory that it has now; null where the system does not say.")
    threads: int


class Health(Answer):
    """Everything that has to be well, at this moment."""

    leads: bool
    said: str
    market_time: str | None
    source: str | None = Field(description="What the prices are.")
    process: ProcessRow
    database: DatabaseRow
    actors: list[ActorRow] = Field(description="In the order in which they began; none between two terms.")
    feeds: list[FeedRow]
    terminals: list[TerminalRow]
    leases: list[ReservationRow]
    alerts: list[AlertRow] = Field(description="The newest of this term, newest first.")
    dead_feeds: list[DeadFeed]
    broken_configuration: str = Field(description="What is wrong with the settings; the last good ones are in force.")


class SettingsAnswer(Answer):
    """The settings in force. Secrets are masked."""

    source: str = Field(description="Where they came from, in words.")
    file: str | None
    variables: list[str] = Field(description="The names of the environment variables that were read.")
    broken: str = Field(description="What is wrong with those that were given: these are the last good ones.")
    secrets: list[str] = Field(description="The settings that hold a secret, by their places.")
    settings: dict[str, Any]
