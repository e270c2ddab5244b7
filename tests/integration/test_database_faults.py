"""Databases that stop, cut connections, go away and fill up under load: promises are kept, and they are used again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from made_faults import Load, full_disk, no_room, still
from made_ledger import a_ledger
from postgres_server import FAST, IMMEDIATE, PostgresServer

from persistence.errors import LedgerUnavailable
from persistence.sqlite import may_pass

SMALL_DISK_MEGABYTES = 16
ROOM_LEFT_BYTES = 200_000


@pytest.fixture
def own_url(own_server: PostgresServer) -> Iterator[str]:
    """An empty ledger on the server that may be stopped."""
    name = own_server.new_database()
    yield own_server.url(name)
    own_server.drop_database(name)


@pytest.fixture
def load(own_url: str) -> Iterator[Load]:
    """Two ledgers that trade, as two processes would; one of them from two threads."""
    with ExitStack() as open_ledgers:
        first, second = (open_ledgers.enter_context(a_ledger(own_url, lease_clock=still())) for _ in range(2))
        with Load(first, first, second) as running:
            running.wait_for_promises(2)
            yield running
        with a_ledger(own_url, lease_clock=still(), read_only=True) as reader:
            running.must_be_kept(reader)


@pytest.mark.parametrize("how", [FAST, IMMEDIATE], ids=["fast", "immediate"])
def test_a_server_restarted_under_load_loses_nothing_and_is_used_again(
    load: Load, own_server: PostgresServer, how: signal.Signals
) -> None:
    for _ in range(2):
        own_server.restart(how)
        load.wait_for_promises(2)


def test_connections_cut_under_load_are_made_anew(load: Load, own_server: PostgresServer, own_url: str) -> None:
    for _ in range(5):
        own_server.cut_connections(own_url.rpartition("/")[2])
        load.wait_for_promises(1)


def test_a_server_that_is_away_for_a_while_refuses_everything_and_then_nothing(
    load: Load, own_server: PostgresServer
) -> None:
    own_server.stop()
    load.wait_for_refusals(3)
    own_server.start()
    load.wait_for_promises(2)


def test_a_full_sqlite_disk_refuses_under_load_and_is_used_again_when_there_is_room(tmp_path: Path) -> None:
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    with a_ledger(url, lease_clock=still()) as ledger, Load(ledger, ledger, ledger) as load:
        load.wait_for_promises(2)
        for _ in range(2):
            with no_room(ledger, pages_to_spare=20):
                load.wait_for_refusals(3)
                assert any("full" in said for account in load.accounts for said in account.refused)
                assert ledger.trades.tally().states, "reading goes on"
            load.wait_for_promises(2)
    with a_ledger(url, lease_clock=still(), read_only=True) as reader:
        load.must_be_kept(reader)


def test_a_full_disk_may_pass_and_a_damaged_ledger_does_not(tmp_path: Path) -> None:
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    with a_ledger(url):
        pass
    with full_disk(), pytest.raises(LedgerUnavailable) as full, a_ledger(url):
        pytest.fail("it was opened")
    assert may_pass(full.value)
    (tmp_path / "ledger.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(LedgerUnavailable) as damaged, a_ledger(url):
        pytest.fail("it was opened")
    assert not may_pass(damaged.value)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk in memory of a few megabytes. Making one is root's privilege."""
    where = Path("/dev/shm") / f"watchbill-small-disk-{os.getpid()}"
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("NOT TESTED: a full PostgreSQL disk needs a small file system, and only root can mount one")
    where.mkdir()
    size = f"size={SMALL_DISK_MEGABYTES}m,mode=0777"
    command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(where)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode != 0:
        where.rmdir()
        pytest.skip(f"NOT TESTED: a full PostgreSQL disk needs a small file system: {mounted.stderr.decode().strip()}")
    yield where
    subprocess.run(["umount", "--lazy", str(where)], check=True)
    where.rmdir()


def test_a_full_postgresql_disk_refuses_under_load_and_is_used_again_when_there_is_room(
    small_disk: Path, own_server: PostgresServer
) -> None:
    """The tables are on the small disk, the server's log of changes is not: that being full stops the whole server."""
    tables = small_disk / "tables"
    tables.mkdir()
    os.chown(tables, own_server.account["user"], own_server.account["group"])
    own_server.execute(f"CREATE TABLESPACE small LOCATION '{tables}'")
    name = own_server.new_database(tablespace="small")
    with ExitStack() as open_ledgers:
        first, second = (
            open_ledgers.enter_context(a_ledger(own_server.url(name), lease_clock=still())) for _ in range(2)
        )
        with Load(first, second) as load:
            load.wait_for_promises(2)
            ballast = small_disk / "ballast"
            ballast.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - ROOM_LEFT_BYTES))
            load.wait_for_refusals(3)
            assert any("No space left" in said for account in load.accounts for said in account.refused)
            assert first.trades.tally().states, "reading goes on"
            ballast.unlink()
            load.wait_for_promises(2)
        load.must_be_kept(first)
    own_server.drop_database(name)
    own_server.execute("DROP TABLESPACE small")
