"""The watch over the ledger's file."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from console.ledger_watch import watched

LOOK_SECONDS = 0.01
DEADLINE_SECONDS = 30


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_deleted_or_replaced_is_told_of_once(tmp_path: Path, replaced: bool) -> None:
    file = tmp_path / "ledger.sqlite"
    file.touch()
    told: list[str] = []
    event = threading.Event()

    def on_gone(reason: str) -> None:
        told.append(reason)
        event.set()

    with watched(file, on_gone, LOOK_SECONDS):
        file.write_text("written to, and still the same")
        if replaced:
            (tmp_path / "other.sqlite").touch()
            (tmp_path / "other.sqlite").replace(file)
        else:
            file.unlink()
        assert event.wait(DEADLINE_SECONDS)
    assert len(told) == 1
    assert str(file) in told[0]


def test_a_file_that_stays_is_not_told_of_and_a_ledger_without_a_file_is_not_watched(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    file.touch()
    told: list[str] = []
    with watched(file, told.append, LOOK_SECONDS), watched(None, told.append):
        file.write_text("more")
    assert told == []
