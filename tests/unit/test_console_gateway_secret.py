"""How a client of a gateway is made of the settings, and with which secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.base import NotConnected
from connectors.gateway_protocol import made_secret
from console.books import gateway_secret_file
from console.configuration import Configuration, load
from console.errors import CommandError
from console.gateway_secret import client_secret, gateway_channel, settings_secret

SECRET = "0123456789abcdef0123456789abcdef"
ACCOUNT = """
[[accounts]]
name = "{name}"
connector = "mt5"
login = {login}
server = "Broker-Demo"
symbols = {{ EURUSD = "EURUSD" }}
[accounts.mt5]
{mt5}
"""


def configuration(directory: Path, *mt5: str) -> Configuration:
    """Of an account for each table ``mt5``."""
    file = directory / "watchbill.toml"
    tables = [ACCOUNT.format(name=f"account{n}", login=1001 + n, mt5=table) for n, table in enumerate(mt5)]
    ledger = f'database_url = "sqlite:///{(directory / "ledger.sqlite").as_posix()}"\n'
    file.write_text(ledger + "".join(tables), encoding="utf-8")
    return load(file, {})


def test_the_secret_of_the_settings_goes_before_that_of_the_gateways_file(tmp_path: Path) -> None:
    given = configuration(
        tmp_path, f'gateway = "127.0.0.1:7090"\ngateway_secret = "{SECRET}"', 'gateway = "localhost:1"'
    )
    first, second = given.settings.accounts
    assert client_secret(first, given) == SECRET
    with pytest.raises(NotConnected, match="the gateway, which makes it, has not been started"):
        client_secret(second, given)
    file = gateway_secret_file(given)
    file.parent.mkdir()
    made = made_secret(file, "gateway")
    assert client_secret(second, given) == made != SECRET


def test_the_accounts_of_a_gateway_have_one_secret(tmp_path: Path) -> None:
    def told(terminal: str, secret: str) -> str:
        return f'terminal = "{terminal}"\ngateway_secret = "{secret}"'

    assert settings_secret(configuration(tmp_path, told("t", SECRET), told("u", SECRET)).settings) == SECRET
    assert settings_secret(configuration(tmp_path, 'terminal = "t"').settings) is None
    with pytest.raises(CommandError, match="they have different secrets") as caught:
        settings_secret(configuration(tmp_path, told("t", SECRET), told("u", SECRET[::-1])).settings)
    assert SECRET not in str(caught.value)


def test_the_way_to_a_gateway_is_there_before_the_gateway_is(tmp_path: Path) -> None:
    given = configuration(tmp_path, 'gateway = "cellar:7090"\ngateway_certificate = "gateway.pem"')
    assert not gateway_channel(given.settings.accounts[0], given).is_open


def test_an_account_without_a_gateway_has_no_way_through_one(tmp_path: Path) -> None:
    given = configuration(tmp_path, 'terminal = "t"')
    with pytest.raises(CommandError, match=r"account 'account0' has no mt5\.gateway"):
        gateway_channel(given.settings.accounts[0], given)
