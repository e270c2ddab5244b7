"""The doctor says what it saw and what to do, and changes nothing."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path

import pytest
from made_ledger_file import History, configuration_of

from console import doctor
from console.arguments import Doctor
from console.configuration import Configuration, load
from console.output import Output


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return configuration_of(tmp_path)


def seen(configuration: Configuration, **environment: str) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in doctor.doctor_data(configuration, environment)["checks"]}


def test_on_a_machine_in_order_nothing_fails_and_nothing_is_made(
    configuration: Configuration, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stdout = io.StringIO()
    assert doctor.run(Doctor(), configuration, Output(stdout=stdout, stderr=io.StringIO())) == 0
    assert "is not there yet" in " ".join(stdout.getvalue().split())
    assert not list(tmp_path.iterdir())


def test_every_check_says_what_it_saw_and_every_fault_what_to_do(configuration: Configuration) -> None:
    for check in seen(configuration).values():
        assert check["saw"]
        assert check["state"] == "ok" or check["advice"]


def test_it_sees_the_ledger_with_its_leases(configuration: Configuration) -> None:
    history = History(configuration)
    history.open()
    ledger = seen(configuration)["ledger"]
    history.close()
    assert ledger["state"] == "ok"
    for said in ("write-ahead log", "1 active trades", "held: account:alpha, crew:default"):
        assert said in ledger["saw"]


def test_a_database_of_another_program_fails_and_answers_one(configuration: Configuration, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.sqlite") as other:
        other.execute("CREATE TABLE something (x)")
    other.close()
    assert "another program" in seen(configuration)["ledger"]["saw"]
    assert doctor.run(Doctor(), configuration, Output(as_json=True, stdout=io.StringIO(), stderr=io.StringIO())) == 1


def test_books_beside_a_ledger_that_cannot_be_are_no_defect_of_the_program() -> None:
    checks = seen(load(None, {"WATCHBILL__DATABASE_URL": "postgresq://x@y/z"}))
    assert {checks[name]["state"] for name in ("ledger", "paper books")} == {"failed"}
    assert checks["paper books"]["advice"] == "they lie beside the ledger: see there"


def test_what_is_no_database_fails(configuration: Configuration, tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("not a database at all, but long enough to look at", encoding="utf-8")
    assert seen(configuration)["ledger"]["state"] == "failed"


def test_a_ledger_with_a_damaged_page_fails(configuration: Configuration, tmp_path: Path) -> None:
    History(configuration).close()
    file = tmp_path / "ledger.sqlite"
    page_size = int.from_bytes(file.read_bytes()[16:18], "big")  # SQLite's "Database File Format", 1.3
    with file.open("r+b") as opened:
        opened.seek(-page_size, io.SEEK_END)
        opened.write(b"\xa5" * page_size)
    check = seen(configuration)["ledger"]
    assert check["state"] == "failed"
    assert "ledger.sqlite cannot be used: it is damaged" in check["saw"]
    assert "backup" in check["saw"]


def test_a_place_where_no_file_can_be_made_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    checks = seen(configuration_of(tmp_path / "file"))
    assert checks["paper books"]["state"] == "failed"
    assert checks["ledger"]["state"] == "failed"


def test_a_variable_that_looks_like_a_setting_is_pointed_out(configuration: Configuration) -> None:
    check = seen(configuration, WATCHBILL_CREW="x")["configuration"]
    assert check["state"] == "warning"
    assert "WATCHBILL_CREW" in check["saw"]


def test_a_check_that_breaks_does_not_hide_the_others(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(doctor, "sample_bars", broken)
    checks = seen(configuration)
    assert checks["sample"]["state"] == "failed"
    assert "RuntimeError: unforeseen" in checks["sample"]["saw"]
    assert checks["TA-Lib"]["state"] == "ok"


def test_paper_accounts_that_trade_what_the_sample_lacks_are_told_what_serve_needs(tmp_path: Path) -> None:
    accounts = json.dumps([{"name": "alpha", "symbols": {"EURUSD": "EURUSD", "GOLD": "XAUUSD"}}])
    found = seen(configuration_of(tmp_path, WATCHBILL__ACCOUNTS=accounts))["sample"]
    assert found["state"] == "warning"
    assert found["saw"].endswith("; none of GOLD")
    assert "--data" in found["advice"]


def test_a_clock_before_the_programs_time_fails() -> None:
    assert doctor.clock_check(0.0).state == "failed"
    assert doctor.clock_check(1_800_000_000.0).state == "ok"
