"""The tests' own server is gone when the tests are, however they end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import postgres_server
import psycopg
import pytest
from postgres_server import PostgresServer

DEADLINE_SECONDS = 60.0

ASK = "import os, sys, time; print(os.environ['TEST_PG_URL'], flush=True); time.sleep(600)"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the server, which may be another user's, can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_launcher_that_is_interrupted_or_killed_leaves_neither_server_nor_files(
    own_server: PostgresServer, place: Path, number: signal.Signals
) -> None:
    command = [sys.executable, postgres_server.__file__, "--directory", str(place), sys.executable, "-c", ASK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as launcher:
        assert launcher.stdout is not None
        url = launcher.stdout.readline().strip()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        if number == signal.SIGINT:
            os.killpg(launcher.pid, number)  # as Ctrl-C does
        else:
            launcher.kill()
        launcher.wait(DEADLINE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(launcher.pid, signal.SIGKILL)  # the command, which nobody has told
    deadline = time.monotonic() + DEADLINE_SECONDS
    while any(place.iterdir()):
        assert time.monotonic() < deadline, list(place.iterdir())
        time.sleep(0.02)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(url, connect_timeout=5)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root starts it as somebody else")
def test_programs_that_only_root_can_read_are_copied_with_the_libraries_that_they_need(
    own_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = postgres_server.programs().parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    if not libraries.is_dir():
        pytest.skip("these programs are not a wheel's")
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    for directory in (package, libraries):
        shutil.copytree(directory, hidden / directory.name, symlinks=True)
    there = hidden / postgres_server.programs().relative_to(package.parent)
    monkeypatch.setattr(postgres_server, "programs", lambda: there)
    with postgres_server.postgres_server() as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
