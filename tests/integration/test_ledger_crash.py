"""A process that is killed leaves a ledger in which every trade is whole: its row, its number, its journal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from made_ledger import TTL_SECONDS, Clock, Holder, a_ledger

from trading.trade import TradeState

DEADLINE_SECONDS = 60.0

LIFE = (TradeState.SUBMITTED, TradeState.OPEN, TradeState.CLOSING, TradeState.CLOSED)

TRADES_FOR_EVER = """
import sys
from made_ledger import Clock, Holder, a_ledger, a_line
from trading.trade import TradeState

with a_ledger(sys.argv[1], writer="victim", lease_clock=Clock()) as ledger:
    me, number = Holder(ledger, "victim"), 0
    while True:
        number += 1
        trade = me.submit(a_line(), analysis_id=f"analysis-{number}")
        for state in (TradeState.OPEN, TradeState.CLOSING, TradeState.CLOSED):
            trade = me.advance(trade, state, a_line())
            print(trade.trade_id, state, flush=True)
"""


def trade_until_killed(url: str, writes: int) -> list[tuple[int, TradeState]]:
    """Let a process trade, kill it after it has reported so many writes, and answer all that it has reported."""
    here = Path(__file__).parent
    search = os.pathsep.join([str(here), str(here.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, "-c", TRADES_FOR_EVER, url],
        env={**os.environ, "PYTHONPATH": search},
        stdout=subprocess.PIPE,
        text=True,
    ) as victim:
        assert victim.stdout is not None
        reported = [victim.stdout.readline() for _ in range(writes)]
        victim.kill()  # SIGKILL: not one more line of its own code runs
        reported += victim.stdout.readlines()
        victim.wait(DEADLINE_SECONDS)
    whole_lines = (line.split() for line in reported if line.endswith("\n"))
    return [(int(trade_id), TradeState(state)) for trade_id, state in whole_lines]


@pytest.mark.parametrize("writes", [1, 7, 20])
def test_a_killed_process_leaves_only_whole_transactions(any_url: str, writes: int) -> None:
    reported = trade_until_killed(any_url, writes)
    assert len(reported) >= writes
    with a_ledger(any_url) as ledger:
        with ledger.reading() as connection:
            if ledger.dialect == "sqlite":
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
            sequence = connection.exec_driver_sql("SELECT sequence FROM account").scalar_one()
        steps = {trade.trade_id: LIFE.index(trade.state) for trade in ledger.trades.list()}
        lines = Counter(line.trade_id for line in ledger.journal.list())
    assert sequence == len(steps), "every order has a number, and every number an order"
    assert lines == {trade_id: step + 1 for trade_id, step in steps.items()}, "every transition has its journal line"
    assert all(steps[trade_id] >= LIFE.index(state) for trade_id, state in reported), "what was reported is there"


def test_what_a_killed_process_held_is_taken_over_when_its_time_is_over(any_url: str) -> None:
    trade_until_killed(any_url, 1)
    clock = Clock()
    with a_ledger(any_url, lease_clock=clock) as ledger:
        assert ledger.reservations.reserve_resource("account:alpha", "heir", TTL_SECONDS) is None
        clock.pass_seconds(TTL_SECONDS)
        heir = Holder(ledger, "heir")
        assert heir.account().token == 2
        for left in ledger.trades.active():
            settled = left
            for state in LIFE[LIFE.index(left.state) + 1 :]:
                settled = heir.advance(settled, state)
        assert ledger.trades.active() == []
        heir.submit(analysis_id="analysis of the heir")
