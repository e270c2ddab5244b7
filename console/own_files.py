"""The files that a crew lives on. Nothing else may be written under their names, whatever was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from console import last_good
from console.books import (
    SQLITE_COMPANIONS,
    book_path,
    clock_file,
    console_address_file,
    console_tokens_file,
    floor_directory,
    gateway_secret_file,
    secret_file,
)
from console.configuration import Configuration
from console.errors import CommandError
from console.inbox import key_file
from console.reading import ledger_file


def require_not_ours(file: Path, configuration: Configuration) -> None:
    """Raise `CommandError` where ``file`` is, under this name or another, one of the crew's own.

    A companion counts where it is not there, too: SQLite takes what it finds under that name for its log.
    """
    for what, own in _own_files(configuration):
        if _is_same(file, own):
            raise CommandError(f"{file} is {what}; expected another name")
    # Files of accounts that are in these settings no more are still needed when these come back.
    if file.resolve().is_relative_to(floor_directory(configuration).resolve()):
        raise CommandError(f"{file} is of the order floor; expected another name")


def _own_files(configuration: Configuration) -> Iterator[tuple[str, Path]]:
    ledger = ledger_file(configuration)
    if ledger is not None:
        yield from _with_companions("the ledger", ledger)
    for account in configuration.settings.accounts:
        yield from _with_companions(f"the book of {account.name}", book_path(configuration, account.name))
        if account.connector == "mt5" and account.mt5.terminal is not None:
            yield f"the terminal of {account.name}", Path(account.mt5.terminal)
    yield from _with_companions("the broker's clock", clock_file(configuration))
    yield "the broker's secret", secret_file(configuration)
    yield "the gateway's secret", gateway_secret_file(configuration)
    yield "the console's tokens", console_tokens_file(configuration)
    yield "the console's address", console_address_file(configuration)
    for source in configuration.settings.analyses.sources:
        yield f"the key of {source.name}", key_file(source, configuration)
    yield "the settings that were kept", last_good.file_of(configuration)
    if configuration.path is not None:
        yield "the settings' file", configuration.path


def _with_companions(what: str, file: Path) -> Iterator[tuple[str, Path]]:
    for companion in SQLITE_COMPANIONS:
        yield (f"{what}'s {companion[1:]}" if companion else what), file.with_name(file.name + companion)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return one.resolve() == other.resolve()
