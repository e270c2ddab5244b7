"""A .csv is read text by text or by Arrow, depending on its size, and nobody can tell which from what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feeds import tables
from feeds.errors import FeedError
from feeds.files import read_bars
from feeds.sample import sample_path
from trading.bars import BadBars, BarSeries

HEADER = b"time,open,high,low,close,spread\n"
ROWS = b"2024-01-08 00:00,1,1,1,1,%s\n2024-01-08 01:00,1,1,1,1,0.1\n2024-01-08 02:00,1,1,1,1,0.1\n"


def bars_or_refusal(path: Path) -> BarSeries | str:
    """What came of reading the file."""
    try:
        return read_bars(path, "EURUSD")
    except (FeedError, BadBars) as refusal:
        return str(refusal).partition("cannot be read as .csv")[0]  # behind it the reader has the word


def both_ways(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[BarSeries | str, BarSeries | str]:
    """The same file as a small one and as a large one."""
    small = bars_or_refusal(path)
    monkeypatch.setattr(tables, "LARGE_BYTES", 0)
    return small, bars_or_refusal(path)


@pytest.mark.parametrize(
    "cell",
    ["0.1", " 0.1 ", '"0.1"', "1e-1", "", '""', "nan", "+0.1", "1_0", "1_000", "one", " ", "0,1", "0x1", "\u0661"],
)
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\n\n"])
def test_a_cell_means_the_same_in_a_small_file_and_in_a_large_one(
    cell: str, ending: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes((HEADER + ROWS % cell.encode()).replace(b"\n", ending))
    small, large = both_ways(path, monkeypatch)
    if isinstance(small, str) or isinstance(large, str):
        assert small == large
    else:
        assert np.array_equal(small.time, large.time)
        assert np.array_equal(small.spread, large.spread, equal_nan=True)


@pytest.mark.parametrize("text", [b"\xff\n", HEADER, HEADER + b"2024-01-08 00:00,1,1\n", HEADER + b"\xc3\n"])
def test_what_is_no_table_is_refused_at_any_size(text: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(text)
    small, large = both_ways(path, monkeypatch)
    assert isinstance(small, str)
    assert isinstance(large, str)


def test_the_sample_is_the_same_bars_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    path = sample_path()
    if path is None:
        pytest.skip("the extra `sample` is not installed")
    small, large = both_ways(path, monkeypatch)
    assert isinstance(small, BarSeries)
    assert isinstance(large, BarSeries)
    for name in ("time", "open", "high", "low", "close"):
        assert np.array_equal(getattr(small, name), getattr(large, name))
