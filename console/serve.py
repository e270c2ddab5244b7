"""`run.py serve`: stand by, lead, walk through the market at its speed, and stop in order when told to.

On paper accounts of this process the market is a recording, walked through on threads: market time moves from tick to
tick, at so many market seconds a second, and never before everything that follows from the tick before it has been
done. Where it was left is in the paper accounts' books, so a restart goes on from there. With remote accounts, and at a
simulated terminal, the market is that of another process, and followed. With MetaTrader 5 it is the world's.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace

from actors.accounts import Market
from actors.reservation import LEASE_LOST
from actors.system.alerts import Alert
from actors.system.errors import ActorError, NotQuiet, StartFailed, Unanswered
from actors.system.health import INTERVAL_SECONDS, HealthRound
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.system import EXIT_ESCALATED, System
from actors.virtual_crew import market_for
from actors.wiring import (
    Parts,
    ask_to_lead,
    calendar_keeper_spec,
    caretaker_spec,
    crew_specs,
    journal_alert,
    operator_spec,
    reservation_spec,
)
from connectors.base import ConnectorError
from connectors.measured import MeasuredConnector
from connectors.paper_book import BookUnavailable
from console import last_good, logs, sentiment_sources
from console.agreement import require_agreement
from console.arguments import Serve
from console.books import set_aside
from console.configuration import Configuration
from console.ending import Ending, leave_now, wait_for
from console.errors import CommandError, ConfigurationError, TryAgain
from console.inbox import inbox_of
from console.leading import Terms
from console.ledger_opening import opened_ledger
from console.ledger_watch import watched
from console.notifications import Notifications
from console.observer import OBSERVER, ObserverActor
from console.output import Output
from console.reading import ledger_file, ledger_for_reading
from console.running import Moment, Running
from console.same_accounts import require_same_accounts
from console.service_manager import ServiceManager
from console.tokens import raise_tokens
from console.venue import AWAY, Venue
from console.venues import venue_of
from feeds.errors import CalendarUnavailable
from feeds.market_calendars_extension import StoreExtension
from persistence.errors import LedgerError, LedgerUnavailable
from persistence.ledger import Ledger
from persistence.owner import owner_name
from persistence.reservations import crew_resource
from trading.market import Instant, iso
from trading.settings import Settings
from trading.trade import ACTIVE, HELD

LONGEST_START_SECONDS = 900.0  # a migration of a big ledger, the reading of all its pages
TICK_SECONDS = 1.0  # of the time for stopping, for what the market's last tick has begun
STANDBY_PART_OF_TTL = 1 / 12  # how often a process that stands by asks again
REFRESHES_PER_SECOND = 4.0

log = logging.getLogger("watchbill.serve")


def run(arguments: Serve, configuration: Configuration, output: Output) -> int:
    """Serve until a signal, an escalation or the end of the program; returns the exit code."""
    ending = Ending()
    try:
        code = _serve(arguments, configuration, output, ending)
    except CalendarUnavailable as error:
        # Hours that contradict their calendar, or a calendar that nobody has, are faults of the settings like others,
        # but show only when they are laid over the venue's years.
        configuration = last_good.instead_of(ConfigurationError(str(error)), arguments.config, os.environ)
        logs.set_up(as_json=arguments.log_json, secrets=configuration.secrets)
        try:
            code = _serve(arguments, configuration, output, ending)
        except CalendarUnavailable as still:
            raise TryAgain(str(still)) from still  # there are open trades
    if ending.left_behind:
        leave_now(code)
    return code


def _serve(arguments: Serve, configuration: Configuration, output: Output, ending: Ending) -> int:
    venue = venue_of(arguments, configuration)
    if arguments.fresh:
        _begin_anew(configuration)
    manager = ServiceManager(os.environ)
    manager.takes_until(LONGEST_START_SECONDS)
    manager.status("opening the ledger")
    began = time.monotonic()
    with (
        ending.on_signals(),
        closing(opened_ledger(configuration, ending)) as ledger,
        watched(ledger_file(configuration), ending.lose),
        closing(Terms(ledger, configuration.settings.crew)) as terms,
        console_of(arguments, configuration, running := Running()),
    ):
        if arguments.fresh:
            raise_tokens(ledger, configuration)
        ledger.journal.tell_of_entries(running.refusals.note)
        notifications = Notifications(configuration)
        running.notifications = notifications.counts
        term = Term(arguments, configuration, venue, ledger, output, ending, manager, terms, running, notifications)
        told = ""
        while not ending.is_final:
            ending.rise_again()
            try:
                term.serve()
                told = ""
            except (BookUnavailable, LedgerUnavailable, *AWAY) as error:
                # The lease is given back: whoever can use the book, or reaches the broker, may be who should lead.
                if str(error) != told:
                    told = str(error)
                    log.warning("standing by: %s", told)
                term.wait_to_ask_again(f"standing by: {told}")
            except (CommandError, ConnectorError, LedgerError) as error:
                # Once it has led, there may be positions that only it guards: it has to be started again.
                raise (TryAgain if term.has_led else CommandError)(str(error)) from error
            except CalendarUnavailable as error:
                if term.has_led:
                    raise TryAgain(str(error)) from error
                raise
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
    venue: Venue
    ledger: Ledger
    output: Output
    ending: Ending
    manager: ServiceManager
    terms: Terms
    running: Running
    notifications: Notifications
    has_led: bool = False  # in any term

    def serve(self) -> None:
        """Until the ending's event is set. Everything that was begun is stopped again, in reverse order."""
        settings = self.configuration.settings
        first, last = self.venue.span()
        runtime = ThreadedRuntime(self.venue.clock(first), owner=owner_name())
        system = System(
            runtime,
            on_escalate=self.ending.escalate,
            on_alert=self._on_alert,
            measures=self.running.measures,
        )
        commodities, calendars = self.configuration.commodities, self.configuration.calendars
        market = market_for(settings, commodities, first, last, calendars)
        inbox = inbox_of(self.configuration)
        feeds = sentiment_sources.readers(settings, commodities)
        parts = Parts(
            market,
            self.ledger,
            {},
            feeds=feeds,
            inbox=inbox,
            observers={OBSERVER: ObserverActor},
            bar_keepers=(OBSERVER,),
            takes_commands=True,
            waits=self.running.waits,
            notifier=self.notifications.notifier(self.ledger),
        )
        try:
            system.start([reservation_spec(parts), operator_spec(parts)])
            self.running.begins(Moment(system, runtime, market, self.venue))
            if not self._stand_by(system, parts):
                return
            broken = self.configuration.broken
            with self.terms.counted(runtime.owner, lambda: self.ending.has_failed, broken) as leads:
                if leads:
                    self._lead(system, runtime, market, parts)
        finally:
            self.notifications.ended()
            self.running.ended("stopping" if self.ending.is_final else "between two terms")
            if self.ending.is_final:
                self.manager.stopping(f"stopping: {self.ending.reason}")
            hung = system.stop(self.ending.seconds_to_stop())
            if hung:
                self.ending.left_behind = True
                log.error("did not stop in time: %s", ", ".join(hung))

    def _lead(self, system: System, runtime: ThreadedRuntime, market: Market, parts: Parts) -> None:
        """Begin every actor and walk through the market, until the ending's event is set."""
        settings = self.configuration.settings
        require_watched(self.ledger, settings)
        require_same_accounts(self.ledger, [account for account in settings.accounts if account.enabled])
        accounts = self.venue.accounts(runtime, runtime.owner)
        require_agreement(self.ledger, accounts.books)
        start = self.venue.begin(runtime, accounts)
        extension = StoreExtension(self.configuration.calendars, settings, self.configuration.commodities)
        self.notifications.begins(system)
        of_the_present = [caretaker_spec(parts), calendar_keeper_spec(parts, extension)]
        measured = {
            name: MeasuredConnector(connector, self.running.gauges, runtime.elapsed)
            for name, connector in accounts.connectors.items()
        }
        system.start([*crew_specs(replace(parts, connectors=measured)), *of_the_present])
        system.confirm_all()
        names = ", ".join(accounts.connectors)
        self.manager.ready(f"leading crew {settings.crew} on {names}")
        self.running.leads(f"leading crew {settings.crew} on {names}")
        log.info("leading crew %s on %s from %s", settings.crew, names, iso(start))
        self.has_led = True
        last_good.keep(self.configuration)
        health = self._health(system)
        health.start()
        try:
            with self._view(system, runtime, market):
                self._go_through(runtime, start)
        finally:
            health.stop()

    def _stand_by(self, system: System, parts: Parts) -> bool:
        """Wait until this process leads; False when the program ends first. Says who leads, whenever that changes."""
        settings = self.configuration.settings
        told = None
        health = self._health(system)
        while not self.ending.event.is_set():
            health.round_once()
            try:
                if ask_to_lead(system, parts):
                    return True
                holder = self.ledger.reservations.holder(crew_resource(settings.crew))
            except (ActorError, LedgerError) as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("standing by: the lease of crew %s cannot be had now: %s", settings.crew, error)
                self.wait_to_ask_again(f"standing by: the lease of crew {settings.crew} cannot be had now")
            else:
                if holder is not None and holder.owner != told:
                    told = holder.owner
                    log.warning("standing by: crew %s is led by %s", settings.crew, holder.owner)
                leader = "nobody yet" if holder is None else holder.owner
                self.wait_to_ask_again(f"standing by: crew {settings.crew} is led by {leader}")
        return False

    def wait_to_ask_again(self, why: str) -> None:
        """Tell the service manager that the start is over, and wait as long as one that stands by does."""
        self.manager.ready(why)
        self.running.stands_by(why)
        ttl_seconds = self.configuration.settings.ai_db_reservation_ttl_seconds
        self.ending.event.wait(self.manager.interval_seconds(min(ttl_seconds * STANDBY_PART_OF_TTL, INTERVAL_SECONDS)))

    def _health(self, system: System) -> HealthRound:
        interval_seconds = self.manager.interval_seconds(INTERVAL_SECONDS)
        return HealthRound(system, interval_seconds=interval_seconds, on_full_round=self.manager.alive)

    def _go_through(self, runtime: ThreadedRuntime, start: Instant) -> None:
        """Walk through the market until the term is over: on a thread, so that an actor that hangs holds up no end."""
        over = threading.Event()

        def walk() -> None:
            try:
                self.venue.walk(runtime, start, lambda seconds: self.ending.event.wait(seconds) or over.is_set())
            except Exception as error:
                if over.is_set():
                    return  # a new term may have begun
                if not isinstance(error, NotQuiet):
                    log.exception("the walk through the market failed")
                self.ending.escalate("system", error)

        walker = threading.Thread(target=walk, name="market", daemon=True)
        walker.start()
        try:
            wait_for(self.ending.event)
        finally:
            if self.ending.is_final:
                self.ledger.modes.stop_opening()
            over.set()
            walker.join(TICK_SECONDS)

    def _on_alert(self, alert: Alert) -> None:
        settings = self.configuration.settings
        if alert.reason == LEASE_LOST and alert.detail.startswith(f"{crew_resource(settings.crew)}:"):
            self.ending.depose(alert.detail)
        try:
            journal_alert(self.ledger, alert)
        except LedgerUnavailable as error:  # it is in the log; and that the ledger is away has an alert of its own
            log.debug("the alert %s of %s is not in the journal: %s", alert.reason, alert.actor, error)
        self.notifications.hear(alert)

    @contextmanager
    def _view(self, system: System, runtime: ThreadedRuntime, market: Market) -> Iterator[None]:
        """The live view on a terminal, which then owns it: log lines go into the view. Otherwise nothing."""
        screen = self.output.screen
        if not (self.arguments.view and screen.is_terminal) or self.output.as_json:
            yield
            return
        from rich.live import Live  # a start without a view loads nothing of it

        from console.live_watch import LiveWatch

        watch = LiveWatch(system, runtime, self.ledger, market, self.venue, self.running)
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
    for trade in ledger.trades.list(states=ACTIVE | HELD, newest_first=False):
        if (trade.platform, trade.commodity) not in watched:
            raise CommandError(
                f"trade {trade.trade_id} on {trade.resource} is {trade.state}, and accounts has no enabled account "
                f"{trade.platform!r} with a symbol for {trade.commodity}: nobody would guard its stop; enable it again"
            )


def console_of(arguments: Serve, configuration: Configuration, running: Running) -> AbstractContextManager[object]:
    """The console, until the end of the block; nothing where it is switched off."""
    if not (arguments.console and configuration.settings.console.enabled):
        return nullcontext()
    from console.web.console import shown  # a start without it loads none of its libraries

    return shown(configuration, running)


def _begin_anew(configuration: Configuration) -> None:
    """Set the ledger and the books aside, unless a process leads the crew on them, or a real broker holds on."""
    settings = configuration.settings
    with ledger_for_reading(configuration) as ledger:
        holder = None if ledger is None else ledger.reservations.holder(crew_resource(settings.crew))
        live = [] if ledger is None else ledger.trades.list(states=ACTIVE | HELD, newest_first=False)
    if holder is not None:
        raise CommandError(f"--fresh: {holder.owner} leads crew {settings.crew} on this ledger; stop it first")
    if live:
        from console.left_behind import require_nothing_left_behind  # with what only MetaTrader 5 accounts need

        require_nothing_left_behind(live, settings)
    for path in set_aside(configuration):
        log.info("--fresh: kept what was there as %s", path)
