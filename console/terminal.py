"""`run.py terminal`: the simulated MetaTrader 5 terminals of the settings, in a process of their own.

It walks through the recorded market by itself and is the broker of every enabled account whose package is the
simulator. Whoever starts a worker for one of them finds it by the file that the account's `mt5.terminal` names. All is
in memory: a terminal that is started again is a new broker.
"""

from __future__ import annotations

import logging
import os
import random
import secrets
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path

from connectors.base import ConnectorError
from connectors.gateway_link import Link
from connectors.gateway_protocol import CHALLENGE_BYTES
from connectors.gateway_server import GatewayServer
from connectors.mt5 import facts
from connectors.mt5.simulated_clock import zone_named
from connectors.mt5.simulated_faults import RandomFaults
from connectors.mt5.simulated_market import RecordedMarket
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.terminal_file import (
    TerminalAddress,
    read_terminal_file,
    remove_terminal_file,
    write_terminal_file,
)
from connectors.mt5.terminal_floor import HoldUps, HostedAccount, TerminalFloor, WalkedClock
from console.arguments import Terminal
from console.configuration import Configuration
from console.ending import Ending
from console.errors import CommandError
from console.market_walk import start_of, walk_to_the_end
from console.output import Output
from console.recorded import Recording, market_recording
from trading.market import iso
from trading.settings import Settings
from trading.settings_accounts import AccountSettings

HOST = "127.0.0.1"  # of this machine only: whoever reads the file may do everything
LOOK_SECONDS = 2.0  # for another terminal to answer
TRADE_MODES = {
    "demo": facts.ACCOUNT_TRADE_MODE_DEMO,
    "contest": facts.ACCOUNT_TRADE_MODE_CONTEST,
    "real": facts.ACCOUNT_TRADE_MODE_REAL,
}

log = logging.getLogger("watchbill.terminal")


def run(arguments: Terminal, configuration: Configuration, output: Output) -> int:
    """Be the terminals until a signal; returns the exit code."""
    settings = configuration.settings
    accounts = _simulated(settings)
    recording = market_recording(arguments.seed, arguments.data, configuration)
    ending = Ending()
    with ending.on_signals(), ExitStack() as stack:
        try:
            for account in accounts.values():
                _require_no_other(_file_of(account))
            floor = _floor(arguments, configuration, recording, accounts)
            secret = secrets.token_hex(CHALLENGE_BYTES)
            server = stack.enter_context(closing(GatewayServer(floor, secret, HOST, arguments.port)))
            for account in accounts.values():
                _publish(account, TerminalAddress(*server.address, secret, account.name), stack)
        except ConnectorError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"{HOST}:{arguments.port} cannot be listened at: {error.strerror}; --port chooses another"
            ) from error
        _say_ready(server, floor, accounts, output)
        walk_to_the_end(
            recording,
            configuration,
            floor.facts().now,
            arguments.speed,
            ending.event,
            floor.move_to,
            floor.wait_for_followers,
        )
    log.info("stopped by %s", ending.stopped)
    return 0


def _simulated(settings: Settings) -> dict[str, AccountSettings]:
    """The accounts that a terminal process is for. Raises `CommandError` where there is none."""
    found = {
        account.name: account
        for account in settings.accounts
        if account.enabled and account.connector == "mt5" and account.mt5.package == "simulator"
    }
    if not found:
        raise CommandError(
            'accounts: none has a simulated terminal; expected connector = "mt5" and mt5.package = "simulator" '
            "for each of the accounts, here and for serve"
        )
    files: dict[Path, str] = {}
    for account in found.values():
        other = files.setdefault(_file_of(account).resolve(), account.name)
        if other != account.name:
            raise CommandError(
                f"mt5.terminal of account {account.name!r} is {account.mt5.terminal!r}, as of {other!r}; "
                "expected a file of its own for each account"
            )
    return found


def _file_of(account: AccountSettings) -> Path:
    if account.mt5.terminal is None:
        raise CommandError(f"mt5.terminal of account {account.name!r} is missing; expected the file to write")
    return Path(account.mt5.terminal)


def _require_no_other(path: Path) -> None:
    """Raise `CommandError` while another terminal answers for this file, or where the file is something else."""
    if not path.exists():
        return
    address = read_terminal_file(path)
    try:
        until = time.monotonic() + LOOK_SECONDS
        Link((address.host, address.port), address.secret, "look", address.account, until).close()
    except ConnectorError as error:
        log.info("%s was left by a terminal that is gone: %s", path, error)
    else:
        raise CommandError(f"{path}: a terminal for it answers at {address.host}:{address.port}; stop it first")


def _floor(
    arguments: Terminal, configuration: Configuration, recording: Recording, accounts: Mapping[str, AccountSettings]
) -> TerminalFloor:
    """The accounts, new, at the instant from which the market goes on."""
    clock, hold_ups = WalkedClock(start_of(recording, arguments.start, ())), HoldUps()
    hosted = {}
    for name, account in accounts.items():
        server = _server(account, configuration, recording, clock, hold_ups, arguments.zone)
        faults = None
        if arguments.faults:
            rng = random.Random(f"{arguments.seed}:{name}")
            faults = RandomFaults(server, rng, arguments.faults, until=arguments.faults_until)
        hosted[name] = HostedAccount(server, faults)
    return TerminalFloor(
        hosted,
        clock,
        hold_ups,
        first=recording.first,
        last=recording.last,
        source=recording.source,
        speed=arguments.speed,
    )


def _server(
    account: AccountSettings,
    configuration: Configuration,
    recording: Recording,
    clock: WalkedClock,
    hold_ups: HoldUps,
    zone: str,
) -> SimulatedTradeServer:
    """One account; commodities that it does not trade are there under their own names, to convert currencies."""
    assert account.login is not None, "the settings refuse an mt5 account without one"
    assert account.server is not None, "the same"
    names = {**{name: name for name in recording.series}, **account.symbols}
    commodities = {symbol: configuration.commodities[name] for name, symbol in names.items()}
    spreads = {names[name]: points for name, points in account.paper.spread_points.items() if name in names}
    password = account.password
    terms = AccountTerms(
        account.login,
        account.server,
        password=secrets.token_hex(CHALLENGE_BYTES) if password is None else password.get_secret_value(),
        trade_mode=TRADE_MODES[account.mt5.trade_mode],
        netting=account.mt5.netting,
        paper=account.paper,
    )
    return SimulatedTradeServer(
        terms,
        {symbol: SymbolTerms(commodity) for symbol, commodity in commodities.items()},
        RecordedMarket({symbol: recording.series[name] for name, symbol in names.items()}, commodities, spreads),
        clock,
        zone=zone_named(zone),
        block=hold_ups.note,
    )


def _publish(account: AccountSettings, address: TerminalAddress, stack: ExitStack) -> None:
    """Write the account's file, to be removed at the end."""
    path = _file_of(account)
    write_terminal_file(path, address)
    stack.callback(_remove, path, address)


def _remove(path: Path, address: TerminalAddress) -> None:
    try:
        remove_terminal_file(path, address)
    except ConnectorError as error:
        log.warning("%s", error)


def _say_ready(
    server: GatewayServer, floor: TerminalFloor, accounts: Mapping[str, AccountSettings], output: Output
) -> None:
    """One line, and with ``--json`` the one object: what a program that starts this one waits for."""
    host, port = server.address
    facts_now = floor.facts()
    log.warning(
        "a new broker: %s begin with their opening balances; a ledger that knows an earlier one does not fit it",
        ", ".join(accounts),
    )
    log.info("listening on %s:%d for %s, market time %s", host, port, ", ".join(accounts), iso(facts_now.now))
    if output.as_json:
        output.write_object(
            {
                "listening": f"{host}:{port}",
                "host": host,
                "port": port,
                "pid": os.getpid(),
                "accounts": {name: str(_file_of(account)) for name, account in accounts.items()},
                "market_time": iso(facts_now.now),
            }
        )
