"""What a transaction promises: all or nothing, never for ever, and an error that says what is wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from made_ledger import Holder, a_ledger, a_line

from persistence import database, sqlite
from persistence.errors import LedgerError, LedgerUnavailable, NestedTransaction
from persistence.ledger import Ledger
from trading.trade import TradeState

DEADLINE_SECONDS = 60.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a ledger may be."""
    return tmp_path / "ledger.db"


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


def connected(file: Path) -> Any:
    """A connection beside the ledger's, of the same library: two SQLites in one process undo each other's locks."""
    return sqlite.newest_sqlite().connect(file, isolation_level=None)


@pytest.fixture(params=["memory", "file"])
def ledger(request: pytest.FixtureRequest, file: Path) -> Iterator[Ledger]:
    """A ledger in memory, and one in a file."""
    with a_ledger("sqlite://" if request.param == "memory" else url_of(file)) as opened:
        yield opened


@pytest.mark.parametrize("outer", ["reading", "writing"])
@pytest.mark.parametrize("inner", ["reading", "writing"])
def test_a_transaction_inside_another_is_an_error_and_no_deadlock(ledger: Ledger, outer: str, inner: str) -> None:
    with getattr(ledger, outer)():
        with pytest.raises(NestedTransaction), getattr(ledger, inner)():
            pass
        with pytest.raises(NestedTransaction):
            ledger.trades.active()
        with pytest.raises(NestedTransaction):
            ledger.close()
    ledger.journal.append(a_line())


def test_a_transaction_that_raises_writes_nothing(ledger: Ledger) -> None:
    def writes_and_raises() -> None:
        with ledger.writing() as connection:
            ledger.journal.write(connection, [a_line()])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        writes_and_raises()
    assert ledger.journal.list() == []


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    ready = threading.Barrier(6)

    def write_and_read(number: int) -> int:
        ready.wait(DEADLINE_SECONDS)
        for _ in range(10):
            ledger.journal.append(a_line(reason=f"thread {number}"), fold=True)
            ledger.journal.count_by_reason("transition")
        return ledger.journal.count_by_reason("transition")[f"thread {number}"]

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(write_and_read, range(6))) == [10] * 6


def test_a_closed_ledger_says_so_and_may_be_closed_again(ledger: Ledger) -> None:
    ledger.close()
    ledger.close()
    for use in (lambda: ledger.journal.append(a_line()), ledger.trades.active):
        with pytest.raises(LedgerUnavailable, match="it was closed"):
            use()


def test_each_ledger_in_memory_is_a_world_of_its_own() -> None:
    with a_ledger() as one, a_ledger() as other:
        one.journal.append(a_line())
        assert other.journal.list() == []


def test_ledgers_can_share_a_memory_by_its_name() -> None:
    url = "sqlite:///file:shared_world?mode=memory&cache=shared&uri=true"
    with a_ledger(url, writer="one") as one, a_ledger(url, writer="other") as other:
        Holder(one, "one").submit()
        assert other.reservations.reserve_resource("account:alpha", "other", 60) is None
        assert other.trades.active() == one.trades.active()


def test_a_full_disk_refuses_the_write_and_nothing_of_it_remains(ledger: Ledger) -> None:
    me = Holder(ledger)
    trade = me.open()
    with ledger.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    long_story = a_line(reason="x" * 20_000)
    with pytest.raises(LedgerUnavailable, match="database or disk is full"):
        me.advance(trade, TradeState.CLOSING, a_line(), long_story)
    assert ledger.trades.active() == [trade]
    assert ledger.journal.list() == []
    with ledger.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")
    me.close(trade)


def test_a_database_that_others_keep_locked_is_given_up_in_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.05)
    with a_ledger(url_of(file)) as ledger, closing(connected(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="database is locked"):
            ledger.journal.append(a_line())
        other.execute("ROLLBACK")
        ledger.journal.append(a_line())


def test_a_new_file_that_another_process_is_just_making_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(connected(file)) as other:
        other.execute("BEGIN IMMEDIATE")  # SQLite itself does not wait for this one before it changes the journal mode
        monkeypatch.setattr("persistence.sqlite.time.sleep", lambda _seconds: other.execute("COMMIT"))
        with a_ledger(url_of(file)) as ledger:
            assert not other.in_transaction
            ledger.journal.append(a_line())


def test_a_new_file_that_others_keep_locked_is_given_up_in_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.05)
    with closing(connected(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="database is locked"):
            Ledger.open(url_of(file))


def test_threads_that_keep_the_connection_are_given_up_in_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT_SECONDS", 0.05)
    with a_ledger(url_of(file)) as ledger, ThreadPoolExecutor(1) as other_thread:
        with ledger.writing():
            waiting = other_thread.submit(ledger.journal.append, a_line())
            assert isinstance(waiting.exception(DEADLINE_SECONDS), LedgerUnavailable)
        with pytest.raises(LedgerUnavailable, match=r"other threads have kept the connection for 0\.05 seconds"):
            waiting.result()


def test_a_statement_that_is_wrong_is_not_called_a_broken_database(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="refused a statement") as caught:
        ledger.journal.append(a_line(platform=object()))
    assert not isinstance(caught.value, LedgerUnavailable)
