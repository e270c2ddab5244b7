"""A backup holds what the ledger held at one instant; a restore gives it back, with nothing that was used before."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_ledger import NOON, TTL_SECONDS, Holder, a_ledger, a_line, make_with_scripts

from persistence import sqlite
from persistence.accounts import HIGHEST_SEQUENCE
from persistence.backup import MANIFEST, back_up, url_of
from persistence.errors import LedgerUnavailable
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from persistence.restore import KIND, RAISED_BY, BackupUnusable, LedgerInUse, Restored, opened, restore, state_of
from persistence.tables import account, reservation
from trading.modes import Mode
from trading.order_numbers import magic_number
from trading.trade import Trade, TradeState

COMMODITIES = ("EURUSD", "GBPUSD", "USDJPY")


def content(ledger: Ledger) -> tuple[Any, Any]:
    """Trades and journal, the line about a restore aside."""
    lines = [line for line in ledger.journal.list(newest_first=False) if line.kind != KIND]
    return ledger.trades.list(), lines


def restored_into(ledger: Ledger, file: Path) -> Restored:
    with opened(file) as backup:
        return restore(backup, ledger, state=state_of(ledger), source=file.name, at=NOON)


def let_go(ledger: Ledger) -> None:
    """Nobody acts on the ledger any more."""
    for held in ledger.reservations.all():
        ledger.reservations.release_resource(held.fence)


def fill(ledger: Ledger) -> None:
    """A closed trade, an open one and a failed one."""
    me = Holder(ledger)
    me.close(me.open(analysis_id="1"))
    me.open(commodity="GBPUSD", analysis_id="2")
    me.fail(me.submit(a_line(), commodity="USDJPY", analysis_id="3"))
    ledger.schedule.fire("day_end:EURUSD:alpha:2026-03-04", NOON)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a backup may be."""
    return tmp_path / "backup.sqlite"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with trades, on which nobody acts."""
    with a_ledger(url_of(tmp_path / "ledger.sqlite")) as ledger:
        fill(ledger)
        let_go(ledger)
        yield ledger


# ---------------------------------------------------------------- there and back


Life: TypeAlias = tuple[str, str, str, float, str]
"""Of a trade: platform, commodity, how far it came, its profit, and something said about it."""

LIVES: st.SearchStrategy[list[Life]] = st.lists(
    st.tuples(
        st.sampled_from(("alpha", "beta")),
        st.sampled_from(COMMODITIES),
        st.sampled_from(("submitted", "open", "closed", "failed")),
        st.floats(-1e9, 1e9),
        st.text(max_size=20).filter(lambda text: "\x00" not in text),
    ),
    max_size=6,
    unique_by=lambda life: life[:2],
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives=LIVES)
def test_trades_and_journal_come_back_as_they_were(tmp_path: Path, lives: list[Life]) -> None:
    file = tmp_path / "any.sqlite"
    with a_ledger() as before, a_ledger() as after:
        me = Holder(before)
        for platform, commodity, end, profit, said in lives:
            order = {"platform": platform, "commodity": commodity, "analysis_id": f"{platform}{commodity}"}
            before.journal.append(a_line(reason=said, detail={"profit": profit, "said": [said, None, True]}))
            if end == "submitted":
                me.submit(**order)
            elif end == "failed":
                me.fail(me.submit(**order))
            else:
                trade = me.open(**order)
                if end == "closed":
                    me.close(trade, profit)
        back_up(before, file, replace=True)
        restored = restored_into(after, file)
        assert content(after) == content(before)
        assert restored.trades == len(lives)
        assert restored.active_trades == len(before.trades.active())


def test_the_same_ledger_goes_back_to_what_it_was(ledger: Ledger, file: Path) -> None:
    before = content(ledger)
    back_up(ledger, file)
    me = Holder(ledger)
    me.submit(a_line(), platform="beta", analysis_id="4")
    let_go(ledger)
    restored_into(ledger, file)
    assert content(ledger) == before
    (line,) = ledger.journal.list(kind=KIND)
    assert line.detail["file"] == file.name


def test_a_backup_is_one_private_file_that_can_be_opened_as_a_ledger(ledger: Ledger, file: Path) -> None:
    back_up(ledger, file)
    assert [path.name for path in file.parent.glob("*backup*")] == [file.name]
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(Ledger.open(url_of(file), read_only=True)) as copy:
        assert content(copy) == content(ledger)


def test_a_backup_made_while_others_write_holds_one_instant(tmp_path: Path, file: Path) -> None:
    with a_ledger(url_of(tmp_path / "ledger.sqlite")) as ledger:
        fill(ledger)
        ledger.journal.append(*(a_line(reason=str(number)) for number in range(3_000)))
        before = content(ledger)
        me = Holder(ledger)
        written: list[Trade] = []

        def meanwhile(done: int, total: int) -> None:
            if not written:
                written.append(me.submit(a_line(reason="meanwhile"), platform="beta", analysis_id="meanwhile"))

        with closing(Ledger.open(url_of(tmp_path / "ledger.sqlite"), read_only=True)) as reader:
            back_up(reader, file, progress=meanwhile)
        assert written, "somebody did write"
    with closing(Ledger.open(url_of(file), read_only=True)) as copy:
        assert content(copy) == before


def test_progress_goes_up_to_the_number_of_rows(ledger: Ledger, file: Path) -> None:
    steps: list[tuple[int, int]] = []
    counts = back_up(ledger, file, progress=lambda done, total: steps.append((done, total)))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1] == (sum(counts.values()),) * 2


# ---------------------------------------------------------------- what must not be used twice


def test_tokens_and_sequences_are_raised_above_both_and_everything_is_released(ledger: Ledger, file: Path) -> None:
    back_up(ledger, file)
    for _ in range(3):
        Holder(ledger).account("alpha")
        let_go(ledger)
    Holder(ledger).fail(Holder(ledger).submit(analysis_id="4"))
    let_go(ledger)
    tokens = dict(rows(ledger, reservation, "resource", "token"))
    sequences = dict(rows(ledger, account, "platform", "sequence"))
    restored_into(ledger, file)
    assert dict(rows(ledger, reservation, "resource", "token")) == {
        name: token + RAISED_BY for name, token in tokens.items()
    }
    assert dict(rows(ledger, account, "platform", "sequence")) == {
        name: sequence + RAISED_BY for name, sequence in sequences.items()
    }
    assert ledger.reservations.all() == []
    assert Holder(ledger).account("alpha").token == tokens[account_resource("alpha")] + RAISED_BY + 1


def rows(ledger: Ledger, table: Any, key: str, value: str) -> list[tuple[str, int]]:
    with ledger.reading() as connection:
        return [(getattr(row, key), getattr(row, value)) for row in connection.execute(table.select())]


def test_a_fence_from_before_the_restore_is_stale(ledger: Ledger, file: Path) -> None:
    back_up(ledger, file)
    held = ledger.reservations.reserve_resource("account:alpha", "paused", TTL_SECONDS)
    assert held is not None
    ledger.reservations.release_resource(held.fence)
    restored_into(ledger, file)
    assert not ledger.reservations.renew_resource(held.fence, TTL_SECONDS)


def test_a_sequence_never_leaves_its_bits(ledger: Ledger, file: Path) -> None:
    ledger.trades.raise_sequence("alpha", HIGHEST_SEQUENCE - 5)
    back_up(ledger, file)
    restored_into(ledger, file)
    assert dict(rows(ledger, account, "platform", "sequence"))["alpha"] == HIGHEST_SEQUENCE


def test_an_account_of_after_the_backup_keeps_its_prefix(ledger: Ledger, file: Path) -> None:
    back_up(ledger, file)
    prefix = ledger.trades.register_account("gamma")
    restored_into(ledger, file)
    assert ledger.trades.register_account("gamma") == prefix


def test_what_forbids_something_outlives_the_restore(ledger: Ledger, file: Path) -> None:
    back_up(ledger, file)
    ledger.modes.set("default", Mode.HALTED, reason="look at it", by="me", at=NOON)
    ledger.schedule.fire("day_end:EURUSD:alpha:2026-03-05", NOON)
    ledger.disowned.add("alpha", magic_number(7, 7), by="me", at=NOON)
    restored_into(ledger, file)
    assert ledger.modes.of("default").mode is Mode.HALTED
    assert ledger.schedule.has_fired("day_end:EURUSD:alpha:2026-03-05")
    assert ledger.schedule.has_fired("day_end:EURUSD:alpha:2026-03-04")
    assert ledger.disowned.of("alpha") == {magic_number(7, 7)}


# ---------------------------------------------------------------- what is refused, and then changes nothing


def test_a_ledger_on_which_somebody_acts_is_not_replaced(ledger: Ledger, file: Path) -> None:
    back_up(ledger, file)
    before = content(ledger)
    assert ledger.reservations.reserve_resource("crew:default", "the leader", TTL_SECONDS) is not None
    with pytest.raises(LedgerInUse, match="crew:default by the leader"):
        restored_into(ledger, file)
    assert content(ledger) == before


def test_a_ledger_on_which_somebody_acted_meanwhile_is_not_replaced(ledger: Ledger, file: Path) -> None:
    back_up(ledger, file)
    state = state_of(ledger)
    Holder(ledger).submit(a_line(), platform="beta", analysis_id="4")
    let_go(ledger)
    before = content(ledger)
    with opened(file) as backup, pytest.raises(LedgerInUse, match="meanwhile"):
        restore(backup, ledger, state=state, source="", at=NOON)
    assert content(ledger) == before


def test_a_file_that_is_there_is_replaced_only_when_asked_to(ledger: Ledger, file: Path) -> None:
    file.write_text("precious")
    with pytest.raises(FileExistsError, match="exists already"):
        back_up(ledger, file)
    assert file.read_text() == "precious"
    back_up(ledger, file, replace=True)
    with opened(file):
        pass


def with_driver(file: Path, *statements: str) -> None:
    with closing(sqlite.newest_sqlite().connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwrite(file: Path) -> None:
    file.write_bytes(b"no database at all, " * 1_000)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda file: file.unlink(), "cannot be read"),
    "empty": (lambda file: file.write_text(""), "there is no ledger in it"),
    "cut short": (cut, "malformed|damaged"),
    "not a database": (overwrite, "not a database"),
    "a changed figure": (lambda file: with_driver(file, "UPDATE trade SET profit = 1e6"), "trade is not as it was"),
    "a missing row": (lambda file: with_driver(file, "DELETE FROM journal WHERE id = 1"), "0 of 1 rows"),
    "another program's": (lambda file: with_driver(file, "DROP TABLE alembic_version"), "no backup of a ledger"),
    "of the future": (lambda file: with_driver(file, "UPDATE alembic_version SET version_num = '9041'"), "newer than"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_an_unusable_backup_is_named_and_refused(ledger: Ledger, file: Path, kind: str) -> None:
    damage, said = DAMAGE[kind]
    back_up(ledger, file)
    damage(file)
    with pytest.raises(BackupUnusable, match=said) as caught, opened(file):
        pass
    assert str(file) in str(caught.value), "the user's file, not the copy of it"


def test_a_folder_that_is_not_there_is_not_made(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*bakcups"):
        back_up(ledger, tmp_path / "bakcups" / "monday.sqlite")
    assert not (tmp_path / "bakcups").exists()


def test_a_damaged_ledger_is_not_backed_up(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "damaged.sqlite"
    with a_ledger(url_of(path)) as ledger:
        ledger.journal.append(*(a_line(reason="x" * 500) for _ in range(200)))
    pages = bytearray(path.read_bytes())
    pages[len(pages) // 2 : len(pages) // 2 + 4096] = b"\xff" * 4096
    path.write_bytes(pages)
    with closing(Ledger.open(url_of(path), read_only=True)) as ledger, pytest.raises(LedgerUnavailable):
        back_up(ledger, file)
    assert not file.exists()


# ---------------------------------------------------------------- other sources


def test_a_plain_copy_of_a_ledgers_file_is_a_backup_too(ledger: Ledger, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    for suffix in ("", "-wal"):
        shutil.copyfile(tmp_path / f"ledger.sqlite{suffix}", tmp_path / f"copy.sqlite{suffix}")
    before = content(ledger)
    with a_ledger() as other:
        restored_into(other, copy)
        assert content(other) == before


def test_an_older_backup_is_brought_up_to_date_and_its_file_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "older.sqlite"
    rows = "INSERT INTO account VALUES ('alpha', 7, 41)", "INSERT INTO scheduled VALUES ('day_end:old', 1)"
    make_with_scripts(url_of(file), "0001", *rows)
    before = file.read_bytes()
    with a_ledger() as ledger:
        restored_into(ledger, file)
        assert ledger.trades.register_account("alpha") == 7
        assert ledger.schedule.has_fired("day_end:old")
    assert file.read_bytes() == before


def test_the_manifest_is_no_part_of_the_restored_ledger(ledger: Ledger, file: Path, tmp_path: Path) -> None:
    back_up(ledger, file)
    fresh = tmp_path / "fresh.sqlite"
    with a_ledger(url_of(fresh)) as other:
        restored_into(other, file)
        assert other.trades.list(states=[TradeState.OPEN]) != []
    with closing(sqlite3.connect(fresh)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert MANIFEST not in names


# ---------------------------------------------------------------- either database


def test_a_backup_of_either_database_goes_into_a_file(any_url: str, file: Path, tmp_path: Path) -> None:
    with a_ledger(any_url) as before, a_ledger(url_of(tmp_path / "after.sqlite")) as after:
        fill(before)
        back_up(before, file)
        restored_into(after, file)
        assert content(after) == content(before)
        assert after.reservations.all() == []


def test_a_backup_goes_into_either_database_which_then_numbers_on(any_url: str, ledger: Ledger, file: Path) -> None:
    back_up(ledger, file)
    before = content(ledger)
    with a_ledger(any_url) as after:
        me = Holder(after)
        for number in range(5):
            me.fail(me.submit(a_line(), analysis_id=f"lost {number}"))
        newest_line = after.journal.list(limit=1)[0].id
        let_go(after)
        restored_into(after, file)
        assert content(after) == before
        trade = me.submit(a_line(), platform="beta", analysis_id="new")
        assert trade.trade_id > max(old.trade_id for old in before[0])
        assert after.journal.list(limit=1)[0].id > newest_line


def test_either_database_is_left_alone_while_somebody_acts_on_it(any_url: str, ledger: Ledger, file: Path) -> None:
    back_up(ledger, file)
    with a_ledger(any_url) as after:
        Holder(after).submit(a_line())
        before = content(after)
        with pytest.raises(LedgerInUse, match="account:alpha by me"):
            restored_into(after, file)
        assert content(after) == before
