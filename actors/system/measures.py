"""What a process measures of its actors while it runs: kept in memory, read by the console, and free where not wanted.

One of these lasts as long as the process, over all terms of office, so its figures only ever grow. A `System` without
one, such as that of a replay, measures nothing and reads no clock for it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from actors.system.errors import ActorDead, ActorError, AskTimeout, Crashed, Expired, MailboxFull, NoSuchActor, Refusal
from trading.histogram import Distribution, Histogram

MOST_REASONS = 100  # of alerts: some are a broker's own codes
OTHER = "other"  # what is left when there are more

_WHY: tuple[tuple[type[ActorError], str], ...] = (
    (Refusal, "refused"),
    (AskTimeout, "deadline"),
    (Expired, "deadline"),
    (Crashed, "crashed"),
    (MailboxFull, "mailbox_full"),
    (ActorDead, "dead"),
    (NoSuchActor, "dead"),
)


@dataclass(frozen=True, slots=True)
class ActorMeasures:
    """All of it at one moment."""

    asks: Mapping[tuple[str, str], Distribution]  # seconds, by asked actor and kind of message; answered ones
    unanswered: Mapping[tuple[str, str, str], int]  # by asked actor, kind of message, and why there was no answer
    handling: Mapping[str, Distribution]  # seconds that one message kept the actor, by actor
    alerts: Mapping[str, int]  # by reason


class Measures:
    """Takes the measures. Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asks: dict[tuple[str, str], Histogram] = {}
        self._unanswered: Counter[tuple[str, str, str]] = Counter()
        self._handling: dict[str, Histogram] = {}
        self._alerts: Counter[str] = Counter()

    def asked(self, actor: str, message: object, seconds: float) -> None:
        """An actor has answered so long after it was asked."""
        key = actor, type(message).__name__
        with self._lock:
            histogram = self._asks.get(key)
            if histogram is None:
                histogram = self._asks[key] = Histogram()
            histogram.observe(seconds)

    def not_answered(self, actor: str, message: object, error: ActorError) -> None:
        """Whoever asked got this instead of an answer."""
        why = next((word for kind, word in _WHY if isinstance(error, kind)), "other")
        with self._lock:
            self._unanswered[actor, type(message).__name__, why] += 1

    def handling(self, actor: str) -> Histogram:
        """Where the thread of this actor, and no other, observes how long each message keeps it."""
        with self._lock:
            return self._handling.setdefault(actor, Histogram())

    def alerted(self, reason: str) -> None:
        """An alert went out."""
        with self._lock:
            known = reason in self._alerts or len(self._alerts) < MOST_REASONS
            self._alerts[reason if known else OTHER] += 1

    def read(self) -> ActorMeasures:
        """Everything so far."""
        with self._lock:
            return ActorMeasures(
                {key: histogram.distribution() for key, histogram in self._asks.items()},
                dict(self._unanswered),
                {actor: histogram.distribution() for actor, histogram in self._handling.items()},
                dict(self._alerts),
            )
