"""TA-Lib and Arrow are used without the libraries that they would like to know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_bars_are_read_and_indicators_are_loaded_without_pandas_which_stays_importable(tmp_path: Path) -> None:
    bars = tmp_path / "bars.csv"
    bars.write_text("time,open,high,low,close,spread\n2024-01-08,1,1,1,1,\n2024-01-09,1,1,1,1,0.1\n", encoding="utf-8")
    code = (
        "import importlib.util, sys, feeds.files, trading.features\n"
        f"assert len(feeds.files.read_bars({str(bars)!r}, 'EURUSD').close) == 2\n"
        "loaded = [name for name in ('pandas', 'polars') if name in sys.modules]\n"
        "assert loaded == [], loaded\n"
        "if importlib.util.find_spec('pandas') is not None:\n"
        "    import pandas\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
