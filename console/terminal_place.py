"""Where the simulated terminal of `run.py terminal` is, as the files say that it writes, and what time it is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from actors.system.clocks import WallClock
from connectors.base import ConnectorError
from connectors.gateway_protocol import MarketFacts
from connectors.mt5.terminal_file import TerminalAddress, read_terminal_file
from connectors.remote_market import RemoteMarket
from console.configuration import Configuration
from console.errors import CommandError
from persistence.owner import owner_name
from trading.market import Instant


def market_clock(configuration: Configuration) -> Callable[[], Instant]:
    """Market time as it is whenever it is asked: this computer's, or the simulated terminal's."""
    if configuration.settings.metatrader_package == "simulator":
        return lambda: ask_terminal(configuration).now
    return WallClock().now


def ask_terminal(configuration: Configuration) -> MarketFacts:
    """The market of the simulated terminal now. Raises as `terminal_address`, and when it does not answer."""
    market = terminal_market(configuration, owner_name())
    try:
        return market.facts()
    finally:
        market.close()


def terminal_market(configuration: Configuration, client: str) -> RemoteMarket:
    """The market of the simulated terminal, wherever it listens now. Raises as `terminal_address`."""
    address = terminal_address(configuration)
    return RemoteMarket((address.host, address.port), lambda: address.secret, client)


def terminal_address(configuration: Configuration) -> TerminalAddress:
    """Where the terminal of the enabled accounts listens: one of them is enough, for each waits for its own by itself.

    Raises `ConnectorError` (`NotConnected` where there is no file) when none of their files leads to one, and
    `CommandError` for accounts at different ones.
    """
    found: dict[tuple[str, int], TerminalAddress] = {}
    missing: list[ConnectorError] = []
    for account in configuration.settings.accounts:
        if account.enabled and account.mt5.terminal is not None:
            try:
                address = read_terminal_file(Path(account.mt5.terminal))
            except ConnectorError as error:
                missing.append(error)
            else:
                found.setdefault((address.host, address.port), address)
    if not found:
        raise missing[0]
    if len(found) > 1:
        said = ", ".join(f"{address.account} at {host}:{port}" for (host, port), address in found.items())
        raise CommandError(f"accounts: {said}; expected one run.py terminal, since they share one market time")
    return next(iter(found.values()))
