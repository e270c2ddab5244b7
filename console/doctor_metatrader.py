"""`run.py doctor` on MetaTrader 5 accounts: each is looked at through a worker of its own, and nothing is sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from connectors import wire
from connectors.base import ConnectorError
from connectors.mt5.calls import Given, Look, SymbolLook
from connectors.mt5.channel import Channel
from connectors.wire import BadMessage, Json
from console.certificates import certificate_check
from console.check import Check, made
from console.configuration import Configuration
from console.errors import CommandError
from console.figures import clock
from console.reading import ledger_for_reading
from console.same_accounts import named_accounts
from console.terminal_checks import account_check, permission_check, symbols_check, terminal_check
from console.terminal_place import market_clock
from console.workers import ASK_SECONDS, token_of, worker_of
from persistence.errors import AnotherBrokerAccount, LedgerError
from persistence.reservations import account_resource
from trading.market import MINUTE, SECOND, Instant
from trading.settings_accounts import AccountSettings

TICK_SECONDS = 3.0  # to wait for a tick that is new
LOOK_AGAIN_SECONDS = 0.2
QUARTER = 15 * MINUTE
HOURS = 60 * MINUTE

WITHOUT_WORKER = (
    "on the machine of the terminal: a 64-bit Python for Windows with pip install -e . there; "
    "python -c 'import MetaTrader5' says what is missing"
)
WITHOUT_GATEWAY = (
    "start run.py gateway on the machine of the terminal; mt5.gateway must be where it listens, mt5.gateway_secret the "
    "same at both ends, and mt5.gateway_certificate the file that it was started with"
)
LEAST_TTL_SECONDS = 15.0
TOO_SHORT = (
    f"set ai_db_reservation_ttl_seconds to {LEAST_TTL_SECONDS:g} or more: a third of it is what an account may spend "
    "on its broker within one message, and a worker alone takes seconds to start"
)
BROKEN_FLOOR = (
    "without the order floor nothing is opened. Read-only, or a full disk: let this user write it, or make room. "
    "Damaged, or another account's: docs/metatrader.md, 'A broken order floor', says when it may be moved away. "
    "Had by another worker all the while: end the process that is named, on the machine of the workers"
)
TOO_OLD = (
    "this ledger is not the one that traded the account last: name the right one in database_url, restore its backup, "
    "or begin anew with --fresh"
)
ANOTHER_ACCOUNT = (
    "serve does not lead with these settings; correct login and server, or name another ledger in database_url for the "
    "other account"
)


Answer = TypeVar("Answer")


def metatrader_checks(configuration: Configuration) -> Iterator[Check]:
    """The checks of every enabled account, one after the other."""
    for account in configuration.settings.accounts:
        if account.enabled:
            yield from _account_checks(account, configuration)


def _account_checks(account: AccountSettings, configuration: Configuration) -> Iterator[Check]:
    yield from _certificate_checks(account)
    yield from _identity_checks(account, configuration)
    name = f"{account.name}: worker"
    try:
        with worker_of(account, configuration) as channel:
            yield made(name, lambda: _worker(name, account, channel, configuration))
            yield from _terminal_checks(account, channel, configuration)
    except CommandError as error:
        yield Check(name, "failed", str(error), "see there")
    except ConnectorError as error:
        yield Check(name, "failed", str(error), WITHOUT_WORKER if account.mt5.gateway is None else WITHOUT_GATEWAY)


def _certificate_checks(account: AccountSettings) -> Iterator[Check]:
    address, certificate = account.mt5.gateway_address, account.mt5.gateway_certificate
    if address is not None and certificate is not None:
        name, now = f"{account.name}: certificate", round(time.time()) * SECOND
        yield made(name, lambda: certificate_check(name, Path(certificate), address, now))


def _identity_checks(account: AccountSettings, configuration: Configuration) -> Iterator[Check]:
    """A failed check where the ledger's trades of the account were opened on another one; otherwise nothing."""
    try:
        with ledger_for_reading(configuration) as ledger:
            if ledger is not None:
                ledger.broker_accounts.check(named_accounts([account]))
    except AnotherBrokerAccount as error:
        yield Check(f"{account.name}: login", "failed", str(error), ANOTHER_ACCOUNT)
    except LedgerError:
        return  # the check of the ledger says what is wrong with it


def _worker(name: str, account: AccountSettings, channel: Channel, configuration: Configuration) -> Check:
    """Whether the worker's floor belongs to this ledger."""
    where = "a child process" if account.mt5.gateway is None else f"the gateway {account.mt5.gateway}"
    try:
        seen = token_of(channel, writing=True)
    except ConnectorError as error:
        return Check(name, "failed", str(error), BROKEN_FLOOR)
    saw = f"answers, through {where}; {'no token' if seen == 0 else f'token {seen}'} seen"
    try:
        with ledger_for_reading(configuration) as ledger:
            given = 0 if ledger is None else ledger.reservations.last_token(account_resource(account.name))
    except LedgerError:
        return Check(name, "ok", saw)  # the check of the ledger says what is wrong with it
    if seen > given:
        return Check(name, "failed", f"{saw}, and the ledger gave out no more than {given}", TOO_OLD)
    ttl_seconds = configuration.settings.ai_db_reservation_ttl_seconds
    if ttl_seconds < LEAST_TTL_SECONDS:
        return Check(name, "warning", f"{saw}; ai_db_reservation_ttl_seconds is {ttl_seconds:g}", TOO_SHORT)
    return Check(name, "ok", saw)


def _terminal_checks(account: AccountSettings, channel: Channel, configuration: Configuration) -> Iterator[Check]:
    look = _asked(Look, channel.call("initialize", {}, account.mt5.initialize_seconds))
    terminal = terminal_check(f"{account.name}: terminal", look, account.mt5.package)
    yield terminal
    if look.terminal is None:
        return
    shown = look.account
    yield account_check(f"{account.name}: account", account, shown, look.message)
    if shown is not None:
        yield permission_check(f"{account.name}: permission", look.terminal, shown)
    if terminal.state == "ok" and shown is not None:
        name = f"{account.name}: symbols"
        yield made(name, lambda: symbols_check(name, account.symbols, _symbols(account, channel)))
        yield made(f"{account.name}: clock", lambda: _clock(account, channel, configuration))


def _symbols(account: AccountSettings, channel: Channel) -> list[SymbolLook]:
    names: Json = list(account.symbols.values())
    given = _asked(Given, channel.call("symbols", {"names": names}, ASK_SECONDS))
    return list(wire.decode_all(SymbolLook, given.value, "symbols"))


def _clock(account: AccountSettings, channel: Channel, configuration: Configuration) -> Check:
    """How far the broker's clock is from ours: told by a tick that comes while we look, and by nothing else."""
    name = f"{account.name}: clock"
    now = market_clock(configuration)
    names: Json = list(account.symbols.values())
    first = _tick_times(channel, names)
    until = time.monotonic() + TICK_SECONDS
    while time.monotonic() < until:
        time.sleep(LOOK_AGAIN_SECONDS)
        moved = [time for time, before in zip(_tick_times(channel, names), first, strict=True) if time != before]
        if moved:
            offset = round((max(moved) - now()) / QUARTER) * QUARTER
            return Check(name, "ok", f"the broker's is {offset / HOURS:+g} h from UTC, by a tick of this moment")
    newest = max(first, default=0)
    shown = f"the newest tick reads {clock(newest)} there" if newest else "there was no tick yet"
    return Check(name, "ok", f"not measured: no new tick in {TICK_SECONDS:g} s, the market may be shut; {shown}")


def _tick_times(channel: Channel, names: Json) -> list[Instant]:
    given = _asked(Given, channel.call("ticks", {"names": names}, ASK_SECONDS))
    if not isinstance(given.value, list):
        raise ConnectorError(f"the terminal shows no ticks: {given.message}")
    ticks = [None if tick is None else wire.mapping(tick, "tick") for tick in given.value]
    return [0 if tick is None else wire.read(int, tick.get("time_msc"), "time_msc") for tick in ticks]


def _asked(kind: type[Answer], answer: Json) -> Answer:
    try:
        return wire.decode(kind, answer, "answer")
    except BadMessage as error:
        raise ConnectorError(f"the worker's answer cannot be read: {error}") from error
