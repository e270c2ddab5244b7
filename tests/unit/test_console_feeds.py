"""What `doctor` and `why` say of sources of sentiment."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from made_feeds import CALENDAR_CSV, RSS, weeks
from rich.console import Console

from console.configuration import Configuration, load
from console.doctor_feeds import feed_checks
from console.records import decision_data
from console.why import render
from persistence.journal import JournalLine
from trading.market import DAY, HOUR

NOON = 1_772_452_800_000  # 2 March 2026


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """One source of each kind, and one whose file is not there."""
    files = {
        "wire.xml": RSS,
        "cot.txt": "\n".join(weeks(date(2025, 1, 7), range(59))).encode(),
        "events.csv": CALENDAR_CSV,
        "score.json": json.dumps({"commodity": "EURUSD", "bullishness": 0.7, "at": NOON - HOUR}).encode(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    config = tmp_path / "watchbill.toml"
    config.write_text(
        "".join(
            f"[[feeds.{kind}]]\nname = '{name}'\n{written(tmp_path / file, is_list=kind == 'positions')}\n"
            for kind, name, file in (
                ("headlines", "wire", "wire.xml"),
                ("headlines", "gone", "gone.xml"),
                ("positions", "cot", "cot.txt"),
                ("calendars", "events", "events.csv"),
                ("scores", "model", "score.json"),
            )
        )
    )
    return load(config, {})


def written(file: Path, *, is_list: bool) -> str:
    """The source as a line of TOML, of which a JSON text is one."""
    return f"sources = [{json.dumps(str(file))}]" if is_list else f"source = {json.dumps(str(file))}"


def test_doctor_reads_each_source_once_and_says_what_it_knows(configuration: Configuration) -> None:
    checks = {check.name: check for check in feed_checks(configuration, NOON)}
    assert {name: check.state for name, check in checks.items()} == {
        "feed wire": "ok",
        "feed gone": "warning",
        "feed cot": "ok",
        "feed events": "ok",
        "feed model": "ok",
    }
    assert checks["feed wire"].saw == "2 headlines name a commodity, the newest of 2026-03-02 10:00, 2 h 0 min old"
    assert checks["feed gone"].saw.endswith("gone.xml: there is no such file")
    assert "absent from sentiment" in checks["feed gone"].advice
    assert checks["feed cot"].saw == "59 reports on 1 contracts, the newest of 2026-02-17"
    assert checks["feed events"].saw == "1 events that matter, the next: USD CPI m/m at 2026-03-02T13:30:00Z"
    assert checks["feed model"].saw == "1 scores, the newest of 2026-03-02 11:00, 1 h 0 min old"


def test_doctor_warns_of_a_source_that_is_too_old(configuration: Configuration) -> None:
    states = {check.name: check for check in feed_checks(configuration, NOON + 30 * DAY)}
    assert {check.state for check in states.values()} == {"warning"}
    assert "a newer file" in states["feed wire"].advice


def test_why_says_what_each_source_said_and_why_one_is_absent() -> None:
    readings = {"bullishness": 0.7, "model.bullishness": 0.7, "model.age_seconds": 5_400.0, "wire.bullishness": None}
    sentiment = {
        "score": 0.7,
        "absent": False,
        "readings": readings,
        "notes": {"wire": "absent: wire.xml: there is no such file"},
    }
    detail = {"analysis": {"pillars": {"sentiment": sentiment}}}
    line = JournalLine(1, NOON, NOON, 1, "w", "decision", None, "EURUSD", None, "a", "refused:veto", detail)
    decision = {**decision_data(line), "digits": 5, "results": [], "trades": []}
    data = {"exists": True, "commodity": None, "decisions": [decision]}
    console = Console(width=120, force_terminal=False)
    with console.capture() as shown:
        console.print(render(data))
    assert "model: bullishness 0.70, 1.5 h old" in shown.get()
    assert "wire: absent: wire.xml: there is no such file" in shown.get()
