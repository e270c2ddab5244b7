"""What an account's broker has, asked once and from outside, for the commands that decide on a position."""

from __future__ import annotations

from actors.system.clocks import TickClock
from actors.system.runtime_threads import ThreadedRuntime
from connectors.account_book import AccountBook
from connectors.base import ConnectorError
from connectors.paper_book import PaperBook
from connectors.remote import RemoteConnector
from console.books import book_path
from console.broker_secret import secret_of
from console.configuration import Configuration
from console.errors import CommandError
from persistence.owner import owner_name
from trading.settings_accounts import AccountSettings


def book_of(account: AccountSettings, configuration: Configuration) -> AccountBook:
    """The account's positions, orders, deals and token. Raises `CommandError` when they cannot be read."""
    try:
        match account.connector:
            case "mt5":
                from console.metatrader_look import book_at_terminal  # with what no other kind of account needs

                return book_at_terminal(account, configuration)
            case "remote":
                clock = ThreadedRuntime(TickClock(0), owner=owner_name())
                remote = RemoteConnector(
                    account.name, account.broker_address, lambda: secret_of(configuration), clock, owner_name()
                )
                return remote.book_as_written()
            case "paper":
                path = book_path(configuration, account.name)
                if not path.exists():
                    raise CommandError(f"account {account.name!r} has no book at {path}, so it holds no position")
                return PaperBook(path, account.name, account.paper.currency, account.paper.balance)
    except ConnectorError as error:
        raise CommandError(str(error)) from error


def token_beside(account: AccountSettings, configuration: Configuration) -> int:
    """The highest fencing token that the place beside the broker has seen; 0: none yet.

    Raises `CommandError` when it cannot be asked.
    """
    if account.connector == "mt5":
        from console.metatrader_look import token_at_worker

        try:
            return token_at_worker(account, configuration)
        except ConnectorError as error:
            raise CommandError(str(error)) from error
    if account.connector == "paper" and not book_path(configuration, account.name).exists():
        return 0
    return book_of(account, configuration).token
