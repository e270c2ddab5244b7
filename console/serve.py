"""`run.py serve`: stand by, lead, walk through the market at its speed, and stop in order when told to.

On paper accounts the market is a recording, walked through on threads: market time moves from tick to tick, at so many
market seconds a second, and never before everything that follows from the tick before it has been done. Where it was
left is in the paper accounts' books, so a restart goes on from there.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType

from rich.live import Live

from actors.accounts import Market
from actors.reservation import LEASE_LOST
from actors.system.alerts import Alert
from actors.system.clocks import TickClock
from actors.system.errors import ActorError, NotQuiet, StartFailed, Unanswered
from actors.system.health import HealthRound
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.system import EXIT_ESCALATED, System
from actors.virtual_crew import market_for
from actors.wiring import Parts, crew_specs, journal_alert, lead, reservation_spec
from connectors.paper import PaperConnector
from connectors.paper_book import BookBusy
from console import logs
from console.agreement import require_agreement
from console.arguments import Serve
from console.books import book_path, set_aside
from console.configuration import Configuration
from console.errors import CommandError
from console.ledger_watch import watched
from console.live_watch import LiveWatch
from console.observer import OBSERVER, ObserverActor
from console.output import Output
from console.reading import ledger_file, ledger_for_reading
from console.recorded import Recording, cut, first_judged, in_trading_times, paper, require_bars, sample_or_simulated
from persistence.errors import LedgerError
from persistence.ledger import Ledger
from persistence.owner import owner_name
from persistence.reservations import crew_resource
from trading.market import SECOND, Instant, iso
from trading.settings import Settings

LONGEST_PAUSE_SECONDS = 2.0  # a weekend is not waited for
STOP_SECONDS = 8.0  # of the ten that a service manager gives
STANDBY_PART_OF_TTL = 1 / 12  # how often a process that stands by asks again
QUIET_SECONDS = 60.0
REFRESHES_PER_SECOND = 4.0

log = logging.getLogger("watchbill.serve")


@dataclass(slots=True)
class Ending:
    """Why the program ends, or the crew steps down; set from signal handlers and actors' threads."""

    event: threading.Event = field(default_factory=threading.Event)
    stopped: str = ""  # by a signal
    escalated: str = ""  # an actor was given up
    lost: str = ""  # the ledger is not where it was
    deposed: str = ""  # the crew's lease was lost

    @property
    def is_final(self) -> bool:
        """True when there is no further term."""
        return bool(self.stopped or self.escalated or self.lost)

    def stop(self, number: int, frame: FrameType | None) -> None:
        """A signal handler."""
        self.stopped = signal.Signals(number).name
        self.event.set()

    def escalate(self, name: str, error: BaseException) -> None:
        """For `System(on_escalate=...)`."""
        self.escalated = f"{name}: {type(error).__name__}: {error}"
        self.event.set()

    def lose(self, reason: str) -> None:
        """The ledger's file is gone."""
        self.lost = reason
        self.event.set()

    def depose(self, reason: str) -> None:
        """The crew has another leader, or may have."""
        self.deposed = reason
        self.event.set()

    def rise_again(self) -> None:
        """Stand by for another term."""
        self.deposed = ""
        self.event.clear()
        if self.is_final:  # also when a signal came between the two
            self.event.set()


def run(arguments: Serve, configuration: Configuration, output: Output) -> int:
    """Serve until a signal, an escalation or the end of the program; returns the exit code."""
    recording = in_trading_times(sample_or_simulated(arguments.seed), configuration)
    if recording.remark:
        log.warning(recording.remark)
    require_bars(configuration.settings, recording)
    if arguments.fresh:
        _begin_anew(configuration)
    ending = Ending()
    began = time.monotonic()
    with (
        _signals(ending),
        closing(Ledger.open(configuration.database_url, writer=owner_name())) as ledger,
        watched(ledger_file(configuration), ending.lose),
    ):
        term = Term(arguments, configuration, recording, ledger, output, ending)
        told = ""
        while not ending.is_final:
            ending.rise_again()
            try:
                term.serve()
                told = ""
            except BookBusy as error:
                # The lease is given back: whoever holds the book may be the one who should lead.
                if str(error) != told:
                    told = str(error)
                    log.warning("standing by: %s", told)
                ending.event.wait(configuration.settings.ai_db_reservation_ttl_seconds * STANDBY_PART_OF_TTL)
            except (StartFailed, Unanswered, NotQuiet) as error:
                ending.escalate("system", error)
        if ending.lost:
            log.critical("%s: stepped down with exit code %d; restore it, or --fresh", ending.lost, EXIT_ESCALATED)
        elif ending.escalated:
            log.critical("an actor was given up (%s): exit code %d", ending.escalated, EXIT_ESCALATED)
        else:
            log.info("stopped by %s after %.0f s", ending.stopped, time.monotonic() - began)
        if output.as_json:
            output.show(
                {"stopped_by": ending.stopped or None, "escalated": ending.escalated or ending.lost or None}, str
            )
    return EXIT_ESCALATED if ending.escalated or ending.lost else 0


@dataclass(slots=True)
class Term:
    """One term of office: stand by, lead, walk through the market, stop."""

    arguments: Serve
    configuration: Configuration
    recording: Recording
    ledger: Ledger
    output: Output
    ending: Ending

    def serve(self) -> None:
        """Until the ending's event is set. Everything that was begun is stopped again, in reverse order."""
        settings = self.configuration.settings
        runtime = ThreadedRuntime(TickClock(self.recording.first), owner=owner_name())
        system = System(runtime, on_escalate=self.ending.escalate, on_alert=self._on_alert)
        market = market_for(settings, self.configuration.commodities, self.recording.first, self.recording.last)
        parts = Parts(market, self.ledger, {}, observers={OBSERVER: ObserverActor})
        try:
            system.start([reservation_spec(parts)])
            if not self._stand_by(system, parts):
                return
            require_watched(self.ledger, settings)
            connectors = {
                account.name: paper(
                    account, self.recording, self.configuration, book_path(self.configuration, account.name)
                )(runtime)
                for account in settings.accounts
                if account.enabled
            }
            require_agreement(self.ledger, connectors)
            start = self._start(connectors)
            runtime.advance_to(start)
            system.start(crew_specs(replace(parts, connectors=connectors)))
            system.confirm_all()
            log.info("leading crew %s on %s from %s", settings.crew, ", ".join(connectors), iso(start))
            health = HealthRound(system)
            health.start()
            try:
                with self._view(system, runtime, market):
                    self._walk(runtime, start)
            finally:
                health.stop()
        finally:
            hung = system.stop(STOP_SECONDS)
            if hung:
                log.error("did not stop in time: %s", ", ".join(hung))

    def _stand_by(self, system: System, parts: Parts) -> bool:
        """Wait until this process leads; False when the program ends first. Says who leads, whenever that changes."""
        settings = self.configuration.settings
        told = None
        while not self.ending.event.is_set():
            try:
                if lead(system, parts):
                    return True
                holder = self.ledger.reservations.holder(crew_resource(settings.crew))
            except (ActorError, LedgerError) as error:
                log.warning("standing by: the lease of crew %s cannot be had now: %s", settings.crew, error)
            else:
                if holder is not None and holder.owner != told:
                    told = holder.owner
                    log.warning("standing by: crew %s is led by %s", settings.crew, holder.owner)
            self.ending.event.wait(settings.ai_db_reservation_ttl_seconds * STANDBY_PART_OF_TTL)
        return False

    def _start(self, connectors: Mapping[str, PaperConnector]) -> Instant:
        """Where the market goes on: where the accounts have seen it last, or where the user says, or where judging can
        begin.
        """
        seen = max((at for c in connectors.values() if (at := c.last_seen()) is not None), default=None)
        wanted = self.arguments.start
        if seen is not None:
            if wanted is not None and wanted < seen:
                raise CommandError(
                    f"--from is {iso(wanted)}, but the paper accounts have seen the market until {iso(seen)}; "
                    "expected a later instant, or --fresh"
                )
            return max(seen, wanted or seen)
        if wanted is not None:
            return cut(self.recording, wanted, None)[0]
        return first_judged(self.recording)

    def _walk(self, runtime: ThreadedRuntime, start: Instant) -> None:
        """Move market time from tick to tick at the wanted speed, until the end of the recording and of the program."""
        due = time.monotonic()
        before = start
        poll_seconds = self.configuration.settings.price_poll_seconds
        for at in self.recording.instants(start, self.recording.last, poll_seconds).tolist():
            due += min((at - before) / SECOND / self.arguments.speed, LONGEST_PAUSE_SECONDS)
            before = at
            if self.ending.event.wait(max(0.0, due - time.monotonic())):
                return
            due = max(due, time.monotonic() - LONGEST_PAUSE_SECONDS)  # a slow machine falls behind, and stays behind
            runtime.advance_to(at, QUIET_SECONDS)
        log.warning(
            "%s ended at %s: the market is shut; open trades stay open, and nothing more happens until Ctrl-C",
            self.recording.source,
            iso(self.recording.last),
        )
        self.ending.event.wait()

    def _on_alert(self, alert: Alert) -> None:
        settings = self.configuration.settings
        if alert.reason == LEASE_LOST and alert.detail.startswith(f"{crew_resource(settings.crew)}:"):
            self.ending.depose(alert.detail)
        journal_alert(self.ledger, alert)

    @contextmanager
    def _view(self, system: System, runtime: ThreadedRuntime, market: Market) -> Iterator[None]:
        """The live view on a terminal, which then owns it: log lines go into the view. Otherwise nothing."""
        screen = self.output.screen
        if not (self.arguments.view and screen.is_terminal) or self.output.as_json:
            yield
            return
        watch = LiveWatch(system, runtime, self.ledger, market, self.recording, self.arguments.speed)
        lines = logs.RecentLines()
        logs.set_up(secrets=self.configuration.secrets, handler=lines)
        try:
            with Live(
                console=screen, screen=True, refresh_per_second=REFRESHES_PER_SECOND, get_renderable=watch.render
            ):
                yield
        finally:
            logs.set_up(as_json=self.arguments.log_json, secrets=self.configuration.secrets)


def require_watched(ledger: Ledger, settings: Settings) -> None:
    """Raise `CommandError` when the ledger has a live trade that these settings leave without anybody to watch it."""
    watched = {(account.name, name) for account in settings.accounts if account.enabled for name in account.symbols}
    for trade in ledger.trades.active():
        if (trade.platform, trade.commodity) not in watched:
            raise CommandError(
                f"trade {trade.trade_id} on {trade.resource} is {trade.state}, and accounts has no enabled account "
                f"{trade.platform!r} with a symbol for {trade.commodity}: nobody would guard its stop; enable it again"
            )


def _begin_anew(configuration: Configuration) -> None:
    """Set the ledger and the books aside, unless a process leads the crew on them."""
    with ledger_for_reading(configuration) as ledger:
        holder = None if ledger is None else ledger.reservations.holder(crew_resource(configuration.settings.crew))
    if holder is not None:
        crew = configuration.settings.crew
        raise CommandError(f"--fresh: {holder.owner} leads crew {crew} on this ledger; stop it first")
    for path in set_aside(configuration):
        log.info("--fresh: kept what was there as %s", path)


@contextmanager
def _signals(ending: Ending) -> Iterator[None]:
    """Stop in order on Ctrl-C and on SIGTERM."""
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, ending.stop) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
