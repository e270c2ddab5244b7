"""The real program over three MetaTrader 5 accounts, each with a worker process: hedging, with a suffix, netting."""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from processes import Program
from terminals import THREE, TTL_SECONDS, close_what_strangers_hold, disagreements, market_time, write_settings

from connectors.mt5.terminal_link import RemoteHands
from persistence.ledger import Ledger
from simulation.processes.comparison import Divergence, Kind
from trading.market import HOUR, instant
from trading.trade import TradeState

LEADING = r"leading crew default on alpha, beta, gamma from (\S+)"
BEGIN = instant(datetime(2017, 6, 28, tzinfo=UTC))
SETTLING_ATTEMPTS = 4
KILLS_PER_LOOK = 0.05
LOOK_SECONDS = 0.25
LONGEST_SECONDS = 120.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@contextmanager
def terminals(directory: Path, *words: str, ttl_seconds: float = TTL_SECONDS) -> Iterator[Program]:
    """The three, listening."""
    write_settings(directory, ttl_seconds=ttl_seconds)
    with Program(directory, "terminal", "--from", "2017-06-28", *words) as program:
        program.wait_for(r"listening on 127\.0\.0\.1:\d+ for alpha, beta, gamma")
        yield program


def serve(directory: Path) -> Program:
    return Program(directory, "serve", "--no-view")


def ledger_of(directory: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{(directory / 'state' / 'ledger.sqlite').as_posix()}", read_only=True)


def wait_until(is_so: Callable[[], bool], what: str, look_seconds: float = 0.05) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"it never came to be so: {what}"
        time.sleep(look_seconds)


def workers(program: Program) -> dict[int, int]:
    """The newest worker process of each login, as the program's log has it."""
    found = re.findall(r"worker of (\d+) at Sim-Demo: process (\d+)", program.said)
    return {int(login): int(process) for login, process in found}


def settled(directory: Path) -> bool:
    """Whether no trade is on its way."""
    on_its_way = [TradeState.SUBMITTED, TradeState.CLOSING, TradeState.LATE]
    with closing(ledger_of(directory)) as ledger:
        return not ledger.trades.list(states=on_its_way)


def disagreeing(directory: Path) -> list[Divergence]:
    """Where ledger and brokers contradict each other at this moment."""
    with closing(ledger_of(directory)) as ledger:
        return disagreements(directory, ledger)


def wait_for_agreement(directory: Path) -> None:
    """Everybody trades: until there is a moment at which ledger and brokers agree to the cent."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while found := disagreeing(directory):
        assert time.monotonic() < deadline, "\n".join(map(str, found))
        time.sleep(LOOK_SECONDS)


def require_agreement(directory: Path) -> None:
    """Nobody trades: ledger and brokers agree to the cent, once what was on its way has come."""
    for _ in range(SETTLING_ATTEMPTS):
        if not (found := disagreeing(directory)):
            return
        assert {each.kind for each in found} <= {Kind.UNSETTLED, Kind.LOST, Kind.DENIED}, "\n".join(map(str, found))
        with serve(directory) as program:
            program.wait_for(LEADING)
            wait_until(lambda: settled(directory), "everything is settled")
            program.stop()
    raise AssertionError("\n".join(map(str, found)))


def a_day_of_three_accounts(directory: Path, *, speed: float, hours: int, faults: float, seed: int) -> int:
    """So many hours of the market with faults and with workers that are killed, and some without; how many trades.

    It is all within the days for which the program looks for what a broker books on a closed trade.
    """
    rng = random.Random(seed)
    words = ("--speed", f"{speed:g}", "--faults", f"{faults:g}", "--seed", str(seed))
    with terminals(directory, *words), serve(directory) as program:
        program.wait_for(LEADING)
        kills = 0
        while market_time(directory) < BEGIN + hours * HOUR:
            close_what_strangers_hold(directory, THREE[-1])
            if rng.random() < KILLS_PER_LOOK and (victims := workers(program)):
                with suppress(ProcessLookupError):
                    os.kill(rng.choice(sorted(victims.values())), signal.SIGKILL)
                    kills += 1
            time.sleep(LOOK_SECONDS)
        for terminal in THREE:
            RemoteHands(terminal.file(directory)).behave()
        wait_for_agreement(directory)
        assert program.stop() < 10
        assert "Traceback" not in program.said
        assert kills == 0 or len(re.findall("worker of .*: process", program.said)) > len(THREE)
        require_agreement(directory)
    with closing(ledger_of(directory)) as ledger:
        trades = ledger.trades.list()
    assert len({trade.platform for trade in trades}) > 1
    return len(trades)


def test_after_a_day_with_faults_the_ledger_equals_the_broker_to_the_cent(tmp_path: Path) -> None:
    assert a_day_of_three_accounts(tmp_path, speed=9_000, hours=44, faults=0.1, seed=1) >= 3


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_after_a_slower_day_with_more_faults_it_does_too(tmp_path: Path, seed: int) -> None:
    assert a_day_of_three_accounts(tmp_path, speed=2_400, hours=48, faults=0.3, seed=seed) >= 5
