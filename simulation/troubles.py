"""The faults of one process: where they may strike, and how often.

Every commit and every call to a broker is a *crossing*. At each, one number is drawn that decides whether the process
is killed there, stopped there, or the actor made to raise there. It strikes far more often at orders than at questions,
since that is where the protocol must hold.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from actors.system.runtime_virtual import VirtualWorld
from connectors.base import CloseOrder, ConnectorError, OpenOrder, Outcome
from persistence.errors import LedgerUnavailable
from simulation.database import NAME, Weather
from simulation.kinds import ACTOR, COMMIT_DOUBTFUL, COMMIT_REFUSED, CRASH, FREEZE
from simulation.process import InjectedCrash, Process
from simulation.referee import Referee
from simulation.scenario import Scenario
from simulation.story import Story
from trading.market import Position, Quote

COMMIT, MESSAGE = "commit", "message"

# The probability at one crossing, at an intensity of 1.
RATES: dict[str, dict[str, float]] = {
    CRASH: {COMMIT: 0.006, "open": 0.06, "close": 0.06, "quotes": 0.0005},
    FREEZE: {COMMIT: 0.004, "open": 0.06, "close": 0.04, "quotes": 0.0005},
    ACTOR: {COMMIT: 0.003, "open": 0.03, "close": 0.03, "quotes": 0.0005, MESSAGE: 0.001},
}
ELSEWHERE = 0.003
INTERRUPTED = frozenset({COMMIT, "open", "close"})  # where other actors, and other processes, may get their turn
REFUSED_SHARE = 0.012  # of commits
DOUBTFUL_SHARE = 0.012

SHORTEST_STOP_SECONDS = 0.5
LONGEST_STOP_TTLS = 1.7


class Troubles:
    """Stands around every transaction of one process, and lets them fail. See `simulation.database.Commits`."""

    def __init__(
        self,
        process: Process,
        scenario: Scenario,
        world: VirtualWorld,
        story: Story,
        referee: Referee,
        weather: Weather,
    ) -> None:
        self.process = process
        self.story = story
        self.referee = referee
        self.is_calm = False  # nothing strikes any more
        self._world = world
        self._weather = weather
        self._ttl_seconds = scenario.settings.ai_db_reservation_ttl_seconds
        self._rng = random.Random(f"{scenario.seed}/troubles/{process.name}")
        self._rates = [
            (kind, places, scenario.intensity[kind]) for kind, places in RATES.items() if kind in scenario.intensity
        ]
        self._refused = scenario.intensity.get(COMMIT_REFUSED, 0.0) * REFUSED_SHARE
        self._doubtful = scenario.intensity.get(COMMIT_DOUBTFUL, 0.0) * DOUBTFUL_SHARE

    # ------------------------------------------------------------ commits

    def before_writing(self) -> BaseException | None:
        """Crossing; then the database may be away, or mean to refuse the commit."""
        self.cross(COMMIT, "before a commit")
        trouble = self._weather.trouble_writing()
        if trouble is not None:
            raise trouble
        if self._strikes(self._refused):
            self.strike(COMMIT_REFUSED, "ledger", "the next commit")
            return LedgerUnavailable(NAME, "disk I/O error")
        return None

    def before_reading(self) -> None:
        """The database may be away."""
        trouble = self._weather.trouble_reading()
        if trouble is not None:
            raise trouble

    def committed(self) -> None:
        """Let the referee see what was written."""
        self.referee.committed(self.process)

    def after_writing(self) -> None:
        """Crossing; and the database may report an error for what it has done."""
        self.cross(COMMIT, "after a commit")
        if self._strikes(self._doubtful):
            self.strike(COMMIT_DOUBTFUL, "ledger", "the commit was made, and an error is reported")
            raise LedgerUnavailable(NAME, "disk I/O error")

    # ------------------------------------------------------------ everywhere

    def crack(self, actor: str) -> None:
        """Perhaps raise between two messages of an actor."""
        self.cross(MESSAGE, f"after a message of {actor}")

    def cross(self, place: str, where: str) -> float:
        """Perhaps kill or stop the process here, or let its actor raise; answers the seconds that it was stopped."""
        if not self._world.is_anybody_running:
            return 0.0  # the driver: nobody of the process stands here
        if place in INTERRUPTED:
            self._world.checkpoint()
        if self.is_calm or not self._rates:
            return 0.0
        drawn = self._rng.random()
        for kind, places, intensity in self._rates:
            drawn -= places.get(place, ELSEWHERE if place != MESSAGE else 0.0) * intensity
            if drawn < 0:
                return self._strike_process(kind, where)
        return 0.0

    def strike(self, kind: str, where: str, what: str) -> None:
        """Tell of a fault; nothing is expected to be punctual after it."""
        self.story.strike(kind, self.process.name, where, what)
        self.referee.disturbed()

    def _strike_process(self, kind: str, where: str) -> float:
        if kind == CRASH:
            self.strike(kind, "process", f"killed {where}")
            self.process.die()
        elif kind == FREEZE:
            seconds = round(self._rng.uniform(SHORTEST_STOP_SECONDS, LONGEST_STOP_TTLS * self._ttl_seconds), 3)
            self.strike(kind, "process", f"stopped {where} for {seconds:g} s")
            self.process.pause(seconds)
            self.strike(kind, "process", "goes on")
            return seconds
        else:
            self.strike(kind, "actor", f"raises {where}")
            raise InjectedCrash(where)
        return 0.0

    def _strikes(self, share: float) -> bool:
        if self.is_calm or not share or not self._world.is_anybody_running:
            return False
        return self._rng.random() < share


class TroubledLine:
    """Listens on one connection of a process, for the faults of the process and for the referee."""

    def __init__(self, platform: str, troubles: Troubles) -> None:
        self._platform = platform
        self._troubles = troubles
        self._referee = troubles.referee
        self._process = troubles.process
        self._story = troubles.story

    def before_call(self, call: str) -> float:
        """Crossing."""
        return self._troubles.cross(call, f"before {call}")

    def after_call(self, call: str) -> None:
        """The referee sees what has changed at the broker; then a crossing."""
        self._referee.moved(self._platform)
        self._troubles.cross(call, f"after {call}")

    def sending(self, order: OpenOrder | CloseOrder, token: int) -> None:
        """Tell, and let the referee judge what is about to be sent."""
        self._story.tell(self._process.name, self._platform, f"sends {described(order)}, token {token}")
        self._referee.sending(self._process, self._platform, order, token)

    def answered(self, order: OpenOrder | CloseOrder, token: int, outcome: Outcome) -> None:
        """Tell, and let the referee judge the answer."""
        self._story.tell(self._process.name, self._platform, f"answered {outcome}")
        self._referee.answered(self._process, self._platform, order, outcome)

    def fenced(self, token: int) -> None:
        """The broker's side takes no lower token from now on."""
        self._story.tell(self._process.name, self._platform, f"fenced with token {token}")

    def looked(self, positions: Sequence[Position]) -> None:
        """What the process knows of positions from now on."""
        self._referee.looked(self._process, self._platform, positions)

    def quoted(self, quotes: Sequence[Quote]) -> None:
        """What the process knows of prices from now on."""
        self._referee.quoted(self._process, self._platform, quotes)

    def unanswered(self, call: str, error: ConnectorError) -> None:
        """No answer: nothing is expected to be punctual after that."""
        self._referee.moved(self._platform)
        self._story.tell(self._process.name, self._platform, f"{call}: {type(error).__name__}: {error}")
        self._referee.disturbed()


def described(order: OpenOrder | CloseOrder) -> str:
    """An order in a few words."""
    if isinstance(order, OpenOrder):
        return f"open {order.side} {order.volume_lots:g} {order.commodity}, magic {order.magic:#x}"
    return f"close {order.volume_lots:g} of ticket {order.ticket} ({order.side} {order.commodity})"
