"""A paper account's book on disk: what a restart, a crash, a second process and a bad file do to it."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from made_brokers import COMMODITIES, FAR, MONDAY, TERMS, TOKEN, bars_of, rising
from made_faults import full_disk

from connectors.base import CloseOrder, ConnectorError, Done, OpenOrder, Outcome, Rejected, StaleToken, Unknown
from connectors.mock_clock import ManualClock
from connectors.paper import PaperConnector
from connectors.paper_book import BookBusy, BookUnavailable, discard_book
from trading.market import HOUR, MINUTE, Side

HERE = Path(__file__).parent
UNWRITABLE = "the book cannot be used: the disk is full"


class Account:
    """A process's view of one account: a connector of its own, a clock of its own."""

    def __init__(self, book: Path, at: int = MONDAY, platform: str = "alpha", bars: int = 100) -> None:
        self.clock = ManualClock(at)
        market = {"EURUSD": bars_of("EURUSD", rising(bars))}
        symbols = {"EURUSD": "EURUSD"}
        self.paper = PaperConnector(platform, TERMS, COMMODITIES, symbols, market, self.clock, book)

    def connected(self) -> Account:
        self.paper.connect(FAR)
        return self

    def open(self, magic: int, lots: float = 0.1, token: int = TOKEN, side: Side = Side.BUY) -> Outcome:
        return self.paper.open(OpenOrder("EURUSD", side, lots, magic, "wb", math.nan), token, FAR)

    def close(self, ticket: int, lots: float = 0.1, token: int = TOKEN) -> Outcome:
        return self.paper.close(CloseOrder(ticket, "EURUSD", Side.BUY, lots, 1, math.nan), token, FAR)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "state" / "alpha.sqlite"


@pytest.fixture
def account(book: Path) -> Iterator[Account]:
    made = Account(book).connected()
    yield made
    made.paper.disconnect()


def all_of(account: Account) -> tuple[object, ...]:
    paper = account.paper
    return paper.account(FAR), paper.positions(FAR), paper.orders(0, FAR), paper.deals(0, FAR), paper.last_seen()


def test_a_restart_finds_positions_history_money_magics_and_the_fence(book: Path, account: Account) -> None:
    first = account.open(1, lots=0.3)
    assert isinstance(first, Done)
    account.clock.go_to(MONDAY + 30 * HOUR)  # over a night, so there is swap
    account.close(first.ticket, lots=0.1)
    account.open(2, token=TOKEN + 3)
    account.open(3, lots=50, token=TOKEN + 3)
    before = all_of(account)
    account.paper.disconnect()

    again = Account(book, MONDAY + 30 * HOUR).connected()

    assert all_of(again) == before
    assert again.open(2, token=TOKEN + 3) == Rejected("repeated", "magic 2 was sent already")
    assert again.open(3, token=TOKEN + 3) == Rejected("repeated", "magic 3 was sent already")
    assert isinstance(again.open(4), Rejected)  # below the fence
    again.paper.disconnect()


def test_the_market_is_gone_on_with_from_where_it_was_seen_last(book: Path, account: Account) -> None:
    assert Account(book).paper.last_seen() == MONDAY
    account.clock.go_to(MONDAY + 5 * HOUR + MINUTE)
    account.paper.quotes(FAR)

    assert Account(book).paper.last_seen() == MONDAY + 5 * HOUR + MINUTE
    account.clock.go_to(MONDAY + 5 * HOUR + 25 * MINUTE)
    account.open(1)
    assert Account(book).paper.last_seen() == MONDAY + 5 * HOUR + 25 * MINUTE


def test_what_happened_while_the_process_was_away_is_made_up_for(book: Path, account: Account) -> None:
    account.open(1, lots=1.0)
    account.paper.disconnect()

    again = Account(book, MONDAY + 72 * HOUR).connected()

    assert again.paper.positions(FAR)[0].swap == -7.0 * (1 + 1 + 3)  # Monday, Tuesday, Wednesday
    again.paper.disconnect()


def test_a_clock_that_stands_before_what_the_book_has_seen_is_refused(book: Path, account: Account) -> None:
    account.clock.go_to(MONDAY + HOUR)
    account.paper.quotes(FAR)

    with pytest.raises(ConnectorError, match="has seen the market until 2024-01-08T01:00:00Z, and the clock says"):
        Account(book, MONDAY).connected()


def test_a_restart_inside_a_bar_finds_the_path_that_was_under_way(book: Path, account: Account) -> None:
    done = account.open(1)
    assert isinstance(done, Done)
    account.clock.go_to(MONDAY + 20 * MINUTE)
    account.close(done.ticket)
    account.clock.go_to(MONDAY + 40 * MINUTE)
    quotes = account.paper.quotes(FAR)
    account.paper.disconnect()

    again = Account(book, MONDAY + 40 * MINUTE).connected()

    assert again.paper.quotes(FAR) == quotes
    again.paper.disconnect()


def test_a_discarded_book_begins_anew(book: Path, account: Account) -> None:
    account.open(1)
    account.paper.disconnect()
    discard_book(book)
    discard_book(book)

    assert list(book.parent.iterdir()) == []
    fresh = Account(book).connected()
    assert (fresh.paper.account(FAR).balance, fresh.paper.positions(FAR)) == (10_000, ())
    fresh.paper.disconnect()


# ------------------------------------------------------------ two processes


def test_a_second_process_sees_what_the_first_did_when_it_connects(book: Path, account: Account) -> None:
    standby = Account(book).connected()
    account.open(1)
    standby.paper.fence(TOKEN + 1, FAR)

    assert [held.magic for held in standby.paper.positions(FAR)] == [1]
    standby.paper.disconnect()


def test_a_fence_raised_by_another_process_holds_at_once(book: Path, account: Account) -> None:
    done = account.open(1)
    assert isinstance(done, Done)
    leader = Account(book).connected()
    leader.paper.fence(TOKEN + 1, FAR)

    assert account.open(2) == Rejected("stale_token", "token 5 is below 6, which was seen")
    assert account.close(done.ticket) == Rejected("stale_token", "token 5 is below 6, which was seen")
    with pytest.raises(StaleToken):
        account.paper.fence(TOKEN, FAR)
    leader.paper.disconnect()


def test_an_order_is_judged_on_what_another_process_has_just_written(book: Path, account: Account) -> None:
    other = Account(book).connected()
    assert isinstance(other.open(1), Done)

    assert account.open(1) == Rejected("repeated", "magic 1 was sent already")
    assert isinstance(account.open(2), Done)
    assert [held.magic for held in account.paper.positions(FAR)] == [1, 2]
    other.paper.disconnect()


# ------------------------------------------------------------ a crash, a full disk


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from connectors.base import Done
from test_paper_book import Account
account = Account(Path(sys.argv[1])).connected()
for magic in range(1, 10_000):
    done = account.open(magic)
    assert isinstance(done, Done), done
    print(magic, flush=True)
    if magic % 3:
        account.close(done.ticket)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_a_process_killed_in_the_middle_of_orders_loses_none_that_was_answered(book: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(book), str(HERE)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), *sys.path])},
    )
    assert process.stdout is not None
    with process.stdout as answers:
        answered = 0
        for line in answers:
            answered = int(line)
            if answered == 40:
                process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)

    account = Account(book).connected()
    paper = account.paper
    deals, held = paper.deals(0, FAR), paper.positions(FAR)
    opened = {deal.position_id for deal in deals if deal.entry == "in"}
    closed = {deal.position_id for deal in deals if deal.entry == "out"}
    assert answered >= 40
    assert len(opened) in (answered, answered + 1)  # one more may be written and not yet answered
    assert {position.position_id for position in held} == opened - closed
    assert paper.account(FAR).balance == round(10_000 + sum(deal.net for deal in deals), 2)
    assert account.open(answered) == Rejected("repeated", f"magic {answered} was sent already")
    paper.disconnect()


def test_an_order_that_cannot_be_written_is_unknown_and_the_file_says_what_became_of_it(
    book: Path, account: Account
) -> None:
    with closing(sqlite3.connect(book)) as other, other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON deals BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    outcome = account.open(1)

    assert isinstance(outcome, Unknown)
    assert str(book) in outcome.reason
    assert "the disk is full" in outcome.reason
    assert account.paper.positions(FAR) == ()
    with closing(sqlite3.connect(book)) as other, other:
        other.execute("DROP TRIGGER full")
    assert isinstance(account.open(1), Done)
    assert len(account.paper.positions(FAR)) == 1


def test_a_question_that_cannot_write_how_far_it_saw_fails_and_the_next_one_answers(
    book: Path, account: Account
) -> None:
    account.open(1)
    with closing(sqlite3.connect(book)) as other, other:
        other.execute("CREATE TRIGGER full BEFORE UPDATE ON account BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    account.clock.go_to(MONDAY + HOUR)

    with pytest.raises(ConnectorError, match="the disk is full"):
        account.paper.quotes(FAR)
    assert account.open(2) == Rejected("not_connected", f"nothing was sent: {book}: {UNWRITABLE}")
    with closing(sqlite3.connect(book)) as other, other:
        other.execute("DROP TRIGGER full")
    assert account.paper.quotes(FAR)[0].time == MONDAY + HOUR
    assert isinstance(account.open(2), Done)


# ------------------------------------------------------------ bad files


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "alpha.sqlite"
    path.write_bytes(b"balance: 10,000 USD, honestly\n" * 40)

    with pytest.raises(ConnectorError, match=r"alpha\.sqlite: the book cannot be used: file is not a database"):
        Account(path)


def test_a_book_that_another_process_holds_is_busy_and_later_is_not(book: Path, account: Account) -> None:
    account.paper.disconnect()
    with closing(sqlite3.connect(book, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BookBusy, match=r"alpha\.sqlite: .*locked"):
            Account(book)
        other.execute("ROLLBACK")
    Account(book).connected().paper.disconnect()


def test_a_book_on_a_full_disk_is_unavailable_and_later_is_not(book: Path, account: Account) -> None:
    account.paper.disconnect()
    with full_disk(), pytest.raises(BookUnavailable, match=r"alpha\.sqlite: the book cannot be used"):
        Account(book)
    Account(book).connected().paper.disconnect()


def test_a_full_disk_is_over_when_the_book_can_be_written_again_and_not_when_it_can_be_read(account: Account) -> None:
    with full_disk():
        account.clock.go_to(MONDAY + HOUR)
        for _ in range(3):
            with pytest.raises(BookUnavailable):
                account.paper.quotes(FAR)
    assert len(account.paper.quotes(FAR)) == 1


def test_a_process_that_was_superseded_books_nothing_of_its_own_time(book: Path, account: Account) -> None:
    """Its clock may be far ahead: the new leader's market goes on from where the book says."""
    account.paper.fence(1, FAR)
    assert isinstance(account.open(1, token=1), Done)
    newer = Account(book).connected()
    newer.paper.fence(2, FAR)
    account.clock.go_to(MONDAY + 48 * HOUR)
    for _ in range(2):
        with pytest.raises(StaleToken, match="token 1 is below 2"):
            account.paper.quotes(FAR)
    refused = account.close(1, token=1)
    assert isinstance(refused, Rejected)
    assert refused.code == "stale_token"
    newer.clock.go_to(MONDAY + HOUR)
    assert len(newer.paper.positions(FAR)) == 1
    newer.paper.disconnect()
    assert newer.paper.book_as_written().last_seen == MONDAY + HOUR


def test_a_process_that_leads_again_books_again(book: Path, account: Account) -> None:
    account.paper.fence(1, FAR)
    newer = Account(book).connected()
    newer.paper.fence(2, FAR)
    newer.paper.disconnect()
    account.clock.go_to(MONDAY + HOUR)
    with pytest.raises(StaleToken):
        account.paper.quotes(FAR)
    account.paper.fence(3, FAR)
    assert len(account.paper.quotes(FAR)) == 1
    assert account.paper.last_seen() == MONDAY + HOUR


def test_a_damaged_book_is_refused_by_name(book: Path, account: Account) -> None:
    for magic in range(1, 60):
        account.open(magic, lots=0.01)
    account.paper.disconnect()
    damaged = bytearray(book.read_bytes())
    for page in range(2, len(damaged) // 4096):
        damaged[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    book.write_bytes(damaged)

    with pytest.raises(ConnectorError, match=r"alpha\.sqlite: the book"):
        Account(book)


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE trades (id INTEGER)")

    with pytest.raises(ConnectorError, match=r"ledger\.sqlite: this database is not the book of a paper account"):
        Account(path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("trades",)]


def test_a_book_from_a_later_version_is_refused(book: Path, account: Account) -> None:
    account.paper.disconnect()
    with closing(sqlite3.connect(book)) as database:
        database.execute("PRAGMA user_version = 3")

    with pytest.raises(ConnectorError, match=r"alpha\.sqlite: the book is of format 3; expected 2"):
        Account(book)


def test_a_book_of_the_first_format_is_brought_to_this_one(book: Path, account: Account) -> None:
    account.open(1)
    before = account.paper.positions(FAR)
    account.paper.disconnect()
    with closing(sqlite3.connect(book)) as database, database:
        database.execute("ALTER TABLE positions DROP COLUMN position_id")
        database.execute("PRAGMA user_version = 1")

    again = Account(book)
    again.paper.connect(FAR)
    assert again.paper.positions(FAR) == before
    assert [(held.ticket, held.position_id) for held in before] == [(before[0].ticket, before[0].ticket)]


def test_the_book_of_another_account_is_refused(book: Path, account: Account) -> None:
    with pytest.raises(ConnectorError, match="that of account 'alpha' in USD; expected 'beta' in USD"):
        Account(book, platform="beta")


def test_a_book_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be", encoding="utf-8")

    with pytest.raises(ConnectorError, match=r"alpha\.sqlite: the book cannot be used"):
        Account(tmp_path / "state" / "alpha.sqlite")


def test_a_position_in_a_commodity_without_a_symbol_refuses_the_connection(book: Path, account: Account) -> None:
    account.open(1)
    account.paper.disconnect()
    market = {"GBPUSD": bars_of("GBPUSD", rising(3))}
    clock = ManualClock(MONDAY)
    other = PaperConnector("alpha", TERMS, COMMODITIES, {"GBPUSD": "GBPUSD"}, market, clock, book)

    with pytest.raises(ConnectorError, match="holds a position in EURUSD, for which it no longer has a symbol"):
        other.connect(FAR)
    other.disconnect()
