"""The command that signs in is told as the program was started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from console.configuration import load
from console.web.way_in import sign_in_command


@pytest.mark.parametrize(
    ("started_as", "told"),
    [
        ("run.py", "run.py sign-in"),
        ("/opt/watchbill/run.py", "run.py sign-in"),
        ("/opt/venv/bin/watchbill", "watchbill sign-in"),
        ("watchbill.exe", "watchbill sign-in"),
    ],
)
def test_it_begins_with_what_was_typed(started_as: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [started_as, "serve"])
    assert sign_in_command(load(environment={})) == told


def test_it_names_the_settings_that_it_would_not_find_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py"])
    monkeypatch.chdir(tmp_path)
    for name in ("watchbill.toml", "my own.toml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert sign_in_command(load(environment={})) == "run.py sign-in"
    assert sign_in_command(load(Path("my own.toml"), environment={})) == "run.py --config 'my own.toml' sign-in"
