"""A worker that never comes back from an order: the other accounts of the real program go on, and it is found out.

The terminals are in the process of the test, which moves their market from tick to tick and sees who looks at it.
"""

from __future__ import annotations

import math
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from processes import DEADLINE_SECONDS, Program
from terminals import THREE, Terminal, disagreements, write_settings

from connectors.gateway_server import GatewayServer
from connectors.mt5.simulated_market import RecordedMarket
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.terminal_file import TerminalAddress, write_terminal_file
from connectors.mt5.terminal_floor import HoldUps, HostedAccount, TerminalFloor, WalkedClock
from connectors.mt5.trade_server import Record
from console.configuration import Configuration, load
from console.recorded import Recording, in_trading_times, sample_or_simulated
from persistence.ledger import Ledger
from trading.market import HOUR, MINUTE, SECOND, Instant, instant
from trading.trade import Trade

BEGIN = instant(datetime(2017, 6, 28, 3, tzinfo=UTC))
FIRST_OPINION, THIRD_OPINION = BEGIN + HOUR, BEGIN + 4 * HOUR  # of those that open something
SECRET = "s" * 32
TTL_SECONDS = 27.0
CALL_SECONDS = TTL_SECONDS / 3  # what an account may spend on its broker within one message
SOON_SECONDS = 3.0  # from a tick until an account has looked at it, on a busy machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


class WatchedServer(SimulatedTradeServer):
    """Notes until when its ticks have been looked at."""

    looked_at: Instant = 0
    looked = threading.Condition()

    def symbol_info_tick(self, symbol: str) -> Record:
        """As usual."""
        found = super().symbol_info_tick(symbol)
        with self.looked:
            self.looked_at = self.account.at
            self.looked.notify_all()
        return found

    def wait_until_looked_at(self, at: Instant) -> float:
        """Until somebody has looked at the ticks of this instant; how long that took."""
        began = time.monotonic()
        with self.looked:
            assert self.looked.wait_for(lambda: self.looked_at >= at, DEADLINE_SECONDS)
        return time.monotonic() - began


class Terminals:
    """Three accounts, and the market between them."""

    def __init__(self, directory: Path, configuration: Configuration, stack: ExitStack) -> None:
        self.recording: Recording = in_trading_times(sample_or_simulated(0), configuration)
        self._clock, hold_ups = WalkedClock(BEGIN), HoldUps()
        self.servers = {each.name: self._server(each, configuration, hold_ups) for each in THREE}
        self._floor = TerminalFloor(
            {name: HostedAccount(server) for name, server in self.servers.items()},
            self._clock,
            hold_ups,
            first=self.recording.first,
            last=self.recording.last,
            source="recorded hours",
            speed=1.0,
        )
        gateway = stack.enter_context(closing(GatewayServer(self._floor, SECRET, "127.0.0.1", 0)))
        for each in THREE:
            write_terminal_file(each.file(directory), TerminalAddress(*gateway.address, SECRET, each.name))

    def _server(self, terminal: Terminal, configuration: Configuration, hold_ups: HoldUps) -> WatchedServer:
        commodities = {terminal.symbol: configuration.commodities["EURUSD"]}
        return WatchedServer(
            AccountTerms(terminal.login, "Sim-Demo", netting=terminal.netting),
            {terminal.symbol: SymbolTerms(commodities[terminal.symbol])},
            RecordedMarket({terminal.symbol: self.recording.series["EURUSD"]}, commodities),
            self._clock,
            block=hold_ups.note,
        )

    def walk(self, until: Instant, watched: tuple[str, ...]) -> float:
        """From tick to tick, each once these accounts have looked at the one before; the longest that one took."""
        longest = 0.0
        for at in self.recording.instants(self._clock.now() + 1, until).tolist():
            self._floor.move_to(at)
            longest = max(longest, *(self.servers[name].wait_until_looked_at(at) for name in watched))
        return longest


@contextmanager
def terminals(directory: Path) -> Iterator[Terminals]:
    write_settings(directory, ttl_seconds=TTL_SECONDS)
    with ExitStack() as stack:
        yield Terminals(directory, load(directory / "watchbill.toml", {}), stack)


def test_a_worker_that_blocks_for_ever_in_an_order_holds_up_no_other_account(tmp_path: Path) -> None:
    with terminals(tmp_path) as market, Program(tmp_path, "serve", "--no-view") as program:
        program.wait_for("leading crew default on alpha, beta, gamma")
        market.walk(FIRST_OPINION - SECOND, ("alpha", "beta", "gamma"))
        for terminal in THREE:
            program.wait_for(f"{terminal.name}: looked through")
        first_worker = program.wait_for(r"worker of 1001 at Sim-Demo: process (\d+)")[1]
        market.servers["alpha"].script.next("order_send", blocks_seconds=math.inf)
        assert market.walk(THIRD_OPINION + MINUTE, ("beta", "gamma")) < SOON_SECONDS
        program.wait_for("alpha:EURUSD buy .*: submitted to unknown")
        market.walk(THIRD_OPINION + HOUR, ("alpha", "beta", "gamma"))
        program.wait_for("alpha:EURUSD buy .*: unknown to (open|closed)")
        program.wait_for(rf"worker of 1001 at Sim-Demo: process (?!{first_worker}\b)")
        program.stop()
        assert not is_alive(int(first_worker))
        opened = {trade.platform: trade.submitted_at for trade in trades_of(tmp_path)}
        lines = program.lines
    assert opened["alpha"] < opened["beta"] < opened["gamma"], "each in its turn"
    assert all(at % HOUR < MINUTE for at in opened.values()), "when the bar was judged, and not later"
    told, unknown = first(lines, "EURUSD buy: alpha by "), first(lines, "alpha:EURUSD buy .*: submitted to unknown")
    assert said_at(lines[unknown]) - said_at(lines[told]) < CALL_SECONDS + SOON_SECONDS, "its deadline holds"
    for other in ("beta", "gamma"):
        assert told < first(lines, f"{other}:EURUSD buy .*: submitted to open") < unknown, "while alpha waits"


def trades_of(directory: Path) -> list[Trade]:
    """The ledger's, which agree with the brokers."""
    with closing(Ledger.open(f"sqlite:///{directory / 'state' / 'ledger.sqlite'}", read_only=True)) as ledger:
        assert not disagreements(directory, ledger)
        return ledger.trades.list()


def said_at(line: str) -> float:
    """When a line was written, in whole seconds."""
    return datetime.fromisoformat(line.partition(" ")[0]).timestamp()


def first(lines: list[str], pattern: str) -> int:
    """The number of the first line that matches."""
    return next(number for number, line in enumerate(lines) if re.search(pattern, line))


def is_alive(process: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
