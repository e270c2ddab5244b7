"""What the ledger lets go of when it is old, and what it keeps however old it is."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from made_ledger import NOON, Holder, a_ledger, a_line

from actors.caretaker import PAUSE_SECONDS, RETRY_SECONDS, CaretakerActor
from actors.system.runtime_virtual import VirtualWorld
from actors.system.spec import Spec
from actors.system.system import System
from persistence.errors import LedgerUnavailable
from persistence.journal import VALUATION
from persistence.ledger import Ledger
from persistence.retention import LEAST_DAYS_OF_KEYS, LINES_AT_A_TIME, Pruned
from trading.market import DAY, SECOND, Instant

KEEP_DAYS = 90
LATER = NOON + (KEEP_DAYS + 1) * DAY


def prune(
    ledger: Ledger, now: Instant, keep_days: int = KEEP_DAYS, valuations_keep_days: int = KEEP_DAYS
) -> list[Pruned]:
    """Every step, from the oldest line on."""
    steps = [ledger.retention.step(now, keep_days, valuations_keep_days=valuations_keep_days)]
    while (after_id := steps[-1].next_id) is not None:
        steps.append(ledger.retention.step(now, keep_days, after_id, valuations_keep_days=valuations_keep_days))
    return steps


def reasons(ledger: Ledger) -> list[str]:
    return [line.reason for line in ledger.journal.list(newest_first=False)]


def test_lines_go_when_their_newest_entry_is_older_than_the_days_asked_for() -> None:
    with a_ledger() as ledger:
        ledger.journal.append(a_line(reason="just old enough"), a_line(reason="not yet", at=NOON + 1))
        assert sum(step.lines for step in prune(ledger, NOON + KEEP_DAYS * DAY + 1)) == 1
        assert reasons(ledger) == ["not yet"]


def test_a_line_that_was_said_again_lately_stays() -> None:
    with a_ledger() as ledger:
        for at in (NOON, LATER):
            ledger.journal.append(a_line("refusal", at=at), fold=True)
        prune(ledger, LATER)
        (line,) = ledger.journal.list()
        assert line.repeated == 2


def test_lines_of_a_trade_that_is_not_settled_stay_with_the_decision_that_led_to_it() -> None:
    with a_ledger() as ledger:
        me = Holder(ledger)
        ledger.journal.append(
            a_line(reason="decided", analysis_id="still open"), a_line(reason="decided on the closed")
        )
        me.submit(a_line(reason="submitted"), analysis_id="still open")
        other = me.open(commodity="GBPUSD", analysis_id="closed since")
        ledger.journal.append(a_line(reason="opened", trade_id=other.trade_id))
        prune(ledger, LATER)
        assert reasons(ledger) == ["decided", "submitted", "opened"]
        me.close(other)
        prune(ledger, LATER)
        assert reasons(ledger) == ["decided", "submitted"]


def test_a_long_journal_goes_in_small_steps_and_is_not_read_beyond_what_is_old() -> None:
    with a_ledger() as ledger:
        old, young = 2 * LINES_AT_A_TIME + 10, 3 * LINES_AT_A_TIME
        ledger.journal.append(*(a_line(reason="old") for _ in range(old)))
        ledger.journal.append(*(a_line(reason="young", at=LATER) for _ in range(young)))
        steps = prune(ledger, LATER)
        assert [step.lines for step in steps] == [LINES_AT_A_TIME, LINES_AT_A_TIME, 10, 0]
        assert reasons(ledger) == ["young"] * young


def test_lines_kept_for_an_open_trade_do_not_hide_those_behind_them() -> None:
    with a_ledger() as ledger:
        trade = Holder(ledger).open()
        ledger.journal.append(*(a_line(reason="kept", trade_id=trade.trade_id) for _ in range(LINES_AT_A_TIME + 1)))
        ledger.journal.append(a_line(reason="behind"))
        prune(ledger, LATER)
        assert set(reasons(ledger)) == {"kept"}


def test_valuations_have_days_of_their_own_and_do_not_hide_the_lines_behind_them() -> None:
    with a_ledger() as ledger:
        ledger.journal.append(*(a_line(VALUATION, reason="valued") for _ in range(LINES_AT_A_TIME + 1)))
        ledger.journal.append(a_line(reason="behind"))
        prune(ledger, LATER, valuations_keep_days=KEEP_DAYS + 2)
        assert reasons(ledger) == ["valued"] * (LINES_AT_A_TIME + 1)
        prune(ledger, LATER + 2 * DAY, valuations_keep_days=KEEP_DAYS + 2)
        assert reasons(ledger) == []


def test_valuations_may_go_before_everything_else_does() -> None:
    with a_ledger() as ledger:
        ledger.journal.append(a_line(VALUATION, reason="valued"), a_line(reason="kept"))
        prune(ledger, NOON + 2 * DAY, valuations_keep_days=1)
        assert reasons(ledger) == ["kept"]


def test_another_crew_may_keep_its_lines_for_longer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    with a_ledger(url, crew="one") as one, a_ledger(url, crew="two") as two:
        one.journal.append(a_line())
        two.journal.append(a_line())
        prune(one, LATER)
        assert (len(one.journal.list()), len(two.journal.list())) == (0, 1)


def test_keys_of_jobs_go_too_but_never_before_a_clock_could_ask_for_them_again() -> None:
    with a_ledger() as ledger:
        ledger.schedule.fire("day_end:old", NOON)
        ledger.schedule.fire("day_end:young", NOON + 2)
        steps = prune(ledger, NOON + LEAST_DAYS_OF_KEYS * DAY + 1, keep_days=1)
        assert [step.keys for step in steps] == [1]
        assert not ledger.schedule.has_fired("day_end:old")
        assert ledger.schedule.has_fired("day_end:young")


# ---------------------------------------------------------------- the actor


def caring(world: VirtualWorld, ledger: Ledger) -> System:
    """A process in which only the caretaker runs."""
    system = System(world.process())
    system.start([Spec("caretaker", lambda: CaretakerActor(ledger.retention, KEEP_DAYS, KEEP_DAYS), 3)])
    return system


def test_the_caretaker_prunes_at_the_start_and_then_once_a_day() -> None:
    with a_ledger() as ledger, VirtualWorld(LATER, None) as world:
        ledger.journal.append(*(a_line() for _ in range(LINES_AT_A_TIME + 1)), a_line(reason="young", at=LATER))
        system = caring(world, ledger)
        world.run_for(5 * PAUSE_SECONDS)
        assert reasons(ledger) == ["young"]
        ledger.journal.append(a_line())
        world.run_for(DAY / SECOND / 2)
        assert len(ledger.journal.list()) == 2, "not before the day is over"
        world.run_for(DAY / SECOND / 2)
        assert reasons(ledger) == ["young"]
        system.stop()


def test_a_database_that_fails_is_alerted_and_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_ledger() as ledger, VirtualWorld(LATER, None) as world:
        ledger.journal.append(a_line())
        works, attempts = ledger.retention.step, itertools.count()

        def fails_once(now: Instant, keep_days: int, after_id: int = 0, *, valuations_keep_days: int) -> Pruned:
            if next(attempts) == 0:
                raise LedgerUnavailable("it", "the disk is full")
            return works(now, keep_days, after_id, valuations_keep_days=valuations_keep_days)

        monkeypatch.setattr(ledger.retention, "step", fails_once)
        system = caring(world, ledger)
        world.run_for(1)
        assert [alert.reason for alert in system.alerts] == ["journal_not_pruned"]
        world.run_for(RETRY_SECONDS)
        assert ledger.journal.list() == []
        assert [alert.reason for alert in system.alerts] == ["journal_not_pruned"], "no crash, no second alert"
        system.stop()
