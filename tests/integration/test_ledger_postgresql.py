"""How the ledger opens on PostgreSQL, what it makes and refuses there, and how long it waits."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from made_ledger import Holder, a_ledger, a_line, make_with_scripts
from postgres_server import Databases, administer
from sqlalchemy import Connection, inspect, make_url, text

from persistence import migrate, migrations
from persistence.errors import LedgerFromTheFuture, LedgerUnavailable
from persistence.ledger import Ledger
from persistence.postgresql import Patience

DEADLINE_SECONDS = 60.0
TTL_SECONDS = 3.0  # the least that the settings allow


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """A database without any table."""
    name = databases.new_database()
    yield databases.url(name)
    databases.drop_database(name)


def structure(connection: Connection) -> dict[str, Any]:
    """All that can be seen of the tables; the order of columns is no part of it."""
    seen = inspect(connection)
    return {
        name: (
            sorted((c["name"], str(c["type"]), c["nullable"], c["default"]) for c in seen.get_columns(name)),
            seen.get_pk_constraint(name)["constrained_columns"],
            sorted(
                (i["name"], i["column_names"], i["unique"], str(i["dialect_options"])) for i in seen.get_indexes(name)
            ),
            sorted(str(c["sqltext"]) for c in seen.get_check_constraints(name)),
            [(f["constrained_columns"], f["referred_table"]) for f in seen.get_foreign_keys(name)],
            sorted(u["column_names"] for u in seen.get_unique_constraints(name)),
            str(seen.get_table_options(name)),
        )
        for name in seen.get_table_names()
        if name != "alembic_version"
    }


# ---------------------------------------------------------------- opening


def test_the_migrations_make_the_tables_that_the_program_uses(postgresql_url: str, empty_url: str) -> None:
    make_with_scripts(empty_url, migrations.HEAD)
    with a_ledger(postgresql_url) as ledger, ledger.reading() as connection:
        made = structure(connection)
    with a_ledger(empty_url) as other, other.reading() as connection:
        assert structure(connection) == made


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


def test_processes_that_start_at_once_on_an_empty_database_all_succeed(empty_url: str) -> None:
    fresh = multiprocessing.get_context("spawn")
    starting = 3
    with ProcessPoolExecutor(
        starting, mp_context=fresh, initializer=begin_child, initargs=(fresh.Barrier(starting),)
    ) as processes:
        runs = [processes.submit(open_and_write, empty_url) for _ in range(starting)]
        assert len({run.result(DEADLINE_SECONDS) for run in runs}) == 1
    with a_ledger(empty_url) as ledger:
        assert len(ledger.journal.list()) == starting


def test_the_first_revision_with_a_history_in_it_is_brought_up_to_date(
    empty_url: str,
) -> None:
    make_with_scripts(
        empty_url,
        "0001",
        "INSERT INTO account (platform, prefix, sequence) VALUES ('alpha', 7, 5)",
        "INSERT INTO journal (at, last_at, repeated, writer, kind, reason, detail)"
        " VALUES (1, 1, 1, 'me', 'note', 'old', '{}')",
    )
    with a_ledger(empty_url) as ledger:
        assert ledger.trades.register_account("alpha") == 7
        assert [line.reason for line in ledger.journal.list()] == ["old"]
        Holder(ledger).submit()


def test_a_reader_creates_and_changes_nothing(empty_url: str, postgresql_url: str) -> None:
    with pytest.raises(LedgerUnavailable, match="it is empty"):
        Ledger.open(empty_url, read_only=True)
    with a_ledger(postgresql_url, read_only=True) as reader:
        with pytest.raises(LedgerUnavailable, match="opened to be read only"):
            reader.journal.append(a_line())
        with pytest.raises(LedgerUnavailable, match="read-only transaction"), reader.reading() as connection:
            connection.exec_driver_sql("DELETE FROM trade")


def test_a_database_from_the_future_or_of_another_program_is_refused_and_left_alone(
    empty_url: str, postgresql_url: str
) -> None:
    administer(postgresql_url, "UPDATE alembic_version SET version_num = '9041'")
    with pytest.raises(LedgerFromTheFuture, match=f"'9041', newer than .*'{migrations.HEAD}'"):
        Ledger.open(postgresql_url)
    administer(empty_url, "CREATE TABLE bookmark (url TEXT)")
    with pytest.raises(LedgerUnavailable, match="tables of another program: bookmark"):
        Ledger.open(empty_url)
    assert administer(empty_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("bookmark",)]


def test_a_database_or_a_server_that_is_not_there_is_named_without_its_password(postgresql_url: str) -> None:
    url = make_url(postgresql_url).set(database="nowhere", password="secret")
    with pytest.raises(LedgerUnavailable, match=r"/nowhere cannot be used.*does not exist") as caught:
        Ledger.open(url.render_as_string(hide_password=False))
    assert "secret" not in str(caught.value)


# ---------------------------------------------------------------- limits


def test_every_limit_of_a_writer_lies_below_a_third_of_the_time_to_live() -> None:
    for ttl_seconds in (3.0, 5.0, 60.0, 3_600.0):
        patience = Patience.of_writer(ttl_seconds)
        assert patience.server_seconds < patience.answer_seconds <= ttl_seconds / 3


def test_what_the_url_says_of_limits_stands(postgresql_url: str) -> None:
    mine = {"connect_timeout": "7", "application_name": "mine", "options": "-c statement_timeout=1234"}
    url = make_url(postgresql_url).update_query_dict(mine).render_as_string(hide_password=False)
    with a_ledger(url) as ledger, ledger.writing() as connection:
        shown = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("statement_timeout", "application_name", "lock_timeout", "transaction_isolation")
        }
    assert shown == {
        "statement_timeout": "1234ms",
        "application_name": "mine",
        "lock_timeout": "15s",
        "transaction_isolation": "read committed",
    }


def test_a_reader_sees_one_state_to_the_end_of_its_transaction(postgresql_url: str) -> None:
    with a_ledger(postgresql_url) as writer, a_ledger(postgresql_url, read_only=True) as reader:
        with reader.reading() as connection:
            count = text("SELECT count(*) FROM journal")
            assert connection.execute(count).scalar_one() == 0
            writer.journal.append(a_line())
            assert connection.execute(count).scalar_one() == 0
        assert len(reader.journal.list()) == 1


def test_a_statement_that_takes_too_long_is_given_up_in_time(postgresql_url: str) -> None:
    with a_ledger(postgresql_url, ttl_seconds=TTL_SECONDS) as ledger:
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="statement timeout"), ledger.writing() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(30)")
        assert time.monotonic() - began < TTL_SECONDS
        ledger.journal.append(a_line())


def test_a_migration_is_not_hurried(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bring = migrate._bring_up_to_date

    def slowly(connection: Connection, *arguments: Any) -> None:
        connection.exec_driver_sql("SELECT pg_sleep(0.7)")
        bring(connection, *arguments)

    monkeypatch.setattr(migrate, "_bring_up_to_date", slowly)
    with a_ledger(empty_url, ttl_seconds=1.0) as ledger:
        ledger.journal.append(a_line())
        with pytest.raises(LedgerUnavailable, match="statement timeout"), ledger.writing() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(30)")
