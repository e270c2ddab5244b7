"""Whatever goes to and fro, and whatever services fail meanwhile: the last that people read of a subject is true."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from actors.names import (
    BROKER_AWAY,
    BROKER_BACK,
    DECISIONS_AGAIN,
    FEED_BACK,
    FEED_DEAD,
    HALT_LIFTED,
    LEDGER_ANSWERS,
    STANDING_BY,
    TOOK_POST,
)
from actors.notice_words import folded, of_alert
from actors.notices import Delivery, Notice, NotificationCounts
from actors.outbox import Folds, Outbox
from actors.reservation import LEASE_CERTAIN, LEASE_IN_DOUBT
from actors.system.alerts import Alert
from trading.settings_notifications import NotificationSettings

STATES = {
    "halt": [("halt_watch", "halt", "by anna: nobody guards any position"), ("halt_watch", "halt", HALT_LIFTED)],
    "alpha": [
        ("platform:alpha", BROKER_AWAY, "alpha: no connection"),
        ("platform:alpha", BROKER_BACK, "alpha: the broker answers again"),
        ("platform:alpha", STANDING_BY, "alpha: another leads"),
        ("platform:alpha", TOOK_POST, "alpha: this process leads the account"),
    ],
    "beta": [
        ("platform:beta", BROKER_AWAY, "beta: no connection"),
        ("platform:beta", BROKER_BACK, "beta: the broker answers again"),
    ],
    "ledger": [
        ("platform:alpha", "ledger", "alpha: disk I/O error; nothing is opened"),
        ("platform:alpha", "ledger", f"alpha: {LEDGER_ANSWERS}"),
    ],
    "decisions": [("trader", "ledger", "disk: full; nothing is decided"), ("trader", "ledger", DECISIONS_AGAIN)],
    "feed": [("feed:desk", FEED_DEAD, "desk is absent: 503"), ("feed:desk", FEED_BACK, "desk can be read again")],
    "lease": [
        ("reservation", LEASE_IN_DOUBT, "account:alpha: the database does not renew it"),
        ("reservation", LEASE_CERTAIN, "account:alpha: the database renews it again, token 7"),
    ],
}
SERVICES = 2
FOLD_SECONDS = 60.0
MOST_PER_HOUR = 3_600


class People:
    """What is told to people through two services, as the notifier has it done."""

    def __init__(self, most_per_hour: int = MOST_PER_HOUR) -> None:
        urls = tuple(SecretStr(f"json://127.0.0.1/{number}") for number in range(SERVICES))
        chosen = NotificationSettings(
            urls=urls, most_per_hour=most_per_hour, attempts=100, give_up_seconds=7 * 86_400, queue_length=1_000
        )
        self.outbox = Outbox(chosen, NotificationCounts())
        self.folds = Folds(FOLD_SECONDS)
        self.read: list[list[Notice]] = [[] for _ in range(SERVICES)]
        self._put = 0

    def hear(self, alert: Alert, elapsed: float) -> None:
        notice = of_alert(alert)
        assert notice is not None
        if self.folds.is_new(notice, elapsed):
            self.put(notice, elapsed)

    def put(self, notice: Notice, elapsed: float) -> None:
        self._put += 1
        self.outbox.put(replace(notice, key=f"{notice.key}:{self._put}"), elapsed)

    def go_on(self, elapsed: float, fails: frozenset[int] = frozenset()) -> None:
        """Send what is due. ``fails``: services that take nothing now."""
        for notice in self.folds.over(elapsed, folded):
            self.put(notice, elapsed)
        parcels = self.outbox.take(elapsed, 0)
        deliveries = []
        for place, parcel in enumerate(parcels):
            for service in parcel.services:
                if service not in fails:
                    self.read[service].append(parcel.notice)
                deliveries.append(Delivery(place, service, "made", "away" if service in fails else ""))
        self.outbox.settle(parcels, deliveries, elapsed)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(STATES)),
        st.integers(0, 3),
        st.sampled_from([0.0, 1.0, 20.0, 45.0, 100.0, 400.0]),
        st.sampled_from([frozenset[int](), frozenset({0}), frozenset({1}), frozenset({0, 1})]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=40)
@given(STEPS)
def test_the_last_notice_of_a_subject_tells_its_true_state(
    steps: list[tuple[str, int, float, frozenset[int]]],
) -> None:
    people, true, elapsed = People(), {}, 0.0
    for name, choice, later, fails in steps:
        elapsed += later
        people.go_on(elapsed)
        true[name] = alert = Alert(0, *STATES[name][choice % len(STATES[name])])
        people.hear(alert, elapsed)
        people.go_on(elapsed, fails)
    for _ in range(20):
        elapsed += 450.0
        people.go_on(elapsed)
    for read in people.read:
        for alert in true.values():
            told = of_alert(alert)
            assert told is not None
            assert [notice for notice in read if notice.subject == told.subject][-1].state == told.state


def test_to_and_fro_is_told_at_once_then_seldom_and_soon_after_it_is_over() -> None:
    people = People()
    told_at: list[int] = []
    for second in range(0, 3_600, 10):
        people.hear(Alert(0, *STATES["beta"][second // 10 % 2]), float(second))
        people.go_on(float(second))
        told_at += [second] * (len(people.read[0]) - len(told_at))
    assert told_at == [0, 10, 60, 180, 420, 900, 1860]
    assert people.read[0][-1].state == BROKER_AWAY
    people.go_on(3_590.0 + FOLD_SECONDS)
    assert people.read[0][-1].text.startswith("beta: the broker answers again (")


def test_a_state_waits_for_room_in_the_hour_and_only_the_newest_of_it_is_sent() -> None:
    people = People(most_per_hour=4)
    for number in range(4):
        people.hear(Alert(0, "monitor", "bad_quote", f"alpha:{number}: crossed"), 0.0)
    people.go_on(0.0)
    for alert in STATES["beta"]:
        people.hear(Alert(0, *alert), 1.0)
        people.go_on(1.0)
    people.go_on(4_000.0)
    titles = Counter(notice.state for notice in people.read[0] if notice.subject)
    assert titles == {BROKER_BACK: 1}


@pytest.mark.parametrize("name", sorted(STATES))
def test_opposite_states_have_one_subject_and_are_told_apart(name: str) -> None:
    notices = [of_alert(Alert(0, *state)) for state in STATES[name]]
    assert len({notice.subject for notice in notices if notice}) == 1
    assert len({notice.state for notice in notices if notice}) == len(notices)


def test_what_two_commodities_of_an_account_are_said_to_be_is_not_the_same_said_again() -> None:
    one, other = (of_alert(Alert(0, "platform:alpha", "stuck", f"alpha:{name}: not closed")) for name in "ab")
    assert one is not None
    assert other is not None
    assert (one.key == other.key, one.subject) == (False, "")
