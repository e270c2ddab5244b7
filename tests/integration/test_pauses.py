"""Pauses of an account, of a commodity, or of one on the other: as close as a mode is, and as lasting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from made_ledger import NOON, Clock, Holder, a_ledger, a_line, a_new_trade, make_with_scripts
from sqlalchemy import text

from persistence import backup, restore
from persistence.errors import OpensForbidden
from persistence.ledger import Ledger
from persistence.migrations import REVISIONS
from persistence.pauses import Scope
from persistence.requests import Request
from persistence.tables import RequestState
from trading.market import DAY
from trading.trade import resource

TTL_SECONDS = 60.0
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")  # for another transaction
ON_ALPHA, OF_EURUSD, OF_EURUSD_ON_ALPHA = Scope("alpha", None), Scope(None, "EURUSD"), Scope("alpha", "EURUSD")
SCOPES = pytest.mark.parametrize("scope", [ON_ALPHA, OF_EURUSD, OF_EURUSD_ON_ALPHA], ids=str)


@pytest.fixture
def ledger(any_ledger: str) -> Iterator[Ledger]:
    """A ledger on each kind of database."""
    with a_ledger(any_ledger) as opened:
        yield opened


def pause(ledger: Ledger, scope: Scope, *, paused: bool = True, at: int = NOON) -> bool:
    return ledger.pauses.set("default", scope, paused=paused, reason="the news", by="ann@desk", at=at)


def paused(ledger: Ledger) -> list[str]:
    return [str(record.scope) for record in ledger.pauses.of("default")]


def request_of(number: int, state: RequestState = RequestState.DONE, at: int = NOON) -> Request:
    return Request(f"request-{number}", "halt", "digest", "ann@desk", at, state, "said", {"asked": {}})


def begin(ledger: Ledger, request: Request) -> bool:
    with ledger.writing() as connection:
        return ledger.requests.begin(connection, request)


@SCOPES
def test_what_is_paused_gets_no_order_and_what_is_not_does(ledger: Ledger, scope: Scope) -> None:
    holder = Holder(ledger)
    account = holder.account()
    pause(ledger, scope)
    for commodity, is_free in (("EURUSD", False), ("GBPUSD", scope != ON_ALPHA)):
        slot = holder.hold(resource("alpha", commodity))
        new = a_new_trade(commodity=commodity, analysis_id=f"of {commodity}")
        if is_free:
            ledger.trades.submit(new, account, slot)
            continue
        with pytest.raises(OpensForbidden, match=f"crew default opens nothing {scope}: it is paused") as caught:
            ledger.trades.submit(new, account, slot)
        assert caught.value.mode == "paused"
    assert len(ledger.trades.list()) == (0 if scope == ON_ALPHA else 1)


@SCOPES
def test_a_resume_lifts_just_what_it_names(ledger: Ledger, scope: Scope) -> None:
    every = (ON_ALPHA, OF_EURUSD, OF_EURUSD_ON_ALPHA)
    for one in every:
        assert pause(ledger, one)
    assert pause(ledger, scope, paused=False)
    assert not pause(ledger, scope, paused=False)
    assert set(paused(ledger)) == {str(one) for one in every if one != scope}
    assert pause(ledger, scope)


def test_a_pause_is_kept_with_who_asked_and_the_first_ones_words_stay(ledger: Ledger) -> None:
    assert pause(ledger, ON_ALPHA)
    assert not pause(ledger, ON_ALPHA, at=NOON + 1)
    (record,) = ledger.pauses.of("default")
    assert (record.scope, record.reason, record.by, record.since) == (ON_ALPHA, "the news", "ann@desk", NOON)
    (line,) = ledger.journal.list(kind="pause")
    assert (line.reason, line.platform, line.commodity, line.detail["by"]) == ("paused", "alpha", None, "ann@desk")
    assert ledger.pauses.of("another") == []


def test_of_the_whole_there_is_no_pause_but_a_mode() -> None:
    with pytest.raises(ValueError, match="platform and commodity are None"):
        Scope(None, None)


def test_a_pause_that_was_committed_first_always_wins(any_url: str) -> None:
    """Two processes at once: either the order has its row before the pause is there, or it gets none."""
    with a_ledger(any_url) as trading, a_ledger(any_url) as operating, ThreadPoolExecutor(1) as beside:
        holder = Holder(trading)
        account = holder.account()
        for number in range(10):
            commodity = f"C{number}"
            slot = holder.hold(resource("alpha", commodity))
            stopped = beside.submit(pause, operating, Scope(None, commodity))
            new = a_new_trade(commodity=commodity, analysis_id=f"a{number}")
            try:
                trading.trades.submit(new, account, slot, a_line("submitted"))
            except OpensForbidden:
                was_submitted = False
            else:
                was_submitted = True
            stopped.result()
            kinds = [line.kind for line in trading.journal.list(limit=2)]
            assert kinds[0] == "pause"
            assert ("submitted" in kinds) is was_submitted


@pytest.mark.parametrize("is_first", [True, False], ids=["of a crew without any", "of a crew that had one"])
def test_an_order_waits_for_a_pause_that_is_being_committed(postgresql_url: str, is_first: bool) -> None:
    with a_ledger(postgresql_url) as trading, a_ledger(postgresql_url) as operating, ThreadPoolExecutor(1) as beside:
        holder = Holder(trading)
        account, slot = holder.account(), holder.hold(resource("alpha", "EURUSD"))
        if not is_first:
            pause(operating, OF_EURUSD_ON_ALPHA, paused=False)
            pause(operating, OF_EURUSD_ON_ALPHA)
            pause(operating, OF_EURUSD_ON_ALPHA, paused=False)
        said = {"reason": "", "by": "ann@desk", "at": NOON}
        with operating.writing() as connection:
            operating.pauses.write(connection, "default", OF_EURUSD_ON_ALPHA, paused=True, **said)  # type: ignore[arg-type]  # as named
            order = beside.submit(trading.trades.submit, a_new_trade(), account, slot)
            until = time.monotonic() + TTL_SECONDS
            while not connection.execute(WAITING).scalar_one():
                assert time.monotonic() < until
                assert not order.done()
        with pytest.raises(OpensForbidden, match="paused"):
            order.result()
        assert trading.trades.list() == []


def test_a_pause_waits_for_an_order_whose_row_is_being_committed(postgresql_url: str) -> None:
    with a_ledger(postgresql_url) as trading, a_ledger(postgresql_url) as operating, ThreadPoolExecutor(1) as beside:
        with trading.writing() as connection:
            trading.modes.require_opens(connection, "default", NOON)
            trading.pauses.require_opens(connection, "default", "alpha", "EURUSD")
            stopped = beside.submit(pause, operating, ON_ALPHA)
            until = time.monotonic() + TTL_SECONDS
            while not connection.execute(WAITING).scalar_one():
                assert time.monotonic() < until
                assert not stopped.done()
        assert stopped.result()


def test_what_a_replays_ledger_remembers_of_pauses_is_forgotten_when_they_change() -> None:
    with a_ledger() as ledger:
        assert paused(ledger) == []
        pause(ledger, ON_ALPHA)
        assert paused(ledger) == ["on alpha"]
        holder = Holder(ledger)
        account, slot = holder.account(), holder.hold(resource("alpha", "EURUSD"))
        with pytest.raises(OpensForbidden):
            ledger.trades.submit(a_new_trade(), account, slot)
        pause(ledger, ON_ALPHA, paused=False)
        ledger.trades.submit(a_new_trade(), account, slot)


# ---------------------------------------------------------------- older ledgers, backups, retention


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_an_older_ledger_gets_the_tables_and_nothing_in_it_is_paused(tmp_path: Path, revision: str) -> None:
    url = f"sqlite:///{(tmp_path / 'older.sqlite').as_posix()}"
    make_with_scripts(url, revision)
    with a_ledger(url) as ledger:
        assert paused(ledger) == []
        assert ledger.requests.unresolved() == []
        assert pause(ledger, ON_ALPHA)
        assert begin(ledger, request_of(1))
        assert not begin(ledger, request_of(1))


def test_pauses_and_used_ids_outlive_a_restore_and_come_with_a_backup(tmp_path: Path) -> None:
    file = tmp_path / "backup.sqlite"
    with a_ledger() as ledger:
        pause(ledger, ON_ALPHA)
        begin(ledger, request_of(1))
        backup.back_up(ledger, file)
        pause(ledger, OF_EURUSD)
        begin(ledger, request_of(2))
        restored_into(ledger, file)
        assert paused(ledger) == ["of EURUSD", "on alpha"]
        assert not begin(ledger, request_of(2))
    with a_ledger() as other:
        restored_into(other, file)
        assert paused(other) == ["on alpha"]
        known = other.requests.find("request-1")
        assert known is not None
        assert (known.command, known.state, known.said) == ("halt", RequestState.DONE, "said")


def restored_into(ledger: Ledger, file: Path) -> None:
    with restore.opened(file) as source:
        restore.restore(source, ledger, state=restore.state_of(ledger), source=str(file), at=NOON)


def test_old_requests_are_let_go_of_but_no_pause_and_nothing_that_is_unresolved(tmp_path: Path) -> None:
    with a_ledger() as ledger:
        pause(ledger, ON_ALPHA)
        begin(ledger, request_of(1))
        begin(ledger, request_of(2, RequestState.UNRESOLVED))
        begin(ledger, request_of(3, at=NOON + 50 * DAY))
        pruned = ledger.retention.step(NOON + 91 * DAY, 90, valuations_keep_days=7)
        assert pruned.requests == 1
        assert [ledger.requests.find(f"request-{number}") is not None for number in (1, 2, 3)] == [False, True, True]
        assert paused(ledger) == ["on alpha"]


# ---------------------------------------------------------------- requests


def test_how_long_ago_a_request_was_made_is_told_by_the_lease_clock() -> None:
    clock = Clock()
    with a_ledger(lease_clock=clock) as ledger:
        begin(ledger, request_of(1, RequestState.UNRESOLVED))
        clock.pass_seconds(121)
        (request,) = ledger.requests.unresolved()
        assert request.age_seconds == 121


def test_what_was_settled_is_not_settled_again_and_is_another_crews_in_no_way(any_url: str) -> None:
    with a_ledger(any_url) as ledger, closing(Ledger.open(any_url, crew="night", writer="test")) as night:
        begin(ledger, request_of(1, RequestState.UNRESOLVED))
        assert not night.requests.settle("request-1", RequestState.DONE, "done", {}, NOON)
        assert night.requests.find("request-1") is None
        assert ledger.requests.settle("request-1", RequestState.DONE, "done", {}, NOON, a_line("command"))
        assert not ledger.requests.settle("request-1", RequestState.REFUSED, "no", {}, NOON, a_line("command"))
        assert len(ledger.journal.list(kind="command")) == 1
        found = ledger.requests.find("request-1")
        assert found is not None
        assert found.said == "done"
