"""`run.py doctor`: checks what there is, without trading. Every check says what it saw, and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connectors.base import ConnectorError
from connectors.remote_market import RemoteMarket
from console.arguments import Doctor
from console.books import book_directory, floor_directory
from console.broker_secret import secret_of
from console.check import Check, made
from console.command_line import version
from console.commodity_settings import not_converted
from console.configuration import Configuration, stray_variables
from console.doctor_calendars import calendars_check, folder_needed
from console.errors import CommandError
from console.figures import clock
from console.inbox import inbox_check
from console.output import Output
from console.reading import ledger_file, ledger_for_reading
from console.records import Data
from feeds.sample import sample_bars
from persistence import sqlite
from persistence.errors import LedgerError
from trading.market import SECOND, moment

EARLIEST_YEAR = 2025  # before it, this program did not exist: the clock is wrong
LEAST_FREE_MEGABYTES = 200
WAL_BYTES = b"\x02\x02"  # bytes 18 and 19 of a SQLite file in write-ahead mode (SQLite's "Database File Format", 1.3)


def run(arguments: Doctor, configuration: Configuration, output: Output) -> int:
    """Check everything and show it; 0 when nothing failed, otherwise 1."""
    data = doctor_data(configuration)
    output.show(data, render)
    return 0 if data["healthy"] else 1


def doctor_data(configuration: Configuration, environment: Mapping[str, str] | None = None) -> Data:
    """``checks``, each with name, state, what it saw and what to do, and ``healthy``: none of them failed."""
    environment = os.environ if environment is None else environment
    checks = list(_all_checks(configuration, environment))
    return {
        "healthy": all(check.state != "failed" for check in checks),
        "checks": [asdict(check) for check in checks],
    }


def _all_checks(configuration: Configuration, environment: Mapping[str, str]) -> Iterator[Check]:
    yield made("program", _program)
    yield made("configuration", lambda: _configuration(configuration, environment))
    yield made("catalogue", lambda: _catalogue(configuration))
    yield made("ledger", lambda: _ledger(configuration))
    yield made("SQLite", _sqlite)
    if configuration.settings.is_remote:
        yield made("broker", lambda: _broker(configuration))
    yield from _metatrader(configuration)
    if any(a.enabled and a.connector == "mt5" and a.mt5.gateway is None for a in configuration.settings.accounts):
        yield made("order floor", lambda: _order_floor(configuration))
    if any(account.enabled and account.connector != "mt5" for account in configuration.settings.accounts):
        yield made("paper books", lambda: _paper_books(configuration))
    if configuration.settings.analyses.sources:
        yield made("analyses", lambda: inbox_check(configuration))
    yield from _feeds(configuration)
    yield from _console(configuration)
    if configuration.settings.notifications.urls:
        yield made("notifications", lambda: _notifications(configuration))
    yield made("sample", lambda: _sample(configuration))
    yield made("time zones", lambda: _time_zones(configuration))
    yield made("clock", lambda: clock_check(time.time()))
    yield made("calendars", lambda: calendars_check(configuration, round(time.time()) * SECOND))
    yield from _kept_calendars(configuration)
    yield made("TA-Lib", _talib)


def _program() -> Check:
    saw = f"watchbill {version()}, Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check("program", "ok", saw)


def _configuration(configuration: Configuration, environment: Mapping[str, str]) -> Check:
    settings = configuration.settings
    accounts = ", ".join(f"{account.name}{'' if account.enabled else ' (disabled)'}" for account in settings.accounts)
    saw = f"{configuration.source}; crew {settings.crew}, accounts {accounts}, profile {settings.confidence_profile}"
    strays = stray_variables(environment)
    if strays:
        return Check("configuration", "warning", f"{saw}; not read: {', '.join(strays)}", "settings begin WATCHBILL__")
    return Check("configuration", "ok", saw)


def _catalogue(configuration: Configuration) -> Check:
    own = configuration.settings.catalogue_file
    saw = f"{len(configuration.commodities)} commodities; traded: {', '.join(configuration.traded)}"
    if own is not None:
        saw += f"; {own} laid over those of the program"
    missing = list(not_converted(configuration.settings, configuration.commodities))
    if missing:
        advice = "give the account a symbol of such a pair, or trade on recordings that have its prices"
        return Check("catalogue", "warning", f"{saw}; {'; '.join(missing)}", advice)
    return Check("catalogue", "ok", saw)


def _ledger(configuration: Configuration) -> Check:
    name = configuration.shown_database_url
    try:
        with ledger_for_reading(configuration) as ledger:
            if ledger is not None:
                ledger.check_pages()
            held = [] if ledger is None else [lease.resource for lease in ledger.reservations.all()]
            active = 0 if ledger is None else len(ledger.trades.active())
    except LedgerError as error:
        return Check("ledger", "failed", str(error), "put it right, or name another one in database_url")
    file = ledger_file(configuration)
    if file is None:
        return Check("ledger", "ok", f"{name} answers; {active} active trades")
    room = _directory("ledger", file.parent)
    if room.state == "failed":
        return room
    if ledger is None:
        return Check("ledger", room.state, f"{name} is not there yet; {room.saw}", room.advice)
    if not _can_be_written(file):
        return Check("ledger", "failed", f"{file} is read-only", "let this user write it")
    with file.open("rb") as opened:
        mode = "write-ahead log" if opened.read(20)[18:20] == WAL_BYTES else "no write-ahead log yet"
    leases = f"held: {', '.join(held)}" if held else "no leases held"
    return Check("ledger", room.state, f"{name}, {mode}, {active} active trades, {leases}; {room.saw}", room.advice)


def _paper_books(configuration: Configuration) -> Check:
    name = "paper books"
    try:
        return _directory(name, book_directory(configuration))
    except LedgerError as error:
        return Check(name, "failed", str(error), "they lie beside the ledger: see there")


def _order_floor(configuration: Configuration) -> Check:
    name = "order floor"
    try:
        directory = floor_directory(configuration)
    except LedgerError as error:
        return Check(name, "failed", str(error), "it lies beside the ledger: see there")
    locked = [file.name for file in sorted(directory.glob("*.sqlite")) if not _can_be_written(file)]
    if locked:
        return Check(name, "failed", f"{', '.join(locked)} in {directory}: read-only", "let this user write it")
    return _directory(name, directory)


def _can_be_written(file: Path) -> bool:
    try:
        file.open("r+b").close()
    except OSError:
        return False
    return True


def _directory(name: str, directory: Path) -> Check:
    """Whether files can be made there; where it is missing, whether it could be made."""
    existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free // 1_000_000
    except OSError as error:
        return Check(name, "failed", f"{existing} cannot be written: {error.strerror}", "let this user write it")
    there = str(directory) if existing == directory else f"{directory} (to be made)"
    if free < LEAST_FREE_MEGABYTES:
        return Check(name, "warning", f"{there}, {free} MB free", "make room: nothing is opened when the disk is full")
    return Check(name, "ok", f"{there}, {free:,} MB free")


def _sqlite() -> Check:
    driver = sqlite.newest_sqlite()
    saw = f"{driver.sqlite_version} ({driver.__name__.partition('.')[0]})"
    if sqlite.has_wal_reset_defect(driver.sqlite_version_info):
        advice = "it has a rare defect with several writers, fixed in 3.51.3: try pip install pysqlite3"
        return Check("SQLite", "warning", saw, advice)
    return Check("SQLite", "ok", saw)


def _broker(configuration: Configuration) -> Check:
    settings = configuration.settings
    advice = "start run.py broker with these settings, and serve after it"
    client = f"doctor:{os.getpid()}"
    market = RemoteMarket(settings.broker_address, lambda: secret_of(configuration), client)
    try:
        facts = market.facts()
    except (CommandError, ConnectorError) as error:
        return Check("broker", "failed", str(error), advice)
    finally:
        market.close()
    host, port = settings.broker_address
    saw = f"{host}:{port} answers: {facts.source}, market time {clock(facts.now)}, accounts {', '.join(facts.accounts)}"
    missing = [a.name for a in settings.accounts if a.enabled and a.name not in facts.accounts]
    if missing:
        return Check("broker", "failed", f"{saw}; without {', '.join(missing)}", advice)
    return Check("broker", "ok", saw)


def _metatrader(configuration: Configuration) -> Iterator[Check]:
    if configuration.settings.metatrader_package is not None:
        from console.doctor_metatrader import metatrader_checks  # with what no other kind of account needs

        yield from metatrader_checks(configuration)


def _feeds(configuration: Configuration) -> Iterator[Check]:
    if configuration.settings.feeds.enabled:
        from console.doctor_feeds import feed_checks  # with what only a crew that has feeds needs

        yield from feed_checks(configuration, round(time.time()) * SECOND)


def _console(configuration: Configuration) -> Iterator[Check]:
    from console.doctor_console import console_checks

    yield from console_checks(configuration)


def _notifications(configuration: Configuration) -> Check:
    from console.notification_sender import services_of  # with what only a crew that tells somebody needs

    found = services_of(configuration.settings.notifications.addresses)
    saw = "; ".join(f"urls[{number}]: {error or name}" for number, (name, error) in enumerate(found))
    if any(error for _, error in found):
        return Check("notifications", "failed", saw, "docs/notifications.md; trading goes on without them")
    return Check("notifications", "ok", f"{saw}; nothing was sent")


def _sample(configuration: Configuration) -> Check:
    series = sample_bars()
    if series is None:
        advice = "pip install -e '.[sample]'; without it, serve simulates a market"
        return Check("sample", "warning", "the recorded EURUSD hours are not installed", advice)
    span = f"{clock(int(series.time[0]))} to {clock(series.end(len(series) - 1))}"
    saw = f"{len(series):,} {series.commodity} bars, {span}"
    papers = [a for a in configuration.settings.accounts if a.enabled and a.connector == "paper"]
    lacking = dict.fromkeys(name for account in papers for name in account.symbols if name != series.commodity)
    if lacking:
        saw = f"{saw}; none of {', '.join(lacking)}"
        return Check("sample", "warning", saw, "serve needs --data with bars of them")
    return Check("sample", "ok", saw)


def _time_zones(configuration: Configuration) -> Check:
    zones = sorted({commodity.zone for commodity in configuration.commodities.values()})
    for zone in zones:
        ZoneInfo(zone)
    return Check("time zones", "ok", f"{', '.join(zones)}; tzdata {metadata.version('tzdata')}")


def clock_check(now_seconds: float) -> Check:
    """Whether the machine's clock, in seconds since the epoch, can be right."""
    now = round(now_seconds) * SECOND
    saw = f"{clock(now)} UTC"
    if moment(now).year < EARLIEST_YEAR:
        return Check("clock", "failed", saw, "set the machine's clock: trading times depend on it")
    return Check("clock", "ok", saw)


def _kept_calendars(configuration: Configuration) -> Iterator[Check]:
    folder = folder_needed(configuration)
    if folder is not None:
        room = _directory("kept calendars", folder)
        advice = "let this user write it; until then every start makes the calendars again, in two seconds"
        yield replace(room, state="warning", advice=advice) if room.state == "failed" else room


def _talib() -> Check:
    import numpy as np  # both here: no other check needs them

    from trading.indicator_library import talib

    average = talib.SMA(np.arange(5.0), timeperiod=5)[-1]
    if average != 2.0:
        return Check("TA-Lib", "failed", f"the mean of 0 to 4 came out as {average}", "install TA-Lib again")
    return Check("TA-Lib", "ok", f"{talib.__version__}, and it calculates")


_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def render(data: Mapping[str, Any]) -> RenderableType:
    """A line for each check, and under it what to do where there is something to do."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for check in data["checks"]:
        grid.add_row(check["name"], Text(check["state"], style=_STYLES[check["state"]]), Text(check["saw"]))
        if check["advice"]:
            grid.add_row("", "", Text(check["advice"], style="italic"))
    failed, warnings = (sum(check["state"] == state for check in data["checks"]) for state in ("failed", "warning"))
    verdict = Text(f"{failed} failed, {warnings} to be looked at" if failed or warnings else "Everything is in order.")
    verdict.stylize("bold red" if failed else "yellow" if warnings else "green")
    return Group(grid, Text(), verdict)
