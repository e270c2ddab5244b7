"""`run.py fairness` over ledgers whose choices were fair, and over one whose were not."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from console.fairness_data import fairness_data, nothing_counted
from console.fairness_view import render
from persistence.journal import DECISION, JournalEntry
from persistence.ledger import Ledger
from run import main
from trading.market import HOUR, Instant

NOON: Instant = 1_772_625_600_000  # 2026-03-04T12:00Z


def a_row(platform: str, reason: str | None = None, cost: float = 0.05) -> dict[str, object]:
    eligible = reason is None
    known: dict[str, object] = {"cost": cost, "headroom": 1.0} if eligible else {"cost": None, "headroom": None}
    return {"platform": platform, "eligible": eligible, "reason": reason, "last_chosen_at": None, **known}


def an_entry(number: int, chosen: str | None, by: str, *rows: Mapping[str, object], **changes: Any) -> JournalEntry:
    detail = {
        "analysis": {"notes": 'a "candidates":[ of its own'},
        "gate": {},
        "candidates": list(rows),
        "chosen": chosen,
        "decided_by": by,
    }
    reason = "refused:no eligible account" if chosen is None else "open_told"
    return JournalEntry(
        NOON + number * HOUR,
        DECISION,
        reason,
        **{"platform": chosen, "commodity": "EURUSD", "detail": detail, **changes},
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    """With 139 opens, of which the list's first got all but those that it could not take."""
    made = Ledger.open(f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}")
    alpha, beta = a_row("alpha"), a_row("beta")
    entries = [an_entry(n, "alpha", "only", alpha, a_row("beta", "spread too wide")) for n in range(90)]
    entries += [an_entry(n, "alpha", "rotation", alpha, beta) for n in range(90, 131)]
    entries += [an_entry(n, "beta", "only", a_row("alpha", "open trade"), beta) for n in range(131, 139)]
    entries += [JournalEntry(NOON, DECISION, "refused:confidence", commodity="EURUSD", detail={"analysis": {}})]
    entries += [JournalEntry(NOON, "open_result", "open", platform="alpha", commodity="EURUSD")] * 130
    entries += [JournalEntry(NOON, "open_result", "refused:reserved", platform="alpha", commodity="EURUSD")]
    made.journal.append(*entries)
    for _ in range(3):
        none = an_entry(140, None, "none", a_row("alpha", "reserved"), a_row("beta", "reserved"))
        made.journal.append(none, fold=True)
    yield made
    made.close()


def shown(data: Mapping[str, Any]) -> str:
    screen = Console(file=io.StringIO(), width=80)
    screen.print(render({"exists": True, "commodity": None, **data}))
    text: str = screen.file.getvalue()  # type: ignore[attr-defined]  # it is the one above
    return text


def test_a_ledger_whose_ties_always_went_to_the_lists_first_is_flagged(ledger: Ledger) -> None:
    data = fairness_data(ledger, None, None)
    overall = data["overall"]
    alpha, beta = overall["accounts"]
    assert (overall["decisions"], overall["opens"], overall["most_decisive"]) == (142, 139, "only")
    assert (alpha["opens"], alpha["equal"], alpha["equal_wins"], alpha["expected_wins"]) == (131, 41, 41, 20.5)
    assert alpha["probability"] == pytest.approx(2 / 2**41)
    assert (alpha["is_unfair"], beta["is_unfair"]) == (True, False)
    assert beta["ineligible_by_reason"] == {"spread too wide": 90, "reserved": 3}
    assert (alpha["answers"], alpha["filled"]) == ({"open": 130, "refused": 1}, 130)
    assert overall["warnings"][0].startswith(
        "alpha won 41 of the 41 ties that it was in, where its share would be 20.5"
    )
    assert overall["sentences"][0] == (
        "alpha got 131 of 139: in 90 it was the only one eligible (beta: spread too wide 90); "
        "in 41 it was equal, though not always its turn"
    )
    assert json.loads(json.dumps(data)) == data


def test_the_view_fits_eighty_columns_and_names_what_decides(ledger: Ledger) -> None:
    text = shown(fairness_data(ledger, None, None))
    assert max(map(len, text.splitlines())) <= 80
    assert "139 opens told, most of them by no other being eligible" in text
    assert "alpha got 131 of 139" in text
    assert "warning: alpha won 41 of the 41 ties" in text
    assert "shared fairly" not in text


def in_turn(number: int, chosen: str) -> JournalEntry:
    """One of strict turns between two equals."""
    entry = an_entry(number, chosen, "rotation", a_row("alpha"), a_row("beta"), commodity="GBPUSD")
    return replace(entry, detail={**entry.detail, "turn_at": entry.at})


def test_lines_that_were_written_late_are_counted_in_the_order_of_the_decisions(ledger: Ledger) -> None:
    for number in range(0, 60, 2):
        ledger.journal.append(in_turn(number + 1, "beta"), in_turn(number, "alpha"))
    accounts = fairness_data(ledger, "GBPUSD", None)["overall"]["accounts"]
    assert [(each["equal_wins"], each["out_of_turn"]) for each in accounts] == [(30, 0), (30, 0)]


def test_lines_that_another_program_wrote_with_blanks_and_in_another_order_count_too(
    ledger: Ledger, tmp_path: Path
) -> None:
    before = fairness_data(ledger, None, None)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        for number, detail in database.execute("SELECT id, detail FROM journal").fetchall():
            read = json.loads(detail)
            spaced = json.dumps(dict(sorted(read.items(), reverse=True)), indent=1)
            database.execute("UPDATE journal SET detail = ? WHERE id = ?", (spaced, number))
    database.close()
    assert fairness_data(ledger, None, None) == before


@pytest.mark.parametrize("kept", [20, 150])
@pytest.mark.parametrize("words", [["fairness"], ["fairness", "--json"], ["why", "--last", "300", "--json"]])
def test_a_damaged_line_is_named(
    words: list[str],
    kept: int,
    ledger: Ledger,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE journal SET detail = substr(detail, 1, ?) WHERE id = 7", (kept,))
    database.close()
    monkeypatch.setenv("WATCHBILL__DATABASE_URL", f"sqlite:///{path.as_posix()}")
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    told = capsys.readouterr()
    assert "journal line 7 is damaged" in told.out + told.err


def test_unequal_shares_that_the_turn_accounts_for_are_not_called_shared(ledger: Ledger) -> None:
    alpha, beta, shut = a_row("alpha"), a_row("beta"), a_row("beta", "spread too wide")
    for number in range(0, 80, 2):
        alone = an_entry(number, "alpha", "only", alpha, shut, commodity="GBPUSD")
        ledger.journal.append(alone, an_entry(number + 1, "beta", "rotation", alpha, beta, commodity="GBPUSD"))
    text = shown(fairness_data(ledger, "GBPUSD", None))
    assert "shared fairly" not in text
    assert "not shared equally, and that was fair" in text


def test_since_and_commodity_leave_out_what_is_not_asked_for(ledger: Ledger) -> None:
    assert fairness_data(ledger, None, NOON + 131 * HOUR)["overall"]["opens"] == 8
    assert fairness_data(ledger, "GBPUSD", None)["overall"]["decisions"] == 0
    assert fairness_data(ledger, "GBPUSD", None)["commodities"] == []


def test_several_commodities_are_told_apart_and_together(ledger: Ledger) -> None:
    pound = [an_entry(n, name, "rotation", a_row("alpha"), a_row("beta"), commodity="GBPUSD")
             for n, name in enumerate(["alpha", "beta"] * 20)]  # fmt: skip
    ledger.journal.append(*pound)
    data = fairness_data(ledger, None, None)
    assert [each["commodity"] for each in data["commodities"]] == ["EURUSD", "GBPUSD"]
    assert [bool(each["warnings"]) for each in data["commodities"]] == [True, False]
    assert data["overall"]["opens"] == 179
    text = shown(data)
    assert "GBPUSD" in text
    assert "The ties were shared fairly" in text


def test_nothing_counted_is_said_in_words(ledger: Ledger) -> None:
    assert "nothing to count" in shown(nothing_counted())
    assert "nothing to count" in shown(fairness_data(ledger, "GBPUSD", None))


def test_the_command_answers_one_json_object(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fairness", "eurusd", "--ledger", str(tmp_path / "ledger.sqlite"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["exists"], told["commodity"], told["overall"]["opens"]) == (True, "EURUSD", 139)
    assert main(["fairness", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exists"] is False
