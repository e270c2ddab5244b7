"""The way from a simulated process to the worker beside its terminal, and what goes wrong on it.

The worker is the real one, in this process; a new one is started whenever the last was killed. At most one fault
befalls a call: here, before the worker hears of it or after it has answered, or inside, at the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.base import Clock
from connectors.mt5.calls import WorkerTerms
from connectors.mt5.channel import AnswerLost
from connectors.mt5.direct import DirectChannel
from connectors.mt5.simulator import Package
from connectors.mt5.trade_server import TradeServer
from connectors.mt5.worker_core import WorkerCore
from connectors.wire import Json
from simulation import broker_faults as faults
from simulation.broker_connection import LATE_ARRIVAL_SECONDS
from simulation.terminal_account import Errand, TerminalAccount
from simulation.terminal_faults import WORKER_KILLED
from simulation.terminal_floor import WorkersFloor
from simulation.terminal_server import SimulatedTerminal
from trading.market import SECOND

MOST_QUESTIONS = 4  # to a terminal, of the first of which one fails: whose account it is, and what was asked
CARRIED_LATE_SHARE = 0.5  # of late orders are late on the way to the worker; the others on the way to the broker


class TerminalChannel:
    """A `Channel`."""

    def __init__(self, account: TerminalAccount, terminal: SimulatedTerminal, terms: WorkerTerms, clock: Clock) -> None:
        """``clock``: the world's, of which everything here is timed."""
        self._account = account
        self._dice = account.dice
        self._terminal = terminal
        self._terms = terms
        self._clock = clock
        self._direct = DirectChannel(self._start, clock.elapsed)

    @property
    def is_open(self) -> bool:
        """As `Channel.is_open`."""
        return self._direct.is_open

    def open(self, seconds: float) -> None:
        """As `Channel.open`."""
        self._direct.open(seconds)

    def close(self) -> None:
        """As `Channel.close`."""
        self._direct.close()

    def call(self, call: str, arguments: Mapping[str, Json], seconds: float) -> Json:
        """As `Channel.call`."""
        expires = self._clock.elapsed() + seconds
        errand = self._terminal.errand = self._errand(call, arguments, expires)
        is_killed = self._dice.of_call("worker") == WORKER_KILLED
        if is_killed and self._dice.coin():
            self._kill()
            raise AnswerLost(f"{call}: the worker was killed before it was asked")
        if errand.fault == faults.LATE_ARRIVAL and self._dice.seconds(1.0) < CARRIED_LATE_SHARE:
            self._carry(call, self._dice.milliseconds(*LATE_ARRIVAL_SECONDS) / SECOND, expires)
            errand.fault = None
        elif self._account.way_seconds:
            self._carry(call, self._account.way_seconds, expires)
        answer = self._direct.call(call, arguments, expires - self._clock.elapsed())
        if errand.fault == faults.DUPLICATE_DELIVERY:
            errand.fault = None
            self._direct.call(call, arguments, expires - self._clock.elapsed())
        if is_killed:
            self._kill()
            raise AnswerLost(f"{call}: the worker was killed when it had answered")
        if errand.fault == faults.LOST_FENCE:
            self._kill()
            raise AnswerLost(f"{call}: the answer was lost")
        return answer

    # ------------------------------------------------------------ what the dice say

    def _errand(self, call: str, arguments: Mapping[str, Json], expires: float) -> Errand:
        if call == "send":
            self._terminal.touched_by(self._dice.of_call("send"))
            kind = "open" if arguments["order"]["position"] is None else "close"
            return Errand(expires, token=arguments["token"], fault=self._dice.of_call(kind))
        fault = self._dice.of_call("question")
        if call == "fence" and fault is None:
            fault = self._dice.of_call("fence")
        errand = Errand(expires, fault=fault, strikes_at=self._dice.rng.randrange(MOST_QUESTIONS) + 1)
        if call == "ticks" and self._dice.of_call("quotes") == faults.BAD_QUOTE:
            errand.bad_symbol = self._dice.rng.choice(arguments["names"])
        return errand

    def _carry(self, call: str, seconds: float, expires: float) -> None:
        """The worker hears of it later, and where that is too late drops it; who asked has given it up by then."""
        left = expires - self._clock.elapsed()
        self._clock.sleep(min(seconds, left))
        if seconds >= left:
            self._kill()
            raise AnswerLost(f"{call}: the worker got to it too late")

    # ------------------------------------------------------------ the worker

    def _start(self) -> WorkerCore:
        floor = WorkersFloor(self._account.order_floor, lambda: self._direct.expires)
        return WorkerCore(Package(self._terminal_at), self._terms, floor, self._clock.elapsed)

    def _terminal_at(self, path: str, timeout_seconds: float) -> TradeServer:
        self._terminal.attach()
        return self._terminal

    def _kill(self) -> None:
        self._terminal.detach()
        self._direct = DirectChannel(self._start, self._clock.elapsed)
