"""The pages while the ledger cannot be read: they say so, and show everything again as soon as it can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from made_console import MadeConsole, made_console
from made_life import page

from console.api import overview
from persistence.sqlite import newest_sqlite

TABLES = ("trade", "journal")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeConsole]:
    monkeypatch.setattr(overview, "FRESH_SECONDS", 0.0)
    with made_console(tmp_path) as console:
        yield console


@contextmanager
def unreadable(ledger: Path) -> Iterator[None]:
    """A ledger of which every question fails; nobody else's data is lost by it."""

    def renamed(old: str, new: str) -> None:
        with closing(newest_sqlite().connect(ledger)) as connection, connection:
            for table in TABLES:
                connection.execute(f"ALTER TABLE {table}{old} RENAME TO {table}{new}")

    renamed("", "_away")
    try:
        yield
    finally:
        renamed("_away", "")


def test_a_page_that_needs_the_ledger_says_that_it_is_away_and_how_to_go_on(made: MadeConsole, tmp_path: Path) -> None:
    with unreadable(tmp_path / "ledger.sqlite"):
        for path in ("/trades", "/trades/1", "/decisions", "/journal"):
            status, text = page(made, path)
            assert status == 503, path
            assert "<h1>Service unavailable</h1>" in text
            assert "no such table" in text
            assert "The trading goes on by itself where it can" in text
            assert f'href="{path}">Try again' in text
            assert "How the crew stands is not known." in text
    assert page(made, "/trades")[0] == 200


def test_health_and_settings_are_shown_without_it(made: MadeConsole, tmp_path: Path) -> None:
    with unreadable(tmp_path / "ledger.sqlite"):
        for path in ("/health", "/settings"):
            status, text = page(made, path)
            assert status == 200, path
            assert "How the crew stands is not known." in text
