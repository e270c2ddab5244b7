"""The crew of a rehearsal: the program's own actors, which can be killed at any moment and begun anew.

What outlives a crew is what outlives a process: the ledger, and the brokers. Leases need no renewal here; the clock
that they run on stands still while a crew lives, and is beyond their end when the next one begins.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from actors.accounts import Market
from actors.messages import Analysed
from actors.names import TRADER
from actors.system.alerts import Alert
from actors.system.context import Context
from actors.system.runtime_virtual import VirtualWorld
from actors.system.system import System
from actors.wiring import Parts, crew_specs, journal_alert, lead, reservation_spec
from connectors.base import CloseOrder, OpenOrder, Outcome
from connectors.mock import MockConnector
from persistence.database import Database
from persistence.ledger import Ledger
from persistence.memory import memory_in_front_of
from persistence.migrate import migrate
from trading.analysis import Analysis
from trading.bars import BarSeries
from trading.market import HOUR, SECOND, Account, Deal, Instant

MILLISECONDS = 1_000
NO_FIGURES = np.empty(0, dtype=np.float64)
NO_BARS = BarSeries(
    "", HOUR // SECOND, np.empty(0, dtype=np.int64), NO_FIGURES, NO_FIGURES, NO_FIGURES, NO_FIGURES, NO_FIGURES
)

Strike = Callable[[], None]


class RehearsedBroker(MockConnector):
    """A well-behaved broker, at which the crew can be killed right before or right after an order is executed."""

    before_order: Strike | None = None
    after_order: Strike | None = None
    turns: Sequence[Instant] = ()  # when any price changes, in order: in between the account is worth the same
    _valued: tuple[int, int, Account] | None = None  # the prices and the deals of it

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """As usual; the answer may find nobody."""
        self._strike(self.before_order)
        outcome = super().open(order, token, deadline)
        self._strike(self.after_order)
        return outcome

    def close(self, order: CloseOrder, token: int, deadline: float) -> Outcome:
        """As usual; the answer may find nobody."""
        self._strike(self.before_order)
        outcome = super().close(order, token, deadline)
        self._strike(self.after_order)
        return outcome

    def bars(self, commodity: str, count: int, deadline: float) -> BarSeries:
        """None: the analyst of a rehearsal has no use for them."""
        return NO_BARS

    def account(self, deadline: float) -> Account:
        """As usual, reckoned up anew where a price has changed or a deal was made."""
        now = self._question("account", deadline=deadline)
        turned, dealt = bisect_right(self.turns, now), len(self._book.deals)
        if self._valued is None or self._valued[:2] != (turned, dealt):
            self._valued = turned, dealt, self._office.account(now)
        return replace(self._valued[2], time=now)

    def deals_from(self, number: int) -> list[Deal]:
        """The deals since so many were made, oldest first: what the referee reads, past every connection."""
        return self._book.deals[number:]

    def commodities_held(self) -> set[str]:
        """Those in which there is a position."""
        return {holding.commodity for holding in self._book.holdings.values()}

    def _strike(self, blow: Strike | None) -> None:
        if blow is not None:
            self.before_order = self.after_order = None
            blow()  # does not return


class Unoccupied:
    """An analyst without opinions: those of a rehearsal are written down before."""

    def receive(self, message: object, context: Context) -> None:
        """Hear, and say nothing."""


class RehearsedCrew:
    """One process after the other, on one ledger."""

    def __init__(self, market: Market, world: VirtualWorld, brokers: Mapping[str, RehearsedBroker], seed: str) -> None:
        """It does not live yet."""
        self.lives = 0
        self.faults: list[str] = []  # what no kill explains: actors given up, and defects
        self._market = market
        self._world = world
        self._brokers = brokers
        self._seed = seed
        self._database = Database("sqlite://")
        migrate(self._database)
        self._database.use_prepared_statements(memory_in_front_of)
        self.ledger = self._ledger("rehearsal")
        self._system: System | None = None

    @property
    def is_alive(self) -> bool:
        """Whether anybody watches the trades."""
        return self._system is not None and not self._system.is_killed

    def start(self) -> None:
        """Begin a life: lead, rebuild everything from the ledger and the brokers, and be at rest."""
        self.lives += 1
        runtime = self._world.process()
        ledger = self._ledger(runtime.owner)
        self._system = system = System(
            runtime,
            on_escalate=lambda name, error: self.faults.append(f"{name} was given up: {error}"),
            on_alert=lambda alert: self._alerted(ledger, alert),
        )
        parts = Parts(self._market, ledger, self._brokers, renews_leases=False, analyst=Unoccupied)
        system.start([reservation_spec(parts)])
        if not lead(system, parts):
            self.faults.append(f"{runtime.owner} was not given the lead")
        system.start(crew_specs(parts))
        self._world.run_until_quiet()

    def kill(self) -> None:
        """As `kill -9`. Called by one of its own actors, this does not return."""
        if self._system is not None:
            self._system.kill()

    def hear(self, analyses: list[Analysis]) -> None:
        """Hand opinions to the trader, as an analyst does, and let all that follows happen."""
        if self._system is None or not self.is_alive:
            return
        for analysis in analyses:
            self._system.tell(TRADER, Analysed(analysis))
        self._world.run_until_quiet()

    def close(self) -> None:
        """End the last life in order."""
        if self._system is not None and self.is_alive:
            self._system.stop()
        self._database.close()

    def _alerted(self, ledger: Ledger, alert: Alert) -> None:
        if alert.is_defect:
            self.faults.append(f"{alert.actor}: {alert.reason}: {alert.detail}")
        journal_alert(ledger, alert)

    def _ledger(self, writer: str) -> Ledger:
        settings = self._market.settings
        # Every lease of the lives before has run out when the next one begins.
        ran_out = self.lives * int((settings.ai_db_reservation_ttl_seconds + 1) * MILLISECONDS)
        rng = random.Random(f"{self._seed}/{writer}/ledger")
        return Ledger(self._database, crew=settings.crew, writer=writer, lease_clock=lambda: ran_out, rng=rng)
