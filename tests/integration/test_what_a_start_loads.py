"""A start loads what it needs, and nothing that only a rare command, another database or another broker needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 150.0
HEAVY = {  # and what it is for
    "alembic": "a ledger of an older version",
    "apprise": "messages to people, in a process of their own",
    "cryptography": "signed analyses",
    "feedparser": "headlines",
    "hypothesis": "tests",
    "jwt": "signed analyses",
    "nltk": "headlines",
    "pandas": "building a calendar for the first time",
    "pandas_market_calendars": "building a calendar for the first time",
    "polars": "nobody",
    "psycopg": "a ledger on PostgreSQL",
    "pyarrow": "large recordings",
    "scipy": "nobody",
    "sqlalchemy.dialects.postgresql": "a ledger on PostgreSQL",
    "sqlalchemy.orm": "nobody",
}
WHEN_IT_LEADS = """
import json, logging, os, signal, sys

class Ready(logging.Handler):
    def emit(self, record):
        if record.getMessage().startswith("leading crew"):
            print(json.dumps(sorted(sys.modules)), flush=True)
            os.kill(os.getpid(), signal.SIGTERM)

logging.getLogger("watchbill.serve").addHandler(Ready())
from run import main
sys.exit(main(["serve", "--no-view"]))
"""
AT_THE_END = """
import json, sys
from run import main
code = main(["pause"])
print(json.dumps(sorted(sys.modules)))
sys.exit(code)
"""


def loaded_by(code: str, directory: Path) -> set[str]:
    """The names of the modules that a fresh interpreter has loaded, which prints them as its last line."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("WATCHBILL_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=directory,
        env={**kept, "PYTHONPATH": str(ROOT), "WATCHBILL__CONSOLE__PORT": "0"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_start_leaves_out_what_only_others_need(tmp_path: Path) -> None:
    serving = loaded_by(WHEN_IT_LEADS, tmp_path)
    assert serving & HEAVY.keys() == set()
    pausing = loaded_by(AT_THE_END, tmp_path)  # on the ledger that is there now
    assert pausing & {*HEAVY, "numpy", "pykka"} == set()
