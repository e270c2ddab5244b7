"""`backup` beside a process that leads, and `restore` after it: with the real program and its real files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import DEADLINE_SECONDS, FIFTY_BARS_A_SECOND, ROOT, Program, answer, environment, run_json

from persistence.backup import url_of
from persistence.ledger import Ledger

FAST = ("serve", "--no-view", "--speed", FIFTY_BARS_A_SECOND)
SLOW = ("serve", "--no-view", "--speed", "60")
SHORT_LEASES = {"AI_DB_RESERVATION_TTL_SECONDS": "3"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def test_a_backup_is_made_while_the_program_leads_and_restored_when_it_does_not(tmp_path: Path) -> None:
    with Program(tmp_path, *FAST, settings=SHORT_LEASES) as program:
        program.wait_for("closing to closed")
        made = run_json(["backup", "kept.sqlite"], tmp_path)
        refused = answer(["backup", "kept.sqlite"], tmp_path)
        assert refused.returncode == 2
        assert "kept.sqlite exists already; expected another name, or --force" in refused.stderr
        refused = answer(["restore", "kept.sqlite"], tmp_path)
        assert refused.returncode == 2
        assert "the ledger is in use" in refused.stderr
        program.stop()
    before = run_json(["trades", "--limit", "1000"], tmp_path)["trades"]
    restored = run_json(["restore", "kept.sqlite"], tmp_path)
    assert restored["trades"] == made["rows"]["trade"] > 0
    assert len(run_json(["trades", "--limit", "1000"], tmp_path)["trades"]) == restored["trades"]
    kept = Path(restored["kept"])
    undone = run_json(["restore", str(kept)], tmp_path)
    assert run_json(["trades", "--limit", "1000"], tmp_path)["trades"] == before
    assert undone["kept"] != str(kept), "every one is kept under a name of its own"


def test_a_start_on_a_backup_that_does_not_know_a_position_is_refused(tmp_path: Path) -> None:
    Ledger.open(url_of(tmp_path / "state" / "ledger.sqlite")).close()
    run_json(["backup", "early.sqlite"], tmp_path)
    with Program(tmp_path, *SLOW, settings=SHORT_LEASES) as program:
        program.wait_for("submitted to open")
        program.stop()
    run_json(["restore", "early.sqlite"], tmp_path)
    refused = answer(["serve", "--no-view"], tmp_path, **SHORT_LEASES)
    assert refused.returncode == 2, refused.stderr
    assert "adopt" in refused.stderr
    assert "disown" in refused.stderr


def test_what_cannot_be_restored_makes_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "notes.sqlite").write_text("no database")
    for name in ("missing.sqlite", "notes.sqlite"):
        refused = answer(["restore", name], tmp_path)
        assert refused.returncode == 2
        assert name in refused.stderr
    refused = answer(["backup", "kept.sqlite"], tmp_path)
    assert refused.returncode == 2
    assert "there is no ledger" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.sqlite"]


def test_a_backup_that_takes_longer_shows_a_bar_on_a_terminal(tmp_path: Path) -> None:
    import pty

    code = (
        "import sys, console.rows_progress, run\n"
        "console.rows_progress.MOMENT_SECONDS = 0\n"  # any machine is faster than a second here
        "sys.exit(run.main(sys.argv[1:]))\n"
    )
    ledger = Ledger.open(url_of(tmp_path / "state" / "ledger.sqlite"))
    ledger.trades.register_account("alpha")
    ledger.close()
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code, "backup", "kept.sqlite"],
        cwd=tmp_path,
        env={**environment(), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100"},
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
    )
    os.close(secondary)
    screen = b""
    while True:
        try:
            chunk = os.read(primary, 65_536)
        except OSError:  # Linux ends a terminal whose last process has gone with an error
            break
        if not chunk:
            break
        screen += chunk
    assert process.wait(DEADLINE_SECONDS) == 0, screen
    os.close(primary)
    assert b"backing up" in screen
    assert b"wrote kept.sqlite" in screen
