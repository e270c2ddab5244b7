"""`run.py gateway`: the workers of this machine's MetaTrader 5 terminals, for `serve` on another machine.

The terminals run on Windows, or under Wine; `serve` need not. This command is what it finds there: one worker for each
enabled account that has a terminal, behind one port. It keeps no ledger, leads no crew and decides nothing.
"""

from __future__ import annotations

import logging
import os
import ssl
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from connectors import wire
from connectors.base import ConnectorError
from connectors.gateway_protocol import made_secret
from connectors.mt5 import gateway_tls
from connectors.mt5.calls import Look
from connectors.mt5.child import ChildChannel
from connectors.mt5.gateway import Gateway
from connectors.mt5.gateway_desk import Desk
from connectors.mt5.gateway_door import Door
from connectors.wire import BadMessage
from console import arguments as commands
from console.books import floor_directory, gateway_secret_file
from console.certificates import require_good
from console.configuration import Configuration
from console.ending import Ending, wait_for
from console.errors import CommandError
from console.gateway_secret import settings_secret
from console.output import Output
from console.workers import WINDOWS, worker_terms
from trading.market import SECOND
from trading.settings import Settings
from trading.settings_accounts import AccountSettings

START_SECONDS = 30.0  # for a worker process, beside the time that its terminal has

log = logging.getLogger("watchbill.gateway")


def run(arguments: commands.Gateway, configuration: Configuration, output: Output) -> int:
    """Be the gateway until a signal; returns the exit code."""
    accounts = _accounts(configuration.settings)
    tls = _tls(arguments)
    secret = settings_secret(configuration.settings)
    desks = [_desk(account, configuration) for account in accounts]
    ending = Ending()
    with ending.on_signals(), ExitStack() as stack:
        try:
            # The port first: it is the claim that keeps a second gateway from making a secret of its own.
            door = Door(*arguments.listen, tls)
            stack.callback(door.shut)
            secret = secret or made_secret(_made_directory(gateway_secret_file(configuration)), "gateway")
            gateway = stack.enter_context(closing(Gateway(desks, secret, door)))
        except ConnectorError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            host, port = arguments.listen
            raise CommandError(
                f"{host}:{port} cannot be listened at: {error.strerror}; --listen chooses another"
            ) from error
        for desk, account in zip(desks, accounts, strict=True):
            seconds = START_SECONDS + account.mt5.initialize_seconds
            threading.Thread(target=_begin, args=(desk, seconds), name=f"beginning {desk.name}", daemon=True).start()
        _say_ready(gateway, desks, tls, output)
        wait_for(ending.event)
    log.info("stopped by %s", ending.stopped)
    return 0


def _accounts(settings: Settings, platform: str = sys.platform) -> list[AccountSettings]:
    """The accounts whose terminals are here. Raises `CommandError` where there is none, or where none can be."""
    here = [account for account in settings.accounts if account.enabled and account.mt5.terminal is not None]
    here = [account for account in here if account.connector == "mt5"]
    if not here:
        raise CommandError(
            'accounts: none has a terminal on this machine; expected connector = "mt5" and mt5.terminal, the path of '
            "terminal64.exe"
        )
    for account in here:
        if account.mt5.package == "MetaTrader5" and platform != WINDOWS:
            raise CommandError(
                f"account {account.name!r}: mt5.terminal is {account.mt5.terminal!r}, and this system ({platform}) has "
                "no MetaTrader 5; start run.py gateway on Windows, or with a Python for Windows under Wine"
            )
    return here


def _tls(arguments: commands.Gateway) -> ssl.SSLContext | None:
    """What the gateway shows. Raises `CommandError` for an address beyond this machine without it."""
    certificate, key = arguments.certificate, arguments.key
    if (certificate is None) != (key is None):
        missing, given = ("--key", "--certificate") if key is None else ("--certificate", "--key")
        raise CommandError(f"{missing} is missing; expected the file that belongs to that of {given}")
    host, port = arguments.listen
    try:
        if certificate is not None and key is not None:
            require_good(certificate, round(time.time()) * SECOND)
            return gateway_tls.gateway_context(certificate, key)
        if gateway_tls.is_loopback(host):
            return None
    except ConnectorError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"--listen is {host}:{port}; there is no such host: {error.strerror}") from error
    raise CommandError(
        f"--listen is {host}:{port}, which others can reach, and without TLS they can read what is said; expected "
        "--certificate and --key too, or an address of this machine alone, such as 127.0.0.1"
    )


def _desk(account: AccountSettings, configuration: Configuration) -> Desk:
    # The floor of whoever trades on this machine without a gateway, too: there is one highest token of an account.
    terms = worker_terms(account, floor_directory(configuration))
    return Desk(account.name, terms.login, terms.server, terms.symbols, ChildChannel(terms))


def _made_directory(file: Path) -> Path:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{file.parent} cannot be made: {error.strerror}") from error
    return file


def _begin(desk: Desk, seconds: float) -> None:
    """Start the worker and its terminal before anybody asks, and say what is there."""
    try:
        desk.have_worker(time.monotonic() + seconds, lambda: True)
        look = wire.decode(Look, desk.ask("initialize", {}, time.monotonic() + seconds, lambda: True), "look")
    except (ConnectorError, BadMessage) as error:
        log.warning("account %s: %s; the next client's call tries again", desk.name, error)
        return
    if look.account is None or look.terminal is None:
        log.warning("account %s: its terminal answers (%d, %s)", desk.name, look.code, look.message)
    elif (look.account.get("login"), look.account.get("server")) != (desk.login, desk.server):
        log.warning(
            "account %s: its terminal is logged in to %s at %s; expected %d at %s",
            *(desk.name, look.account.get("login"), look.account.get("server"), desk.login, desk.server),
        )
    else:
        log.info("account %s: its terminal is logged in to %d at %s", desk.name, desk.login, desk.server)


def _say_ready(gateway: Gateway, desks: Sequence[Desk], tls: ssl.SSLContext | None, output: Output) -> None:
    """One line, and with ``--json`` the one object: what a program that starts this one waits for."""
    host, port = gateway.address
    names = [desk.name for desk in desks]
    log.info(
        "listening on %s:%d for %s, %s", host, port, ", ".join(names), "without TLS" if tls is None else "with TLS"
    )
    if output.as_json:
        output.write_object(
            {
                "listening": f"{host}:{port}",
                "host": host,
                "port": port,
                "pid": os.getpid(),
                "accounts": names,
                "tls": tls is not None,
            }
        )
