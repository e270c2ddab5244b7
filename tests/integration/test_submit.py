"""`run.py submit`: keys, signing, and leaving an analysis in the watched folder."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

import run
from console.configuration import load
from console.errors import CommandError, ConfigurationError
from console.inbox import inbox_check, key_of, make_key
from console.own_files import require_not_ours
from feeds.signed_analyses import opened

PILLAR = {"score": 0.8}
SAID = {
    "id": "1",
    "commodity": "EURUSD",
    "side": "buy",
    "strategy": "day",
    "regime": "trend",
    "pillars": dict.fromkeys(("base", "trend", "volatility", "sentiment"), PILLAR),
    "confidence": 80.0,
    "daily_volatility": 0.005,
    "made_at": 1_772_625_600_000,
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with settings that name one source, and an analysis in a file."""
    (tmp_path / "watchbill.toml").write_text('[[analyses.sources]]\nname = "model"\n')
    (tmp_path / "analysis.json").write_text(json.dumps(SAID))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_key_is_for_its_owners_eyes_only(place: Path) -> None:
    assert run.main(["submit", "model", "--new-key"]) == 0
    key = place / "state" / "analyses-model.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_text()
    assert run.main(["submit", "model", "--new-key"]) == 0
    assert key.read_text() != before


def test_what_is_submitted_lies_in_the_folder_as_whoever_leads_can_open_it(place: Path) -> None:
    run.main(["submit", "model", "--new-key"])
    assert run.main(["submit", "model", "analysis.json"]) == 0
    left = place / "state" / "analyses" / "model-analysis.jws"
    configuration = load()
    analysis = opened(left.read_text(), lambda name: key_of(name, configuration))
    assert analysis.id == "model/1"


def test_a_second_of_the_same_name_does_not_replace_one_that_waits(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.main(["submit", "model", "--new-key"])
    run.main(["submit", "model", "analysis.json"])
    assert run.main(["submit", "model", "analysis.json"]) == 2
    assert "waits already" in capsys.readouterr().err


def test_the_signed_text_can_be_printed_on_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.main(["submit", "model", "--new-key"])
    capsys.readouterr()
    assert run.main(["submit", "model", "analysis.json", "--print"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert opened(line, lambda name: key_of(name, load())).id == "model/1"
    assert not (place / "state" / "analyses").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["submit", "nobody", "analysis.json"], "SOURCE is 'nobody'; expected one of model"),
        (["submit", "model", "analysis.json"], "the key of model cannot be read"),
        (["submit", "model"], "FILE is missing"),
        (["submit", "model", "gone.json"], "gone.json cannot be read"),
    ],
)
def test_what_is_missing_is_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(words) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_an_analysis_that_would_be_refused_is_not_left_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.main(["submit", "model", "--new-key"])
    (place / "analysis.json").write_text(json.dumps({**SAID, "confidence": 120}))
    assert run.main(["submit", "model", "analysis.json"]) == 2
    assert "confidence" in capsys.readouterr().err
    assert not (place / "state" / "analyses").exists()


def test_a_key_that_others_may_read_signs_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.main(["submit", "model", "--new-key"])
    (place / "state" / "analyses-model.key").chmod(0o644)
    assert run.main(["submit", "model", "analysis.json"]) == 2
    assert "others may read the key" in " ".join(capsys.readouterr().err.split())


def test_the_doctor_says_whether_each_source_has_a_key() -> None:
    configuration = load()
    assert inbox_check(configuration).state == "failed"
    make_key("model", configuration)
    assert (inbox_check(configuration).state, inbox_check(configuration).saw[:9]) == ("ok", "of model,")


def test_a_commodity_that_nobody_knows_is_named(place: Path) -> None:
    (place / "watchbill.toml").write_text('[[analyses.sources]]\nname = "model"\ncommodities = ["EURUDS"]\n')
    with pytest.raises(ConfigurationError, match=r"commodities names EURUDS, .* did you mean EURUSD"):
        load()


def test_no_backup_is_written_over_a_key() -> None:
    run.main(["submit", "model", "--new-key"])
    with pytest.raises(CommandError, match="is the key of model"):
        require_not_ours(Path("state/analyses-model.key"), load())
