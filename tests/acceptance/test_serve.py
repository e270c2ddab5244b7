"""The real program, started and signalled."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from processes import FIFTY_BARS_A_SECOND, Program, answer, run, run_json

from persistence.ledger import Ledger
from trading.trade import TradeState

FAST = ("serve", "--no-view", "--speed", FIFTY_BARS_A_SECOND)
SLOW = ("serve", "--no-view", "--speed", "60")
LEADING = r"leading crew default on alpha, beta from (\S+)"
CLOSED = r": \w+ to closed,"  # right after its commit
SHORT_LEASES = {"AI_DB_RESERVATION_TTL_SECONDS": "3"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def ledger_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'state' / 'ledger.sqlite'}"


def broker_and_ledger_agree(directory: Path) -> None:
    """Nothing lost, nothing doubled: every live position has its row, every closed trade the profit of its deals."""
    ledger = Ledger.open(ledger_url(directory), read_only=True)
    trades = ledger.trades.list()
    ledger.close()
    assert len({trade.magic for trade in trades}) == len(trades)
    for name in ("alpha", "beta"):
        mine = [trade for trade in trades if trade.platform == name]
        with closing(sqlite3.connect(directory / "state" / f"paper-{name}.sqlite")) as book:
            live = {row[0] for row in book.execute("SELECT magic FROM positions")}
            profits = book.execute("SELECT position_id, sum(profit + swap + commission + fee) FROM deals GROUP BY 1")
            by_position = dict(profits.fetchall())
            entries = book.execute("SELECT magic FROM deals WHERE entry = 'in'").fetchall()
        assert len(entries) == len(set(entries)), "no order was executed twice"
        held = {trade.magic for trade in mine if trade.state in (TradeState.OPEN, TradeState.CLOSING)}
        assert live == held
        for trade in mine:
            if trade.state is TradeState.CLOSED:
                assert trade.profit == pytest.approx(by_position[trade.position_id], abs=0.001)
            elif trade.magic not in held:
                # Killed between the row and the order: being looked up, or given up; the broker never had it.
                assert trade.state in (TradeState.UNKNOWN, TradeState.FAILED), trade
                assert (trade.magic,) not in entries


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_in_order_within_ten_seconds(tmp_path: Path, number: signal.Signals) -> None:
    with Program(tmp_path, *FAST) as program:
        program.wait_for(LEADING)
        program.wait_for(CLOSED, lines=3)
        assert program.stop(number) < 10
    status = run_json(["status"], tmp_path)
    assert status["leases"] == [], "every lease is given back"
    assert "Traceback" not in program.said
    broker_and_ledger_agree(tmp_path)


def test_after_kill_9_it_goes_on_where_it_was_and_broker_and_ledger_agree(tmp_path: Path) -> None:
    with Program(tmp_path, *FAST, settings=SHORT_LEASES) as first:
        first.wait_for(LEADING)
        first.wait_for(CLOSED, lines=3)
        first.process.kill()
        assert first.end() == -signal.SIGKILL
    with Program(tmp_path, *FAST, settings=SHORT_LEASES) as second:
        resumed_at = second.wait_for(LEADING)[1]
        assert resumed_at > first.wait_for(LEADING)[1], "not from the beginning again"
        second.wait_for(CLOSED)
        second.stop()
    broker_and_ledger_agree(tmp_path)


def test_a_second_process_stands_by_and_leads_when_the_first_has_stopped(tmp_path: Path) -> None:
    with Program(tmp_path, *SLOW, settings=SHORT_LEASES) as first:
        first.wait_for(LEADING)
        with Program(tmp_path, *SLOW, settings=SHORT_LEASES) as second:
            second.wait_for(r"standing by: crew default is led by \S+")
            first.stop()
            second.wait_for(LEADING)
            second.stop()


@pytest.fixture(scope="module")
def leader_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a process leads, which nobody disturbs."""
    directory = tmp_path_factory.mktemp("led")
    with Program(directory, *SLOW) as leader:
        leader.wait_for(LEADING)
        yield directory
        leader.stop()


def test_a_process_that_stands_by_stops_on_a_signal_too(leader_of: Path) -> None:
    with Program(leader_of, *SLOW) as second:
        second.wait_for("standing by")
        assert second.stop(signal.SIGTERM) < 10


def test_at_the_end_of_the_recording_it_says_that_the_market_is_shut_and_stays(tmp_path: Path) -> None:
    with Program(tmp_path, *FAST, "--from", "2018-02-06") as program:
        program.wait_for("recorded EURUSD hours ended at .*: the market is shut")
        assert program.process.poll() is None
        program.stop()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What a run left that was stopped in order while a trade of alpha's was open, and where its market began."""
    directory = tmp_path_factory.mktemp("stopped")
    with Program(directory, *SLOW, settings=SHORT_LEASES) as program:
        began_at = program.wait_for(LEADING)[1]
        program.wait_for("alpha:EURUSD .* submitted to open")
        program.stop()
    return directory, began_at


@pytest.fixture
def with_an_open_trade(stopped: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of it, of the test's own."""
    directory, _ = stopped
    return Path(shutil.copytree(directory, tmp_path / "copy"))


def test_fresh_starts_anew_and_keeps_what_was_there(stopped: tuple[Path, str], with_an_open_trade: Path) -> None:
    _, began_at = stopped
    assert run_json(["trades"], with_an_open_trade)["trades"] != []
    with Program(with_an_open_trade, *SLOW, "--fresh") as program:
        assert program.wait_for(LEADING)[1] == began_at
        program.stop()
    kept = {path.name for path in (with_an_open_trade / "state").iterdir()}
    assert {"ledger.1.sqlite", "paper-alpha.1.sqlite", "paper-beta.1.sqlite"} <= kept
    assert run_json(["trades"], with_an_open_trade)["trades"] == []


def test_fresh_is_refused_while_another_process_leads(leader_of: Path) -> None:
    refused = answer(["serve", "--fresh", "--no-view"], leader_of)
    assert refused.returncode == 2
    assert "leads crew default" in refused.stderr


def test_an_account_with_an_open_trade_cannot_be_switched_off(with_an_open_trade: Path) -> None:
    (with_an_open_trade / "watchbill.toml").write_text('[[accounts]]\nname = "beta"\nsymbols = {EURUSD = "EURUSD"}\n')
    refused = run(["serve", "--no-view"], with_an_open_trade, **SHORT_LEASES)
    assert refused.returncode == 2
    assert "alpha" in refused.stderr
    assert "nobody would guard its stop" in refused.stderr


def refused_in_one_line(directory: Path) -> str:
    refused = answer(["serve", "--no-view"], directory, **SHORT_LEASES)
    assert refused.returncode == 2, refused.stderr
    assert "Traceback" not in refused.stderr
    (line,) = [line for line in refused.stderr.splitlines() if "--fresh" in line]
    assert "leading crew" not in refused.stderr
    return line


def remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def test_a_ledger_deleted_while_its_books_are_kept_is_refused(with_an_open_trade: Path) -> None:
    remove_database(with_an_open_trade / "state" / "ledger.sqlite")
    line = refused_in_one_line(with_an_open_trade)
    assert re.search(r"the book of (alpha|beta) holds what a crew opened and .* does not know: EURUSD", line)
    for name in ("alpha", "beta"):
        with closing(sqlite3.connect(with_an_open_trade / "state" / f"paper-{name}.sqlite")) as book, book:
            book.execute("DELETE FROM positions")
    assert "the book of alpha has seen token 1" in refused_in_one_line(with_an_open_trade)


def test_a_book_deleted_while_the_ledger_has_an_open_trade_on_it_is_refused(with_an_open_trade: Path) -> None:
    for name in ("alpha", "beta"):
        remove_database(with_an_open_trade / "state" / f"paper-{name}.sqlite")
    line = refused_in_one_line(with_an_open_trade)
    assert re.search(r"the book of (alpha|beta) does not know position \d+ of trade \d+", line)


def test_a_locked_book_is_waited_for_and_a_refusal_leaves_no_lease(with_an_open_trade: Path) -> None:
    with closing(sqlite3.connect(with_an_open_trade / "state" / "paper-beta.sqlite", isolation_level=None)) as book:
        book.execute("BEGIN IMMEDIATE")
        with Program(with_an_open_trade, *SLOW, settings=SHORT_LEASES) as program:
            program.wait_for("standing by: .*paper-beta.sqlite.* locked")
            assert run_json(["status"], with_an_open_trade)["accounts"][0]["held_by"] is None
            book.execute("ROLLBACK")
            program.wait_for(LEADING)
            program.stop()
            assert len([line for line in program.lines if "locked" in line]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
def test_a_ledger_deleted_while_it_runs_ends_the_process_with_code_70(tmp_path: Path) -> None:
    with Program(tmp_path, *SLOW, settings=SHORT_LEASES) as program:
        program.wait_for(LEADING)
        remove_database(tmp_path / "state" / "ledger.sqlite")
        assert program.end() == 70
        assert re.search("the ledger's file .*ledger.sqlite is gone", program.said)
        assert "Traceback" not in program.said


def test_an_actor_that_keeps_raising_ends_the_process_with_code_70(tmp_path: Path) -> None:
    code = (
        "import sys, run, actors.analyst\n"
        "def broken(self, message, context): raise RuntimeError('broken for good')\n"
        "actors.analyst.AnalystActor.receive = broken\n"
        "sys.exit(run.main(sys.argv[1:]))\n"
    )
    with Program(tmp_path, *FAST, code=code) as program:
        assert program.end() == 70
        assert "broken for good" in program.said
    assert run_json(["status"], tmp_path)["leases"] == []


def test_an_actor_that_raises_once_is_restarted_and_the_system_goes_on(tmp_path: Path) -> None:
    code = (
        "import sys, run, actors.trader\n"
        "well = actors.trader.TraderActor.execute_ai_trade\n"
        "def once(self, analysis, context):\n"
        "    actors.trader.TraderActor.execute_ai_trade = well\n"
        "    raise RuntimeError('broken once')\n"
        "actors.trader.TraderActor.execute_ai_trade = once\n"
        "sys.exit(run.main(sys.argv[1:]))\n"
    )
    with Program(tmp_path, *FAST, code=code) as program:
        program.wait_for("broken once")
        program.wait_for(CLOSED, lines=2)
        program.stop()


def test_without_the_sample_it_runs_on_a_simulated_market_and_says_so(tmp_path: Path) -> None:
    code = (
        "import sys, feeds.sample\n"
        "feeds.sample.sample_bars = lambda: None\n"
        "import run\n"
        "sys.exit(run.main(sys.argv[1:]))\n"
    )
    with Program(tmp_path, *FAST, code=code) as program:
        program.wait_for("simulated market, seed 0")
        program.wait_for(LEADING)
        program.stop()


def test_the_live_view_owns_a_terminal_and_gives_it_back(tmp_path: Path) -> None:
    import os
    import pty
    import subprocess

    from processes import ROOT, environment

    primary, secondary = pty.openpty()
    env = {**environment(), "TERM": "xterm-256color", "COLUMNS": "110", "LINES": "36"}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "--speed", "36000"],
        cwd=tmp_path,
        env=env,
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
    )
    os.close(secondary)
    screen = b""
    deadline = time.monotonic() + 150
    while b"this process leads crew default" not in screen:
        assert time.monotonic() < deadline, screen
        screen += os.read(primary, 65_536)
    process.send_signal(signal.SIGINT)
    while True:
        try:
            chunk = os.read(primary, 65_536)
        except OSError:  # Linux ends a terminal whose last process has gone with an error
            break
        if not chunk:
            break
        screen += chunk
    assert process.wait(10) == 0
    os.close(primary)
    assert b"Watchbill" in screen
    assert screen.rfind(b"\x1b[?1049l") > screen.rfind(b"\x1b[?1049h"), "the terminal is as it was"
