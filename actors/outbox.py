"""The notices that wait: bounded, each once, the urgent ones first, and not too many of them in an hour.

It knows no clock, no service and no ledger; times are elapsed seconds.

A notice waits for each service on its own: one that has taken it is not told again because another has not. A service
that fails is left alone for a while, twice as long each time; the others are not held up by that.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from actors.notices import Delivery, Notice, NotificationCounts, Parcel, Urgency
from trading.market import Instant
from trading.settings_notifications import Event, NotificationSettings

HOUR_SECONDS = 3_600.0
HELD_BACK_SECONDS = 900.0  # before what was held back is told of: the rest of it is in the same message
LONGEST_PAUSE_SECONDS = 900.0
MOST_IN_A_BATCH = 10
MOST_KEYS = 5_000
URGENT_PART = 4  # one in so many of an hour's messages is kept for what is urgent


@dataclass(slots=True)
class Waiting:
    """A notice in the queue."""

    notice: Notice
    since: float
    left: dict[int, int]  # by service that has not taken it: how often it was tried
    is_taken: bool = False  # by some service
    is_overtaken: bool = False  # a newer notice of its subject has made it untrue


@dataclass(frozen=True, slots=True)
class Settled:
    """A notice that has left the queue."""

    notice: Notice
    outcome: str  # sent, or why not
    services: tuple[str, ...] = ()  # the kinds of those that took it last


class Outbox:
    """The queue of one process."""

    def __init__(self, settings: NotificationSettings, counts: NotificationCounts) -> None:
        self._settings = settings
        self._counts = counts
        self._services = range(len(settings.urls))
        self._queue: list[Waiting] = []  # the oldest first
        self._keys: OrderedDict[str, None] = OrderedDict()  # of what was put in, the oldest first
        self._batch: list[Waiting] = []  # on its way
        self._begun: deque[float] = deque()  # when each of the last hour's notices was first sent
        self._fails: Counter[int] = Counter()  # by service, in a row
        self._not_before: dict[int, float] = {}
        self._held_back: Counter[Event] = Counter()
        self._held_back_since = 0.0
        self._overtaken: list[Settled] = []  # to be told of with what is settled next

    @property
    def is_sending(self) -> bool:
        """Whether a batch is on its way."""
        return bool(self._batch)

    def knows(self, key: str) -> bool:
        """Whether this was said, or waits to be."""
        return key in self._keys

    def remember(self, key: str) -> None:
        """Take it for said."""
        self._keys[key] = None
        while len(self._keys) > MOST_KEYS:
            self._keys.popitem(last=False)

    def put(self, notice: Notice, elapsed: float) -> None:
        """Let it wait, unless its key was put in before. The queue being full, the least urgent and oldest goes.

        What waits and tells an older state of its subject is not sent any more: tried again after this one, it would
        have the last word.
        """
        if self.knows(notice.key):
            return
        self.remember(notice.key)
        if notice.subject:
            self._overtake(notice.subject)
        self._queue.append(Waiting(notice, elapsed, dict.fromkeys(self._services, 0)))
        if len(self._queue) + len(self._batch) > self._settings.queue_length:
            self._queue.remove(min(self._queue, key=lambda waiting: waiting.notice.urgency))
            self._counts.dropped += 1
        self._count()

    def take(self, elapsed: float, at: Instant) -> Sequence[Parcel]:
        """The next batch, the urgent and then the oldest first; empty while there is nothing to be sent now."""
        if self._batch:
            return ()
        self._forget_before(elapsed - HOUR_SECONDS)
        self._tell_of_held_back(elapsed, at)
        parcels: list[Parcel] = []
        for waiting in sorted(self._queue, key=lambda waiting: -waiting.notice.urgency):
            services = tuple(service for service in waiting.left if self._not_before.get(service, 0.0) <= elapsed)
            if not services or len(parcels) == MOST_IN_A_BATCH:
                continue
            if not any(waiting.left.values()) and not waiting.is_taken and not self._may_begin(waiting, elapsed):
                continue
            self._batch.append(waiting)
            parcels.append(Parcel(waiting.notice, services))
        self._queue = [waiting for waiting in self._queue if waiting not in self._batch]
        self._count()
        return parcels

    def settle(
        self, parcels: Sequence[Parcel], deliveries: Sequence[Delivery], elapsed: float
    ) -> tuple[list[Settled], dict[int, str]]:
        """What has left the queue by that, and of each service that did not take everything, why.

        What nothing is known of counts as not delivered: it may be said twice, rather than never.
        """
        batch, self._batch = self._batch, []
        found = {(delivery.parcel, delivery.service): delivery for delivery in deliveries}
        failed: dict[int, str] = {}
        reached: set[int] = set()
        settled, self._overtaken = self._overtaken, []
        for place, (waiting, parcel) in enumerate(zip(batch, parcels, strict=True)):
            names = []
            for service in parcel.services:
                delivery = found.get((place, service))
                if delivery is not None and not delivery.error:
                    del waiting.left[service]
                    waiting.is_taken = True
                    reached.add(service)
                    names.append(delivery.name)
                    continue
                waiting.left[service] += 1
                self._counts.attempts_failed += 1
                failed.setdefault(service, "no answer in time" if delivery is None else delivery.error)
                if waiting.left[service] >= self._settings.attempts:
                    del waiting.left[service]
            if not waiting.left or waiting.is_overtaken:
                settled.append(self._ended(waiting, "given up after so many attempts", names))
            else:
                self._queue.append(waiting)
        self._pause(failed, reached, elapsed)
        settled += self._too_old(elapsed)
        self._queue.sort(key=lambda waiting: waiting.since)
        self._count()
        return settled, failed

    def service_failures(self, service: int) -> int:
        """How often in a row it has failed."""
        return self._fails[service]

    def _overtake(self, subject: str) -> None:
        for waiting in (*self._batch, *self._queue):
            waiting.is_overtaken = waiting.is_overtaken or waiting.notice.subject == subject
        gone = [waiting for waiting in self._queue if waiting.is_overtaken]
        self._queue = [waiting for waiting in self._queue if not waiting.is_overtaken]
        self._overtaken += [self._ended(waiting, "") for waiting in gone]

    def _ended(self, waiting: Waiting, why_not: str, names: Sequence[str] = ()) -> Settled:
        if waiting.is_taken:
            self._counts.sent += 1
            return Settled(waiting.notice, "sent", tuple(dict.fromkeys(names)))
        if waiting.is_overtaken:
            self._counts.folded += 1
            return Settled(waiting.notice, "not sent: a newer one tells more")
        self._counts.failed += 1
        return Settled(waiting.notice, why_not)

    def _too_old(self, elapsed: float) -> list[Settled]:
        old = [waiting for waiting in self._queue if elapsed - waiting.since > self._settings.give_up_seconds]
        self._queue = [waiting for waiting in self._queue if waiting not in old]
        return [self._ended(waiting, "given up: too old") for waiting in old]

    def _pause(self, failed: dict[int, str], reached: set[int], elapsed: float) -> None:
        """Leave a service alone that took nothing; one that took some of it is asked again for the rest."""
        for service in reached:
            self._fails.pop(service, None)
            self._not_before.pop(service, None)
        for service in failed:
            self._fails[service] += 1
            doublings = min(self._fails[service] - 1, 20)
            pause = min(self._settings.retry_seconds * 2.0**doublings, LONGEST_PAUSE_SECONDS)
            self._not_before[service] = elapsed + pause

    def _may_begin(self, waiting: Waiting, elapsed: float) -> bool:
        """Count it against the hour. What is urgent, or the newest of its subject, waits for room; anything else is
        let go, and told of later.
        """
        most = self._settings.most_per_hour
        is_urgent = waiting.notice.urgency is Urgency.URGENT
        if len(self._begun) < (most if is_urgent else most - most // URGENT_PART):
            self._begun.append(elapsed)
            return True
        if not is_urgent and not waiting.notice.subject:
            if not self._held_back:
                self._held_back_since = elapsed
            self._held_back[waiting.notice.event] += 1
            self._counts.held_back += 1
            self._queue.remove(waiting)
        return False

    def _tell_of_held_back(self, elapsed: float, at: Instant) -> None:
        most = self._settings.most_per_hour
        has_room = len(self._begun) < most - most // URGENT_PART
        if not self._held_back or not has_room or elapsed - self._held_back_since < HELD_BACK_SECONDS:
            return
        named = ", ".join(f"{count} {event.value.replace('_', ' ')}" for event, count in self._held_back.most_common())
        number = sum(self._held_back.values())
        self._held_back.clear()
        title = f"Watchbill: and {number} more"
        text = f"More than {most} messages an hour are not sent. Held back: {named}. The journal has them all."
        notice = Notice(f"held back:{elapsed}", Event.ALERTS, Urgency.NORMAL, at, title, text)
        self._queue.insert(0, Waiting(notice, elapsed, dict.fromkeys(self._services, 0)))

    def _forget_before(self, elapsed: float) -> None:
        while self._begun and self._begun[0] <= elapsed:
            self._begun.popleft()

    def _count(self) -> None:
        self._counts.waiting = len(self._queue) + len(self._batch)


class Folds:
    """What is said again and again is said once, and then with a count: first after a short while, later ever more
    seldom, up to once in a day, or once in an hour what is urgent. A while in which it was not said ends that.

    Of a subject with opposite states, each state is said once at once. When it goes to and fro, its newest state is
    said as above, and also as soon as it has lasted for a short while: what was said last of it never stays untrue.
    """

    LONGEST_SECONDS = 86_400.0
    LONGEST_URGENT_SECONDS = 3_600.0

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._open: dict[str, Fold] = {}

    def is_new(self, notice: Notice, elapsed: float) -> bool:
        """Whether it is to be said now; otherwise it is counted, and said with the others of its fold."""
        fold = self._open.get(notice.key)
        if fold is None or (notice.urgency is Urgency.URGENT and notice.state != fold.newest.state):
            if self._seconds > 0:
                until = elapsed + self._seconds
                self._open[notice.key] = Fold(notice, elapsed, until, self._seconds, notice.state, {notice.state})
            return True
        fold.newest, fold.newest_at = notice, elapsed
        if notice.state in fold.states:
            fold.count += 1
            return False
        fold.states.add(notice.state)
        fold.said, fold.count = notice.state, 0
        return True

    def end(self, key: str) -> None:
        """What is said of this next is news again."""
        self._open.pop(key, None)

    def over(self, elapsed: float, make: Callable[[Notice, int], Notice]) -> list[Notice]:
        """The notices of the folds that are over. ``make``: how one is written that stands for so many."""
        said: list[Notice] = []
        for key, fold in list(self._open.items()):
            is_untrue = fold.said != fold.newest.state and fold.newest_at + self._seconds <= elapsed
            if fold.until > elapsed and not is_untrue:
                continue
            if not fold.count:
                del self._open[key]
                continue
            said.append(make(fold.newest, fold.count))
            fold.said = fold.newest.state
            is_urgent = fold.newest.urgency is Urgency.URGENT
            fold.seconds = min(2 * fold.seconds, self.LONGEST_URGENT_SECONDS if is_urgent else self.LONGEST_SECONDS)
            fold.until, fold.count = elapsed + fold.seconds, 0
        return said


@dataclass(slots=True)
class Fold:
    """One thing that is said again and again. Times are elapsed seconds."""

    newest: Notice
    newest_at: float
    until: float
    seconds: float
    said: str  # the state that was said last
    states: set[str]  # that were said since it began
    count: int = 0  # since it was said last
