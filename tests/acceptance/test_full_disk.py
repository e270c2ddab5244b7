"""The real program on a disk that fills up and is freed again: nothing ends, and nothing is counted as a crash."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from processes import Program, run_json

from persistence.backup import url_of
from persistence.ledger import Ledger

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prlimit")

SERVE = ("serve", "--no-view", "--speed", "3600")
SHORT_LEASES = {"AI_DB_RESERVATION_TTL_SECONDS": "3"}
ONE_BYTE = 1


def set_room(program: Program, most_bytes: int) -> None:
    """From now on no file of the program grows beyond this; its log is a pipe, and goes on."""
    import resource

    _, most = resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (most_bytes, most))


def test_a_full_disk_ends_nothing_and_is_no_crash(tmp_path: Path) -> None:
    import resource

    with Program(tmp_path, *SERVE, settings=SHORT_LEASES) as program:
        program.wait_for("submitted to open")
        set_room(program, ONE_BYTE)
        program.wait_for("lease_in_doubt: account:alpha")
        program.wait_for("lease_in_doubt: crew:default")
        set_room(program, resource.RLIM_INFINITY)
        for name in ("crew:default", "account:alpha", "account:beta"):
            program.wait_for(f"lease_certain: {name}")
        program.wait_for("alpha: the broker answers again")
        program.stop()
        assert "lease_lost" not in program.said
        assert "on_alert failed" not in program.said
        assert len([line for line in program.lines if "the book cannot be used" in line]) <= 2, program.said
    ledger = Ledger.open(url_of(tmp_path / "state" / "ledger.sqlite"), read_only=True)
    assert ledger.starts.crashes("default") == 0
    ledger.close()
    assert run_json(["status"], tmp_path)["leases"] == []


def test_a_start_on_a_full_disk_goes_on_when_there_is_room(tmp_path: Path) -> None:
    pass
