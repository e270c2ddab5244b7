"""The queue of notices: bounded, each key once, the urgent first, and no more in an hour than was allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from actors.notice_words import folded
from actors.notices import Delivery, Notice, NotificationCounts, Parcel, Urgency
from actors.outbox import Folds, Outbox
from trading.settings_notifications import Event, NotificationSettings


def settings(
    services: int = 1, queue_length: int = 10, most_per_hour: int = 4, attempts: int = 8
) -> NotificationSettings:
    """So many services, and these limits."""
    urls = tuple(SecretStr(f"json://127.0.0.1/{number}") for number in range(services))
    return NotificationSettings(urls=urls, queue_length=queue_length, most_per_hour=most_per_hour, attempts=attempts)


def outbox(**limits: int) -> tuple[Outbox, NotificationCounts]:
    """An empty one, and what it counts."""
    counts = NotificationCounts()
    return Outbox(settings(**limits), counts), counts


def notice(key: str, urgency: Urgency = Urgency.NORMAL) -> Notice:
    """Something to be told."""
    return Notice(key, Event.ALERTS, urgency, 0, key, key)


def keys(parcels: Sequence[Parcel]) -> list[str]:
    """What is on its way."""
    return [parcel.notice.key for parcel in parcels]


def taken(parcels: Sequence[Parcel]) -> list[Delivery]:
    """Every service takes everything."""
    return [Delivery(place, service, "made") for place, parcel in enumerate(parcels) for service in parcel.services]


def test_a_key_is_taken_once() -> None:
    box, counts = outbox()
    box.put(notice("one"), 0.0)
    box.put(notice("one"), 1.0)
    assert counts.waiting == 1


def test_a_full_queue_lets_the_oldest_of_the_least_urgent_go() -> None:
    box, counts = outbox(queue_length=10, most_per_hour=100)
    box.put(notice("doubt", Urgency.URGENT), 0.0)
    for number in range(12):
        box.put(notice(f"opened {number}", Urgency.LOW), 1.0)
    assert counts.dropped == 3
    assert keys(box.take(2.0, 0))[:2] == ["doubt", "opened 3"]


@given(st.lists(st.sampled_from(list(Urgency)), max_size=60))
def test_nothing_urgent_is_dropped_while_anything_else_waits(urgencies: list[Urgency]) -> None:
    box, counts = outbox(queue_length=10, most_per_hour=3_600)
    for number, urgency in enumerate(urgencies):
        box.put(notice(str(number), urgency), float(number))
    found: list[Notice] = []
    while parcels := box.take(1_000.0, 0):
        found += [parcel.notice for parcel in parcels]
        box.settle(parcels, taken(parcels), 1_000.0)
    assert len(found) == min(len(urgencies), 10)
    assert counts.dropped == len(urgencies) - len(found)
    for urgency in Urgency:
        lost = urgencies.count(urgency) - sum(kept.urgency is urgency for kept in found)
        assert not lost or all(kept.urgency >= urgency for kept in found)


@given(st.lists(st.tuples(st.sampled_from(list(Urgency)), st.floats(0, 600)), max_size=80), st.integers(4, 20))
def test_no_hour_has_more_messages_than_allowed_but_for_the_word_of_the_others(
    arrivals: list[tuple[Urgency, float]], most: int
) -> None:
    box, counts = outbox(queue_length=10_000, most_per_hour=most)
    begun: list[float] = []
    words = 0
    at = 0.0
    for number, (urgency, later) in enumerate([*arrivals, *[(Urgency.LOW, 1_800.0)] * 6]):
        at += later
        if number < len(arrivals):
            box.put(notice(str(number), urgency), at)
        parcels = box.take(at, 0)
        begun += [at] * len(parcels)
        words += sum(parcel.notice.title.startswith("Watchbill: and") for parcel in parcels)
        box.settle(parcels, taken(parcels), at)
        assert sum(one > at - 3_600 for one in begun) <= most
    assert not counts.held_back or words or counts.waiting


def test_a_service_that_fails_is_left_alone_ever_longer_and_the_other_is_served() -> None:
    box, counts = outbox(services=2, most_per_hour=100)
    box.put(notice("first"), 0.0)
    asked: list[float] = []
    for second in range(200):
        parcels = box.take(float(second), 0)
        if parcels:
            asked += [float(second)] * any(1 in parcel.services for parcel in parcels)
            box.settle(
                parcels, [Delivery(0, s, "made", "away" if s else "") for s in parcels[0].services], float(second)
            )
    assert asked == [0.0, 15.0, 45.0, 105.0]
    box.put(notice("second"), 200.0)
    assert [parcel.services for parcel in box.take(200.0, 0)] == [(0,)]
    assert counts.sent == 0, "the first is not settled while a service may still take it"


def test_what_nothing_is_known_of_is_tried_again() -> None:
    box, _ = outbox()
    box.put(notice("one"), 0.0)
    settled, failed = box.settle(box.take(0.0, 0), [], 20.0)
    assert (settled, failed) == ([], {0: "no answer in time"})
    assert keys(box.take(40.0, 0)) == ["one"]


def test_after_so_many_attempts_it_is_given_up() -> None:
    box, counts = outbox(attempts=2)
    box.put(notice("one"), 0.0)
    box.settle(box.take(0.0, 0), [], 20.0)
    settled, _ = box.settle(box.take(100.0, 0), [], 120.0)
    assert [each.outcome for each in settled] == ["given up after so many attempts"]
    assert (counts.failed, counts.waiting) == (1, 0)


def test_a_fold_is_said_with_its_count_ever_more_seldom_and_ends_when_it_is_quiet() -> None:
    folds = Folds(60.0)
    said = []
    for second in range(600):
        if folds.is_new(notice("it"), float(second)):
            said.append((second, 0))
        overs = folds.over(float(second), folded)
        said += [(second, int(over.text.partition("(")[2].partition(" ")[0])) for over in overs]
    assert said == [(0, 0), (60, 60), (180, 120), (420, 240)]
    assert folds.over(1_000.0, folded)
    assert folds.over(3_000.0, folded) == []
    assert folds.is_new(notice("it"), 3_001.0)


def test_what_is_urgent_is_said_again_at_least_every_hour_and_anew_once_its_opposite_was_said() -> None:
    folds = Folds(900.0)
    urgent = replace(notice("it"), urgency=Urgency.URGENT)
    said = []
    for minute in range(24 * 60):
        folds.is_new(urgent, 60.0 * minute)
        said += [minute for _ in folds.over(60.0 * minute, folded)]
    assert max(after - before for before, after in pairwise(said)) == 60
    folds.end("it")
    assert folds.is_new(urgent, 86_460.0)
