"""The small file by which a simulated terminal is found, as a real one is by the path of its executable."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from connectors import wire
from connectors.base import ConnectorError, NotConnected
from connectors.wire import BadMessage


@dataclass(frozen=True, slots=True)
class TerminalAddress:
    """Where a terminal process answers for one account, and what proves that one may ask."""

    host: str
    port: int
    secret: str
    account: str


def write_terminal_file(path: Path, address: TerminalAddress) -> None:
    """Write it at once and whole, for its owner's eyes only, in place of any other. Raises `ConnectorError`."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(address)) + "\n")
        beside.replace(path)
    except OSError as error:
        raise ConnectorError(f"{path}: the terminal's file cannot be written: {error.strerror}") from error


def read_terminal_file(path: Path) -> TerminalAddress:
    """What is in it. Raises `NotConnected` where there is none, and `ConnectorError` where it cannot be trusted."""
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise NotConnected(f"there is no {path}: the terminal, which makes it, has not been started") from error
    except OSError as error:
        raise ConnectorError(f"{path}: the terminal's file cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConnectorError(f"{path}: others may read the terminal's secret; expected a file of its owner only (0600)")
    try:
        return wire.decode(TerminalAddress, wire.message(text), str(path))
    except BadMessage as error:
        raise ConnectorError(f"{error}; expected a file that run.py terminal has written") from error


def remove_terminal_file(path: Path, address: TerminalAddress) -> None:
    """Remove it, unless another terminal has written its own in its place. Raises `ConnectorError`."""
    try:
        if read_terminal_file(path) == address:
            path.unlink()
    except NotConnected:
        return  # it is gone already
    except OSError as error:
        raise ConnectorError(f"{path}: the terminal's file cannot be removed: {error.strerror}") from error
