"""The gateway's secret, and a client of the gateway: as the settings have them."""

from __future__ import annotations

import secrets
from pathlib import Path

from connectors.base import NotConnected
from connectors.gateway_protocol import read_secret
from connectors.mt5.channel import Channel
from connectors.mt5.gateway_client import GatewayChannel
from console.books import gateway_secret_file
from console.configuration import Configuration
from console.environment import secret_variable
from console.errors import CommandError
from persistence.owner import owner_name
from trading.settings import Settings
from trading.settings_accounts import AccountSettings

NAME_BYTES = 4


def gateway_channel(account: AccountSettings, configuration: Configuration) -> Channel:
    """The way to the account's worker behind its gateway, not open yet. Raises `CommandError` where none is set."""
    address = account.mt5.gateway_address
    if address is None or account.login is None or account.server is None:
        raise CommandError(
            f"account {account.name!r} has no mt5.gateway; expected the host and the port of run.py gateway"
        )
    certificate = account.mt5.gateway_certificate
    return GatewayChannel(
        address,
        lambda: client_secret(account, configuration),
        None if certificate is None else Path(certificate),
        login=account.login,
        server=account.server,
        # Of each channel another name: one that only has a look must not take the place of the one that trades.
        client=f"{owner_name()}/{secrets.token_hex(NAME_BYTES)}",
    )


def client_secret(account: AccountSettings, configuration: Configuration) -> str:
    """What proves to the account's gateway who we are: the setting, or else the file of a gateway on this machine.

    Raises `ConnectorError`.
    """
    given = account.mt5.gateway_secret
    number = [one.name for one in configuration.settings.accounts].index(account.name)
    variable = secret_variable(number, ("mt5", "gateway_secret"))
    if variable in configuration.lost_secrets:
        raise NotConnected(
            f"account {account.name!r}: its mt5.gateway_secret stood in the settings, which cannot be read: put it "
            f"into the environment, {variable}"
        )
    return read_secret(gateway_secret_file(configuration), "gateway") if given is None else given.get_secret_value()


def settings_secret(settings: Settings) -> str | None:
    """The secret of a gateway of these accounts; None where none is set. Raises `CommandError` where they differ."""
    at_terminals = [account.mt5 for account in settings.accounts if account.enabled and account.connector == "mt5"]
    found = {mt5.gateway_secret.get_secret_value() for mt5 in at_terminals if mt5.gateway_secret is not None}
    if len(found) > 1:
        raise CommandError(
            "accounts: they have different secrets in mt5.gateway_secret; expected one for all accounts of a gateway"
        )
    return next(iter(found), None)
