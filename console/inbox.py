"""The folder of analyses from outside, and its sources' keys: where they are."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from actors.inbox import Inbox
from console.books import book_directory
from console.check import Check
from console.configuration import Configuration
from console.errors import CommandError
from feeds.analysis_folder import AnalysisFolder
from feeds.errors import AnalysisRefused
from feeds.signed_analyses import require_usable
from trading.settings_analyses import AnalysisSource

KEY_BYTES = 32


def inbox_of(configuration: Configuration) -> Inbox | None:
    """What the inbox's actor needs; None where no source is enabled."""
    if not any(source.enabled for source in configuration.settings.analyses.sources):
        return None
    return Inbox(AnalysisFolder(folder_of(configuration)), lambda name: key_of(name, configuration))


def folder_of(configuration: Configuration) -> Path:
    """The watched folder."""
    given = configuration.settings.analyses.folder
    return book_directory(configuration) / "analyses" if given is None else Path(given)


def key_file(source: AnalysisSource, configuration: Configuration) -> Path:
    """Where the source's key is."""
    default = book_directory(configuration) / f"analyses-{source.name}.key"
    return default if source.key_file is None else Path(source.key_file)


def key_of(name: str, configuration: Configuration) -> str:
    """The source's key, read anew each time, so that a new one counts at once. Raises `AnalysisRefused`."""
    source = configuration.settings.analyses.source(name)
    if source is None:
        raise AnalysisRefused("source", f"analyses has no enabled source {name!r}", name)
    path = key_file(source, configuration)
    try:
        mode = path.stat().st_mode
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AnalysisRefused("key", f"the key of {name} cannot be read: {path}: {error}", name) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise AnalysisRefused("key", f"{path}: others may read the key of {name}; expected mode 0600", name)
    return key


def inbox_check(configuration: Configuration) -> Check:
    """Whether each enabled source has a key that can be used, and who they are."""
    names = [source.name for source in configuration.settings.analyses.sources if source.enabled]
    faults = []
    for name in names:
        try:
            require_usable(key_of(name, configuration), name)
        except AnalysisRefused as error:
            faults.append(str(error))
    if faults:
        advice = "make it one: run.py submit SOURCE --new-key"
        return Check("analyses", "failed", "; ".join(faults), advice)
    return Check("analyses", "ok", f"of {', '.join(names) or 'nobody'}, in {folder_of(configuration)}")


def make_key(name: str, configuration: Configuration) -> Path:
    """Write a new key for this source, for its owner's eyes only; the old one counts no more.

    Raises `CommandError`.
    """
    path = key_file(require_source(name, configuration), configuration)
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(KEY_BYTES)}\n")
        beside.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: the key cannot be written: {error.strerror}") from error
    return path


def require_source(name: str, configuration: Configuration) -> AnalysisSource:
    """The enabled source of this name. Raises `CommandError`."""
    source = configuration.settings.analyses.source(name)
    if source is None:
        known = ", ".join(one.name for one in configuration.settings.analyses.sources if one.enabled)
        raise CommandError(f"SOURCE is {name!r}; expected {f'one of {known}' if known else 'a source in [analyses]'}")
    return source
