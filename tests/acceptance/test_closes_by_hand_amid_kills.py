"""Closes by hand through the API while the program is killed: each is carried out once, or never was asked for."""

from __future__ import annotations

import http.client
import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from consoles import Running
from processes import DEADLINE_SECONDS, Program, run_json

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

SETTINGS = {
    "CONSOLE__ENABLED": "true",
    "CONSOLE__PORT": "0",
    "AI_DB_RESERVATION_TTL_SECONDS": "3",
    "AI_MONITOR_INTERVAL_SECONDS": "1",
}
ADDRESS = r"the console is at http://127\.0\.0\.1:(\d+)"
WORDS = ("serve", "--no-view", "--speed", "18000")  # five bars a second: a trade soon, that lives for a while
UNTIL_THE_KILL_SECONDS = (0.015, 0.06)
"""After the request was sent: around its commit, and while the trade is being closed."""


def running(program: Program, place: Path) -> Running:
    """What leads, with its console."""
    port = int(program.wait_for(ADDRESS)[1])
    program.wait_for("leading crew")
    return Running(program, place, port, [])


def until_one_is_open(console: Running) -> int:
    """The newest open trade."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        trades = json.loads(console.ask("GET", "/api/trades?state=open", token="read").body)["trades"]
        if trades:
            return int(trades[0]["trade_id"])
        time.sleep(0.05)
    raise AssertionError(f"nothing is opened:\n{console.program.said}")


def close(console: Running, trade_id: int, request_id: str) -> tuple[int, dict[str, Any]]:
    """Ask for a close; the status, and what came of it. Status 0: nobody answered any more."""
    body = json.dumps({"request_id": request_id, "trade_id": trade_id})
    try:
        reply = console.ask("POST", "/api/commands/close", body, token="trade", content_type="application/json")
    except (OSError, http.client.HTTPException):
        return 0, {}
    return reply.status, json.loads(reply.body)


def until_known(console: Running, trade_id: int, request_id: str) -> dict[str, Any]:
    """Ask again under the same id until it is known what came of it."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    answer: dict[str, Any] = {}
    while time.monotonic() < deadline:
        status, answer = close(console, trade_id, request_id)
        if status in (200, 409):
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{request_id} is still {answer}:\n{console.program.said}")


def killed_amid_closes(place: Path, waits: list[float]) -> None:
    """One process after another, each killed so long after it was asked to close; then nothing is lost or doubled."""
    asked: dict[str, int] = {}
    for number, seconds in enumerate(waits):
        with Program(place, *WORDS, settings=SETTINGS) as program:
            console = running(program, place)
            for request_id, trade_id in list(asked.items())[-1:]:
                until_known(console, trade_id, request_id)
            trade_id, request_id = until_one_is_open(console), f"by-hand-{number}"
            asked[request_id] = trade_id
            asking = threading.Thread(target=close, args=(console, trade_id, request_id))
            asking.start()
            time.sleep(seconds)  # a moment, not a wait: any will do
            program.send(signal.SIGKILL)
            program.end()
            asking.join()
    with Program(place, *WORDS, settings=SETTINGS) as program:
        console = running(program, place)
        ends = {request_id: until_known(console, trade_id, request_id) for request_id, trade_id in asked.items()}
        lines = json.loads(console.ask("GET", "/api/journal?kind=command&limit=200", token="read").body)["lines"]
        program.stop(signal.SIGTERM)
    require_once(place, asked, ends, lines)


def require_once(
    place: Path, asked: dict[str, int], ends: dict[str, dict[str, Any]], lines: list[dict[str, Any]]
) -> None:
    """Each request has one line for each step, and each trade was closed."""
    steps = Counter((line["detail"]["request_id"], line["reason"]) for line in lines)
    assert set(steps.values()) == {1}, steps
    trades = {row["trade_id"]: row for row in run_json(["trades", "--limit", "1000"], place)["trades"]}
    for request_id, trade_id in asked.items():
        assert trades[trade_id]["state"] == "closed", (request_id, ends[request_id], trades[trade_id])
        if ends[request_id]["state"] == "done":
            assert (request_id, "close_trade:done") in steps
        else:  # it was closed by a rule before it was asked for again
            assert "not_open" in json.dumps(ends[request_id])


def test_a_close_by_hand_is_carried_out_once_whenever_the_program_is_killed(tmp_path: Path) -> None:
    killed_amid_closes(tmp_path, list(UNTIL_THE_KILL_SECONDS))


@pytest.mark.soak
def test_the_same_for_forty_kills(tmp_path: Path) -> None:
    killed_amid_closes(tmp_path, [0.003 * number for number in range(40)])
