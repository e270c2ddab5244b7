"""The file form of schedules: numpy arrays in an `.npz`, with a header that says what made them.

Nothing in a file is trusted: what is torn, foreign or makes no sense is refused as a whole.
"""

from __future__ import annotations

import glob
import hashlib
import io
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from trading.bars import Instants
from trading.calendars import ExchangeSchedule
from trading.local_clock import local_clock

PACKAGES = ("pandas_market_calendars", "exchange_calendars")  # the second has the rules of some of the first's
FORMAT = 2  # of these files; raised with every change of what is in them
LARGEST_BYTES = 32 << 20  # a century of one calendar is a megabyte
LEFT_SECONDS = 3600.0  # a file that nobody has finished since then is nobody's
COLUMNS = ("dates", "opens", "closes")


class BadSchedules(ValueError):
    """The bytes are not schedules as this program writes them; the message says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is said of one calendar beside its columns."""

    name: str
    zone: str
    first: date
    last: date
    known_until: date
    clock: str  # the digest of the zone's clock by which the instants were made


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the columns."""

    format: int
    made_with: str  # the library and its version
    calendars: tuple[Head, ...]
    faults: dict[str, str]  # by calendar that could not be made: why


@dataclass(frozen=True, slots=True)
class Schedules:
    """The schedules of some calendars, and why others are not among them."""

    made_with: str
    schedules: tuple[ExchangeSchedule, ...]
    faults: dict[str, str]
    clocks: tuple[str, ...] = ()  # of each schedule what `clock_of` was when it was made


HEADERS = TypeAdapter(Header)


def made_with() -> str:
    """The library and its version. Raises ``importlib.metadata.PackageNotFoundError`` where it is not installed."""
    return " ".join(f"{package} {metadata.version(package)}" for package in PACKAGES)


def to_bytes(made_with: str, schedules: Sequence[ExchangeSchedule], faults: dict[str, str] | None = None) -> bytes:
    """What `from_bytes` reads."""
    heads = tuple(Head(s.name, s.zone, s.first, s.last, s.known_until, clock_of(s)) for s in schedules)
    header = HEADERS.dump_json(Header(FORMAT, made_with, heads, faults or {}))
    columns = {
        f"{number}.{column}": getattr(schedule, column)
        for number, schedule in enumerate(schedules)
        for column in COLUMNS
    }
    file = io.BytesIO()
    np.savez(file, header=np.frombuffer(header, dtype=np.uint8), **columns)
    return file.getvalue()


def from_bytes(raw: bytes) -> Schedules:
    """The schedules. Raises `BadSchedules`."""
    if len(raw) > LARGEST_BYTES:
        raise BadSchedules(f"it has {len(raw)} bytes; expected at most {LARGEST_BYTES}")
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as members:
            header = HEADERS.validate_json(members["header"].tobytes())
            if header.format != FORMAT:
                raise BadSchedules(f"its format is {header.format}; expected {FORMAT}")
            schedules = tuple(
                checked(_schedule(head, *(members[f"{number}.{column}"] for column in COLUMNS)))
                for number, head in enumerate(header.calendars)
            )
    except BadSchedules:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        raise BadSchedules(f"its header's {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except Exception as error:
        # Of any kind: NumPy takes a member's head for Python's words before its checksum is looked at.
        raise BadSchedules(f"it is no whole file of arrays: {type(error).__name__}: {error}") from error
    return Schedules(header.made_with, schedules, header.faults, tuple(head.clock for head in header.calendars))


def clock_of(schedule: ExchangeSchedule) -> str:
    """A digest of how the clocks of its zone go in its years, as the time zone database of now has it.

    Raises `BadSchedules` for a zone that it does not have.
    """
    try:
        clock = local_clock(schedule.zone, schedule.first.year, schedule.last.year)
    except (KeyError, ValueError, OSError) as error:
        raise BadSchedules(f"the zone of {schedule.name} is {schedule.zone!r}, which is not a time zone") from error
    said = hashlib.sha256(clock.changes.tobytes())
    said.update(clock.offsets.tobytes())
    return said.hexdigest()[:16]


def checked(schedule: ExchangeSchedule) -> ExchangeSchedule:
    """The schedule, where it can be one. Raises `BadSchedules`."""
    name, dates, opens, closes = schedule.name, schedule.dates, schedule.opens, schedule.closes
    if any(column.dtype != np.int64 or column.shape != (dates.size,) for column in (dates, opens, closes)):
        raise BadSchedules(f"the columns of {name} are not three of the same length in whole numbers")
    if len(dates) == 0:
        raise BadSchedules(f"{name} has no sessions from {schedule.first} to {schedule.last}")
    if dates[0] < days(schedule.first) or dates[-1] > days(schedule.last):
        raise BadSchedules(f"{name} has sessions outside {schedule.first} to {schedule.last}")
    if (np.diff(dates) < 0).any() or (opens >= closes).any() or (opens[1:] < closes[:-1]).any():
        raise BadSchedules(f"the sessions of {name} are not one after another")
    clock_of(schedule)  # its zone is one
    for column in (dates, opens, closes):
        column.flags.writeable = False  # it is shared by every commodity of the exchange
    return schedule


def _schedule(head: Head, dates: Instants, opens: Instants, closes: Instants) -> ExchangeSchedule:
    return ExchangeSchedule(
        name=head.name, zone=head.zone, first=head.first, last=head.last, known_until=head.known_until,
        dates=dates, opens=opens, closes=closes,
    )  # fmt: skip


def days(of: date) -> int:
    """Days since 1970-01-01."""
    return of.toordinal() - date(1970, 1, 1).toordinal()


def read(file: Path) -> Schedules | None:
    """What a file has; None where there is none. Raises `BadSchedules`, and ``OSError`` where it cannot be read."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        return None
    return from_bytes(raw)


def write(file: Path, raw: bytes) -> None:
    """Put a file in its place, whole or not at all, whoever else is doing the same. Raises ``OSError``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    _remove_left(file)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.", suffix=".new")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(raw)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _remove_left(file: Path) -> None:
    """What processes left behind that were killed while they wrote it; others may be writing theirs now."""
    for left in file.parent.glob(f"{glob.escape(file.name)}.*.new"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                left.unlink()
