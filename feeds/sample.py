"""The sample: 5,000 recorded EURUSD hours, which come inside the wheel of another package.

Only that package's data file is read. None of its code is imported, and nothing of it is copied.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from feeds.files import read_bars
from trading.bars import BarSeries

PACKAGE = "backtesting"  # installed by the extra `sample`
FILE = "backtesting/test/EURUSD.csv"
COMMODITY = "EURUSD"


def sample_path() -> Path | None:
    """Where the recorded hours are on this machine, or None where the extra is not installed."""
    try:
        installed = files(PACKAGE)
    except PackageNotFoundError:
        return None
    found = next((file for file in installed or () if file.as_posix() == FILE), None)
    path = None if found is None else Path(str(found.locate()))
    return path if path is not None and path.is_file() else None


def sample_bars() -> BarSeries | None:
    """The hourly mid bars from April 2017 to February 2018, UTC at the bar's opening; None without the extra."""
    path = sample_path()
    return None if path is None else read_bars(path, COMMODITY)
