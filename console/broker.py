"""`run.py broker`: the remote accounts of the settings, in a process of their own that is always there, as a broker is.

It walks through the recorded market by itself and answers whoever proves to know its secret; when nobody is connected,
nights are charged and accounts are stopped out all the same. Of the ledger and its crew it knows nothing; only
`--fresh` looks whether anybody leads on them.
"""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack, closing
from functools import partial

from connectors.base import ConnectorError
from connectors.gateway_clock import BrokerClock
from connectors.gateway_faults import OrderTrouble
from connectors.gateway_floor import AT_ONCE, Floor
from connectors.gateway_protocol import made_secret
from connectors.gateway_server import GatewayServer
from connectors.paper import PaperConnector
from console.arguments import Broker
from console.books import book_path, broker_directory, clock_file, secret_file, set_aside
from console.broker_secret import settings_secret
from console.configuration import Configuration
from console.ending import Ending
from console.errors import CommandError
from console.market_walk import start_of, walk_to_the_end
from console.output import Output
from console.reading import ledger_for_reading
from console.recorded import Recording, market_recording, paper
from persistence.reservations import crew_resource
from trading.market import iso
from trading.settings import Settings

EXIT_BROKEN = 70  # the clock cannot be written: start it again

log = logging.getLogger("watchbill.broker")


def run(arguments: Broker, configuration: Configuration, output: Output) -> int:
    """Be the broker until a signal; returns the exit code."""
    settings = configuration.settings
    _require_remote(settings)
    recording = market_recording(arguments.seed, arguments.data, configuration)
    host, port = settings.broker_address
    port = port if arguments.port is None else arguments.port
    trouble = OrderTrouble(arguments.lose_replies, arguments.delay_seconds, arguments.seed)
    ending = Ending()
    with ending.on_signals(), ExitStack() as stack:
        try:
            clock = _clock(arguments, configuration, stack)
            floor = _floor(arguments, configuration, recording, clock)
            stack.callback(floor.close)
            secret = settings_secret(settings) or made_secret(secret_file(configuration))
            server = stack.enter_context(closing(GatewayServer(floor, secret, host, port, trouble)))
        except ConnectorError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"{host}:{port} cannot be listened at: {error.strerror}; --port chooses another"
            ) from error
        _say_ready(server, floor, configuration, output)
        try:
            walk_to_the_end(
                recording,
                configuration,
                clock.now(),
                arguments.speed,
                ending.event,
                lambda at: floor.move(partial(clock.move_to, at)),
                floor.wait_for_followers,
            )
        except ConnectorError as error:
            log.critical("%s: exit code %d", error, EXIT_BROKEN)
            return EXIT_BROKEN
    log.info("stopped by %s", ending.stopped)
    return 0


def _require_remote(settings: Settings) -> None:
    if not settings.is_remote:
        raise CommandError(
            'accounts: none is remote, so there is nothing for a broker; expected connector = "remote" for each '
            "(or WATCHBILL__ACCOUNTS__0__CONNECTOR=remote and so on), here and for serve"
        )


def _clock(arguments: Broker, configuration: Configuration, stack: ExitStack) -> BrokerClock:
    """The claim on the books; with ``--fresh`` on new ones, once it is sure that nobody uses the old."""
    path = clock_file(configuration)
    clock = BrokerClock(path)
    if arguments.fresh:
        try:
            _require_no_leader(configuration)
        finally:
            clock.close()
        for kept in set_aside(configuration):
            log.info("--fresh: kept what was there as %s", kept)
        clock = BrokerClock(path)
    stack.callback(clock.close)
    return clock


def _require_no_leader(configuration: Configuration) -> None:
    with ledger_for_reading(configuration) as ledger:
        crew = configuration.settings.crew
        holder = None if ledger is None else ledger.reservations.holder(crew_resource(crew))
    if holder is not None:
        raise CommandError(f"--fresh: {holder.owner} leads crew {crew} on the ledger of these accounts; stop it first")


def _floor(arguments: Broker, configuration: Configuration, recording: Recording, clock: BrokerClock) -> Floor:
    """The accounts, connected, at the instant from which the market goes on."""
    accounts: dict[str, PaperConnector] = {
        account.name: paper(account, recording, configuration, book_path(configuration, account.name))(clock)
        for account in configuration.settings.accounts
        if account.enabled
    }
    seen = [clock.left_at, *(connector.last_seen() for connector in accounts.values())]
    clock.move_to(start_of(recording, arguments.start, seen))
    for connector in accounts.values():
        connector.connect(AT_ONCE)
    return Floor(
        accounts,
        clock,
        first=recording.first,
        last=recording.last,
        source=recording.source,
        speed=arguments.speed,
    )


def _say_ready(server: GatewayServer, floor: Floor, configuration: Configuration, output: Output) -> None:
    """One line, and with ``--json`` the one object: what a program that starts this one waits for."""
    host, port = server.address
    facts = floor.facts()
    log.info("listening on %s:%d for %s, market time %s", host, port, ", ".join(floor.names), iso(facts.now))
    if output.as_json:
        output.write_object(
            {
                "listening": f"{host}:{port}",
                "host": host,
                "port": port,
                "pid": os.getpid(),
                "accounts": list(floor.names),
                "books": str(broker_directory(configuration)),
                "market_time": iso(facts.now),
            }
        )
