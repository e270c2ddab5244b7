"""The folder in which sources outside leave their analyses: what waits in it, and what became of each.

A file is a signed analysis, its name ends in `.jws`. What was looked at is moved to `taken/` or `refused/`, there with
a file beside it that says why; the oldest of them go when there are too many. Nothing but plain files is read: a link
could point anywhere.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from feeds.errors import AnalysisRefused
from feeds.signed_analyses import LONGEST_TEXT
from trading.market import Instant, iso

ENDING = ".jws"
CLOCK = "market_time.json"
TAKEN, REFUSED, WHY = "taken", "refused", ".why"
MOST_AT_ONCE = 50  # the others wait for the next look
MOST_KEPT = 1_000  # of those that were taken, and of those that were refused


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """One that was found."""

    path: Path
    stamp: tuple[int, int]  # its size in bytes, and when it was last written: as long as both stay, so does the file


class AnalysisFolder:
    """One folder. Every method may raise ``OSError``: it may lie on a disk that is full, or gone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Make the folder, for its owner only where it is new, and the two within it.

        Raises ``NotADirectoryError`` where one of the two is a link: what is moved there would land elsewhere.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (TAKEN, REFUSED):
            place = self.path / name
            place.mkdir(mode=0o700, exist_ok=True)
            if place.is_symlink():
                raise NotADirectoryError(f"{place} is a link; expected a directory")

    def tell_time(self, now: Instant) -> None:
        """Write the market's time beside the files: who makes analyses on a recording has no other clock to go by."""
        text = json.dumps({"market_time": iso(now), "milliseconds": now})
        beside = self.path / f".{CLOCK}.partial"
        beside.write_text(f"{text}\n", encoding="ascii")
        beside.replace(self.path / CLOCK)

    def waiting(self) -> list[WaitingFile]:
        """The files that wait, the oldest first, at most fifty."""
        found = []
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.name.endswith(ENDING) and not entry.name.startswith("."):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # taken away again
                    found.append((status.st_mtime_ns, entry.name, status.st_size))
        oldest = sorted(found)[:MOST_AT_ONCE]
        return [WaitingFile(self.path / name, (size, written)) for written, name, size in oldest]

    def text(self, file: WaitingFile) -> str:
        """What it says. Raises `AnalysisRefused` for what is no plain file, cannot be read, is too long, or no text."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            if not stat.S_ISREG(file.path.lstat().st_mode):
                raise AnalysisRefused("not_a_file", "a link, a directory or a device; expected a plain file")
            with os.fdopen(os.open(file.path, flags), "rb") as stream:
                read = stream.read(LONGEST_TEXT + 1)
        except FileNotFoundError:
            raise
        except OSError as error:  # of this one, and no reason to leave the others
            raise AnalysisRefused("not_a_file", f"it cannot be read: {error.strerror}") from error
        if len(read) > LONGEST_TEXT:
            raise AnalysisRefused("too_long", f"more than {LONGEST_TEXT} bytes")
        try:
            return read.decode("ascii")
        except UnicodeDecodeError as error:
            raise AnalysisRefused("not_signed", "not a signed analysis: it is not ASCII text") from error

    def take(self, file: WaitingFile) -> None:
        """Put it among those that were taken."""
        self._move(file.path, TAKEN)

    def refuse(self, file: WaitingFile, why: str) -> None:
        """Put it among those that were refused, with the reason beside it."""
        moved = self._move(file.path, REFUSED)
        moved.with_name(moved.name + WHY).write_text(f"{why}\n", encoding="utf-8")

    def _move(self, path: Path, where: str) -> Path:
        self.prepare()
        target = self.path / where / path.name
        number = 1
        while target.exists():
            target = target.with_name(f"{path.stem}.{number}{path.suffix}")
            number += 1
        path.rename(target)
        self._forget_the_oldest(self.path / where)
        return target

    def _forget_the_oldest(self, folder: Path) -> None:
        with os.scandir(folder) as entries:
            found = [(entry.stat(follow_symlinks=False).st_mtime_ns, entry) for entry in entries if _is_kept(entry)]
        if len(found) <= MOST_KEPT:
            return
        for _, entry in sorted(found, key=lambda kept: (kept[0], kept[1].name))[: len(found) - MOST_KEPT]:
            path = folder / entry.name
            path.unlink(missing_ok=True)
            path.with_name(path.name + WHY).unlink(missing_ok=True)


def _is_kept(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(ENDING) and not entry.is_dir(follow_symlinks=False)


def leave(folder: Path, name: str, text: str) -> Path:
    """Put a signed analysis into the folder, all of it at once, under this name; answers where it lies.

    Raises ``OSError``, and ``FileExistsError`` where one of that name waits already.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"{name}{ENDING}"
    beside = folder / f".{name}{ENDING}.partial"  # not looked at: it is not whole yet
    beside.write_text(f"{text}\n", encoding="ascii")
    try:
        os.link(beside, target)  # unlike a rename, never over another
    finally:
        beside.unlink()
    return target
