"""Tables that Arrow reads: .parquet, and .csv too large to be read text by text.

Only `tables` imports this, and only for such a file: Arrow takes a tenth of a second and 28 MB to load.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet
from pyarrow import csv as arrow_csv

from feeds.table_columns import NotNumbers, Unreadable
from trading.bars import Floats, Instants


@dataclass(frozen=True, slots=True)
class ArrowColumn:
    """A column of Arrow's."""

    column: pa.ChunkedArray

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        return bool(pa.types.is_string(self.column.type))

    @property
    def kind(self) -> str:
        """Arrow's type."""
        return str(self.column.type)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.column)

    def values(self) -> list[object]:
        """The values, None where it is empty; of times no more than the microseconds."""
        column = self.column
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        values: list[object] = column.to_pylist()
        return values

    def native_times(self) -> tuple[Instants, bool] | None:
        """Its times in milliseconds, (n,), and whether they name no zone; None where it is not made of times alone."""
        kind = self.column.type
        if not pa.types.is_timestamp(kind) or self.column.null_count:
            return None
        milliseconds = self.column.cast(pa.timestamp("ms", kind.tz), safe=False).cast(pa.int64())
        return np.array(np.from_dlpack(milliseconds.combine_chunks())), kind.tz is None

    def numbers(self) -> Floats:
        """The values as numbers, (n,), NaN where it is empty. Raises `NotNumbers`.

        Not by Arrow's own `to_numpy`, nor with a number of Python's to fill in: either imports pandas wherever that is
        installed, which takes a third of a second.
        """
        column = self.column
        not_a_number = pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(np.array([np.nan]))])[0]
        try:
            if self.is_text:
                column = compute.utf8_trim_whitespace(column)
            return np.array(np.from_dlpack(column.cast(pa.float64()).fill_null(not_a_number).combine_chunks()))
        except pa.ArrowException as error:
            raise NotNumbers(str(error)) from error

    def turned_round(self) -> ArrowColumn:
        """The same with its last value first."""
        backwards = pa.array(range(len(self) - 1, -1, -1), pa.int64())
        return ArrowColumn(self.column.take(backwards))


def csv_columns(text: bytes, names: int, separator: str, *, skipped_rows: int) -> list[ArrowColumn]:
    """The columns of a text in UTF-8, ``names`` of them, each as texts. Raises `Unreadable`."""
    numbered = [str(number) for number in range(names)]
    with _explained():
        table = arrow_csv.read_csv(
            pa.py_buffer(text),
            read_options=arrow_csv.ReadOptions(column_names=numbered, skip_rows=skipped_rows),
            parse_options=arrow_csv.ParseOptions(delimiter=separator),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(numbered, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    return [ArrowColumn(column) for column in table.columns]


def parquet_columns(path: Path) -> tuple[list[str], list[ArrowColumn]]:
    """The names and the columns of the file. Raises `Unreadable`, and ``OSError``."""
    with _explained(), parquet.ParquetFile(path) as file:
        table = file.read()
    return table.column_names, [ArrowColumn(column) for column in table.columns]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        raise Unreadable(str(error)) from error
