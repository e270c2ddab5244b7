"""Supervisord, run for real: it starts the program with the section of `deploy/`, and starts it again."""

from __future__ import annotations

import configparser
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import DEADLINE_SECONDS, ROOT, answer, environment, run_json

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="supervisord is for POSIX systems"),
    pytest.mark.skipif(importlib.util.find_spec("supervisor") is None, reason="the extra `test` is not installed"),
]

SHORT_LEASES = {"AI_DB_RESERVATION_TTL_SECONDS": "3"}


class Supervisord:
    """A supervisord with one program, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.configuration = directory / "supervisord.conf"
        self._write()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-n", "-c", str(self.configuration)],
            cwd=directory,
            env=environment(**SHORT_LEASES),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def control(self, *words: str) -> str:
        """What `supervisorctl` answers."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "supervisor.supervisorctl", "-c", str(self.configuration), *words],
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        return done.stdout.strip()

    def leader(self, other_than: int | None = None) -> int:
        """The number of the process that leads, once there is one."""
        process: int = wait_for(lambda: leader_of(self.directory, other_than), "nobody leads")
        return process

    def log(self) -> str:
        """What the program said."""
        return (self.directory / "watchbill.log").read_text(encoding="utf-8")

    def end(self) -> None:
        """Stop supervisord, and with it the program."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _write(self) -> None:
        """The section of `deploy/`, with this checkout in place of an installation."""
        found = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
        found.read(ROOT / "deploy" / "supervisord.conf", encoding="utf-8")
        section = found["program:watchbill"]
        section["command"] = f"{sys.executable} {ROOT / 'run.py'} serve --no-view --speed 60"
        section["directory"] = str(self.directory)
        section["stdout_logfile"] = str(self.directory / "output.log")
        section["stderr_logfile"] = str(self.directory / "watchbill.log")
        del section["user"]
        socket = f"unix://{self.directory / 'control'}"
        found["unix_http_server"] = {"file": str(self.directory / "control")}
        found["supervisorctl"] = {"serverurl": socket}
        found["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        found["supervisord"] = {
            "logfile": str(self.directory / "supervisord.log"),
            "pidfile": str(self.directory / "supervisord.pid"),
        }
        with self.configuration.open("w", encoding="utf-8") as file:
            found.write(file)


def leader_of(directory: Path, other_than: int | None) -> int | None:
    """The process that holds the crew's lease, by the ledger."""
    if not (directory / "state" / "ledger.sqlite").exists():
        return None
    done = answer(["status", "--json"], directory, **SHORT_LEASES)
    if done.returncode != 0:
        return None  # its tables are being made
    status = json.loads(done.stdout)
    if status["leader"] is None or not any(lease["resource"].startswith("account:") for lease in status["leases"]):
        return None
    process = int(status["leader"]["owner"].split(":")[1])
    return None if process == other_than else process


def wait_for(found: Callable[[], Any], otherwise: str) -> Any:
    """The first answer that is something."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (answer := found()) is None:
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)
    return answer


@pytest.fixture
def supervisord(tmp_path: Path) -> Iterator[Supervisord]:
    """A supervisord that has started the program."""
    if len(str(tmp_path)) > 90:
        pytest.skip("the directory of the tests has too long a name for a socket")
    supervisord = Supervisord(tmp_path)
    yield supervisord
    supervisord.end()


def test_killed_it_is_started_again_and_stopped_it_ends_in_order(supervisord: Supervisord, tmp_path: Path) -> None:
    first = supervisord.leader()
    os.kill(first, signal.SIGKILL)
    second = supervisord.leader(other_than=first)
    assert f"pid {second}," in supervisord.control("status", "watchbill")
    began = time.monotonic()
    assert supervisord.control("stop", "watchbill") == "watchbill: stopped"
    assert time.monotonic() - began < 10
    assert "stopped by SIGTERM after" in supervisord.log().splitlines()[-1]
    status = run_json(["status"], tmp_path)
    assert (status["leader"], status["leases"]) == (None, [])


@pytest.mark.soak
def test_what_would_only_fail_again_is_not_started_again(supervisord: Supervisord, tmp_path: Path) -> None:
    supervisord.leader()
    supervisord.control("stop", "watchbill")
    (tmp_path / "watchbill.toml").write_text("crew = 7\n", encoding="utf-8")
    supervisord.control("start", "watchbill")
    said = wait_for(
        lambda: text if "EXITED" in (text := supervisord.control("status", "watchbill")) else None, "it never ended"
    )
    assert "EXITED" in said
    assert supervisord.log().count("the settings cannot be used") == 1
