"""A file of secrets that is its owner's alone: read with a check of that, and only ever replaced as a whole."""

from __future__ import annotations

import json
import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WRITING_SECONDS = 5.0  # one who takes longer to write so little was killed amid it
PAUSE_SECONDS = 0.02
LARGEST_BYTES = 1024 * 1024

log = logging.getLogger("watchbill.console")


class SecretUnusable(Exception):
    """The file of secrets cannot be used; the message names it and what was expected."""


def read(path: Path) -> Any:
    """What the file holds, of JSON; None where there is no file.

    A file that others may read is made its owner's alone, with a warning. Raises `SecretUnusable` where it cannot be,
    where it is another user's, no plain file, or not JSON.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        opened = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretUnusable(f"{path} cannot be read: {error.strerror}; expected a file of this user") from error
    with os.fdopen(opened, "rb") as file:
        try:
            _require_own(path, file.fileno())
            return json.loads(file.read(LARGEST_BYTES))
        except OSError as error:
            raise SecretUnusable(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise SecretUnusable(f"{path} is not as it was written: delete it, and the next start makes it") from error


def _require_own(path: Path, opened: int) -> None:
    found = os.fstat(opened)
    if not stat.S_ISREG(found.st_mode):
        raise SecretUnusable(f"{path} is no plain file; delete it, and the next start makes it")
    if os.name != "posix":
        return  # there the folder's own rights count
    if found.st_uid not in (os.geteuid(), _owner_of_folder(path)):
        raise SecretUnusable(f"{path} belongs to user {found.st_uid}; expected a file of user {os.geteuid()}")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        os.fchmod(opened, 0o600)
        log.warning(
            "%s could be read by others (mode %o), and is its owner's alone now; "
            "if somebody may have read it: run.py tokens --rotate all",
            path,
            stat.S_IMODE(found.st_mode),
        )


def _owner_of_folder(path: Path) -> int:
    """For whom root acts there: the user of a service, whose folder it is. For anybody else: they themselves."""
    return path.parent.stat().st_uid if os.geteuid() == 0 else os.geteuid()


def change(path: Path, changed: Callable[[Any], Any], wait_seconds: float = WRITING_SECONDS) -> Any:
    """Replace what the file holds with what ``changed`` makes of it (of None where there is none); returns that.

    Processes that change it at the same time wait for each other. Where ``changed`` gives back what it was given,
    nothing is written. Raises `SecretUnusable`.
    """
    beside = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(_only_writer(beside, wait_seconds), "w", encoding="ascii") as file:
            try:
                if os.name == "posix" and os.geteuid() == 0:
                    os.fchown(file.fileno(), _owner_of_folder(path), -1)
                before = read(path)
                after = changed(before)
                json.dump(after, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                file.close()  # or Windows keeps it
                beside.unlink(missing_ok=True)
                raise
        if after == before:
            beside.unlink(missing_ok=True)
        else:
            beside.replace(path)
    except OSError as error:
        raise SecretUnusable(f"{path} cannot be written: {error.strerror}") from error
    return after


def _only_writer(beside: Path, wait_seconds: float) -> int:
    """The file beside, made by us alone. What one left behind who was killed is taken away."""
    last = time.monotonic() + wait_seconds
    while True:
        try:
            return os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if time.monotonic() >= last:
                beside.unlink(missing_ok=True)
                last = time.monotonic() + wait_seconds
            time.sleep(PAUSE_SECONDS)
