"""Where a console that runs can be found: it says so in a file beside its tokens, for the commands of this machine."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from console.books import console_address_file
from console.configuration import Configuration
from console.web import own_secret
from console.web.own_secret import SecretUnusable
from trading.settings_console import ConsoleSettings

ANY_ADDRESS = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class ConsoleAddress:
    """Of one running console."""

    url: str  # such as http://127.0.0.1:8787, without a slash at its end
    pid: int
    certificate: str | None  # the file that it shows; None: no TLS


def url_at(settings: ConsoleSettings, port: int) -> str:
    """How it is called from outside: by its first name where it listens at every address, and may be called so."""
    scheme = "http" if settings.certificate is None else "https"
    host = settings.names[0] if settings.host in ANY_ADDRESS and settings.names else settings.host
    if ":" in host and not host.startswith("["):
        host = f"[{host}]" if host.count(":") > 1 else host.rpartition(":")[0]
    return f"{scheme}://{host}:{port}"


def address_now(configuration: Configuration) -> ConsoleAddress | None:
    """Of the console that runs; None where none does. Raises `SecretUnusable`."""
    content = own_secret.read(console_address_file(configuration))
    if not isinstance(content, dict) or content.keys() != {"url", "pid", "certificate"}:
        return None
    return ConsoleAddress(**content)


def url_of(configuration: Configuration) -> str | None:
    """Where the console is, or is to be; None where only one that runs could say.

    Raises `SecretUnusable`.
    """
    running = address_now(configuration)
    if running is not None:
        return running.url
    settings = configuration.settings.console
    return url_at(settings, settings.port) if settings.port else None


class Told:
    """Says in the file where this process's console is. Of several on one machine, the one whose process leads."""

    def __init__(self, configuration: Configuration, url: str) -> None:
        certificate = configuration.settings.console.certificate
        shown = None if certificate is None else str(Path(certificate).resolve())
        self._path = console_address_file(configuration)
        self._own = asdict(ConsoleAddress(url, os.getpid(), shown))

    def keep(self, *, leads: bool) -> None:
        """Say so again where the file says something else, and it is for us to say. Raises `SecretUnusable`."""
        there = own_secret.read(self._path)
        if there != self._own and (leads or there is None):
            own_secret.change(self._path, lambda _: self._own)

    def close(self) -> None:
        """Say so no more."""
        try:
            if own_secret.read(self._path) == self._own:
                self._path.unlink(missing_ok=True)
        except (OSError, SecretUnusable):
            return  # whoever reads it finds nobody there
