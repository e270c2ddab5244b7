"""The files of `deploy/` are held to the program: commands, options, exit codes, times."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from actors.system.health import ANSWER_SECONDS, INTERVAL_SECONDS
from actors.system.system import EXIT_ESCALATED
from console.arguments import Serve, Status
from console.command_line import parse
from console.ending import LAST_RESORT_SECONDS
from console.errors import CommandError

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICE = DEPLOY / "watchbill.service"
TASK = {"task": "http://schemas.microsoft.com/windows/2004/02/mit/task"}


def unit() -> dict[str, dict[str, list[str]]]:
    """The systemd unit: section, key, values."""
    sections: dict[str, dict[str, list[str]]] = {}
    keys: dict[str, list[str]] = {}
    for line in SERVICE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            keys = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            keys.setdefault(key, []).append(value)
    return sections


def program_section() -> configparser.SectionProxy:
    """Supervisord's section."""
    found = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    found.read(DEPLOY / "supervisord.conf", encoding="utf-8")
    return found["program:watchbill"]


def must_serve(words: Sequence[str]) -> None:
    """The words after the program's name ask for `serve`, in a log and not on a terminal."""
    arguments = parse(list(words))
    assert isinstance(arguments, Serve)
    assert not arguments.view


def test_the_systemd_unit_runs_serve_and_is_told_when_it_is_ready() -> None:
    service = unit()["Service"]
    (command,) = service["ExecStart"]
    program, *words = shlex.split(command)
    assert Path(program).name == "watchbill"
    must_serve(words)
    assert service["Type"] == ["notify"]


def test_the_systemd_unit_starts_again_all_but_what_would_only_fail_again() -> None:
    service = unit()["Service"]
    assert service["Restart"] == ["on-failure"]
    assert service["RestartPreventExitStatus"] == [str(CommandError.exit_code)]
    assert EXIT_ESCALATED not in (0, CommandError.exit_code)
    assert unit()["Unit"]["StartLimitIntervalSec"] == ["0"], "open trades are never left for good"


def test_the_systemd_unit_waits_for_an_orderly_end_and_for_a_slow_broker() -> None:
    service = unit()["Service"]
    assert int(service["TimeoutStopSec"][0]) > LAST_RESORT_SECONDS
    # Between two feedings: a pause, and a round in which an actor waits for its broker.
    assert int(service["WatchdogSec"][0]) > INTERVAL_SECONDS + ANSWER_SECONDS


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    text = SERVICE.read_text(encoding="utf-8").replace("/opt/watchbill/bin/watchbill", sys.executable)
    copy = tmp_path / SERVICE.name
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_supervisord_runs_serve_and_never_gives_up() -> None:
    section = program_section()
    program, *words = shlex.split(section["command"])
    assert Path(program).name == "watchbill"
    must_serve(words)
    assert section["autorestart"] == "unexpected"
    assert section["exitcodes"].split(",") == ["0", str(CommandError.exit_code)]
    assert section["startsecs"] == "0", "above that, a few quick failures would be the end"
    assert section["stopsignal"] == "TERM"
    assert int(section["stopwaitsecs"]) > LAST_RESORT_SECONDS


def task(path: str) -> str:
    """The text of an element of the Windows task."""
    root = ElementTree.parse(DEPLOY / "watchbill-task.xml").getroot()
    found = root.find("/".join(["."] + [f"task:{name}" for name in path.split("/")]), TASK)
    assert found is not None, path
    assert found.text is not None, path
    return found.text


def test_the_windows_task_runs_serve_on_the_users_desktop_and_begins_again_within_a_minute() -> None:
    must_serve(task("Actions/Exec/Arguments").split())
    assert task("Actions/Exec/Command").endswith(r"\watchbill.exe")
    assert task("Principals/Principal/LogonType") == "InteractiveToken"
    assert task("Triggers/LogonTrigger/Repetition/Interval") == "PT1M"
    assert task("Settings/MultipleInstancesPolicy") == "IgnoreNew"
    assert task("Settings/ExecutionTimeLimit") == "PT0S", "it may run for ever"


def test_the_image_serves_as_a_user_without_rights_and_asks_for_the_leader() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    instructions = dict(re.findall(r"^([A-Z]+) +(.*)$", text, re.MULTILINE))  # of each the last
    assert instructions["USER"] == "watchbill"
    assert instructions["VOLUME"] == instructions["WORKDIR"]
    assert instructions["STOPSIGNAL"] == "SIGTERM"
    assert json.loads(instructions["ENTRYPOINT"]) == ["watchbill"]
    must_serve(json.loads(instructions["CMD"]))
    check = instructions["HEALTHCHECK"].split("CMD watchbill ")[1]
    words, _, reader = check.partition(" | ")
    arguments = parse(words.split())
    assert isinstance(arguments, Status)
    assert arguments.json
    python, option, code = shlex.split(reader)
    assert (python, option) == ("python", "-c")
    for leader, healthy in ((None, False), ({"owner": "somebody"}, True)):
        done = subprocess.run(
            [sys.executable, "-c", code], input=json.dumps({"leader": leader}), text=True, timeout=60, check=False
        )
        assert (done.returncode == 0) is healthy
