"""What the doctor says of trading times."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from console.check import Check
from console.configuration import Configuration, load
from console.doctor import doctor_data
from console.doctor_calendars import calendars_check, folder_needed
from feeds import market_calendars_building
from feeds.errors import CalendarUnavailable
from feeds.market_calendars import CalendarStore
from trading.market import DAY, Instant

NOW: Instant = 1_772_625_600_000  # a Wednesday noon, 2026-03-04
GOLD = """
[[accounts]]
name = "alpha"
symbols = { EURUSD = "E", GOLD = "G", SILVER = "S" }
"""


def configured(folder: Path, accounts: str = GOLD) -> Configuration:
    file = folder / "watchbill.toml"
    file.write_text(f'database_url = "sqlite:///{(folder / "ledger.sqlite").as_posix()}"\n{accounts}')
    return load(file, {})


@pytest.fixture
def configuration(tmp_path: Path, calendars: CalendarStore) -> Configuration:
    """Of a machine on which the calendars have been built."""
    assert calendars.folder is not None
    shutil.copytree(calendars.folder, tmp_path / "calendars")
    return configured(tmp_path)


def test_it_says_what_is_open_and_up_to_when_closings_were_announced(
    configuration: Configuration, calendars: CalendarStore
) -> None:
    known = calendars.times(configuration.commodities["GOLD"], NOW, NOW + DAY).known_until
    assert calendars_check(configuration, NOW) == Check(
        "calendars",
        "ok",
        "EURUSD open until 2026-03-06 22:00; GOLD, SILVER open until 2026-03-04 22:00; "
        f"GOLD, SILVER as announced until {known}, later by rule alone",
    )


def test_after_what_was_announced_it_asks_for_a_newer_library(configuration: Configuration) -> None:
    check = calendars_check(configuration, NOW + 3 * 365 * DAY)
    assert (check.state, "up to date" in check.advice) == ("warning", True)


def test_the_hours_of_an_account_are_said_beside_the_others(tmp_path: Path, calendars: CalendarStore) -> None:
    own = GOLD + '[accounts.hours.EURUSD]\nclosed = ["2026-03-04"]\n'
    check = calendars_check(configured(tmp_path, own.replace(', GOLD = "G", SILVER = "S"', "")), NOW)
    assert check.saw == "EURUSD open until 2026-03-06 22:00; EURUSD on alpha shut until 2026-03-04 22:00"


def test_sessions_shorter_than_the_time_before_their_end_are_told_of(tmp_path: Path) -> None:
    sessions = '[accounts.hours.EURUSD]\nsessions = ["Mon-Fri 16:50-17:00"]\nauto_close_minutes_before = {}\n'
    only_eurusd = GOLD.replace(', GOLD = "G", SILVER = "S"', "")
    check = calendars_check(configured(tmp_path, only_eurusd + sessions.format(15)), NOW)
    assert check.state == "warning"
    assert "EURUSD on alpha trades for less than the 15 minutes before its day's end" in check.saw
    longer = only_eurusd + sessions.replace("16:50", "16:40").format(15)
    assert calendars_check(configured(tmp_path, longer), NOW).state == "ok"


@pytest.fixture
def broken_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise CalendarUnavailable("the process that makes calendars ended with 1")

    monkeypatch.setattr(market_calendars_building, "build_schedules", fails)


@pytest.mark.usefixtures("broken_library")
def test_a_calendar_that_cannot_be_built_fails_the_check_with_its_name(tmp_path: Path) -> None:
    check = calendars_check(configured(tmp_path), NOW)
    assert check.state == "failed"
    assert "GOLD (CMEGlobex_GC)" in check.saw
    assert check.advice


def test_the_folder_is_looked_at_where_a_calendar_is_kept(configuration: Configuration, tmp_path: Path) -> None:
    assert folder_needed(configuration) == tmp_path / "calendars"
    checks = {check["name"]: check for check in doctor_data(configuration, {})["checks"]}
    assert checks["kept calendars"]["state"] == "ok"


@pytest.mark.usefixtures("broken_library")
def test_a_folder_that_cannot_be_written_is_a_warning_for_trading_goes_on(tmp_path: Path) -> None:
    (tmp_path / "calendars").write_text("a file in the place of the folder")
    checks = {check["name"]: check for check in doctor_data(configured(tmp_path), {})["checks"]}
    assert checks["kept calendars"]["state"] == "warning"


def test_where_no_exchange_is_traded_no_folder_is_needed(tmp_path: Path) -> None:
    assert folder_needed(configured(tmp_path, "")) is None
