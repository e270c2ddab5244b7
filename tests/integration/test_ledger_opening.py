"""How the ledger opens: what it makes, what it refuses, and what it says then."""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import sqlite3
import stat
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from made_ledger import Holder, a_ledger, a_line, make_with_scripts
from sqlalchemy import Connection

from persistence import migrate, migrations, sqlite
from persistence.creation import create_tables
from persistence.errors import LedgerFromTheFuture, LedgerUnavailable
from persistence.ledger import Ledger

DEADLINE_SECONDS = 60.0
THREADS = 4


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a ledger may be."""
    return tmp_path / "ledger.db"


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


def connected(file: Path) -> Any:
    """A connection beside the ledger's, of the same library: two SQLites in one process undo each other's locks."""
    return sqlite.newest_sqlite().connect(file, isolation_level=None)


def schema(connection: Any) -> list[tuple[str, list[str]]]:
    """What everything was made with, piece by piece: a column that was added later stands at another place."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    return [
        (name, sorted(" ".join(piece.split()) for piece in re.split("[(),]", sql)))
        for name, sql in rows
        if name != "alembic_version"
    ]


# ---------------------------------------------------------------- making


def test_a_new_ledger_is_made_with_its_directory_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "of" / "mine" / "ledger.db"
    with a_ledger(url_of(file)) as ledger:
        assert ledger.name == str(file)
    assert file.is_file()
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_commit_is_durable_and_references_are_checked(file: Path) -> None:
    with a_ledger(url_of(file)) as ledger, ledger.writing() as connection:
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}  # 2 is FULL


def test_the_tables_of_a_new_ledger_are_those_that_the_migrations_make(tmp_path: Path) -> None:
    new, old = tmp_path / "new.db", tmp_path / "old.db"
    make_with_scripts(url_of(old), migrations.HEAD)
    with a_ledger(url_of(new)), closing(connected(new)) as connection, closing(connected(old)) as other:
        made, migrated = schema(connection), schema(other)
    assert made == migrated
    assert {name for name, _ in made} >= {"reservation", "account", "trade", "journal", "scheduled"}


def test_the_list_of_revisions_is_that_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    scripts = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(scripts)) == migrations.REVISIONS


def test_a_path_of_strange_characters_is_only_a_path(tmp_path: Path) -> None:
    file = tmp_path / "50% of #1, ü" / "ledger.db"
    with a_ledger(url_of(file)) as writer, a_ledger(url_of(file), read_only=True) as reader:
        writer.journal.append(a_line())
        assert len(reader.journal.list()) == 1
    assert file.is_file()


def test_a_migration_that_fails_half_way_leaves_nothing_behind(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_with_scripts(url_of(file), "0001")
    with closing(connected(file)) as connection:
        before = schema(connection)
    upgrade = migrate.upgrade

    def fails_at_the_end(connection: Connection, to: str) -> None:
        upgrade(connection, to)
        raise RuntimeError("the power is out")

    monkeypatch.setattr(migrate, "upgrade", fails_at_the_end)
    with pytest.raises(RuntimeError, match="the power is out"):
        Ledger.open(url_of(file))
    with closing(connected(file)) as connection:
        assert schema(connection) == before
    monkeypatch.undo()
    with a_ledger(url_of(file)) as ledger:
        Holder(ledger).submit()


def test_tables_that_were_made_half_way_are_not_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_at_the_end(connection: Connection) -> None:
        create_tables(connection)
        raise RuntimeError("the power is out")

    monkeypatch.setattr(migrate, "create_tables", fails_at_the_end)
    with pytest.raises(RuntimeError, match="the power is out"):
        Ledger.open(url_of(file))
    with closing(connected(file)) as connection:
        assert schema(connection) == []
    monkeypatch.undo()
    with a_ledger(url_of(file)) as ledger:
        Holder(ledger).submit()


def test_a_table_of_versions_with_nothing_in_it_is_a_new_ledger(file: Path) -> None:
    with closing(connected(file)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    with a_ledger(url_of(file)) as ledger:
        Holder(ledger).submit()


def test_threads_of_one_process_bring_several_ledgers_up_to_date_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(THREADS)

    def open_and_submit(number: int) -> int:
        url = url_of(tmp_path / f"{number}.db")
        make_with_scripts(url, "0001")
        together.wait(DEADLINE_SECONDS)
        with a_ledger(url) as ledger:
            return Holder(ledger).submit().trade_id

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(open_and_submit, range(THREADS))) == [1] * THREADS


in_child: dict[str, Barrier] = {}


def begin_child(ready: Barrier) -> None:
    """What the processes share."""
    in_child["ready"] = ready


def open_and_write(url: str) -> int:
    """A process that starts at the same moment as others."""
    in_child["ready"].wait(DEADLINE_SECONDS)
    with a_ledger(url) as ledger:
        ledger.journal.append(a_line())
        return ledger.trades.register_account("alpha")


def test_processes_that_start_at_once_on_a_new_file_all_succeed(tmp_path: Path) -> None:
    fresh = multiprocessing.get_context("spawn")
    starting = 3
    with ProcessPoolExecutor(
        starting, mp_context=fresh, initializer=begin_child, initargs=(fresh.Barrier(starting),)
    ) as processes:
        for number in range(5):
            url = url_of(tmp_path / f"{number}.db")
            runs = [processes.submit(open_and_write, url) for _ in range(starting)]
            assert len({run.result(DEADLINE_SECONDS) for run in runs}) == 1
            with a_ledger(url) as ledger:
                assert len(ledger.journal.list()) == starting


# ---------------------------------------------------------------- refusing


def test_a_database_from_the_future_is_refused_and_left_alone(file: Path) -> None:
    with a_ledger(url_of(file)):
        pass
    with closing(connected(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9041'")
        before = schema(connection)
    for read_only in (False, True):
        newer = f"{file.name} is at revision '9041', newer than .*'{migrations.HEAD}'"
        with pytest.raises(LedgerFromTheFuture, match=newer):
            Ledger.open(url_of(file), read_only=read_only)
    with closing(connected(file)) as connection:
        assert schema(connection) == before


def test_the_database_of_another_program_is_refused_and_left_alone(file: Path) -> None:
    with closing(connected(file)) as connection:
        connection.execute("CREATE TABLE bookmark (url TEXT)")
    with pytest.raises(LedgerUnavailable, match="tables of another program: bookmark"):
        Ledger.open(url_of(file))
    with closing(connected(file)) as connection:
        assert [name for name, _ in schema(connection)] == ["bookmark"]


def test_what_a_server_says_in_several_lines_is_said_in_one() -> None:
    words = 'connection to "db" failed: Connection refused\n\tIs the server running on that host?\n'
    refused = str(LedgerUnavailable("postgresql://db/ledger", words))
    assert refused.endswith('connection to "db" failed: Connection refused Is the server running on that host?')


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_database_is_refused(file: Path, read_only: bool) -> None:
    file.write_bytes(b"date,open,high,low,close\n" * 100)
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db cannot be used: file is not a database"):
        Ledger.open(url_of(file), read_only=read_only)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_directory_in_the_files_place_is_refused(file: Path, read_only: bool) -> None:
    file.mkdir()
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db cannot be used: it is a directory"):
        Ledger.open(url_of(file), read_only=read_only)


def test_a_directory_that_cannot_be_made_is_named(file: Path) -> None:
    file.write_text("a file where a directory should be")
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db.below.ledger\.db cannot be used: .*(exists|directory)"):
        Ledger.open(url_of(file / "below" / "ledger.db"))


def test_a_ledger_that_cannot_be_written_is_refused_at_once(file: Path) -> None:
    with a_ledger(url_of(file)):
        pass
    with pytest.raises(LedgerUnavailable, match="attempt to write a readonly database"):
        Ledger.open(f"sqlite:///file:{file.as_posix()}?mode=ro&uri=true")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ledger.db", "expected something like sqlite:///state/ledger.db"),
        ("", "expected something like sqlite:///state/ledger.db"),
        ("mysql://me:secret@host/ledger", "mysql is not supported, only sqlite and postgresql"),
        ("sqlite://ledger.db", "Invalid SQLite URL"),
    ],
)
def test_a_url_that_is_none_is_refused(url: str, reason: str) -> None:
    with pytest.raises(LedgerUnavailable, match=reason) as caught:
        Ledger.open(url)
    assert "secret" not in str(caught.value)


def test_a_password_is_not_shown_when_the_server_cannot_be_reached() -> None:
    url = "postgresql://me:secret@127.0.0.1:1/ledger?connect_timeout=1"
    with pytest.raises(LedgerUnavailable, match=r"me:\*\*\*@127\.0\.0\.1:1/ledger") as caught:
        Ledger.open(url)
    assert "secret" not in str(caught.value)


def damaged(file: Path) -> None:
    """A ledger with a history, of which one page has been overwritten."""
    with a_ledger(url_of(file)) as ledger:
        for number in range(200):
            ledger.journal.append(a_line(detail={"number": number, "text": "x" * 500}))
    with closing(connected(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    with file.open("r+b") as opened:
        opened.seek((pages - 3) * size)
        opened.write(b"\xa5" * size)


def test_a_ledger_with_a_damaged_page_is_refused_with_what_sqlite_says(file: Path) -> None:
    damaged(file)
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db cannot be used: it is damaged.*[Pp]age.*backup") as caught:
        Ledger.open(url_of(file))
    assert "\n" not in str(caught.value)


def test_a_reader_can_ask_whether_pages_are_damaged(file: Path) -> None:
    with a_ledger(url_of(file)), a_ledger(url_of(file), read_only=True) as reader:
        reader.check_pages()
    file.unlink()
    damaged(file)
    with (
        a_ledger(url_of(file), read_only=True) as reader,
        pytest.raises(LedgerUnavailable, match=r"ledger\.db cannot be used: it is damaged"),
    ):
        reader.check_pages()


# ---------------------------------------------------------------- closing


def beside(file: Path) -> list[str]:
    return sorted(found.name for found in file.parent.iterdir())


def test_a_clean_close_leaves_the_one_file(file: Path) -> None:
    with a_ledger(url_of(file)) as ledger:
        Holder(ledger).submit()
        assert len(ledger.trades.active()) == 1
        assert beside(file) == ["ledger.db", "ledger.db-shm", "ledger.db-wal"]
    assert beside(file) == ["ledger.db"]


def test_a_close_is_not_held_up_by_another_who_reads(file: Path) -> None:
    ledger = Ledger.open(url_of(file))
    Holder(ledger).submit()
    with closing(connected(file)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM trade").fetchone() == (1,)
        ledger.journal.append(a_line())
        began = time.monotonic()
        ledger.close()
        assert time.monotonic() - began < sqlite.BUSY_TIMEOUT_SECONDS / 2
    with a_ledger(url_of(file)) as again:
        assert len(again.journal.list()) == 1
    assert beside(file) == ["ledger.db"]


# ---------------------------------------------------------------- reading only


def test_reading_only_works_while_another_writes_and_changes_nothing(file: Path) -> None:
    with a_ledger(url_of(file)) as writer, a_ledger(url_of(file), read_only=True) as reader:
        assert reader.trades.active() == []
        trade = Holder(writer).submit(a_line())
        with writer.writing() as connection:
            writer.journal.write(connection, [a_line("not committed yet")])
            assert reader.trades.active() == [trade]
            assert [line.kind for line in reader.journal.list()] == ["transition"]
        assert reader.reservations.is_resource_reserved("alpha:EURUSD")
        with pytest.raises(LedgerUnavailable, match="opened to be read only"):
            reader.journal.append(a_line())
        with pytest.raises(LedgerUnavailable, match="readonly"), reader.reading() as connection:
            connection.exec_driver_sql("DELETE FROM trade")
        assert reader.trades.active() == [trade]


def test_reading_only_creates_no_file(file: Path) -> None:
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db cannot be used: there is no such file"):
        Ledger.open(url_of(file), read_only=True)
    assert list(file.parent.iterdir()) == []


def test_sqlites_own_names_of_files_are_understood(file: Path) -> None:
    url = f"sqlite:///{file.as_uri()}?uri=true"
    with pytest.raises(LedgerUnavailable, match="unable to open database file"):
        Ledger.open(url, read_only=True)
    with a_ledger(url) as writer, a_ledger(url, read_only=True) as reader:
        trade = Holder(writer).submit()
        assert reader.trades.active() == writer.trades.active() == [trade]
    assert file.is_file()


def test_reading_only_does_not_migrate(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.touch()
    with pytest.raises(LedgerUnavailable, match="it is empty"):
        Ledger.open(url_of(file), read_only=True)
    assert file.stat().st_size == 0
    with a_ledger(url_of(file)):
        pass
    monkeypatch.setattr("persistence.migrate.HEAD", "9042")
    monkeypatch.setattr("persistence.migrate.REVISIONS", (*migrations.REVISIONS, "9042"))
    with pytest.raises(LedgerUnavailable, match=f"at revision '{migrations.HEAD}' and this program reads '9042'"):
        Ledger.open(url_of(file), read_only=True)


# ---------------------------------------------------------------- the library


@pytest.mark.parametrize(
    ("version", "is_defective"),
    [((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 51, 2), True), ((3, 51, 3), False)],
)
def test_the_versions_of_sqlite_with_the_wal_reset_defect_are_known(
    version: tuple[int, ...], is_defective: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert sqlite.has_wal_reset_defect(version) == is_defective
    sqlite.warn_of_wal_reset_defect.cache_clear()
    with caplog.at_level(logging.WARNING, logger="persistence.sqlite"):
        sqlite.warn_of_wal_reset_defect(version)
        sqlite.warn_of_wal_reset_defect(version)
    assert len(caplog.messages) == is_defective


def test_the_newest_sqlite_that_is_installed_is_used() -> None:
    assert sqlite.newest_sqlite().sqlite_version_info >= sqlite3.sqlite_version_info
    with a_ledger() as ledger, ledger.reading() as connection:
        in_use = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
    assert in_use == sqlite.newest_sqlite().sqlite_version
