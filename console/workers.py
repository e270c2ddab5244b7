"""The way to each MetaTrader 5 account's worker: what it is told, and whether it is a child or behind a gateway."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors import wire
from connectors.base import ConnectorError
from connectors.mt5.calls import WorkerTerms
from connectors.mt5.channel import Channel
from connectors.wire import BadMessage
from console.books import floor_directory
from console.configuration import Configuration
from console.errors import CommandError
from trading.settings import Settings
from trading.settings_accounts import AccountSettings

START_SECONDS = 30.0  # for a worker, on a busy machine
ASK_SECONDS = 10.0  # for a question to one that is there
WINDOWS = "win32"  # of `sys.platform`, also for a Python under Wine


def worker_terms(account: AccountSettings, floor: Path) -> WorkerTerms:
    """What whoever starts the account's worker tells it. ``floor``: the directory of its token and its magics.

    Raises `CommandError` for an account that is not for a terminal of this machine.
    """
    mt5 = account.mt5
    if mt5.terminal is None or account.login is None or account.server is None:
        raise CommandError(
            f"account {account.name!r} has no mt5.terminal; expected the path of a terminal on this machine"
        )
    terminal = Path(mt5.terminal)  # on Windows it turns slashes into what the package knows
    return WorkerTerms(
        package=mt5.package,
        terminal=str(terminal.absolute() if mt5.package == "simulator" else terminal),
        portable=mt5.portable,
        login=account.login,
        password=None if account.password is None else account.password.get_secret_value(),
        server=account.server,
        symbols=tuple(account.symbols.values()),
        floor_directory=str(floor.absolute()),
        initialize_seconds=mt5.initialize_seconds,
    )


def channel_of(account: AccountSettings, configuration: Configuration) -> Channel:
    """The way to the worker, not open yet. Raises `CommandError` for an account that cannot be."""
    # Both bring what no other kind of account needs.
    if account.mt5.gateway_address is not None:
        from console.gateway_secret import gateway_channel

        return gateway_channel(account, configuration)
    from connectors.mt5.child import ChildChannel

    return ChildChannel(worker_terms(account, floor_directory(configuration)))


def require_terminals(settings: Settings, platform: str = sys.platform) -> None:
    """Raise `CommandError` for the first enabled account whose terminal cannot be on a system like this one."""
    for account in settings.accounts:
        if account.enabled and account.connector == "mt5":
            require_terminal(account, platform)


def require_terminal(account: AccountSettings, platform: str = sys.platform) -> None:
    """Raise `CommandError` where the account's terminal cannot be on a system like this one.

    The package is made for Windows alone; a Python under Wine is one of Windows.
    """
    if account.mt5.package == "MetaTrader5" and account.mt5.gateway is None and platform != WINDOWS:
        raise CommandError(
            f"account {account.name!r}: mt5.terminal is {account.mt5.terminal!r}, and this system ({platform}) has "
            "no MetaTrader 5; set mt5.gateway to the address of run.py gateway, on a Windows machine or under "
            "Wine on this one (docs/metatrader.md)"
        )


@contextmanager
def worker_of(account: AccountSettings, configuration: Configuration) -> Iterator[Channel]:
    """The account's worker, ready for calls. Raises `CommandError` and `ConnectorError`."""
    require_terminal(account)
    channel = channel_of(account, configuration)
    try:
        channel.open(START_SECONDS)
        yield channel
    finally:
        channel.close()


def token_of(channel: Channel, *, writing: bool = False) -> int:
    """The highest token that the worker's floor has seen; 0: none yet. Raises `ConnectorError`.

    ``writing``: after it was written once more, as it is, to see whether it can be.
    """
    try:
        token: int = wire.read(int, channel.call("try_floor" if writing else "token", {}, ASK_SECONDS), "token")
    except BadMessage as error:
        raise ConnectorError(f"the worker's token cannot be read: {error}") from error
    return token
