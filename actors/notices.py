"""What people are told: one notice each, and what is asked of whoever carries notices to the services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from actors.system.alerts import Alert
from actors.system.message import Message
from trading.market import Instant
from trading.settings_notifications import Event


class Urgency(IntEnum):
    """Which of two notices goes first, and which is let go first."""

    LOW = 0
    NORMAL = 1
    URGENT = 2


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that people are to be told, once."""

    key: str  # the same key is the same thing said again
    event: Event
    urgency: Urgency
    at: Instant  # market time
    title: str
    text: str
    platform: str | None = None
    commodity: str | None = None
    trade_id: int | None = None
    subject: str = ""  # of which it tells the state, so that it makes an older notice of the same untrue; empty: none
    state: str = ""  # of the subject


@dataclass(frozen=True, slots=True)
class Parcel:
    """A notice on its way to some of the services, which go by their places in the settings."""

    notice: Notice
    services: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one service did with one parcel."""

    parcel: int  # its place among those that were handed over
    service: int
    name: str  # what kind of service it is, such as ntfy; empty: that could not be found out
    error: str = ""  # empty: it took it


class Sender(Protocol):
    """Carries parcels to the services. No call waits for a service."""

    def begin(self, parcels: Sequence[Parcel]) -> None:
        """Set out with these. What an earlier call has begun is given up."""

    def result(self) -> Sequence[Delivery] | None:
        """What came of it, once; None while it goes on. Of a service that is not named, nothing is known."""

    def cancel(self) -> None:
        """Give up at once what was begun."""


@dataclass(slots=True)
class NotificationCounts:
    """How many notices came to what in this process. Written by one actor; any thread may read the numbers."""

    sent: int = 0  # at least one service took it
    failed: int = 0  # given up: no service took it in time
    dropped: int = 0  # the queue was full
    held_back: int = 0  # over the most that may be sent in an hour; they are counted in one message
    folded: int = 0  # the same was said a short time before, or a newer one made it untrue
    waiting: int = 0  # now
    attempts_failed: int = 0  # deliveries that a service did not take, each to be tried again


# ---------------------------------------------------------------- to the NotifierActor


@dataclass(frozen=True, slots=True)
class Alerted(Message):
    """The operator was told of something."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class LookAround(Message):
    """Timer: has a mode been changed, is a fold over, is something due again?"""


@dataclass(frozen=True, slots=True)
class SetOut(Message):
    """Timer: send what waits."""


@dataclass(frozen=True, slots=True)
class LookAtSending(Message):
    """Timer: have the services answered?"""


@dataclass(frozen=True, slots=True)
class SummaryDue(Message):
    """Timer: the daily summary is to be made."""

    due_at: Instant
