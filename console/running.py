"""What the console may know of the process that it belongs to: whether it leads, and through what it can be asked.

`serve` says how things stand, on its own thread; the console's threads read it. Each moment is one frozen value, so no
reader sees half of a change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from actors.accounts import Market
from actors.notices import NotificationCounts
from actors.reservation_waits import ReservationWaits
from actors.system.measures import Measures
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.system import System
from connectors.measured import Gauges
from console.refusals import Refusals
from console.venue import Venue


@dataclass(frozen=True, slots=True)
class Moment:
    """How one term of office stands."""

    system: System  # the reservation actor and the operator at least; all others once it leads
    runtime: ThreadedRuntime
    market: Market
    venue: Venue
    leads: bool = False
    said: str = "starting"  # in words: "leading crew default on alpha, beta", "standing by: ..."


class Running:
    """The moment that is now; None before the first term, and between two."""

    def __init__(self) -> None:
        self._moment: Moment | None = None
        self._between = "starting"
        self.console_url = ""  # where the console is; empty: nowhere now
        self.notifications: NotificationCounts | None = None  # None: nobody is told anything
        # Of the process, over all of its terms of office.
        self.measures = Measures()
        self.gauges = Gauges()
        self.waits = ReservationWaits()
        self.refusals = Refusals()

    @property
    def moment(self) -> Moment | None:
        """How things stand now."""
        return self._moment

    @property
    def said(self) -> str:
        """The same in words."""
        moment = self._moment
        return self._between if moment is None else moment.said

    def begins(self, moment: Moment) -> None:
        """A term has begun, and does not lead yet."""
        self._moment = moment

    def stands_by(self, said: str) -> None:
        """This process does not lead, or not now."""
        self._between = said
        if self._moment is not None:
            self._moment = replace(self._moment, leads=False, said=said)

    def leads(self, said: str) -> None:
        """This process leads the crew."""
        if self._moment is not None:
            self._moment = replace(self._moment, leads=True, said=said)

    def ended(self, said: str) -> None:
        """The term is over."""
        self._between = said
        self._moment = None
