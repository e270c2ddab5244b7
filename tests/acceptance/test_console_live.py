"""The real program through its console: a position seen and closed by hand, a kill survived, opens paused, a halt."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from made_console import Stream
from processes import DEADLINE_SECONDS, FIFTY_BARS_A_SECOND, Program

WORDS = ("serve", "--no-view", "--speed", FIFTY_BARS_A_SECOND)
SETTINGS = {
    "CONSOLE__ENABLED": "true",
    "CONSOLE__PORT": "0",
    "AI_DB_RESERVATION_TTL_SECONDS": "5",  # the killed one's lease is waited for
}
BARS_WATCHED = 150


class Served:
    """A running program, and its console."""

    def __init__(self, directory: Path, program: Program) -> None:
        self.program = program
        self.port = int(program.wait_for(r"the console is at http://127\.0\.0\.1:(\d+)").group(1))
        program.wait_for("leading crew")
        self.tokens = json.loads((directory / "state" / "console-tokens.json").read_text())

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One request with the trade token."""
        headers = {"Authorization": f"Bearer {self.tokens['trade']}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body)
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)) as connection:
            connection.request(method, path, sent, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def command(self, name: str, **body: object) -> tuple[int, Any]:
        """Give a command."""
        return self.ask("POST", f"/api/commands/{name}", body)

    def stream(self) -> Stream:
        """Begin to watch."""
        return Stream(self.port, self.tokens["read"])


def opened_by_then(stream: Stream) -> Iterator[int]:
    """The number of each trade, when its row comes."""
    known: set[int] = set()
    for name, data in stream.events():
        trades = data.get("trades", [])
        rows = trades if name == "overview" else trades["changed"] if trades else []
        for row in rows:
            if row["trade_id"] not in known and row.get("state") == "open":
                known.add(row["trade_id"])
                yield row["trade_id"]


def closed_by_hand(served: Served, stream: Stream) -> tuple[str, Any]:
    """Close the first trade that no rule closes before; the request's id, and what came of it."""
    for trade_id in opened_by_then(stream):
        request_id = f"by-hand-{trade_id:04}"
        status, outcome = served.command("close", request_id=request_id, trade_id=trade_id)
        if status in (200, 202):
            assert outcome["detail"]["trades"][0]["trade_id"] == trade_id
            return request_id, outcome
        assert (status, outcome["code"]) == (409, "not_open"), outcome
    raise AssertionError("nothing was opened")


@pytest.mark.skipif(os.name != "posix", reason="kills its process as only POSIX can")
def test_what_is_seen_and_done_through_the_console_survives_a_kill(tmp_path: Path) -> None:
    with Program(tmp_path, *WORDS, settings=SETTINGS) as program:
        served = Served(tmp_path, program)
        with served.stream() as stream:
            request_id, outcome = closed_by_hand(served, stream)
            assert outcome["state"] == "done", outcome
            trade_id = outcome["detail"]["trades"][0]["trade_id"]
            while trade_id not in stream.until("changes").get("trades", {"gone": []})["gone"]:
                pass
        program.send(signal.SIGKILL)
        program.end()
    with Program(tmp_path, *WORDS, settings=SETTINGS) as program:
        served = Served(tmp_path, program)
        assert served.ask("GET", f"/api/commands/{request_id}") == (200, outcome)
        status, again = served.command("close", request_id=request_id, trade_id=trade_id)
        assert (status, again) == (200, {**outcome, "is_repeated": True})
        assert served.command("pause", request_id="pause-0001", reason="enough")[0] == 200
        with served.stream() as stream:
            whole = stream.until("overview")
            opened, until = whole["counts"]["opened"], whole["position"] + BARS_WATCHED
            position = whole["position"]
            while position < until:
                changed = stream.until("changes")
                position = changed.get("position", position)
                opened_by_now = changed.get("counts", {"opened": opened})["opened"]
                assert opened_by_now == opened, "it was opened in spite of the pause"
        status, problem = served.command("halt", request_id="halt-0001")
        assert (status, problem["code"]) == (409, "not_confirmed")
        assert served.ask("GET", "/api/overview")[1]["mode"]["mode"] == "paused"
        assert served.command("halt", request_id="halt-0002", confirmed=True)[0] == 200
        mode = served.ask("GET", "/api/overview")[1]["mode"]
        assert (mode["mode"], mode["guards"]) == ("halted", False)
        assert program.stop() < 10.0
