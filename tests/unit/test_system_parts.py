"""The small parts of the actor system: specifications, errors, timer queues, alerts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.system.alerts import is_worth_an_alert
from actors.system.errors import ActorError, AskTimeout, MailboxFull, OutcomeUnknown, Refusal
from actors.system.spec import Spec
from actors.system.timers import Timer, TimerQueue
from actors.system.virtual_time import VirtualTime


class Nobody:
    """Owns timers that never fire."""

    def timer_due(self, timer: Timer) -> None: ...

    def timer_gone(self, timer: Timer) -> None: ...

    def receive(self, message: Any, context: Any) -> None: ...


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name: an actor needs one"),
        ({"level": -1}, "a: level must be at least 0"),
        ({"mailbox_capacity": 0}, "a: mailbox_capacity must be at least 1"),
        ({"max_restarts": -1}, "a: max_restarts must be at least 0"),
        ({"restart_window_seconds": float("inf")}, "a: restart_window_seconds must be at least 0 and finite"),
        ({"backoff_seconds": float("nan")}, "a: backoff_seconds must be at least 0 and finite"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Spec(**{"name": "a", "factory": Nobody, "level": 1, **options})


def test_the_docstring_of_an_error_is_its_message() -> None:
    class Sulking(Refusal):
        """The actor sulks."""

    class Unnamed(ActorError):
        pass

    assert str(MailboxFull("trader", "Open")) == (
        "The mailbox has no room for the message, so it was not executed: trader, Open"
    )
    assert str(Refusal("not today")) == "The actor refused: not today"
    assert str(Sulking()) == "The actor sulks"
    assert str(Unnamed("x")) == "Unnamed: x"
    assert issubclass(AskTimeout, OutcomeUnknown)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=60),
    st.integers(0, 5),
)
def test_a_timer_queue_gives_what_is_due_in_order_and_keeps_the_rest(
    armed: list[tuple[int, int, bool]], now: int
) -> None:
    queue = TimerQueue()
    kept: list[tuple[int, int, int]] = []
    for count, (due, rank, is_cancelled) in enumerate(armed):
        timer = Timer(None, Nobody(), 0, rank, count)
        queue.add(due, timer)
        if is_cancelled:
            timer.cancel()
        else:
            kept.append((due, rank, count))
    expected = sorted(kept)
    assert [(timer.due, timer.rank, timer.count) for timer in queue.pop_due(now)] == [
        entry for entry in expected if entry[0] <= now
    ]
    assert queue.next_due() == next((entry[0] for entry in expected if entry[0] > now), None)


def test_timers_that_are_always_cancelled_do_not_pile_up() -> None:
    queue = TimerQueue()
    for count in range(10_000):
        timer = Timer(None, Nobody(), 0, 0, count)
        queue.add(1e9, timer)
        timer.cancel()
    assert len(queue) < 2_000


def test_alerts_thin_out_by_powers_of_ten() -> None:
    assert [count for count in range(1, 5_000) if is_worth_an_alert(count)] == [1, 10, 100, 1_000]


@given(st.lists(st.one_of(st.integers(0, 10**7), st.integers(0, 10**13)), max_size=20))
def test_a_market_timer_is_never_early_by_rounding(steps: list[int]) -> None:
    time = VirtualTime(1_700_000_000_123, flowing=True)
    for step in steps:
        time.move_to(time.elapsed + step)
        due = time.market + step // 1_000
        time.move_to(time.elapsed_at(due))
        assert time.market == due
