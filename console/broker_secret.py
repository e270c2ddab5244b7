"""The broker's secret: where the settings name it, and where the broker keeps it otherwise."""

from __future__ import annotations

from connectors.gateway_protocol import read_secret
from console.books import secret_file
from console.configuration import Configuration
from console.errors import CommandError
from trading.settings import Settings


def settings_secret(settings: Settings) -> str | None:
    """The password of the remote accounts; None where they have none. Raises `CommandError` where they differ."""
    remote = [account for account in settings.accounts if account.enabled and account.connector == "remote"]
    found = {account.password.get_secret_value() for account in remote if account.password is not None}
    if len(found) > 1:
        raise CommandError("accounts: the remote accounts have different passwords; expected one, the broker's secret")
    return next(iter(found), None)


def secret_of(configuration: Configuration) -> str:
    """What proves to the broker who we are. Raises `CommandError` and `ConnectorError`."""
    return settings_secret(configuration.settings) or read_secret(secret_file(configuration))
