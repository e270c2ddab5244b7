"""The console of a program whose ledger is on a PostgreSQL server, which restarts under it."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from pathlib import Path

import pytest
from postgres_server import PostgresServer
from processes import DEADLINE_SECONDS, Program

SLOW = ("serve", "--no-view", "--speed", "60")
PAUSE_SECONDS = 0.1

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def status(port: int, path: str, token: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    try:
        connection.request("GET", path, headers={"authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_it_shows_the_ledger_again_after_the_server_has_restarted(tmp_path: Path, own_server: PostgresServer) -> None:
    url = own_server.url(own_server.new_database())
    settings = {"DATABASE_URL": url, "CONSOLE__ENABLED": "true", "CONSOLE__PORT": "0"}
    with Program(tmp_path, *SLOW, settings=settings) as program:
        port = int(program.wait_for(r"the console is at http://127\.0\.0\.1:(\d+);").group(1))
        program.wait_for("leading crew")
        token: str = json.loads((tmp_path / "state" / "console-tokens.json").read_text())["read"]
        paths = ("/readyz", "/", "/api/status", "/api/trades", "/metrics")
        assert {path: status(port, path, token) for path in paths} == dict.fromkeys(paths, 200)
        own_server.restart()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while {status(port, path, token) for path in paths} != {200}:
            assert time.monotonic() < deadline, program.said
            threading.Event().wait(PAUSE_SECONDS)
        assert program.stop() < 5.0
