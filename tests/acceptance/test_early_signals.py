"""A signal while the program is still starting ends it in order, and quietly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import DEADLINE_SECONDS, ROOT, Program, environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

SIGNALS_ITSELF_WHILE_IMPORTING = """
import importlib.abc, os, signal, sys

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if number != {ignored}:
        signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may ignore some: as nohup does

class Signaller(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Signaller())
import run
sys.exit(run.main(sys.argv[1:]))
"""


def signalled(
    directory: Path, module: str, number: signal.Signals, *words: str, ignored: signal.Signals | None = None
) -> subprocess.CompletedProcess[str]:
    """The program, sent ``number`` at the instant at which it begins to import ``module``."""
    code = SIGNALS_ITSELF_WHILE_IMPORTING.format(module=module, number=int(number), ignored=int(ignored or 0))
    if ignored is not None:
        code = f"import signal\nsignal.signal({int(ignored)}, signal.SIG_IGN)\n{code}"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=directory,
        env={**environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "number"),
    [
        ("console.command_line", signal.SIGINT),
        ("console.command_line", signal.SIGHUP),
        ("numpy", signal.SIGTERM),
        ("console.serve", signal.SIGINT),
        ("console.serve", signal.SIGTERM),
    ],
)
def test_serve_stops_quietly_while_it_is_being_loaded(tmp_path: Path, module: str, number: signal.Signals) -> None:
    done = signalled(tmp_path, module, number, "serve", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [f"stopped by {number.name}"]
    assert json.loads(done.stdout) == {"stopped_by": number.name, "escalated": None}


def test_without_json_only_the_line_is_said(tmp_path: Path) -> None:
    done = signalled(tmp_path, "pydantic", signal.SIGTERM)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "stopped by SIGTERM\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_another_command_says_that_it_did_not_finish(tmp_path: Path, number: signal.Signals, code: int) -> None:
    done = signalled(tmp_path, "numpy", number, "replay", "--sample", "--json")
    assert done.returncode == code
    assert done.stderr.splitlines() == [f"error: stopped by {number.name}"]
    assert json.loads(done.stdout) == {"error": f"stopped by {number.name}"}


def test_a_signal_that_the_caller_ignores_stays_ignored(tmp_path: Path) -> None:
    done = signalled(tmp_path, "numpy", signal.SIGHUP, "status", ignored=signal.SIGHUP)
    assert done.returncode == 0, done.stderr


def test_a_hang_up_stops_a_serving_program_in_order(tmp_path: Path) -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); import run; sys.exit(run.main(sys.argv[1:]))"
    )
    with Program(tmp_path, "serve", "--no-view", code=code) as program:
        program.wait_for("leading crew")
        assert program.stop(signal.SIGHUP) < 10
        assert "stopped by SIGHUP after" in program.said
    assert os.path.exists(tmp_path / "state")
