"""Accounts in a broker process: its clock is the market's, whether anybody keeps up with it or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actors.system.runtime_threads import ThreadedRuntime
from connectors.base import Clock
from connectors.remote import RemoteConnector
from connectors.remote_market import RemoteMarket
from console.arguments import Serve
from console.broker_secret import secret_of
from console.configuration import Configuration
from console.errors import CommandError
from console.followed_venue import FollowedVenue
from console.venue import Accounts, advance
from persistence.owner import owner_name
from trading.market import Instant

LOOK_SECONDS = 10.0


class BrokerVenue(FollowedVenue):
    """The accounts of `run.py broker`, and its market."""

    def __init__(self, arguments: Serve, configuration: Configuration) -> None:
        """Raises `CommandError` for options that are the broker's to decide."""
        for name in (*(["--fresh"] if arguments.fresh else []), *arguments.market_options):
            raise CommandError(
                f"{name}: the accounts are at a broker of its own, which alone can do that; "
                f"stop it, and start it with run.py broker {name}"
            )
        host, port = configuration.settings.broker_address
        client = f"{owner_name()}/market"
        names = [account.name for account in configuration.settings.accounts if account.enabled]
        super().__init__(f"the broker {host}:{port}", lambda: RemoteMarket((host, port), self._secret, client), names)
        self._configuration = configuration

    def accounts(self, clock: Clock, client: str) -> Accounts:
        """A client of each account; each broker account has what it is to trade."""
        made = {}
        for account in self._configuration.settings.accounts:
            if account.enabled:
                connector = RemoteConnector(account.name, account.broker_address, self._secret, clock, client)
                _require_symbols(connector, account.symbols, clock)
                made[account.name] = connector
        return Accounts(made, made)

    def walk(self, runtime: ThreadedRuntime, start: Instant, is_over: Callable[[float], bool]) -> None:
        """Follow the broker's clock, one tick after all that follows from the one before has been done."""
        self.follower.follow(start, lambda at: advance(runtime, at, is_over), is_over, runtime.alert)

    def _secret(self) -> str:
        return secret_of(self._configuration)


def _require_symbols(connector: RemoteConnector, symbols: Mapping[str, str], clock: Clock) -> None:
    """Raise `CommandError` for a commodity that the broker's account does not have under the same name."""
    deadline = clock.elapsed() + LOOK_SECONDS
    connector.connect(deadline)
    try:
        instruments = connector.instruments(deadline)
    finally:
        connector.disconnect()
    theirs = {name: instrument.symbol for name, instrument in instruments.items()}
    for commodity, symbol in symbols.items():
        if theirs.get(commodity) != symbol:
            raise CommandError(
                f"account {connector.platform!r} trades {commodity} as {symbol!r}, and the broker has "
                f"{theirs or 'nothing'}; start run.py broker with the same settings"
            )
