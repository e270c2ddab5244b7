"""Where what belongs to the accounts is kept, beside the ledger: the paper accounts' books, one file an account, those
of a broker process in a directory of their own; the secrets; the order floor of MetaTrader 5 accounts.
"""

from __future__ import annotations

from pathlib import Path

from console.configuration import Configuration
from console.errors import CommandError
from console.reading import ledger_file

DIRECTORY_WITHOUT_LEDGER_FILE = Path("state")
SQLITE_COMPANIONS = ("", "-wal", "-shm")


def book_directory(configuration: Configuration) -> Path:
    """The directory of the ledger's file, or `state` where the ledger is not a file."""
    ledger = ledger_file(configuration)
    return DIRECTORY_WITHOUT_LEDGER_FILE if ledger is None else ledger.parent


def book_path(configuration: Configuration, account: str) -> Path:
    """The book of one paper account."""
    is_remote = configuration.settings.account(account).connector == "remote"
    directory = broker_directory(configuration) if is_remote else book_directory(configuration)
    return directory / f"paper-{account}.sqlite"


def broker_directory(configuration: Configuration) -> Path:
    """What belongs to `run.py broker`: its books, its clock and its secret."""
    return book_directory(configuration) / "broker"


def clock_file(configuration: Configuration) -> Path:
    """Where a broker process keeps its market time, and its claim on the books."""
    return broker_directory(configuration) / "clock.sqlite"


def secret_file(configuration: Configuration) -> Path:
    """The secret that a broker process makes, and its clients read."""
    return broker_directory(configuration) / "secret"


def floor_directory(configuration: Configuration) -> Path:
    """Where the workers of this machine's MetaTrader 5 terminals, whoever started them, keep the highest token and the
    magics that were sent.

    It stays where it is whatever becomes of the ledger: a worker of a leader that was paused may still be at it, and
    must find there that another has taken over.
    """
    return book_directory(configuration) / "orders"


def console_tokens_file(configuration: Configuration) -> Path:
    """What lets scripts and browsers in at the console."""
    return book_directory(configuration) / "console-tokens.json"


def console_address_file(configuration: Configuration) -> Path:
    """Where a console that runs says where it is."""
    return book_directory(configuration) / "console-address.json"


def gateway_secret_file(configuration: Configuration) -> Path:
    """The secret that a gateway makes where the settings have none; its clients on the same machine read it."""
    return book_directory(configuration) / "gateway" / "secret"


def set_aside(configuration: Configuration) -> list[Path]:
    """Rename the ledger and every paper book, so that the next start is anew and nothing is lost.

    The two belong together: a ledger with open trades and a broker without positions would contradict each other.
    Returns the new names. Raises `CommandError` where the ledger is not a file of its own.
    """
    ledger = ledger_file(configuration)
    if ledger is None:
        raise CommandError(
            f"--fresh: the ledger {configuration.shown_database_url} is not a file that could be set aside; "
            "expected a database_url of SQLite, or a new database"
        )
    books = [book_path(configuration, account.name) for account in configuration.settings.accounts]
    clocks = [clock_file(configuration)] if configuration.settings.is_remote else []
    present = [path for path in (ledger, *books, *clocks) if path.exists()]
    number = 1
    while any(_aside(path, number).exists() for path in present):
        number += 1
    for path in present:
        for companion in SQLITE_COMPANIONS:
            old = path.with_name(path.name + companion)
            if old.exists():
                old.rename(_aside(path, number).with_name(_aside(path, number).name + companion))
    return [_aside(path, number) for path in present]


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")
