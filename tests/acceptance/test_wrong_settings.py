"""A wrong setting names itself and what was expected; nothing is started, and nothing is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from processes import answer, run, run_json

from console import last_good
from console.configuration import load
from persistence.ledger import Ledger

TWO_OF_A_NAME = """
[[accounts]]
name = "alpha"
symbols = {EURUSD = "EURUSD"}
[[accounts]]
name = "alpha"
symbols = {EURUSD = "EURUSD"}
"""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ai_per_account_cooldown_minute = 3", ["ai_per_account_cooldown_minute", "ai_per_account_cooldown_minutes"]),
        ("confidence_profile = 'brave'", ["confidence_profile", "brave", "standard"]),
        ("[risk]\nrisk_per_trade_fraction = 0.5", ["risk.risk_per_trade_fraction", "0.5", "0.05"]),
        (TWO_OF_A_NAME, ["alpha", "two accounts"]),
        ('[[accounts]]\nname = "a"\nsymbols = {EURUSD = "X", GBPUSD = "X"}', ["EURUSD", "GBPUSD", "X"]),
        ("[commodities.GBPUSD]\ncontract_size = 5", ["GBPUSD", "symbol"]),
        ('[[accounts]]\nname = "a"\nsymbols = {EURSUD = "EURUSD"}', ["EURSUD", "EURUSD"]),
        ("[strategies.swing.weights]\nbase = 0.9", ["strategies.swing.weights", "1"]),
        ("ai_monitor_interval_seconds = = 3", ["watchbill.toml"]),
    ],
    ids=["unknown key", "profile", "risk", "names", "symbols", "no symbol", "commodity", "weights", "TOML"],
)
def test_a_wrong_setting_names_itself_and_what_was_expected(tmp_path: Path, text: str, named: list[str]) -> None:
    (tmp_path / "watchbill.toml").write_text(text + "\n")
    refused(tmp_path, "serve", named)


@pytest.mark.parametrize("command", ["replay --sample", "doctor", "status", "trades", "why"])
def test_every_command_refuses_a_wrong_setting(tmp_path: Path, command: str) -> None:
    (tmp_path / "watchbill.toml").write_text("confidence_profile = 'brave'\n")
    refused(tmp_path, command, ["confidence_profile", "brave"])


COMMANDS = ["status", "trades", "why", "pause", "resume", "halt --yes", "reset", "backup copy.sqlite"]


@pytest.mark.parametrize("command", [*COMMANDS, "doctor", "adopt alpha 5 --stop-price 1"])
def test_after_a_good_start_wrong_settings_leave_the_commands_that_only_need_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    good = load(None, {})
    (tmp_path / "state").mkdir()
    Ledger.open(good.database_url).close()
    last_good.keep(good)
    (tmp_path / "watchbill.toml").write_text("confidence_profile = 'brave'\n")
    done = answer(command.split(), tmp_path)
    assert done.returncode == (0 if command in COMMANDS else 2)
    assert "confidence_profile" in done.stderr
    if command in COMMANDS:
        (warning,) = done.stderr.splitlines()
        assert "going on by" in warning


def test_a_real_process_ends_with_code_2_and_a_line_on_standard_error(tmp_path: Path) -> None:
    (tmp_path / "watchbill.toml").write_text("confidence_profile = 'brave'\n")
    done = run(["serve"], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "brave" in done.stderr


def refused(directory: Path, command: str, named: list[str]) -> None:
    done = answer(command.split(), directory)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for word in named:
        assert word in done.stderr
    assert not (directory / "state").exists()


def test_a_wrong_environment_variable_names_itself(tmp_path: Path) -> None:
    done = answer(["status"], tmp_path, AI_MONITOR_INTERVAL_SECOND="3")
    assert done.returncode == 2
    assert "WATCHBILL__AI_MONITOR_INTERVAL_SECOND" in done.stderr
    assert "ai_monitor_interval_seconds" in done.stderr.lower()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = answer(["--config", "other.toml", "status"], tmp_path)
    assert done.returncode == 2
    assert "other.toml" in done.stderr


def test_init_writes_a_file_that_every_command_takes_and_never_overwrites_it(tmp_path: Path) -> None:
    assert run_json(["init"], tmp_path)["written"] == "watchbill.toml"
    assert run_json(["doctor"], tmp_path)["healthy"] is True
    again = answer(["init"], tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr


def test_a_database_from_the_future_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    answer(["replay", "--sample", "--to", "2017-05-01", "--ledger", "state/ledger.sqlite"], tmp_path)
    with sqlite3.connect(tmp_path / "state" / "ledger.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    done = answer(["serve", "--no-view"], tmp_path)
    assert done.returncode == 2
    assert "9999" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 20, None])
def test_a_database_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    ledger = tmp_path / "state" / "ledger.sqlite"
    ledger.parent.mkdir()
    if content is None:
        ledger.mkdir()
    else:
        ledger.write_bytes(content)
    done = answer(["serve", "--no-view"], tmp_path)
    assert done.returncode == 2
    assert "ledger.sqlite" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_byte_order_mark_before_the_settings_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "watchbill.toml").write_text('crew = "other"\n', encoding="utf-8-sig")
    assert run_json(["doctor"], tmp_path)["healthy"] is True


def test_a_variable_with_one_underscore_is_not_ignored_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHBILL_CREW", "x")
    done = answer(["status"], tmp_path)
    assert done.returncode == 0
    assert "WATCHBILL_CREW is not read" in done.stderr
    assert "WATCHBILL__" in done.stderr
