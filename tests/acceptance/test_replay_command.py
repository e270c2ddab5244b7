"""`run.py replay` as its user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from processes import ROOT, answer, environment, run, run_json

ROWS = [
    "time,open,high,low,close",
    "2024-01-02T10:00:00Z,1.10,1.11,1.09,1.105",
    "2024-01-02T11:00:00Z,1.105,1.12,1.10,1.11",
    "2024-01-02T12:00:00Z,1.11,1.12,1.10,1.10",
]


def test_the_sample_closes_trades_for_several_reasons_and_reports_every_refusal(tmp_path: Path) -> None:
    figures = run_json(["replay", "--sample", "--to", "2017-09-05"], tmp_path)
    assert figures["bars"] > 2300
    assert 0 < figures["bars_outside_trading_times"] < 10
    assert figures["bars_per_second"] > 0
    assert figures["trades"] == sum(figures["closes"].values()) > 0
    assert {"stop", "target", "trailing_stop", "time_stop", "opposite_signal", "day_end"} <= set(figures["closes"])
    assert isinstance(figures["net_profit"], float)
    assert sum(figures["refusals"].values()) > 0
    by_account = [account["trades"] for account in figures["accounts"]]
    assert max(by_account) - min(by_account) <= 0.2 * sum(by_account), "equal accounts share the trades"
    assert not (tmp_path / "state").exists(), "a replay leaves nothing behind"


def test_a_replay_may_keep_its_ledger_and_never_overwrites_one(tmp_path: Path) -> None:
    words = ["replay", "--sample", "--to", "2017-07-05", "--ledger", "kept.sqlite"]
    kept = run_json(words, tmp_path)
    config = tmp_path / "kept.toml"
    config.write_text('database_url = "sqlite:///kept.sqlite"\n')
    shown = run_json(["--config", str(config), "trades", "--state", "closed", "--limit", "1000"], tmp_path)
    assert len(shown["trades"]) == kept["trades"] > 0
    again = answer(words, tmp_path)
    assert again.returncode == 2
    assert "kept.sqlite exists" in again.stderr


def test_the_table_is_for_people_and_fits_eighty_columns(tmp_path: Path) -> None:
    done = run(["replay", "--sample", "--to", "2017-07-05"], tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("trades", "win rate", "net profit", "profit factor", "drawdown", "Sharpe", "bars"):
        assert word.lower() in done.stdout.lower(), word
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda rows: [rows[0].replace("low", "lowest"), *rows[1:]], ["low"]),
        (lambda rows: [*rows[:2], rows[2].replace("1.12", "nan"), rows[3]], ["high", "nan"]),
        (lambda rows: [*rows[:2], rows[2].replace("1.12", "1.01"), rows[3]], ["high", "1.01"]),
        (lambda rows: [*rows[:2], rows[2].replace("1.10", "-1.10"), rows[3]], ["low", "-1.1"]),
        (lambda rows: [*rows[:2], rows[1], *rows[2:]], ["time", "2024-01-02T10:00:00Z"]),
        (lambda rows: [rows[0], rows[2], rows[1], rows[3]], ["time"]),
        (lambda rows: rows[:1], ["no bars"]),
        (lambda rows: [rows[0], "tomorrow,1,1,1,1"], ["time", "tomorrow"]),
    ],
    ids=["missing column", "NaN", "high below low", "negative", "duplicate", "unsorted", "empty", "no time"],
)
def test_bad_bars_are_refused_with_the_file_the_column_and_the_value(
    tmp_path: Path, change: object, named: list[str]
) -> None:
    file = tmp_path / "bars.csv"
    assert callable(change)
    file.write_text("\n".join(change(ROWS)) + "\n")
    done = answer(["replay", "--data", str(file), "--json"], tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "bars.csv" in done.stderr
    for word in named:
        assert word in done.stderr
    assert "bars.csv" in json.loads(done.stdout)["error"]


def test_a_file_whose_name_says_no_commodity_is_taken_for_eurusd_and_this_is_said(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("\n".join(ROWS) + "\n")
    done = answer(["replay", "--data", "mine.csv", "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine.csv names no commodity that is known: taken for EURUSD" in done.stderr
    assert json.loads(done.stdout)["commodities"] == ["EURUSD"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["replay", "--data", "nowhere.csv"], "nowhere.csv"),
        (["replay", "--data", "bars.xlsx"], ".xlsx"),
        (["replay", "--sample", "--commodity", "GOLD"], "GOLD"),
        (["replay", "--sample", "--from", "2030-01-01"], "2030"),
        (["replay", "--sample", "--from", "soon"], "soon"),
        (["replay"], "--sample"),
        (["reply"], "replay"),
    ],
)
def test_what_cannot_be_replayed_is_named(tmp_path: Path, words: list[str], named: str) -> None:
    (tmp_path / "bars.xlsx").write_text("no")
    done = answer(words, tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert named in done.stderr


@pytest.mark.parametrize("hours", [24, 4, 2])
def test_bars_longer_than_an_hour_are_refused_with_the_lengths_that_are_expected(tmp_path: Path, hours: int) -> None:
    begin = datetime(2024, 1, 2, tzinfo=UTC)
    times = [(begin + row * timedelta(hours=hours)).isoformat() for row in range(5)]
    (tmp_path / "daily.csv").write_text("\n".join([ROWS[0], *(f"{time},1.1,1.1,1.1,1.1" for time in times)]) + "\n")
    done = answer(["replay", "--data", "daily.csv", "--json"], tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert (
        f"daily.csv: a bar is {hours * 3600} s long; expected a divisor of an hour" in json.loads(done.stdout)["error"]
    )


def test_a_file_named_after_another_instrument_is_not_taken_for_eurusd(tmp_path: Path) -> None:
    (tmp_path / "USDRUB_H1.csv").write_text("\n".join(ROWS) + "\n")
    done = answer(["replay", "--data", "USDRUB_H1.csv", "--json"], tmp_path)
    assert done.returncode == 2
    assert "USDRUB" in json.loads(done.stdout)["error"]
    assert answer(["replay", "--data", "USDRUB_H1.csv", "--commodity", "EURUSD"], tmp_path).returncode == 0


def hours(count: int, begin: datetime = datetime(2024, 1, 8, tzinfo=UTC)) -> str:
    """Quiet hours as a file has them."""
    rows = (f"{(begin + n * timedelta(hours=1)).isoformat()},1.1,1.101,1.099,1.1" for n in range(count))
    return "\n".join([ROWS[0], *rows]) + "\n"


def test_a_report_is_one_file_with_the_figures_of_the_settings_that_were_tried(tmp_path: Path) -> None:
    words = ["replay", "--sample", "--to", "2017-07-20", "--report", "page.html"]
    figures = run_json([*words, "--set", "accounts.alpha.paper.commission_per_lot=100"], tmp_path)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")

    assert figures["costs"]["commission"] < -50, "with the usual one it would be a tenth"
    assert f"{figures['costs']['commission']:+,.2f}" in page
    assert figures["calibration"]["trades"] == figures["trades"]
    assert 20_000 < len(page) < 2_000_000
    assert "src=" not in page
    assert "http://" not in page.replace("http://www.w3.org/", "")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--report", "page.pdf"], "expected a name that ends in .html"),
        (["--set", "risk.risk_per_trade_fraction=2"], "(from --set risk.risk_per_trade_fraction)"),
        (["--set", "crew"], "--set crew: expected KEY=VALUE"),
        (["--spread", "wide"], "--spread is 'wide'; expected file"),
        (["--spread", "GPBUSD:12"], "--spread names GPBUSD; expected one of EURUSD"),
        (["--data", "eurusd.csv", "--data", "EURUSD=eurusd.csv"], "both of EURUSD"),
        (["--data", "eurusd.csv", "--commodity", "USDRUB"], "there is no commodity 'USDRUB'"),
        (["--data", "local.csv", "--commodity", "EURUSD", "--time-zone", "Mars"], "time_zone is 'Mars'"),
        (["--data", "local.csv", "--commodity", "BITCOIN", "--time-zone", "measure"], "BITCOIN never shuts"),
    ],
)
def test_what_an_option_cannot_be_is_one_line(tmp_path: Path, words: list[str], named: str) -> None:
    (tmp_path / "eurusd.csv").write_text(hours(30))
    (tmp_path / "local.csv").write_text(hours(30).replace("+00:00", ""))
    done = answer(["replay", *([] if "--data" in words else ["--data", "eurusd.csv"]), *words, "--json"], tmp_path)
    assert done.returncode == 2
    assert named in json.loads(done.stdout)["error"]
    assert "Traceback" not in done.stderr


def test_a_recording_that_the_chosen_accounts_do_not_trade_is_refused(tmp_path: Path) -> None:
    (tmp_path / "watchbill.toml").write_text('[[accounts]]\nname = "gamma"\nsymbols = { GBPUSD = "GBPUSD" }\n')
    (tmp_path / "eurusd.csv").write_text(hours(30))
    done = answer(["replay", "--data", "eurusd.csv"], tmp_path)
    assert done.returncode == 2
    assert "no enabled account of the settings trades EURUSD" in done.stderr
    given = ["--set", "accounts.gamma.symbols.EURUSD=EURUSD"]
    assert answer(["replay", "--data", "eurusd.csv", *given], tmp_path).returncode == 0


def test_rows_at_fault_are_left_out_only_when_asked_and_always_counted(tmp_path: Path) -> None:
    (tmp_path / "eurusd.csv").write_text(hours(30).replace("1.099", "0", 2))
    assert "--keep-going" in answer(["replay", "--data", "eurusd.csv"], tmp_path).stderr
    done = answer(["replay", "--data", "eurusd.csv", "--keep-going", "--json"], tmp_path)
    (source,) = json.loads(done.stdout)["data"]
    assert source["bars"] == 28
    assert [(found["count"], found["left_out"]) for found in source["findings"]] == [(2, True)]
    assert "at or below zero, left out: 2; the first: row 0" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("words", [["trades"], ["trades", "--json"]])
def test_a_full_disk_under_standard_output_is_one_line(tmp_path: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, str(ROOT / "run.py"), *words],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: standard output cannot be written: No space left on device"]
