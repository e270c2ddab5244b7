"""Where `serve` trades: on paper accounts of its own process, over a recording that it walks through itself, or on
those of a broker process, whose market it follows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from actors.system.errors import NotQuiet
from actors.system.runtime_threads import ThreadedRuntime
from connectors.account_book import AccountBook
from connectors.base import Clock, Connector, ConnectorError, DeadlinePassed, NotConnected
from connectors.gateway_protocol import MarketFacts
from connectors.paper import PaperConnector
from connectors.remote import RemoteConnector
from connectors.remote_market import RemoteMarket
from console.arguments import Serve
from console.books import book_path
from console.broker_secret import secret_of
from console.configuration import Configuration
from console.errors import CommandError
from console.market_walk import paced, start_of
from console.recorded import Recording, in_trading_times, paper, require_bars, sample_or_simulated
from persistence.owner import owner_name
from trading.market import Instant, iso

QUIET_SECONDS = 60.0
GRACE_SECONDS = 2.0
RETRY_SECONDS = 0.5  # between two attempts to reach a broker that is away
LOOK_SECONDS = 10.0

AWAY = (NotConnected, DeadlinePassed)
"""What is said of a broker that is not there at the moment; any other error needs a person."""

log = logging.getLogger("watchbill.serve")


class OnTheBooks(Connector, Protocol):
    """A connector that can show its account's book before it is connected."""

    def book_as_written(self) -> AccountBook:
        """The book as it is now. Raises `ConnectorError`."""
        ...


class Venue(Protocol):
    """A market with accounts in it."""

    @property
    def source(self) -> str:
        """What the prices are, in words."""
        ...

    @property
    def speed(self) -> float:
        """Market seconds in one second."""
        ...

    def span(self) -> tuple[Instant, Instant]:
        """The first and the last instant of the market. Raises `ConnectorError` when it cannot be asked."""
        ...

    def connectors(self, clock: Clock, client: str) -> Mapping[str, OnTheBooks]:
        """The enabled accounts, by name, not connected yet. ``client``: the name of this process.

        Raises `CommandError` for an account that cannot be, and `ConnectorError` for one that cannot be now.
        """
        ...

    def start(self, connectors: Mapping[str, OnTheBooks]) -> Instant:
        """Where market time stands, or goes on. Raises `CommandError` and `ConnectorError`."""
        ...

    def walk(self, runtime: ThreadedRuntime, start: Instant, is_over: Callable[[float], bool]) -> None:
        """Move market time until the market's end. ``is_over(seconds)`` waits so long, or until the term is over."""
        ...

    def progress(self, now: Instant) -> tuple[int | None, int | None]:
        """How many bars have begun, and how many there are; None where that is not known."""
        ...

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """False once the market has no more prices of this commodity."""
        ...


class OwnVenue:
    """Paper accounts in this process: where they were left is in their books."""

    def __init__(self, arguments: Serve, configuration: Configuration) -> None:
        """Raises `CommandError` for accounts that trade what the recording does not have."""
        self._arguments = arguments
        self._configuration = configuration
        self._recording: Recording = in_trading_times(sample_or_simulated(arguments.seed), configuration)
        if self._recording.remark:
            log.warning(self._recording.remark)
        require_bars(configuration.settings, self._recording)

    @property
    def source(self) -> str:
        """What the prices are."""
        return self._recording.source

    @property
    def speed(self) -> float:
        """As the command says."""
        return self._arguments.speed

    def span(self) -> tuple[Instant, Instant]:
        """The recording's."""
        return self._recording.first, self._recording.last

    def connectors(self, clock: Clock, client: str) -> Mapping[str, PaperConnector]:
        """The paper accounts. Raises `BookUnavailable` while a book cannot be used."""
        return {
            account.name: paper(
                account, self._recording, self._configuration, book_path(self._configuration, account.name)
            )(clock)
            for account in self._configuration.settings.accounts
            if account.enabled
        }

    def start(self, connectors: Mapping[str, OnTheBooks]) -> Instant:
        """As `start_of` has it."""
        seen = [connector.book_as_written().last_seen for connector in connectors.values()]
        return start_of(self._recording, self._arguments.start, seen)

    def walk(self, runtime: ThreadedRuntime, start: Instant, is_over: Callable[[float], bool]) -> None:
        """From tick to tick, each once all that follows from the one before has been done."""
        poll_seconds = self._configuration.settings.price_poll_seconds
        instants = self._recording.instants(start, self._recording.last, poll_seconds).tolist()
        for at in paced(instants, start, self.speed, is_over):
            _advance(runtime, at, is_over)
        if not is_over(0.0):
            _say_ended(self._recording.source, self._recording.last)

    def progress(self, now: Instant) -> tuple[int | None, int | None]:
        """In bars of the recording."""
        return self._recording.bars_until(now), self._recording.bars

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """Until the last bar's end."""
        series = self._recording.series.get(commodity)
        return series is not None and now < series.end(len(series) - 1)


class BrokerVenue:
    """Accounts in a broker process: its clock is the market's, whether anybody keeps up with it or not."""

    def __init__(self, arguments: Serve, configuration: Configuration) -> None:
        """Raises `CommandError` for options that are the broker's to decide."""
        for name, is_given in (("--fresh", arguments.fresh), ("--from", arguments.start is not None)):
            if is_given:
                raise CommandError(
                    f"{name}: the accounts are at a broker of its own, which alone can do that; "
                    f"stop it, and start it with run.py broker {name}"
                )
        self._configuration = configuration
        self._facts: MarketFacts | None = None
        self._client = f"{owner_name()}/market"

    @property
    def source(self) -> str:
        """What the broker says that its prices are."""
        return "the broker's market" if self._facts is None else f"{self._facts.source} at {self._place}"

    @property
    def speed(self) -> float:
        """The broker's."""
        return 1.0 if self._facts is None else self._facts.speed

    def span(self) -> tuple[Instant, Instant]:
        """Of the broker's recording."""
        facts = self._ask()
        return facts.first, facts.last

    def connectors(self, clock: Clock, client: str) -> Mapping[str, RemoteConnector]:
        """A client of each account; each broker account has what it is to trade."""
        made = {}
        for account in self._configuration.settings.accounts:
            if account.enabled:
                connector = RemoteConnector(account.name, account.broker_address, self._secret, clock, client)
                _require_symbols(connector, account.symbols, clock)
                made[account.name] = connector
        return made

    def start(self, connectors: Mapping[str, OnTheBooks]) -> Instant:
        """The broker's time."""
        return self._ask().now

    def walk(self, runtime: ThreadedRuntime, start: Instant, is_over: Callable[[float], bool]) -> None:
        """Follow the broker's clock; ticks that pass while this process is busy are skipped, as in a live market.

        While the broker is away market time stands still, and nothing is opened.
        """
        market = self._market()
        is_away = has_ended = is_behind = False
        seen = start
        try:
            while not is_over(RETRY_SECONDS if is_away else 0.0):
                try:
                    facts = market.beyond(seen)
                except ConnectorError as error:
                    if not is_away:
                        log.warning("%s; market time stands still until it answers again", error)
                    is_away = True
                    continue
                if is_away:
                    log.info("%s answers again, market time %s", self._place, iso(facts.now))
                is_away = False
                self._facts = facts
                if facts.now < seen and not is_behind:
                    log.warning("%s stands at %s, before %s, which was seen", self._place, iso(facts.now), iso(seen))
                is_behind = facts.now < seen
                if facts.now > seen and not is_over(0.0):
                    seen = facts.now
                    _advance(runtime, seen, is_over)
                if facts.now >= facts.last and not has_ended:
                    has_ended = True
                    _say_ended(facts.source, facts.last)
        finally:
            market.close()

    def progress(self, now: Instant) -> tuple[int | None, int | None]:
        """The broker does not say."""
        return None, None

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """Until the recording's end."""
        return self._facts is not None and now < self._facts.last

    @property
    def _place(self) -> str:
        host, port = self._configuration.settings.broker_address
        return f"the broker {host}:{port}"

    def _secret(self) -> str:
        return secret_of(self._configuration)

    def _market(self) -> RemoteMarket:
        return RemoteMarket(self._configuration.settings.broker_address, self._secret, self._client)

    def _ask(self) -> MarketFacts:
        market = self._market()
        try:
            self._facts = market.facts()
        finally:
            market.close()
        return self._facts


def venue_of(arguments: Serve, configuration: Configuration) -> Venue:
    """The one that the settings name. Raises `CommandError` when it cannot be."""
    if configuration.settings.is_remote:
        return BrokerVenue(arguments, configuration)
    return OwnVenue(arguments, configuration)


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


def _advance(runtime: ThreadedRuntime, at: Instant, is_over: Callable[[float], bool]) -> None:
    """Move market time; raises `NotQuiet` when the actors do not come to rest, and the term is not over either."""
    try:
        runtime.advance_to(at, QUIET_SECONDS)
    except NotQuiet:
        # A process that was stopped for long finds its time gone, and is told a little later that it was deposed.
        if not is_over(GRACE_SECONDS):
            raise


def _say_ended(source: str, last: Instant) -> None:
    log.warning(
        "%s ended at %s: the market is shut; open trades stay open, and nothing more happens until Ctrl-C",
        source,
        iso(last),
    )
