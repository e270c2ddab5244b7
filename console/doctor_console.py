"""What `doctor` says of the console: its tokens, its certificate, and whether its port can be had."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from console.books import console_tokens_file
from console.certificates import file_check
from console.check import Check
from console.configuration import Configuration
from console.web.access_tokens import TokenFile
from console.web.address import address_now
from console.web.listening import CannotListen, listener, tls_of
from console.web.own_secret import SecretUnusable
from persistence.errors import LedgerError
from trading.market import SECOND
from trading.settings_console import ConsoleSettings

NEW_CERTIFICATE = "name one in console.certificate, and its key in console.key; a new one is taken at the next start"


def console_checks(configuration: Configuration) -> Iterator[Check]:
    """A check of each; one that says so where there is no console."""
    settings = configuration.settings.console
    if not settings.enabled:
        yield Check("console", "ok", "console.enabled is false: there are no pages and no API")
        return
    try:
        file = console_tokens_file(configuration)
    except LedgerError as error:
        yield Check("console", "failed", str(error), "its tokens lie beside the ledger: see there")
        return
    yield _address(configuration)
    yield _tokens(file)
    if settings.certificate is not None:
        yield _certificate(settings, Path(settings.certificate))


def _address(configuration: Configuration) -> Check:
    settings = configuration.settings.console
    try:
        running = address_now(configuration)
    except SecretUnusable as error:
        return Check("console", "failed", str(error), "delete it")
    try:
        listener(settings.host, settings.port).close()
    except CannotListen as error:
        if running is not None:
            return Check("console", "ok", f"process {running.pid} has it at {running.url}")
        advice = "stop whoever has it, or set console.port; 0: any that is free"
        return Check("console", "warning", f"{settings.host}:{settings.port} cannot be had: {error}", advice)
    port = settings.port or "any port that is free"
    return Check("console", "ok", f"{settings.host}, {port}; it can be had")


def _tokens(file: Path) -> Check:
    name = "console tokens"
    try:
        mode = file.stat().st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            advice = "chmod 600, and if somebody may have read it: run.py tokens --rotate all"
            return Check(name, "warning", f"{file} can be read by others (mode {stat.S_IMODE(mode):o})", advice)
        TokenFile(file).current()
    except FileNotFoundError:
        return Check(name, "ok", f"{file} (to be made)")
    except (OSError, SecretUnusable) as error:
        return Check(name, "failed", str(error), "delete the file: the next start makes it anew")
    return Check(name, "ok", f"{file}, its owner's alone")


def _certificate(settings: ConsoleSettings, file: Path) -> Check:
    name = "console certificate"
    try:
        tls_of(file, None if settings.key is None else Path(settings.key))
    except CannotListen as error:
        return Check(name, "failed", str(error), NEW_CERTIFICATE)
    return file_check(name, file, round(time.time()) * SECOND, NEW_CERTIFICATE)
