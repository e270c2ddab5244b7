"""The commands of a terminal against a program that serves: live, closing, pausing, and halting one that hangs."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import DEADLINE_SECONDS, ROOT, Program, answer, environment, run, run_json

CONSOLE = {"CONSOLE__ENABLED": "true", "CONSOLE__PORT": "0"}
WORDS = ("serve", "--no-view", "--speed", "900")
ADDRESS = r"the console is at (http://127\.0\.0\.1:\d+)"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program runs."""
    return tmp_path_factory.mktemp("terminal")


@pytest.fixture(scope="module")
def program(place: Path) -> Iterator[Program]:
    """One that leads, with a console, for all tests of this file."""
    with Program(place, *WORDS, settings=CONSOLE) as running:
        running.wait_for(ADDRESS)
        running.wait_for("submitted to open")
        yield running
        running.send(signal.SIGCONT)
        running.stop(signal.SIGTERM)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
def test_the_live_view_of_another_terminal_shows_a_trade_and_ends_on_ctrl_c(program: Program, place: Path) -> None:
    import pty

    primary, secondary = pty.openpty()
    watching = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "status", "--watch"],
        cwd=place,
        env={**environment(**CONSOLE), "TERM": "xterm", "COLUMNS": "160", "LINES": "40"},
        stdin=secondary,
        stdout=secondary,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(secondary)
    try:
        shown = until_shown(primary, r"EURUSD.*\bbuy\b", DEADLINE_SECONDS)
        assert "leading crew default" in shown
        watching.send_signal(signal.SIGINT)
        until_closed(primary)
        assert watching.wait(DEADLINE_SECONDS) == 0
        assert watching.stderr is not None
        assert watching.stderr.read() == b""
    finally:
        if watching.poll() is None:
            watching.kill()
            watching.wait()
        assert watching.stderr is not None
        watching.stderr.close()
        os.close(primary)


def until_shown(terminal: int, pattern: str, seconds: float) -> str:
    """What a terminal showed until this was in it."""
    shown, until = "", time.monotonic() + seconds
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65_536).decode("utf-8", "replace")
            if re.search(pattern, shown, re.DOTALL):
                return shown
    raise AssertionError(f"{pattern!r} was never shown in:\n{shown[-4_000:]}")


def until_closed(terminal: int) -> None:
    """Empty it, so that whoever writes can end."""
    until = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 0.2)[0]:
            return
        try:
            if not os.read(terminal, 65_536):
                return
        except OSError:  # Linux says so at the end
            return


def test_without_a_terminal_the_live_view_is_refused(program: Program, place: Path) -> None:
    done = answer(["status", "--watch"], place, **CONSOLE)
    assert (done.returncode, "--watch needs a terminal" in done.stderr) == (2, True)


def test_trades_shows_the_same_rows_through_the_console_and_from_the_ledger(program: Program, place: Path) -> None:
    through = run_json(["trades"], place, **CONSOLE)
    elsewhere = run_json(["trades", "--url", program.wait_for(ADDRESS)[1]], place, **CONSOLE)
    beside = place / "state" / "console-address.json"
    hidden = beside.rename(beside.with_suffix(".hidden"))
    try:
        from_ledger = run_json(["trades"], place, **CONSOLE)
    finally:
        hidden.rename(beside)
    keys = [set(row) for data in (through, elsewhere, from_ledger) for row in data["trades"]]
    assert keys
    assert all(found == keys[0] for found in keys)
    assert from_ledger["trades"][-1]["trade_id"] == through["trades"][-1]["trade_id"]


def test_a_pause_goes_through_the_console_and_the_journal_names_the_token(program: Program, place: Path) -> None:
    paused = run_json(["pause", "--reason", "elections"], place, **CONSOLE)
    assert (paused["mode"], paused["through"], paused["reason"]) == ("paused", "console", "elections")
    assert re.fullmatch(r"trade token from 127\.0\.0\.1 \(.+@.+\)", paused["by"])
    resumed = run_json(["resume"], place, **CONSOLE)
    assert (resumed["mode"], resumed["through"]) == ("trading", "console")


def test_a_trade_is_closed_by_command(program: Program, place: Path) -> None:
    trade = next(row for row in run_json(["trades", "--state", "open"], place, **CONSOLE)["trades"])
    asked = answer(["close", str(trade["trade_id"])], place, **CONSOLE)
    assert asked.returncode == 2
    assert f"closes: {trade['platform']}:EURUSD" in asked.stderr
    done = run(["close", str(trade["trade_id"]), "--yes"], place, **CONSOLE)
    assert done.returncode == 0, done.stderr
    assert "was closed by operator" in " ".join(done.stdout.split())
    again = answer(["close", str(trade["trade_id"]), "--yes"], place, **CONSOLE)
    assert again.returncode == 2


def test_nothing_secret_is_shown(program: Program, place: Path) -> None:
    tokens = json.loads((place / "state" / "console-tokens.json").read_text(encoding="ascii"))
    done = answer(["close", "999999", "--yes"], place, **CONSOLE)
    assert (done.returncode, "there is no trade 999999" in done.stderr) == (2, True)
    assert not any(tokens[name] in done.stdout + done.stderr for name in ("read", "trade", "signal"))


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be stopped there as it can here")
def test_a_program_that_hangs_is_halted_through_the_ledger_and_closing_says_that_nobody_can(
    program: Program, place: Path
) -> None:
    program.send(signal.SIGSTOP)
    try:
        halted = run_json(["halt", "--yes"], place, **CONSOLE)
        assert (halted["mode"], halted["through"]) == ("halted", "ledger")
        assert "does not answer" in halted["why_ledger"]
        closing = answer(["close", "--all", "--yes"], place, **CONSOLE)
        assert closing.returncode == 2
        assert "nobody can close from here now" in closing.stderr
        assert "is led by" in closing.stderr
    finally:
        program.send(signal.SIGCONT)
    lifted = run_json(["resume"], place, **CONSOLE)
    assert lifted["mode"] == "trading"


def test_where_nothing_runs_a_pause_is_written_to_the_ledger(tmp_path: Path) -> None:
    with Program(tmp_path, *WORDS) as serving:
        serving.wait_for("leading crew")
        serving.stop()
    paused = run_json(["pause"], tmp_path)
    assert (paused["mode"], paused["through"], paused["why_ledger"]) == ("paused", "ledger", "no console runs here")
