"""A file of bars as named columns: .csv with or without a header, in any of the usual separators, or .parquet."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from itertools import islice
from pathlib import Path

from feeds.errors import FeedError
from feeds.table_columns import Column, TextColumn, Unreadable

LARGE_BYTES = 2_000_000
"""A .csv of this size, some 30,000 bars, is worth the loading of Arrow, which then is faster and takes less memory."""

SEPARATORS = ",;\t"
CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d)?")
PRICES = ("open", "high", "low", "close")
BEHIND = {1: ("volume",), 3: ("tickvol", "vol", "spread")}  # of files without a header, by how many columns follow
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Table:
    """The columns by their names in lower case, and what else the file's form tells."""

    columns: Mapping[str, Column]
    has_header: bool
    is_metatrader: bool  # the names stand in angle brackets, as MetaTrader 5 writes them

    def turned_round(self) -> Table:
        """The same with its last row first."""
        return replace(self, columns={name: column.turned_round() for name, column in self.columns.items()})


def read_table(path: Path) -> Table:
    """The file's columns. Raises `FeedError`."""
    suffix = path.suffix.lower()
    if not suffix:
        raise FeedError(f"{path}: its name has no extension; expected .csv or .parquet")
    if suffix not in (".csv", ".parquet"):
        raise FeedError(f"{path}: the file's kind is {suffix!r}; expected .csv or .parquet")
    if not path.exists():
        raise FeedError(f"{path}: there is no such file")
    if not path.is_file():
        raise FeedError(f"{path}: this is a directory; expected a file")
    try:
        read = _read_csv(path) if suffix == ".csv" else _read_parquet(path)
    except (Unreadable, OSError, UnicodeDecodeError, csv.Error) as error:
        raise FeedError(f"{path}: cannot be read as {suffix}: {error}") from error
    names, columns, has_header = read
    by_name: dict[str, Column] = {}
    for name, column in zip(names, columns, strict=True):
        key = name.strip().strip("<>").lower()
        if key in by_name:
            raise FeedError(f"{path}: there are two columns {key!r}; expected one")
        by_name[key] = column
    return Table(by_name, has_header, any(name.strip().startswith("<") for name in names))


def _read_csv(path: Path) -> tuple[list[str], Sequence[Column], bool]:
    """Everything as text: a value that is no number is to be named, not guessed at."""
    raw = path.read_bytes()
    text = raw.decode("utf-16").encode() if raw[:2] in UTF16_MARKS else raw  # some terminals export so
    first = text.removeprefix(BYTE_ORDER_MARK).split(b"\n", 1)[0].decode("utf-8").strip("\r")
    separator = max(SEPARATORS, key=first.count)
    names = next(csv.reader([first], delimiter=separator), [])
    if not names:
        raise FeedError(f"{path}: the first line is empty; expected the names of the columns")
    has_header = not _are_values(names)
    if len(text) < LARGE_BYTES:
        columns: Sequence[Column] = _columns_of(text, len(names), separator, skipped_rows=int(has_header))
    else:
        from feeds import arrow_tables

        columns = arrow_tables.csv_columns(text, len(names), separator, skipped_rows=int(has_header))
    return names if has_header else _names_of(path, names), columns, has_header


def _columns_of(text: bytes, names: int, separator: str, *, skipped_rows: int) -> list[TextColumn]:
    """As `arrow_tables.csv_columns`. Raises `Unreadable`, ``UnicodeDecodeError`` and ``csv.Error``."""
    lines = StringIO(text.removeprefix(BYTE_ORDER_MARK).decode("utf-8"), newline="")
    rows = [row for row in csv.reader(islice(lines, skipped_rows, None), delimiter=separator) if row]
    for number, row in enumerate(rows):
        if len(row) != names:
            raise Unreadable(f"row {number}: Expected {names} columns, got {len(row)}: {separator.join(row)}")
    return [TextColumn([row[place] or None for row in rows]) for place in range(names)]


def _are_values(cells: list[str]) -> bool:
    """True for a line of bars, False for a line of names."""
    return sum(_is_number(cell) for cell in cells) >= len(PRICES)


def _names_of(path: Path, cells: list[str]) -> list[str]:
    """The names that a file without a header means: a time in one column or in two, the prices, and what follows."""
    times = ["date", "time"] if len(cells) > 1 and CLOCK.fullmatch(cells[1].strip()) else ["time"]
    behind = len(cells) - len(times) - len(PRICES)
    if behind < 0 or (len(times) == 1 and not cells[0].strip()):
        raise FeedError(
            f"{path}: the first line has no names, and {len(cells)} values; expected a time, an open, a high, a low "
            "and a close, in this order"
        )
    return [*times, *PRICES, *BEHIND.get(behind, tuple(f"column {number}" for number in range(behind)))]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_parquet(path: Path) -> tuple[list[str], Sequence[Column], bool]:
    from feeds import arrow_tables

    names, columns = arrow_tables.parquet_columns(path)
    return names, columns, True
