"""A whole crew in virtual time, over whatever connectors it is given: for replays, test harnesses and experiments.

The same classes as in production, with an in-memory ledger, in one thread and as fast as it goes. `docs/harness.md`
shows its use against a scripted broker.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from actors.accounts import Market
from actors.messages import Analysed
from actors.names import TRADER
from actors.system.alerts import Alert
from actors.system.context import Behaviour
from actors.system.errors import StartFailed
from actors.system.runtime_virtual import VirtualWorld
from actors.system.system import System
from actors.wiring import Parts, crew_specs, journal_alert, lead, operator_spec, reservation_spec
from connectors.base import Clock, Connector, Foreseeing
from feeds.market_calendars import CalendarStore, in_memory
from feeds.reading import FeedReader
from persistence.ledger import Ledger
from trading.analysis import Analysis
from trading.commodities import Commodity
from trading.market import DAY, Instant
from trading.opinion import Outlook
from trading.settings import Settings

CALENDAR_MARGIN = 400 * DAY  # before the beginning and after the end, so that the rules always see the next close
IN_MEMORY = "sqlite://"
MILLISECONDS = 1_000

Connect = Callable[[Clock], Connector]


def market_for(
    settings: Settings,
    commodities: Mapping[str, Commodity],
    first: Instant,
    last: Instant | None = None,
    calendars: CalendarStore | None = None,
) -> Market:
    """The market that these settings trade, with trading times from ``first`` to ``last`` and a margin on both sides.

    It knows every commodity: brokers quote those, too, that only convert a currency.
    ``calendars``: what builds them; None: one that keeps nothing on disk. Raises as it does.
    """
    end = (first if last is None else last) + CALENDAR_MARGIN
    store = in_memory() if calendars is None else calendars
    times = store.timetable(settings, commodities, first - CALENDAR_MARGIN, end)
    return Market(settings, dict(commodities), times)


class VirtualCrew:
    """One process that leads its crew, in a virtual world. Use it as a context manager."""

    def __init__(
        self,
        settings: Settings,
        commodities: Mapping[str, Commodity],
        connect: Mapping[str, Connect],
        origin: Instant,
        *,
        until: Instant | None = None,
        seed: int = 0,
        database_url: str = IN_MEMORY,
        outlooks: Mapping[str, Outlook] | None = None,
        ticking: bool = False,
        tracing: bool = False,
        world: VirtualWorld | None = None,
        analyst: Callable[[], Behaviour] | None = None,
        feeds: Mapping[str, FeedReader] | None = None,
        calendars: CalendarStore | None = None,
        takes_commands: bool = False,
    ) -> None:
        """``connect``: by account, what makes its connector from the world's clock. ``origin``: where market time
        begins, ``until``: how far it is meant to go. ``ticking``: market time moves by `advance_to` alone, as in a
        replay.

        ``world``: one to live in with other crews; ``ticking`` and ``tracing`` are then its own affair, and whoever
        made it closes it. Leases there expire by its elapsed time and are renewed, as between real processes. A crew
        with a world to itself needs no expiry: its lease clock stands still.

        ``analyst``: makes one that takes the place of the built-in one, and is told of every change of a trade.
        ``feeds``: how each source of sentiment is read, by its name; recorded ones, for virtual time to stay the same.
        ``calendars``: as `market_for` takes them. ``takes_commands``: with an OperatorActor, whom to `ask`.
        """
        self.world = VirtualWorld(origin, None, ticking=ticking, tracing=tracing) if world is None else world
        self._shares_world = world is not None
        self.runtime = self.world.process()
        self.market = market_for(settings, commodities, origin, until, calendars)
        self.ledger = Ledger.open(
            database_url,
            crew=settings.crew,
            ttl_seconds=settings.ai_db_reservation_ttl_seconds,
            writer=self.runtime.owner,
            lease_clock=self._lease_clock,
            rng=random.Random(f"{seed}/ledger"),
        )
        self.escalated: list[str] = []
        self.defect: Alert | None = None  # the first that tells of one
        self.system = System(
            self.runtime,
            on_escalate=lambda name, error: self.escalated.append(f"{name}: {error}"),
            on_alert=self._keep_alert,
        )
        self.connectors = {name: make(self.world) for name, make in connect.items()}
        self._foreseeing = {name: _foreseeing(connector) for name, connector in self.connectors.items()}
        self._parts = Parts(
            self.market,
            self.ledger,
            self.connectors,
            outlooks or {},
            renews_leases=self._shares_world,
            feeds=feeds or {},
            analyst=analyst,
            takes_commands=takes_commands,
        )
        self._may_ask = False

    @property
    def now(self) -> Instant:
        """Market time."""
        return self.world.now()

    def start(self) -> None:
        """Lead the crew, and begin every actor. Raises `StartFailed` when another process leads this ledger's crew."""
        if not self.lead():
            raise StartFailed(f"crew {self.market.settings.crew} has a leader in this ledger already")
        self.system.start(crew_specs(self._parts))
        self.world.run_until_quiet()

    def lead(self) -> bool:
        """Try to become the leader; False while another process is: it may be tried again."""
        if not self._may_ask:
            operator = [operator_spec(self._parts)] if self._parts.takes_commands else []
            self.system.start([reservation_spec(self._parts), *operator])
            self._may_ask = True
        return lead(self.system, self._parts)

    def run_for(self, seconds: float) -> None:
        """Let time flow, from event to event."""
        self.world.run_for(seconds)

    def advance_to(self, at: Instant) -> None:
        """Move market time to ``at`` in one step, and do all that follows from it."""
        self.world.advance_to(at)

    def undisturbed_until(self, limit: Instant) -> Instant:
        """The first instant after now, and at most ``limit``, at which an actor or a broker might act.

        Moving the market straight there leaves everything as if it had stopped at each tick on the way.
        """
        attention = self.system.attention()
        until = min(attention.until, limit)
        for name, connector in self._foreseeing.items():
            if until <= self.now + 1:
                break
            if connector is None:
                return self.now + 1
            bands = [band for band in attention.bands if band.platform == name]
            until = min(until, connector.undisturbed_until(bands, until))
        return max(until, self.now + 1)

    def analyse(self, analysis: Analysis) -> None:
        """Hand an analysis to the trader, as an analyst does."""
        self.system.tell(TRADER, Analysed(analysis))

    def tell(self, name: str, message: Any) -> None:
        """Tell an actor something."""
        self.system.tell(name, message)

    def ask(self, name: str, message: Any) -> Any:
        """Ask an actor something, and wait for its answer."""
        return self.system.ask(name, message)

    def kill(self) -> None:
        """End the process as `kill -9` does: nothing is stopped, written or released any more."""
        try:
            self.system.kill()  # does not return when one of the crew's own actors is running
        finally:
            self.ledger.close()

    def close(self) -> None:
        """Stop every actor in order, and end the world, unless it is shared."""
        try:
            if not self.system.is_killed:
                self.system.stop()
        finally:
            self.ledger.close()
            if not self._shares_world:
                self.world.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _keep_alert(self, alert: Alert) -> None:
        if self.defect is None and alert.is_defect:
            self.defect = alert
        journal_alert(self.ledger, alert)

    def _lease_clock(self) -> int:
        return int(self.world.elapsed() * MILLISECONDS) if self._shares_world else 0


def _foreseeing(connector: Connector) -> Foreseeing | None:
    return connector if isinstance(connector, Foreseeing) else None
