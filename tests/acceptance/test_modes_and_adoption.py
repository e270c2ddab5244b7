"""An operator's commands beside the real program: they need no restart, and outlive one."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from processes import FIFTY_BARS_A_SECOND, Program, answer, run_json

from persistence.ledger import Ledger
from persistence.reservations import crew_resource

FAST = ("serve", "--no-view", "--speed", FIFTY_BARS_A_SECOND)
BRISK = ("serve", "--no-view", "--speed", "36000")
LEADING = r"leading crew default on alpha, beta from (\S+)"
OPENED = r"submitted to open"
DEADLINE_SECONDS = 120.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def asked(directory: Path, query: str) -> list[tuple[Any, ...]]:
    """What the ledger answers, read from outside."""
    with closing(
        sqlite3.connect(f"file:{directory / 'state' / 'ledger.sqlite'}?mode=ro", uri=True, timeout=10)
    ) as open_:
        return open_.execute(query).fetchall()


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Until the ledger, which nobody here writes, says so."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"it never came to this: {what}"
        time.sleep(0.1)


def count(directory: Path, condition: str, table: str = "trade") -> int:
    """How many rows there are."""
    found: int = asked(directory, f"SELECT count(*) FROM {table} WHERE {condition}")[0][0]
    return found


def test_pause_stops_opens_at_once_survives_a_restart_and_resume_lifts_it(tmp_path: Path) -> None:
    with Program(tmp_path, *FAST) as program:
        program.wait_for(OPENED)
        assert run_json(["pause", "--reason", "the news"], tmp_path)["mode"] == "paused"
        (paused_at,) = asked(tmp_path, "SELECT max(id) FROM journal WHERE kind = 'mode'")[0]
        wait_until(
            lambda: count(tmp_path, f"id > {paused_at} AND reason = 'refused:paused'", "journal") > 0, "a refused open"
        )
        program.stop(signal.SIGTERM)
    submitted = "kind = 'transition' AND reason = 'submitted'"
    assert count(tmp_path, f"id > {paused_at} AND {submitted}", "journal") == 0
    with Program(tmp_path, *FAST) as again:
        again.wait_for(r"crew default is paused, opens nothing, guarding goes on; by \S+ since .*: the news")
        again.wait_for(LEADING)
        assert run_json(["resume"], tmp_path)["mode"] == "trading"
        again.wait_for(OPENED)
        again.stop(signal.SIGTERM)
    assert run_json(["status"], tmp_path)["mode"]["mode"] == "trading"


def test_halt_leaves_positions_alone_and_says_so_until_it_is_lifted(tmp_path: Path) -> None:
    with Program(tmp_path, *BRISK) as program:
        program.wait_for(OPENED)
        refused = answer(["halt"], tmp_path)
        assert refused.returncode == 2
        assert re.search("halt leaves .*unguarded.*; --yes confirms that", refused.stderr)
        halted = run_json(["halt", "--yes"], tmp_path)
        while not halted["positions"]:  # closed meanwhile: the next one is caught
            run_json(["resume"], tmp_path)
            wait_until(lambda: count(tmp_path, "state = 'open'") > 0, "an open trade")
            halted = run_json(["halt", "--yes"], tmp_path)
        assert halted["guards"] is False
        wait_until(lambda: count(tmp_path, "kind = 'alert' AND reason = 'halt'", "journal") > 0, "an alert")
        held = count(tmp_path, "state = 'open'")
        decided = count(tmp_path, "kind = 'decision'", "journal")
        wait_until(lambda: count(tmp_path, "kind = 'decision'", "journal") > decided, "another bar")
        assert count(tmp_path, "state = 'open'") == held
        assert answer(["pause"], tmp_path).returncode == 2
        assert run_json(["resume"], tmp_path)["mode"] == "trading"
        wait_until(lambda: count(tmp_path, "state = 'closed'") > 0, "a close after the halt")
        program.stop(signal.SIGTERM)


def test_a_lost_ledger_is_refused_until_its_positions_are_adopted_or_disowned(tmp_path: Path) -> None:
    with Program(tmp_path, *BRISK) as program:
        program.wait_for(OPENED)
        program.stop(signal.SIGTERM)
    was = {
        row[0]: row[1:] for row in asked(tmp_path, "SELECT magic, platform, stop_price FROM trade WHERE state='open'")
    }
    assert was
    (tmp_path / "kept").mkdir()
    shutil.move(tmp_path / "state" / "ledger.sqlite", tmp_path / "kept" / "ledger.sqlite")
    refused = answer(["serve", "--no-view"], tmp_path)
    assert refused.returncode == 2
    assert all(f"magic {magic}" in refused.stderr for magic, (platform, _) in was.items() if platform == "alpha")
    for number, (magic, (platform, stop_price)) in enumerate(sorted(was.items())):
        if number == 0:
            adopted = run_json(["adopt", platform, str(magic), "--stop-price", str(stop_price)], tmp_path)
            assert adopted["trade"]["state"] == "open"
        else:
            assert answer(["disown", platform, str(magic)], tmp_path).returncode == 0
    with Program(tmp_path, *FAST) as again:
        again.wait_for(LEADING)
        wait_until(
            lambda: count(tmp_path, f"state = 'closed' AND magic = {min(was)}") == 1, "the adopted trade's close"
        )
        again.stop(signal.SIGTERM)
    with closing(sqlite3.connect(tmp_path / "state" / f"paper-{was[min(was)][0]}.sqlite")) as book:
        deals = book.execute(
            "SELECT round(sum(profit + swap + commission + fee), 2) FROM deals WHERE position_id = "
            "(SELECT position_id FROM deals WHERE magic = ? AND entry = 'in')",
            (min(was),),
        ).fetchone()
    assert asked(tmp_path, f"SELECT profit FROM trade WHERE magic = {min(was)}") == [deals]


def test_five_crashes_end_in_managing_only_until_reset(tmp_path: Path) -> None:
    settings = {"AI_DB_RESERVATION_TTL_SECONDS": "3"}
    with Program(tmp_path, *BRISK, settings=settings) as killed:
        killed.wait_for(LEADING)
        killed.send(signal.SIGKILL)
        killed.end()
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'state' / 'ledger.sqlite'}")) as ledger:
        crew = crew_resource("default")
        wait_until(lambda: not ledger.reservations.is_resource_reserved(crew), "the lease of the killed runs out")
        for number in range(4):
            held = ledger.reservations.reserve_resource(crew, f"process {number}", 3.0)
            assert held is not None
            assert ledger.starts.begin("default", held.fence).crashes == number + 1
            ledger.reservations.release_resource(held.fence)
    with Program(tmp_path, *BRISK, settings=settings) as sixth:
        sixth.wait_for(r"critical .*5 crashes within 10 minutes; it opens nothing and guards what is open until run.py")
        mode = run_json(["status"], tmp_path)["mode"]
        assert (mode["mode"], mode["lifted_by"], mode["crashes"]) == ("manage_only", "run.py reset", 5)
        assert run_json(["reset"], tmp_path)["mode"] == "trading"
        sixth.stop(signal.SIGTERM)


def test_broken_settings_refuse_the_start_but_leave_no_open_trade_unguarded(tmp_path: Path) -> None:
    (tmp_path / "watchbill.toml").write_text("ai_monitor_interval_seconds = 20\n")
    with Program(tmp_path, *BRISK) as program:
        program.wait_for(OPENED)
        program.stop(signal.SIGTERM)
    held = count(tmp_path, "state = 'open'")
    assert held
    (tmp_path / "watchbill.toml").write_text("ai_monitor_interval_seconds = -20\n")
    with Program(tmp_path, *FAST) as guarding:
        guarding.wait_for(r"critical .*ai_monitor_interval_seconds.* it opens nothing and guards what is open")
        wait_until(lambda: count(tmp_path, "state = 'open'") == 0, "every open trade is closed")
        guarding.stop(signal.SIGTERM)
    refused = answer(["serve", "--no-view"], tmp_path)
    assert refused.returncode == 2
    assert "ai_monitor_interval_seconds" in refused.stderr
    (tmp_path / "watchbill.toml").write_text("ai_monitor_interval_seconds = 20\n")
    with Program(tmp_path, *FAST) as again:
        again.wait_for(OPENED)
        assert run_json(["status"], tmp_path)["mode"]["mode"] == "trading"
        again.stop(signal.SIGTERM)
