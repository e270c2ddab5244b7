"""The real broker process with real leaders on it: started, stopped, paused and killed."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from processes import DEADLINE_SECONDS, ROOT, Program, answer, environment, run_json

from persistence.ledger import Ledger
from persistence.sqlite import newest_sqlite
from simulation.processes.world import stays_locked
from trading.trade import HELD, TradeState

LEADING = r"leading crew default on alpha, beta from (\S+)"
ANSWERS_AGAIN = r"the broker 127\.0\.0\.1:\d+ answers again, market time"
FAST = ("broker", "--port", "0", "--speed", "72000")
REMOTE = {
    "ACCOUNTS__0__CONNECTOR": "remote",
    "ACCOUNTS__1__CONNECTOR": "remote",
    "AI_DB_RESERVATION_TTL_SECONDS": "3",
    "AI_PER_ACCOUNT_COOLDOWN_MINUTES": "0",
    "CONFIDENCE_PROFILE": "aggressive",
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

STOPS = 20


def at(port: str) -> dict[str, str]:
    """The settings of a client of the broker at this port."""
    return {**REMOTE, "ACCOUNTS__0__SERVER": f"127.0.0.1:{port}", "ACCOUNTS__1__SERVER": f"127.0.0.1:{port}"}


@contextmanager
def broker(directory: Path, *words: str) -> Iterator[tuple[Program, str]]:
    """A broker that listens, and its port."""
    with Program(directory, *(words or FAST), settings=REMOTE) as program:
        yield program, program.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1]


def serve(directory: Path, port: str) -> Program:
    return Program(directory, "serve", "--no-view", settings=at(port))


def wait_for_trades(directory: Path, count: int) -> None:
    """Until the ledger has so many closed trades more."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    file = directory / "state" / "ledger.sqlite"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:

        def closed() -> int:
            return int(connection.execute("SELECT count(*) FROM trade WHERE state = 'closed'").fetchone()[0])

        wanted = closed() + count
        while closed() < wanted:
            assert time.monotonic() < deadline, f"there were never {wanted} closed trades"
            time.sleep(0.02)


def pause(leader: Program, directory: Path) -> None:
    """Stop it where it is; where it holds the ledger, which keeps everybody out, once it has given it back."""
    ledger = directory / "state" / "ledger.sqlite"
    for _ in range(STOPS):
        leader.send(signal.SIGSTOP)
        if not stays_locked(newest_sqlite(), ledger):
            return
        leader.send(signal.SIGCONT)
        assert not stays_locked(newest_sqlite(), ledger), "it goes on, and never gives the ledger's file back"
    pytest.fail(f"it held the ledger's file each of {STOPS} times")


def require_agreement(directory: Path) -> None:
    """With everybody stopped: each position has its row and each row its position; no order was executed twice."""
    with closing(Ledger.open(f"sqlite:///{directory / 'state' / 'ledger.sqlite'}", read_only=True)) as ledger:
        trades = ledger.trades.list()
    for name in ("alpha", "beta"):
        with closing(sqlite3.connect(directory / "state" / "broker" / f"paper-{name}.sqlite")) as book:
            live = {magic for (magic,) in book.execute("SELECT magic FROM positions")}
            entered = [magic for (magic,) in book.execute("SELECT magic FROM deals WHERE entry = 'in'")]
            profits = dict(
                book.execute("SELECT position_id, sum(profit + swap + commission + fee) FROM deals GROUP BY 1")
            )
        mine = {trade.magic: trade for trade in trades if trade.platform == name}
        assert len(entered) == len(set(entered))
        assert set(entered) <= set(mine)
        assert live <= {magic for magic, trade in mine.items() if trade.state in HELD | {TradeState.UNKNOWN}}
        for trade in mine.values():
            if trade.state is TradeState.CLOSED:
                assert trade.profit == pytest.approx(profits[trade.position_id], abs=0.001)


def test_serve_follows_a_broker_process_and_comes_back_by_itself_when_that_was_killed(tmp_path: Path) -> None:
    with broker(tmp_path) as (first, port), serve(tmp_path, port) as leader:
        leader.wait_for(LEADING)
        wait_for_trades(tmp_path, 1)
        doctor = run_json(["doctor"], tmp_path, **at(port))
        check = next(check for check in doctor["checks"] if check["name"] == "broker")
        assert check["state"] == "ok"
        assert f"127.0.0.1:{port} answers" in check["saw"]
        status = run_json(["status"], tmp_path, **at(port))
        assert [account["connector"] for account in status["accounts"]] == ["remote", "remote"]
        first.send(signal.SIGKILL)
        leader.wait_for("market time stands still until it answers again")
        with broker(tmp_path, "broker", "--port", port, "--speed", "72000"):
            leader.wait_for(ANSWERS_AGAIN)
            wait_for_trades(tmp_path, 1)
            assert leader.stop() < 10
        assert "Traceback" not in leader.said
    require_agreement(tmp_path)


def test_a_leader_that_was_paused_finds_its_orders_refused_and_stands_by(tmp_path: Path) -> None:
    with broker(tmp_path) as (dealer, port), serve(tmp_path, port) as old:
        old.wait_for(LEADING)
        with serve(tmp_path, port) as new:
            new.wait_for("standing by: crew default is led by")
            wait_for_trades(tmp_path, 1)
            pause(old, tmp_path)
            try:
                new.wait_for(LEADING)
                dealer.wait_for(r"leads account alpha with token 2")
                wait_for_trades(tmp_path, 1)
            finally:
                old.send(signal.SIGCONT)
            old.wait_for("standing by: crew default is led by")
            wait_for_trades(tmp_path, 1)
            old.stop()
            new.stop()
    require_agreement(tmp_path)


@pytest.mark.soak
def test_with_replies_lost_and_orders_late_ledger_and_broker_still_agree(tmp_path: Path) -> None:
    troubled = (*FAST, "--lose-replies", "0.3", "--delay-seconds", "0.1", "--seed", "3")
    with broker(tmp_path, *troubled) as (_, port), serve(tmp_path, port) as leader:
        leader.wait_for(LEADING)
        leader.wait_for("unknown_outcome")
        wait_for_trades(tmp_path, 2)
        leader.stop()
    require_agreement(tmp_path)


def test_serve_waits_for_a_broker_that_is_not_there_yet_and_a_second_broker_is_refused(tmp_path: Path) -> None:
    with broker(tmp_path) as (first, port):
        first.stop()
    with serve(tmp_path, port) as leader:
        leader.wait_for("standing by: broker 127.0.0.1:[0-9]+ cannot be reached")
        with broker(tmp_path, "broker", "--port", port, "--speed", "72000"):
            leader.wait_for(LEADING)
            for fresh in ([], ["--fresh"]):
                second = answer(["broker", "--port", "0", *fresh], tmp_path, **REMOTE)
                assert second.returncode == 2
                assert "another broker holds these books" in second.stderr
        refused = answer(["broker", "--port", "0", "--fresh"], tmp_path, **REMOTE)
        assert refused.returncode == 2
        assert "leads crew default on the ledger of these accounts; stop it first" in refused.stderr
        leader.stop()


def test_with_json_the_one_object_says_where_it_listens_and_fresh_keeps_what_was_there(tmp_path: Path) -> None:
    for fresh in ([], ["--fresh"]):
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "run.py"), "--json", *FAST, "--from", "2017-06-28", *fresh],
            cwd=tmp_path,
            env=environment(**REMOTE),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert ready["listening"] == f"127.0.0.1:{ready['port']}"
            assert (ready["accounts"], ready["market_time"]) == (["alpha", "beta"], "2017-06-28T00:00:00Z")
            process.send_signal(signal.SIGTERM)
            rest, said = process.communicate(timeout=DEADLINE_SECONDS)
            assert (process.returncode, rest) == (0, ""), said
        finally:
            process.kill()
            process.communicate()
    kept = sorted(path.name for path in (tmp_path / "state" / "broker").glob("*.1.sqlite"))
    assert kept == ["clock.1.sqlite", "paper-alpha.1.sqlite", "paper-beta.1.sqlite"]
