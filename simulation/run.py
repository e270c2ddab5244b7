"""One seed from beginning to end: a troubled time in which faults strike, a calm in which all must settle, a judgement.

The actors, the ledger and the recovery are the program's own. The world around them is not: time is virtual, the
brokers are simulated, and every process can be killed, stopped and started again.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from actors.system.context import Behaviour
from actors.system.runtime_virtual import VirtualWorld
from connectors.base import Connector
from simulation.broker import FAULTS as FAULTS_OF_BROKERS
from simulation.broker import SimulatedBroker
from simulation.broker_prices import ANY_PRICE, FIRST_PRICES
from simulation.connection import WatchedConnection
from simulation.database import Weather, simulated_database
from simulation.happenings import Happenings
from simulation.kinds import FAULTS
from simulation.person import Person
from simulation.process import Fragile, Process
from simulation.readings import Readings
from simulation.referee import Referee, Violation
from simulation.scenario import STRATEGIES, ConnectorKind, Scenario, catalogue, draw
from simulation.story import WORLD, Story
from simulation.terminal_broker import MetaTraderBroker
from simulation.terminal_faults import FAULTS_OF_TERMINALS
from simulation.troubles import TroubledLine, Troubles
from trading.analysis import Analysis, Pillar, Pillars, Regime
from trading.market import Side

SLICE_SECONDS = 1.0  # after so long at most, the driver looks at what the processes need of it
SHORTEST_STEP_SECONDS = 1e-6  # shorter ones may be lost in rounding
HOURLY_VOLATILITY = 0.006
SCORE = 0.9

RESTART_SECONDS = (0.5, 40.0)
RESTART_IN_CALM_SECONDS = 5.0
REPEATED_SHARE = 0.4  # of analyses are heard again

CALM_TRADING_SECONDS = 45.0  # the calm begins with so much of ordinary business
SETTLING_SECONDS = 420.0  # then nothing new is begun, and within so long everything must have settled
LONGEST_SETTLING_SECONDS = 900.0  # where a broker still holds an order back
LOOK_SECONDS = 15.0  # how often it is looked whether everything has settled


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one seed."""

    seed: int
    summary: str
    violations: tuple[Violation, ...]
    struck: Mapping[str, int]  # how often each kind of fault did
    count: Mapping[str, int]  # orders, answers, kills, terms, takeovers, states of trades
    virtual_seconds: float
    turns: int
    digest: str  # of the whole story
    last_lines: tuple[str, ...]


def run_seed(
    seed: int,
    kinds: frozenset[str] = frozenset(FAULTS),
    *,
    connector: ConnectorKind = "paper",
    lines: int = 60,
    stop_at_first: bool = True,
) -> Outcome:
    """Run one seed. ``lines``: how many of the last lines of its story to keep."""
    scenario = draw(seed, kinds, connector)
    world = VirtualWorld(
        scenario.origin,
        seed,
        strategy=scenario.schedule,
        latency_seconds=scenario.latency_seconds,
        pct_steps=2_000,
    )
    with world:
        run = Run(scenario, world, stop_at_first=stop_at_first)
        run.play()
        return run.outcome(lines)


@dataclass(order=True, slots=True)
class Act:
    """Something that the driver does at a time."""

    at: float  # elapsed seconds
    number: int
    do: Callable[[], None] = field(compare=False)


class Run:
    """One scenario in one world."""

    def __init__(self, scenario: Scenario, world: VirtualWorld, *, stop_at_first: bool = True) -> None:
        self.scenario = scenario
        self.world = world
        self.story = Story(world.elapsed)
        self._stops_at_first = stop_at_first
        self._is_calm = False
        self._acts: list[Act] = []
        self._acted = 0
        self._rng = random.Random(f"{scenario.seed}/driver")
        self._weather = Weather()
        books = simulated_database().books
        books.clear()
        self._brokers = {account.name: self._broker(account.name) for account in scenario.settings.accounts}
        self.referee = Referee(scenario, self._brokers, books, self.story, world.elapsed, world.now)
        self._troubles: dict[str, Troubles] = {}
        self._processes = [self._process(f"p{number + 1}") for number in range(scenario.processes)]
        self._happenings = Happenings(
            scenario, world, self.story, self.referee, self._weather, self._processes, self._rng, self._at
        )
        self._person = Person(scenario, world.elapsed, world.now, self.story, self.referee, self._processes, self._at)
        self._analyses = 0
        self._readings = Readings(scenario)

    # ------------------------------------------------------------ the course of it

    def play(self) -> None:
        """From the first start to the last judgement, or to the first violation."""
        self.story.tell(WORLD, "", self.scenario.summary())
        for process in self._processes:
            self._at(self._rng.uniform(0.0, 2.0), process.start)
        for commodity in self.scenario.market.commodities:
            self._later_analysis(commodity)
            self._later_reading(commodity)
        self._happenings.begin()
        self._person.begin()
        if self._until(self.scenario.troubled_seconds) and self._calm_down():
            self.referee.rest()

    def _calm_down(self) -> bool:
        """Faults end; business goes on for a while, and then everything has its time to settle."""
        self.story.tell(WORLD, "", "calm: no more faults")
        self._is_calm = True
        for troubles in self._troubles.values():
            troubles.is_calm = True
        for broker in self._brokers.values():
            broker.behave()
        self._happenings.end()
        self._person.end()
        began = self.world.elapsed()
        if not self._until(began + CALM_TRADING_SECONDS):
            return False
        self._acts.clear()
        now = self.world.elapsed()
        settled_by = now + SETTLING_SECONDS
        while now < settled_by:
            if not self._until(now + LOOK_SECONDS):
                return False
            now = self.world.elapsed()
            if any(broker.truth.waiting for broker in self._brokers.values()):
                settled_by = min(began + LONGEST_SETTLING_SECONDS, now + SETTLING_SECONDS)
            elif self.referee.is_at_rest():
                break
        return not self._is_over

    @property
    def _is_over(self) -> bool:
        return self._stops_at_first and bool(self.referee.violations)

    def _until(self, end: float) -> bool:
        """Let the world go on until then; False when it is over before."""
        while not self._is_over:
            now = self.world.elapsed()
            if now >= end - SHORTEST_STEP_SECONDS:
                return True
            due = self._acts[0].at if self._acts else math.inf
            wanted = min(end, due, now + SLICE_SECONDS)
            if wanted > now:
                self.world.run_for(max(SHORTEST_STEP_SECONDS, wanted - now))
            while self._acts and self._acts[0].at <= self.world.elapsed():
                heapq.heappop(self._acts).do()
            for process in self._processes:
                self._look_after(process)
        return False

    def _look_after(self, process: Process) -> None:
        """What the service manager does: start again what died; and let a process step down that has lost the lead."""
        if process.is_alive and process.has_given_up:
            self.story.tell(process.name, "process", "exits with code 70")
            process.die()
        if process.is_alive and process.is_deposed and self.world.elapsed() >= process.stopped_until:
            process.step_down()
        if not process.is_alive and process.lives and not process.is_awaited:
            process.is_awaited = True
            longest = RESTART_IN_CALM_SECONDS if self._is_calm else RESTART_SECONDS[1]
            self._at(self.world.elapsed() + self._rng.uniform(RESTART_SECONDS[0], longest), process.start)

    def _at(self, at: float, do: Callable[[], None]) -> None:
        self._acted += 1
        heapq.heappush(self._acts, Act(at, self._acted, do))

    # ------------------------------------------------------------ the parts of it

    def _broker(self, platform: str) -> SimulatedBroker:
        scenario = self.scenario
        account = scenario.settings.account(platform)
        rng = random.Random(f"{scenario.seed}/broker/{platform}")
        known = {**FAULTS_OF_BROKERS, **FAULTS_OF_TERMINALS}
        faults = {kind: value for kind, value in scenario.intensity.items() if kind in known}
        broker: SimulatedBroker
        if scenario.connector == "mt5":
            broker = MetaTraderBroker(
                account, catalogue(), self.world, rng, faults=faults, hourly_volatility=HOURLY_VOLATILITY
            )
        else:
            broker = SimulatedBroker(
                platform,
                catalogue(),
                account.symbols,
                self.world,
                rng,
                netting=scenario.netting,
                faults=faults,
                settings=account.paper,
                hourly_volatility=HOURLY_VOLATILITY,
            )
        broker.tell_strikes(lambda kind: self.story.strike(kind, WORLD, platform, known[kind]))
        return broker

    def _process(self, name: str) -> Process:
        process = Process(
            name,
            self.scenario,
            self.world,
            self.story,
            self._connect,
            lambda of: self._troubles[of.name],
            lambda of, behaviour: self._hosted(of, behaviour),
            self._crashed,
        )
        self._troubles[name] = Troubles(process, self.scenario, self.world, self.story, self.referee, self._weather)
        return process

    def _connect(self, process: Process) -> dict[str, Connector]:
        troubles = self._troubles[process.name]
        return {
            name: WatchedConnection(
                broker.connector(self.world, process=process.owner, stray=self.referee.defect),
                TroubledLine(name, troubles),
            )
            for name, broker in self._brokers.items()
        }

    def _hosted(self, process: Process, behaviour: Behaviour) -> Behaviour:
        return Fragile(behaviour, self._troubles[process.name].crack)

    def _crashed(self, process: Process, actor: str, what: str) -> None:
        self.referee.defect(f"{actor} of {process.name} raised {what}")

    # ------------------------------------------------------------ opinions

    def _later_analysis(self, commodity: str) -> None:
        wait = self._rng.uniform(0.2, 2.0) * self.scenario.analysis_seconds
        self._at(self.world.elapsed() + wait, lambda: self._analyse(commodity))

    def _analyse(self, commodity: str) -> None:
        self._later_analysis(commodity)
        self._analyses += 1
        rng = self._rng
        pillar = Pillar(score=SCORE)
        analysis = Analysis(
            id=f"analysis-{self._analyses}",
            commodity=commodity,
            side=rng.choice((Side.BUY, Side.SELL)),
            strategy=rng.choice(STRATEGIES),
            regime=Regime.RANGE,
            pillars=Pillars(base=pillar, trend=pillar, volatility=pillar, sentiment=pillar),
            confidence=100 * SCORE,
            daily_volatility=self.scenario.daily_volatility,
            made_at=self.world.now(),
        )
        self._hand_over(analysis)
        while rng.random() < REPEATED_SHARE:
            wait = rng.choice((0.0, rng.uniform(0.0, 90.0)))
            self._at(self.world.elapsed() + wait, lambda: self._hand_over(analysis))

    def _hand_over(self, analysis: Analysis) -> None:
        for process in self._processes:
            if process.take(analysis):
                self.story.tell(process.name, "trader", f"hears {analysis.id}: {analysis.side} {analysis.commodity}")

    def _later_reading(self, commodity: str) -> None:
        self._at(self.world.elapsed() + self._readings.wait(), lambda: self._read(commodity))

    def _read(self, commodity: str) -> None:
        """A bar has ended."""
        self._later_reading(commodity)
        reading = self._readings.draw(commodity, self.world.now(), FIRST_PRICES.get(commodity, ANY_PRICE))
        for process in self._processes:
            process.read(reading)

    # ------------------------------------------------------------ what came of it

    def outcome(self, lines: int) -> Outcome:
        """The figures, and the end of the story."""
        count = dict(self.story.count)
        for row in self.referee.scene.rows.values():
            count[f"trades {row.state}"] = count.get(f"trades {row.state}", 0) + 1
            if row.close_reason is not None:
                count[f"closed by {row.close_reason}"] = count.get(f"closed by {row.close_reason}", 0) + 1
        return Outcome(
            seed=self.scenario.seed,
            summary=self.scenario.summary(),
            violations=tuple(self.referee.violations),
            struck=dict(self.story.struck),
            count=count,
            virtual_seconds=round(self.world.elapsed(), 3),
            turns=self.world.turns,
            digest=self.story.digest(),
            last_lines=tuple(self.story.last(lines)),
        )
