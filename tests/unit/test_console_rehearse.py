"""`run.py rehearse`: which dates and commodities are meant, what is shown, and the exit code."""

from __future__ import annotations

import io
import json
from collections import Counter
from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from console import rehearse
from console.arguments import Rehearse
from console.command_line import parse
from console.errors import CommandError
from console.output import Output
from simulation.rehearsal import RehearsalOutcome
from simulation.rehearsal_months import months_of
from simulation.rehearsal_referee import RehearsalViolation


def outcome(*violations: RehearsalViolation) -> RehearsalOutcome:
    counts = Counter(windows=10, week_ends=2, opened=4, day_end=8, friday=2, closed=3, kept=6)
    counts.update(violation.kind for violation in violations)
    day = date(2026, 11, 27)
    return RehearsalOutcome(violations, {"GOLD": counts}, day, day, 100, 4, Counter({"after the tick": 3}), 2.0, 1.5)


def asked(words: str) -> Rehearse:
    arguments = parse(["rehearse", *words.split()])
    assert isinstance(arguments, Rehearse)
    return arguments


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ("--year 2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("--year 2028 --months 2", date(2028, 2, 1), date(2028, 2, 29)),
        ("--year 2026 --months 3-4", date(2026, 3, 1), date(2026, 4, 30)),
        ("--from 2026-11-26 --to 2026-11-27", date(2026, 11, 26), date(2026, 11, 27)),
        ("--year 2026 --from 2026-12-20", date(2026, 12, 20), date(2026, 12, 31)),
    ],
)
def test_the_dates_are_those_that_were_asked_for(words: str, first: date, last: date) -> None:
    assert rehearse.span(asked(words)) == (first, last)


def test_without_dates_it_is_the_present_year() -> None:
    year = datetime.now(UTC).year
    first, last = rehearse.span(asked(""))
    assert first == date(first.year, 1, 1)
    assert last == date(first.year, 12, 31)
    assert first.year - year in (0, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--from 2026-11-27 --to 2026-11-26", "--from is 2026-11-27 and --to is 2026-11-26"),
        ("--from 2020-01-01 --to 2026-01-01", "expected three years at most"),
    ],
)
def test_dates_that_make_no_span_are_refused(words: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        rehearse.span(asked(words))


@pytest.mark.parametrize(
    "words", ["--months 0", "--months 4-3", "--months x", "--year 1890", "--to yesterday", "--commodities ,"]
)
def test_words_that_mean_nothing_are_refused_and_shown(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        asked(words)
    assert f"it is {words.split()[1]!r}; expected" in capsys.readouterr().err


def test_a_commodity_that_nobody_knows_is_refused() -> None:
    with pytest.raises(CommandError, match=r"--commodities: .*GOLDD"):
        rehearse.market_of(["GOLDD"], date(2026, 3, 2), date(2026, 3, 3))


def test_months_are_worlds_of_their_own_and_the_ends_need_not_be_whole() -> None:
    assert list(months_of(date(2026, 1, 15), date(2026, 3, 2))) == [
        (date(2026, 1, 15), date(2026, 1, 31)),
        (date(2026, 2, 1), date(2026, 2, 28)),
        (date(2026, 3, 1), date(2026, 3, 2)),
    ]


def test_it_exits_with_1_and_names_what_was_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = RehearsalViolation("missed", "alpha", "GOLD", 1_795_000_000_000, "day_end of 2026-11-27: 0 judgements")
    monkeypatch.setattr(rehearse, "market_of", lambda *arguments: None)
    for found, code in ((outcome(wrong), 1), (outcome(), 0)):
        monkeypatch.setattr(rehearse, "rehearse", lambda *arguments, found=found, **options: found)
        shown, aside = io.StringIO(), io.StringIO()
        assert rehearse.run(asked("--year 2026 --json"), Output(as_json=True, stdout=shown, stderr=aside)) == code
        data = json.loads(shown.getvalue())
        assert data["total"]["missed"] == len(data["violations"]) == code
        assert data["commodities"]["GOLD"]["windows"] == 10


def test_the_table_has_a_row_for_each_commodity_and_the_violations() -> None:
    wrong = RehearsalViolation("twice", "beta", "GOLD", 1_795_000_000_000, "friday of 2026-11-27: 2 judgements")
    shown = io.StringIO()
    Output(stdout=shown).show(rehearse.report(outcome(wrong), 0), rehearse.render)
    text = shown.getvalue()
    assert "GOLD" in text
    assert "twice: beta:GOLD at " in text
    assert "violations: 1" in text


def test_the_counts_can_be_read_in_eighty_columns_and_a_fault_keeps_its_column() -> None:
    wrong = RehearsalViolation("extra", "beta", "GOLD", 1_795_000_000_000, "friday of 2026-11-27")
    for found, columns in ((outcome(), {"missed", "twice", "outside"}), (outcome(wrong), {"missed", "twice", "extra"})):
        screen = Console(file=io.StringIO(), width=80)
        with screen.capture() as captured:
            screen.print(rehearse.render(rehearse.report(found, 0)))
        lines = captured.get().splitlines()
        assert {"days", "early", "friday", *columns} <= set(lines[0].split())
        assert "…" not in captured.get()
        assert max(map(len, lines)) <= 80


def test_a_real_one_of_two_days_goes_through_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    assert rehearse.run(asked("--from 2026-03-05 --to 2026-03-06 --commodities btcusd,EURUSD --json"), output) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data["commodities"]) == {"BITCOIN", "EURUSD"}
    assert data["violations"] == []
    assert data["total"]["day_end"] > 0
