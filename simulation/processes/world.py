"""A world of real processes: one ledger, the books of its paper accounts, and a crew of two that trade on them.

Nobody here reaches into a program: it is started, listened to and signalled, as a person at a terminal could, and what
came of it is read from the ledger and the books.
"""

from __future__ import annotations

import random
import re
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self

from actors.lookup import QUARANTINE_SECONDS
from persistence.ledger import Ledger
from persistence.sqlite import newest_sqlite
from simulation.processes import evidence, traffic
from simulation.processes.comparison import (
    BrokerFacts,
    Divergence,
    divergences,
    waits_for_the_broker,
    writers_out_of_turn,
)
from simulation.processes.program import Ears, Heard, Program, Silence
from trading.trade import TradeState

START_SECONDS = 120.0  # generous: the machine may be busy
CREW = "default"
LEADING = re.compile(rf"^leading crew {CREW} on ")
STANDING_BY = rf"^standing by: crew {CREW} is led by "
SURVEYED = re.compile(r"^(\S+): looked through")
MARKET_ENDED = re.compile(" ended at .*: the market is shut")
TRADED = re.compile(": submitted to open,")
CURRENCY = "USD"
LOCKED_FOR_GOOD_SECONDS = 0.7  # no transaction of a living process lasts nearly as long
SETTLING_SPEED = 1.0  # market seconds a second: nothing new is opened while old things are settled
SETTLING_LOOK_SECONDS = 0.1
SETTLING_ATTEMPTS = 5
STATE = "state"


class NeverSettled(Exception):
    """Something was still on its way long after every process could have settled it."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term of leadership: who, and the line with which it began."""

    program: Program
    begun: Heard


@dataclass(frozen=True, slots=True)
class WorldPlan:
    """What a world is made of."""

    seed: int
    ttl_seconds: float = 3.0  # the shortest that the settings allow
    speed: float = 72_000.0  # market seconds a second: twenty hourly bars
    database_url: str = ""  # empty: a SQLite file of its own
    has_broker: bool = True  # the accounts live in a broker process; False: in whoever leads
    lose_replies: float = 0.0  # fraction of the broker's replies to orders
    settles_unknown: bool = True  # wait until lost orders have left their quarantine


class World:
    """One world in one directory. Everything that was started has ended when the block ends."""

    def __init__(self, directory: Path, plan: WorldPlan) -> None:
        self.directory = directory
        self.plan = plan
        self.rng = random.Random(plan.seed)
        self.ears = Ears()
        self.programs: list[Program] = []
        self._ledger: Ledger | None = None
        self._port = free_port() if plan.has_broker else 0
        self._broker: Program | None = None  # the living one
        self._brokers: list[Program] = []
        self._ledger_file = directory / STATE / "ledger.sqlite"
        self._url = plan.database_url or f"sqlite:///{self._ledger_file.as_posix()}"
        server = f"127.0.0.1:{self._port}" if plan.has_broker else ""
        text = traffic.settings_text(plan.ttl_seconds, self._url, server)
        (directory / "watchbill.toml").write_text(text, encoding="utf-8")

    # ------------------------------------------------------------ processes

    def start(self, speed: float | None = None, settings: Mapping[str, str] | None = None) -> Program:
        """Start one more process of the crew."""
        words = ["serve", "--no-view", "--no-console"]
        words += [] if self.plan.has_broker else ["--speed", f"{self.plan.speed if speed is None else speed:g}"]
        program = Program(f"process {len(self.programs) + 1}", words, self.directory, self.ears, settings)
        self.programs.append(program)
        return program

    def start_broker(self, *, calm: bool = False) -> None:
        """Start the broker on its old books, and wait until it listens. ``calm``: slow, and without any fault."""
        speed, lost = (SETTLING_SPEED, 0.0) if calm else (self.plan.speed, self.plan.lose_replies)
        words = ["broker", "--port", str(self._port), "--speed", f"{speed:g}", "--lose-replies", f"{lost:g}"]
        words += ["--seed", str(self.rng.randrange(1 << 16))]
        self._broker = Program("broker", words, self.directory, self.ears)
        self._brokers.append(self._broker)
        self._broker.wait_for("^listening on ", START_SECONDS)

    def kill_broker(self) -> None:
        """``kill -9`` the broker."""
        assert self._broker is not None
        self._broker.kill()

    def first_term(self, start: Callable[[], Program] | None = None) -> Term:
        """Start everything: the broker and two processes, of which one leads and the other stands by.

        ``start`` starts one process of the crew, otherwise than `start` does.
        """
        if self.plan.has_broker:
            self.start_broker()
        begin = self.start if start is None else start
        crew = [begin(), begin()]
        term = self.next_term(0)
        for program in crew:
            if program is not term.program:
                program.wait_for(STANDING_BY, START_SECONDS)
        return term

    def latest_term(self, term: Term) -> Term:
        """The newest term: on a busy machine a leader may be late to renew its lease, and lose it by itself."""
        later = [heard for heard in self.ears.lines(term.begun.number + 1) if LEADING.search(heard.text)]
        return Term(later[-1].program, later[-1]) if later else term

    def trades_again(self) -> None:
        """Wait for an open from now on, or for the end of the market. Raises `Silence`.

        Every account may be looking for a lost order, which takes as long as a quarantine.
        """
        self.ears.wait(
            lambda heard: TRADED.search(heard.text) is not None or MARKET_ENDED.search(heard.text) is not None,
            "an open",
            START_SECONDS + QUARANTINE_SECONDS,
            since=self.ears.mark(),
        )

    def next_term(self, since: int, deadline_seconds: float = START_SECONDS, besides: Program | None = None) -> Term:
        """The next that begins to lead after a mark. Raises `Silence` when nobody does."""
        begun = self.ears.wait(
            lambda heard: heard.program is not besides and LEADING.search(heard.text) is not None,
            "a leader",
            deadline_seconds,
            since=since,
            hopeless=lambda: "" if any(program.lives for program in self.programs) else "every process has ended",
        )
        return Term(begun.program, begun)

    def surveyed_at(self, term: Term, deadline_seconds: float = START_SECONDS) -> float:
        """When the leader's first clean scan of its last account was heard. Raises `Silence`."""
        missing = set(traffic.ACCOUNTS)

        def is_last(heard: Heard) -> bool:
            found = SURVEYED.search(heard.text) if heard.program is term.program else None
            if found is not None:
                missing.discard(found[1])
            return not missing

        what = f"clean scans of {term.program.name}"
        # The scans may come before the line that says who leads: both follow from the taking of the posts.
        stood_by = re.compile(STANDING_BY)
        before = self.ears.lines()[: term.begun.number]
        since = max((h.number for h in before if h.program is term.program and stood_by.search(h.text)), default=0)
        return self.ears.wait(is_last, what, deadline_seconds, since=since).at

    def market_has_ended(self) -> bool:
        """Whether the recording is over, so that nothing more is traded in this world."""
        return any(MARKET_ENDED.search(heard.text) for heard in self.ears.lines())

    def leaders(self) -> list[int]:
        """The process numbers of those who led, term by term."""
        return [heard.program.pid for heard in self.ears.lines() if LEADING.search(heard.text)]

    # ------------------------------------------------------------ what came of it

    @property
    def ledger(self) -> Ledger:
        """The ledger, once a process has made it."""
        if self._ledger is None:
            self._ledger = Ledger.open(self._url, writer="soak")
        return self._ledger

    def forgive_crashes(self) -> None:
        """What an operator does who kills on purpose: without it, five kills in ten minutes would stop the opens."""
        self.ledger.starts.forgive(CREW)

    def files_stay_locked(self) -> bool:
        """Whether a SQLite file is locked for so long that only a process that was stopped can hold the lock."""
        # The ledger's file is asked by the copy of SQLite that has it open here; the books by that of their connector.
        asked = [] if self.plan.database_url else [(newest_sqlite(), self._ledger_file)]
        asked += [] if self.plan.has_broker else [(sqlite3, book) for book in self._books().values()]
        return any(stays_locked(module, file) for module, file in asked)

    def settle(self) -> None:
        """Stop everything in order, then let one process settle what is on its way, in a market that stands still.

        Raises `NeverSettled`, and `Silence` when a process does not do what is asked of it.
        """
        for _ in range(SETTLING_ATTEMPTS):
            self._stop_crew()
            if not self._is_unsettled():
                self._stop_broker()
                return
            if self._broker is not None:
                self._stop_broker()
                self.start_broker(calm=True)
            self.start(SETTLING_SPEED).wait_for(LEADING.pattern, START_SECONDS)
            deadline = time.monotonic() + START_SECONDS + (QUARANTINE_SECONDS if self.plan.settles_unknown else 0)
            while self._is_unsettled():
                self.ears.require_wanted()
                if time.monotonic() > deadline:
                    raise NeverSettled("; ".join(map(str, self.divergences())) or "an order stays unknown")
                time.sleep(SETTLING_LOOK_SECONDS)
        raise NeverSettled("; ".join(map(str, self.divergences())))

    def divergences(self) -> list[Divergence]:
        """Where ledger and books contradict each other now."""
        return divergences(evidence.ledger_facts(self.ledger, traffic.ACCOUNTS), self._broker_facts())

    def out_of_turn(self) -> list[str]:
        """Who wrote to an account's trades after another's term had begun there, in words."""
        wrong = writers_out_of_turn(evidence.writers(self.ledger), self.leaders())
        return [f"{account}: process {pid} wrote when it was not its turn" for account, pid in wrong]

    def _books(self) -> dict[str, Path]:
        directory = self.directory / STATE / "broker" if self.plan.has_broker else self.directory / STATE
        return {account: directory / f"paper-{account}.sqlite" for account in traffic.ACCOUNTS}

    def _broker_facts(self) -> dict[str, BrokerFacts]:
        return evidence.broker_facts(self._books(), CURRENCY, traffic.OPENING_BALANCE)

    def _is_unsettled(self) -> bool:
        brokers = self._broker_facts()
        trades = [trade for trade in self.ledger.trades.list() if trade.platform in brokers]
        return any(
            waits_for_the_broker(trade, brokers[trade.platform])
            or (self.plan.settles_unknown and trade.state is TradeState.UNKNOWN)
            for trade in trades
        )

    def _stop_broker(self) -> None:
        if self._broker is not None and self._broker.lives:
            self._stop(self._broker)

    def _stop_crew(self) -> None:
        for program in self.programs:
            if program.lives:
                program.send(signal.SIGCONT)
        # The one that stands by first: it would begin to lead when the leader lets go.
        leaders = self.leaders()
        living = [program for program in self.programs if program.lives]
        for program in sorted(living, key=lambda program: bool(leaders) and program.pid == leaders[-1]):
            self._stop(program)

    def _stop(self, program: Program) -> None:
        code = program.stop()
        if code != 0:
            raise Silence(f"{program.name} ended with code {code} when it was told to stop")

    def close(self) -> None:
        """End every process, whatever state it is in."""
        self.end_processes()
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def end_processes(self) -> None:
        """Kill what still runs. What it said stays in `ears`."""
        for program in (*self.programs, *self._brokers):
            program.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def stays_locked(module: ModuleType, file: Path) -> bool:
    """Whether a SQLite file stays locked for longer than any process keeps it locked that goes on."""
    try:
        with closing(module.connect(file, timeout=LOCKED_FOR_GOOD_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except module.OperationalError:
        return True
    return False


def free_port() -> int:
    """A port of this machine that nobody listens on at the moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
