"""TA-Lib is used without the libraries that it would like to know."""

from __future__ import annotations

import subprocess
import sys


def test_the_indicators_are_loaded_without_pandas_which_stays_importable() -> None:
    code = (
        "import importlib.util, sys, trading.features\n"
        "loaded = [name for name in ('pandas', 'polars') if name in sys.modules]\n"
        "assert loaded == [], loaded\n"
        "if importlib.util.find_spec('pandas') is not None:\n"
        "    import pandas\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
