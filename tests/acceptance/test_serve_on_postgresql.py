"""The real program on a PostgreSQL server that restarts under it; two processes, and a takeover."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from postgres_server import PostgresServer
from processes import FIFTY_BARS_A_SECOND, Program, answer, run_json

from persistence.ledger import Ledger
from trading.trade import TradeState

FAST = ("serve", "--no-view", "--speed", FIFTY_BARS_A_SECOND)
LEADING = "leading crew default on alpha, beta from"
DEADLINE_SECONDS = 150.0
LOOK_SECONDS = 0.05

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def url(own_server: PostgresServer) -> str:
    """A database without any table: the program makes its own."""
    return own_server.url(own_server.new_database())


def closed_trades(url: str) -> int:
    """How many trades are closed. Cut off with everybody else, it asks again."""
    with closing(Ledger.open(url, read_only=True)) as ledger:
        return ledger.trades.tally().states.get(TradeState.CLOSED, 0)


def wait_for_trades(url: str, count: int, program: Program) -> None:
    """Until so many trades are closed."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while closed_trades(url) < count:
        assert time.monotonic() < deadline, program.said
        assert program.process.poll() is None, program.said
        time.sleep(LOOK_SECONDS)


def test_it_serves_survives_a_restart_of_the_server_and_is_followed_by_its_standby(
    tmp_path: Path, url: str, own_server: PostgresServer
) -> None:
    settings = {"DATABASE_URL": url, "AI_DB_RESERVATION_TTL_SECONDS": "3"}
    with Program(tmp_path, *FAST, settings=settings) as first:
        first.wait_for(LEADING)
        with Program(tmp_path, *FAST, settings=settings) as second:
            second.wait_for(r"standing by: crew default is led by \S+")
            wait_for_trades(url, 1, first)
            own_server.restart()
            wait_for_trades(url, closed_trades(url) + 1, first)
            status = run_json(["status"], tmp_path, **settings)
            assert status["leader"]["resource"] == "crew:default"
            first.process.kill()
            second.wait_for(LEADING)
            second.stop()
    status = run_json(["status"], tmp_path, **settings)
    assert status["leases"] == [], "every lease is given back"
    trades = run_json(["trades", "--limit", "1000"], tmp_path, **settings)["trades"]
    assert sum(status["trades_by_state"].values()) == len(trades)
    assert run_json(["why", "--last", "5"], tmp_path, **settings)["decisions"]
    ledger = next(check for check in run_json(["doctor"], tmp_path, **settings)["checks"] if check["name"] == "ledger")
    assert (ledger["state"], "answers" in ledger["saw"]) == ("ok", True)


def test_a_ledger_on_a_server_is_not_set_aside(tmp_path: Path, url: str) -> None:
    refused = answer(["serve", "--fresh"], tmp_path, DATABASE_URL=url)
    assert refused.returncode == 2
    assert "is not a file that could be set aside" in refused.stderr
