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
BROKER = ("broker", "--port", "0", "--speed", "80000")
REMOTE = {f"ACCOUNTS__{number}__CONNECTOR": "remote" for number in (0, 1)}
SHORT_LEASES = {"AI_DB_RESERVATION_TTL_SECONDS": "3"}
ONE_BYTE = 1
LEASES = ("crew:default", "account:alpha", "account:beta")


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
        for name in LEASES:
            program.wait_for(f"lease_in_doubt: {name}")
        set_room(program, resource.RLIM_INFINITY)
        for name in LEASES:
            program.wait_for(f"lease_certain: {name}")
        program.wait_for("alpha: the broker answers again")
        program.stop()
        assert "lease_lost" not in program.said
        assert "on_alert failed" not in program.said
        said = [line for line in program.lines if "broker: alpha:" in line]
        assert len(said) <= 3, "that it cannot be polled, that it cannot be scanned, and that it is over"
    ledger = Ledger.open(url_of(tmp_path / "state" / "ledger.sqlite"), read_only=True)
    assert ledger.starts.crashes("default") == 0
    ledger.close()
    assert run_json(["status"], tmp_path)["leases"] == []


def test_stops_are_guarded_all_the_while_that_the_ledgers_disk_is_full_and_the_brokers_is_not(tmp_path: Path) -> None:
    import resource

    with Program(tmp_path, *BROKER, settings=REMOTE) as broker:
        port = broker.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1]
        servers = {f"ACCOUNTS__{number}__SERVER": f"127.0.0.1:{port}" for number in (0, 1)}
        with Program(tmp_path, "serve", "--no-view", settings={**REMOTE, **servers, **SHORT_LEASES}) as program:
            name = program.wait_for(r"(\w+):EURUSD .* submitted to open")[1]
            set_room(program, ONE_BYTE)
            program.wait_for(f"lease_in_doubt: account:{name}")
            program.wait_for("closed_without_ledger")
            set_room(program, resource.RLIM_INFINITY)
            program.wait_for(f"{name}:EURUSD .* closing to closed")
            program.stop()
            assert "lease_lost" not in program.said
            assert "conceded" not in program.said
