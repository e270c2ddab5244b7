"""What a crew lives on is replaced by no backup, however it is named and whether it is there or not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_ledger_file import History

from console import backup, last_good
from console.arguments import Backup
from console.configuration import Configuration, load
from console.errors import CommandError
from console.output import Output
from console.own_files import require_not_ours

SETTINGS = """
[[accounts]]
name = "alpha"
symbols = { EURUSD = "EURUSD" }
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """One whose ledger and book are there."""
    file = tmp_path / "watchbill.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    ledger = tmp_path / "state" / "ledger.sqlite"
    configuration = load(file, {"WATCHBILL__DATABASE_URL": f"sqlite:///{ledger.as_posix()}"})
    History(configuration).close()
    last_good.keep(configuration)
    (ledger.parent / "paper-alpha.sqlite").write_bytes(b"a book")
    return configuration


def back_up(configuration: Configuration, file: Path) -> int:
    """What `run.py backup FILE --force` does."""
    return backup.run(Backup(file=file, force=True), configuration, Output(as_json=True))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("state/ledger.sqlite", "the ledger"),
        ("state/../state/ledger.sqlite", "the ledger"),
        ("state/ledger.sqlite-wal", "the ledger's wal"),
        ("state/ledger.sqlite-shm", "the ledger's shm"),
        ("state/paper-alpha.sqlite", "the book of alpha"),
        ("state/paper-alpha.sqlite-wal", "the book of alpha's wal"),
        ("state/last-good-default.json", "the settings that were kept"),
        ("state/broker/clock.sqlite", "the broker's clock"),
        ("state/broker/secret", "the broker's secret"),
        ("state/gateway/secret", "the gateway's secret"),
        ("state/orders/1001-Broker-Demo-0123456789ab.sqlite", "of the order floor"),
        ("state/../state/orders", "of the order floor"),
        ("watchbill.toml", "the settings' file"),
    ],
)
def test_a_backup_over_one_of_the_crews_own_files_is_refused(
    configuration: Configuration, tmp_path: Path, name: str, what: str
) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(CommandError, match=f"{Path(name).name} is {what}; expected another name"):
        back_up(configuration, tmp_path / name)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_link_to_the_ledger_is_the_ledger(configuration: Configuration, tmp_path: Path) -> None:
    os.link(tmp_path / "state" / "ledger.sqlite", tmp_path / "backup.sqlite")
    with pytest.raises(CommandError, match=r"backup\.sqlite is the ledger; expected another name"):
        back_up(configuration, tmp_path / "backup.sqlite")


def test_a_file_beside_the_ledger_is_replaced_as_often_as_it_is_wanted(
    configuration: Configuration, tmp_path: Path
) -> None:
    for _ in range(2):
        assert back_up(configuration, tmp_path / "state" / "monday.sqlite") == 0


def test_a_backup_over_the_terminal_of_an_account_is_refused(tmp_path: Path) -> None:
    terminal = tmp_path / "alpha.json"
    file = tmp_path / "watchbill.toml"
    at_a_terminal = f'{SETTINGS}connector = "mt5"\nlogin = 1\nserver = "Demo"\nmt5.terminal = "{terminal.as_posix()}"\n'
    file.write_text(at_a_terminal, encoding="utf-8")
    with pytest.raises(CommandError, match=r"alpha\.json is the terminal of alpha; expected another name"):
        require_not_ours(terminal, load(file, {}))
