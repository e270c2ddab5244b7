"""What strikes a simulated world at random moments, whatever is being done: kills, stops, clocks, databases, people."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from actors.system.runtime_virtual import VirtualWorld
from persistence.journal import Journal
from persistence.modes import Modes
from simulation.database import Weather, simulated_database
from simulation.kinds import CLOCK, DATABASE_AWAY, DISK_FULL, FREEZE, KILL, OPERATOR
from simulation.process import Process
from simulation.referee import Referee
from simulation.scenario import Scenario
from simulation.story import WORLD, Story
from trading.modes import Mode

MEAN_SECONDS = {KILL: 150.0, FREEZE: 150.0, DATABASE_AWAY: 150.0, DISK_FULL: 150.0, CLOCK: 120.0, OPERATOR: 150.0}
"""Of what strikes at random moments: the mean time in between at an intensity of 1."""

AWAY_SECONDS = (1.0, 90.0)
MODE_SECONDS = (5.0, 60.0)
OFFSET_SECONDS = (-60.0, 60.0)  # of the processes' clock, as clocks are wrong that nobody has set for long
FAR_OFFSET_SECONDS = (-10_800.0, 10_800.0)  # and as they are wrong after a change of the time zone, or of the battery
FAR_SHARE = 0.25


class Happenings:
    """Let happen what the scenario asks for, until it is ended."""

    def __init__(
        self,
        scenario: Scenario,
        world: VirtualWorld,
        story: Story,
        referee: Referee,
        weather: Weather,
        processes: Sequence[Process],
        rng: random.Random,
        at: Callable[[float, Callable[[], None]], None],
    ) -> None:
        """``at``: does something at an elapsed time."""
        self._scenario = scenario
        self._world = world
        self._story = story
        self._referee = referee
        self._weather = weather
        self._processes = processes
        self._rng = rng
        self._at = at
        self._is_over = False
        self._offset_seconds = 0.0  # of the processes' clock

    def begin(self) -> None:
        """From now on."""
        for kind, strike in self._by_itself().items():
            if kind in self._scenario.intensity:
                self._later_strike(kind, strike)

    def end(self) -> None:
        """Nothing happens any more, and everything is as it should be."""
        self._is_over = True
        self._weather.clear_up()
        self._set_clock(-self._offset_seconds)
        self._set_mode(Mode.TRADING)

    def _by_itself(self) -> dict[str, Callable[[], None]]:
        return {
            KILL: self._kill,
            FREEZE: self._freeze,
            DATABASE_AWAY: lambda: self._spoil("is_away", DATABASE_AWAY, "the database is away"),
            DISK_FULL: lambda: self._spoil("is_full", DISK_FULL, "the disk is full"),
            CLOCK: self._step_clock,
            OPERATOR: self._operate,
        }

    def _later_strike(self, kind: str, strike: Callable[[], None]) -> None:
        def once_more() -> None:
            if not self._is_over:
                strike()
                self._later_strike(kind, strike)

        mean = MEAN_SECONDS[kind] / self._scenario.intensity[kind]
        self._at(self._world.elapsed() + self._rng.uniform(0.0, 2 * mean), once_more)

    def _strike(self, kind: str, process: str, where: str, what: str) -> None:
        self._story.strike(kind, process, where, what)
        self._referee.disturbed()

    def _kill(self) -> None:
        process = self._rng.choice(self._processes)
        if process.is_alive:
            self._strike(KILL, process.name, "process", "killed")
            process.die()

    def _freeze(self) -> None:
        process = self._rng.choice(self._processes)
        if process.is_alive:
            seconds = round(self._rng.uniform(0.5, 1.7 * process.ttl_seconds), 3)
            self._strike(FREEZE, process.name, "process", f"stopped for {seconds:g} s")
            process.pause(seconds)

    def _spoil(self, how: str, kind: str, what: str) -> None:
        seconds = round(self._rng.uniform(*AWAY_SECONDS), 3)
        self._strike(kind, WORLD, "ledger", f"{what} for {seconds:g} s")
        if self._scenario.netting:
            self._referee.disturbed(seconds)  # without its ledger a process sends nothing on a netting account
        setattr(self._weather, how, True)

        def over() -> None:
            setattr(self._weather, how, False)
            self._story.tell(WORLD, "ledger", f"not any more: {what}")
            self._referee.disturbed()

        self._at(self._world.elapsed() + seconds, over)

    def _step_clock(self) -> None:
        is_far = self._rng.random() < FAR_SHARE
        wanted = self._rng.uniform(*(FAR_OFFSET_SECONDS if is_far else OFFSET_SECONDS))
        seconds = round(wanted - self._offset_seconds, 3)
        self._strike(CLOCK, WORLD, "clock", f"set by {seconds:+g} s")
        self._set_clock(seconds)

    def _set_clock(self, seconds: float) -> None:
        self._offset_seconds += seconds
        if seconds:
            self._world.step_market(seconds)
        # Set back, timers sleep until a lease is renewed, or until the clock is where it was.
        self._referee.disturbed(min(max(0.0, -seconds), self._scenario.settings.ai_db_reservation_ttl_seconds))

    def _operate(self) -> None:
        mode = self._rng.choice((Mode.PAUSED, Mode.HALTED))
        seconds = self._rng.uniform(*MODE_SECONDS)
        self._strike(OPERATOR, WORLD, "operator", f"wants {mode}")
        self._referee.disturbed(seconds)  # halted, it guards nothing
        self._set_mode(mode)

        def lift() -> None:
            self._story.tell(WORLD, "operator", "lifts it")
            self._set_mode(Mode.TRADING)
            self._referee.disturbed()

        self._at(self._world.elapsed() + seconds, lift)

    def _set_mode(self, mode: Mode) -> None:
        crew = self._scenario.settings.crew
        modes = Modes(simulated_database().database, Journal(simulated_database().database, "operator", crew))
        modes.set(crew, mode, reason="simulated", by="operator", at=self._world.now())
        self._referee.scene.mode_set_at = self._world.elapsed()
