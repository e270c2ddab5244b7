"""What an alert tells the state of. Alerts of opposite states have one subject, and only its newest one is true.

An alert that nothing takes back, such as that of a bad quote, has no subject.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.names import (
    CALENDARS_END,
    CALENDARS_EXTENDED,
    FEED_BACK,
    FEED_DEAD,
    IN_BUSINESS,
    JUDGED_AGAIN,
    MARKET_AWAY,
    MARKET_BACK,
    OUT_OF_BUSINESS,
    UNJUDGED,
    WORDS_OF_END,
)
from actors.reservation import LEASE_CERTAIN, LEASE_IN_DOUBT
from actors.system.alerts import Alert

HALT = "halt"  # the reason of the halt watch's alerts
OF_THE_CREW = frozenset({HALT})
OF_MANY = frozenset({"inbox", "lease"})  # one actor minds several: which, stands before the first colon
ENDED = "ended"  # the state where the trouble and its end have one reason

SUBJECTS: Mapping[str, str] = {
    **dict.fromkeys((*OUT_OF_BUSINESS, *IN_BUSINESS), "business"),
    **dict.fromkeys((MARKET_AWAY, MARKET_BACK), "market"),
    **dict.fromkeys((UNJUDGED, JUDGED_AGAIN), "judging"),
    **dict.fromkeys((FEED_DEAD, FEED_BACK), "feed"),
    **dict.fromkeys((LEASE_IN_DOUBT, LEASE_CERTAIN), "lease"),
    **dict.fromkeys((CALENDARS_END, CALENDARS_EXTENDED), "calendars"),
    **{reason: reason for reason in WORDS_OF_END},
}
"""By the alert's reason."""


def about(alert: Alert) -> str:
    """What its words name first, before a colon and a space: figures that differ each time come after it."""
    return alert.detail.partition(": ")[0] if ": " in alert.detail else ""


def subject_of(alert: Alert) -> str:
    """What it tells the state of; empty where nothing takes it back."""
    kind = SUBJECTS.get(alert.reason, "")
    if not kind or kind in OF_THE_CREW:
        return kind
    return f"{kind}:{alert.actor}:{about(alert)}" if kind in OF_MANY else f"{kind}:{alert.actor}"


def state_of(alert: Alert) -> str:
    """Which state it tells of its subject."""
    ends = WORDS_OF_END.get(alert.reason, ())
    return ENDED if any(words in alert.detail for words in ends) else alert.reason


def is_lifted(alert: Alert) -> bool:
    """Whether it tells that a halt is over."""
    return alert.reason == HALT and state_of(alert) == ENDED
