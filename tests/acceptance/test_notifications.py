"""Messages to people from the real program: one service takes them, one hangs, and a stop waits for neither."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from made_servers import silent_server
from processes import DEADLINE_SECONDS, Program, answer, run_json

pytest.importorskip("apprise")

SECRET = "q7Zk29Secret"
STOP_SECONDS = 10.0  # what a stop may take anyway; a service that hangs adds nothing that can be seen


class Taken:
    """What a service has taken."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self._changed = threading.Condition()

    def add(self, title: str) -> None:
        """One more."""
        with self._changed:
            self.titles.append(title)
            self._changed.notify_all()

    def wait_for(self, part: str) -> None:
        """Until a title has this in it."""
        with self._changed:
            found = self._changed.wait_for(lambda: any(part in title for title in self.titles), DEADLINE_SECONDS)
        assert found, f"{part!r} is in none of {self.titles}"


@contextmanager
def service() -> Iterator[tuple[str, Taken]]:
    """Its address, and what it takes."""
    taken = Taken()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the base class asks for the name
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.add(body["title"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_address[1]}/{SECRET}", taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_people_are_told_while_another_service_hangs_and_a_stop_waits_for_neither(tmp_path: Path) -> None:
    with service() as (address, taken), silent_server() as silent:
        hanging = f"{silent.replace('http://', 'json://')}/{SECRET}"
        settings = {"NOTIFICATIONS__URLS__0": address, "NOTIFICATIONS__URLS__1": hanging}
        with Program(tmp_path, "serve", "--no-view", "--speed", "900", settings=settings) as program:
            taken.wait_for("EURUSD: opened")
            paused = run_json(["pause", "--reason", "elections"], tmp_path, **settings)
            assert paused["mode"] == "paused"
            taken.wait_for("Watchbill: paused")
            assert program.stop(signal.SIGTERM) < STOP_SECONDS
            assert "crashed" not in program.said
            assert SECRET not in program.said
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert SECRET.encode() not in kept, "neither the ledger nor the settings that are kept have it"


def test_doctor_says_what_the_addresses_are_and_shows_none(tmp_path: Path) -> None:
    settings = {"NOTIFICATIONS__URLS__0": f"ntfy://{SECRET}", "NOTIFICATIONS__URLS__1": f"tgram://{SECRET}"}
    done = answer(["doctor", "--json"], tmp_path, **settings)
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["notifications"]["state"] == "failed"
    assert checks["notifications"]["saw"].startswith("urls[0]: ntfy; urls[1]: ")
    assert SECRET not in done.stdout + done.stderr
