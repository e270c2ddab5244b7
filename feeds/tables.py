"""A file of bars as named columns: .csv with or without a header, in any of the usual separators, or .parquet."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from feeds.errors import FeedError

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATORS = ",;\t"
CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d)?")
PRICES = ("open", "high", "low", "close")
BEHIND = {1: ("volume",), 3: ("tickvol", "vol", "spread")}  # of files without a header, by how many columns follow
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Table:
    """The columns by their names in lower case, and what else the file's form tells."""

    columns: Mapping[str, pa.ChunkedArray]
    has_header: bool
    is_metatrader: bool  # the names stand in angle brackets, as MetaTrader 5 writes them

    def turned_round(self) -> Table:
        """The same with its last row first."""
        import pyarrow as pa

        rows = max((len(column) for column in self.columns.values()), default=0)
        backwards = pa.array(range(rows - 1, -1, -1), pa.int64())
        return replace(self, columns={name: column.take(backwards) for name, column in self.columns.items()})


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
    import pyarrow as pa  # here, because it takes longer to load than the rest of the program

    try:
        if suffix == ".csv":
            names, columns, has_header = _read_csv(path)
        else:
            names, columns = _read_parquet(path)
            has_header = True
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        raise FeedError(f"{path}: cannot be read as {suffix}: {error}") from error
    by_name: dict[str, pa.ChunkedArray] = {}
    for name, column in zip(names, columns, strict=True):
        key = name.strip().strip("<>").lower()
        if key in by_name:
            raise FeedError(f"{path}: there are two columns {key!r}; expected one")
        by_name[key] = column
    return Table(by_name, has_header, any(name.strip().startswith("<") for name in names))


def _read_csv(path: Path) -> tuple[list[str], list[pa.ChunkedArray], bool]:
    """Everything as text: a value that is no number is to be named, not guessed at."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    raw = path.read_bytes()
    text = raw.decode("utf-16").encode() if raw[:2] in UTF16_MARKS else raw  # some terminals export so
    first = text.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8").strip("\r")
    separator = max(SEPARATORS, key=first.count)
    names = next(csv.reader([first], delimiter=separator), [])
    if not names:
        raise FeedError(f"{path}: the first line is empty; expected the names of the columns")
    has_header = not _are_values(names)
    numbered = [str(number) for number in range(len(names))]
    table = arrow_csv.read_csv(
        pa.py_buffer(text),
        read_options=arrow_csv.ReadOptions(column_names=numbered, skip_rows=int(has_header)),
        parse_options=arrow_csv.ParseOptions(delimiter=separator),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(numbered, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )
    return names if has_header else _names_of(path, names), table.columns, has_header


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


def _read_parquet(path: Path) -> tuple[list[str], list[pa.ChunkedArray]]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        table = file.read()
    return table.column_names, table.columns
