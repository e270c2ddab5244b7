"""The real program with MetaTrader 5 accounts in states that a user meets: a terminal that is away, and a gateway."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from processes import Program, answer, run_json
from terminals import write_settings

NAMES = ("alpha", "beta", "gamma")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def test_an_account_whose_terminal_is_away_holds_up_no_other_and_status_and_doctor_name_it(tmp_path: Path) -> None:
    write_settings(tmp_path, ttl_seconds=18.0)
    without_gamma = {"ACCOUNTS__2__ENABLED": "false"}
    with (
        Program(tmp_path, "terminal", "--from", "2017-06-28", "--speed", "7200", settings=without_gamma) as terminal,
        Program(tmp_path, "serve", "--no-view") as program,
    ):
        program.wait_for("leading crew default on alpha, beta, gamma")
        program.wait_for("standing_by: gamma: .*gamma.json")
        for name in ("alpha", "beta"):
            program.wait_for(f"{name}: looked through")
        trouble = {account["name"]: account["trouble"] for account in run_json(["status"], tmp_path)["accounts"]}
        assert "gamma.json" in trouble["gamma"]["said"]
        assert (trouble["alpha"], trouble["beta"]) == (None, None)
        checks = doctor(tmp_path)
        assert checks["gamma: terminal"]["state"] == "failed"
        for part in ("worker", "terminal", "account", "permission", "symbols", "clock"):
            assert checks[f"alpha: {part}"]["state"] == "ok", checks[f"alpha: {part}"]
        assert "demo, hedging, balance" in checks["alpha: account"]["saw"]
        program.stop()
        terminal.stop()


def doctor(directory: Path, **settings: str) -> dict[str, dict[str, Any]]:
    """Its checks by name; it fails, for something is wrong."""
    done = answer(["doctor", "--json"], directory, **settings)
    assert done.returncode == 1
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_behind_a_gateway_the_accounts_are_led_in_the_time_of_this_computer(tmp_path: Path) -> None:
    write_settings(tmp_path)
    with (
        Program(tmp_path, "terminal", "--from", "2017-06-28", "--speed", "60") as terminal,
        Program(tmp_path, "gateway", "--listen", "127.0.0.1:0") as gateway,
    ):
        terminal.wait_for("listening on")
        port = gateway.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1]
        there = {f"ACCOUNTS__{number}__MT5__GATEWAY": f"127.0.0.1:{port}" for number in range(3)}
        there |= {f"ACCOUNTS__{number}__MT5__PACKAGE": "MetaTrader5" for number in range(3)}
        with Program(tmp_path, "serve", "--no-view", settings=there) as program:
            since = program.wait_for("leading crew default on alpha, beta, gamma from (.*)")[1]
            assert abs((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()) < 600
            for name in NAMES:
                gateway.wait_for(f"leads account {name} with token 1")
            assert program.stop() < 10
            assert "Traceback" not in program.said
            assert not re.search("worker of .*: process", program.said), "they are the gateway's"
        gateway.stop()
        terminal.stop()


def test_without_windows_and_without_a_gateway_it_names_the_two_ways(tmp_path: Path) -> None:
    write_settings(tmp_path)
    real = {f"ACCOUNTS__{number}__MT5__PACKAGE": "MetaTrader5" for number in range(3)}
    done = answer(["serve", "--no-view"], tmp_path, **real)
    assert done.returncode == 2
    assert "set mt5.gateway to the address of run.py gateway, on a Windows machine or under Wine" in done.stderr
