"""A table that leaves out what does not fit: each column says how soon it may go when the terminal is narrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

Cell = str | Text
KEEP = 0
"""The importance of a column that never goes."""
GAP = 2  # blanks between two columns
SHRUNK_CELLS = 20  # what a column that shrinks needs at least


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, how its cells are set, and how soon it goes: the highest number goes first, `KEEP` never."""

    heading: str
    justify: Literal["left", "right"] = "left"
    goes: int = KEEP
    shrinks: Literal["", "ellipsis", "fold"] = ""  # how long text gets into the width that the others leave


class FittedTable:
    """Rows under those columns that the width has room for."""

    def __init__(self, title: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
        self._title = title
        self._columns = tuple(columns)
        self._rows = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        kept = self._fitting(options.max_width)
        others = sum(width for index, width in self._widths(kept) if not self._columns[index].shrinks)
        left = max(options.max_width - others, SHRUNK_CELLS)
        table = Table(
            title=Text(self._title, style="bold") if self._title else None,
            title_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, GAP - 1, 0, 0),  # and the blank that divides the columns
            pad_edge=False,
            show_edge=False,
            header_style="dim",
        )
        for index in kept:
            column = self._columns[index]
            table.add_column(
                column.heading,
                justify=column.justify,
                no_wrap=column.shrinks != "fold",
                overflow=column.shrinks or "ellipsis",
                max_width=left if column.shrinks else None,
            )
        for row in self._rows:
            table.add_row(*(row[index] for index in kept))
        yield table

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """So that a table can stand beside others: it wants all its columns whole, and can do with those it keeps."""
        always = [index for index, column in enumerate(self._columns) if column.goes == KEEP]
        least = sum(need for _, need in self._widths(always)) - GAP
        most = sum(self._width(index) + GAP for index in range(len(self._columns))) - GAP
        return Measurement(min(least, options.max_width), min(most, options.max_width))

    def _fitting(self, width: int) -> list[int]:
        """The columns that stay: the most expendable go, one by one, until the rest fit."""
        kept = list(range(len(self._columns)))
        for index in sorted(kept, key=lambda index: -self._columns[index].goes):
            if self._columns[index].goes == KEEP or sum(need for _, need in self._widths(kept)) - GAP <= width:
                break
            kept.remove(index)
        return kept

    def _widths(self, kept: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Each column with the cells that it needs, the gap after it included."""
        for index in kept:
            width = self._width(index)
            yield index, (min(width, SHRUNK_CELLS) if self._columns[index].shrinks else width) + GAP

    def _width(self, index: int) -> int:
        """The cells that a column takes when nothing of it is cut."""
        widest = max((row[index].cell_len for row in self._rows), default=0)
        return max(len(self._columns[index].heading), widest)


def table(title: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, otherwise: str) -> RenderableType:
    """The table, or a plain sentence where there is nothing to put in it."""
    return FittedTable(title, columns, rows) if rows else Text(otherwise)


def pairs(rows: Iterable[tuple[str, Cell]]) -> Table:
    """Names and values side by side, without lines."""
    grid = Table.grid(padding=(0, GAP, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(name, value if isinstance(value, Text) else Text(value))
    return grid
