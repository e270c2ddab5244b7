"""The whole crew in one place: which actors there are, what each is given, and in which order they begin.

Tests call the same functions with doubles of the connectors, an in-memory ledger, and virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from actors.accounts import Market
from actors.analyst import AnalystActor
from actors.calendar_keeper import CalendarKeeper
from actors.caretaker import CaretakerActor
from actors.desk import Desk
from actors.feed import FeedActor
from actors.halt_watch import HaltWatchActor
from actors.inbox import Inbox, InboxActor
from actors.messages import Lease, Reserve
from actors.monitor import MonitorActor
from actors.moods import EventBook, MoodBook
from actors.names import (
    ANALYST,
    CALENDAR_KEEPER,
    CARETAKER,
    HALT_WATCH,
    INBOX,
    MONITOR,
    NOTIFIER,
    OPERATOR,
    PLATFORM_LEVEL,
    RESERVATION,
    RESERVATION_LEVEL,
    SCHEDULER,
    TRADER,
    UPPER_LEVEL,
    feed_actor,
    platform_actor,
    platform_of,
)
from actors.operator import OperatorActor
from actors.platform import PlatformActor
from actors.reservation import ReservationActor
from actors.reservation_waits import ReservationWaits
from actors.scheduler import SchedulerActor
from actors.system.alerts import Alert
from actors.system.context import Behaviour
from actors.system.errors import Refusal
from actors.system.spec import Spec
from actors.system.system import System
from actors.trader import TraderActor
from actors.turns import Turns
from connectors.base import Connector
from feeds.market_calendars_extension import Extension
from feeds.reading import FeedReader
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.reservations import crew_resource
from trading.opinion import Outlook

PLATFORM_MAILBOX = 2_000
OPERATOR_RESTARTS = 100  # more than the back-off lets happen in the window: a person can always be heard


@dataclass(frozen=True, slots=True)
class Parts:
    """What a crew is made of."""

    market: Market
    ledger: Ledger
    connectors: Mapping[str, Connector]  # by account
    outlooks: Mapping[str, Outlook] = field(default_factory=dict)  # by commodity: computed over a whole recording
    renews_leases: bool = True  # False where the lease clock stands still
    feeds: Mapping[str, FeedReader] = field(default_factory=dict)  # by name: how a source of sentiment is read
    inbox: Inbox | None = None  # where analyses from outside come in; None: nowhere
    observers: Mapping[str, Callable[[], Behaviour]] = field(default_factory=dict)  # told of snapshots and trades
    notifier: Callable[[], Behaviour] | None = None  # an observer that trading goes on without; None: nobody is told
    bar_keepers: tuple[str, ...] = ()  # those of the observers that are told of bars, too
    waits: ReservationWaits | None = None  # where the waiting for reservations is measured; None: nowhere
    takes_commands: bool = False  # a person may ask for something: see `operator_spec`
    analyst: Callable[[], Behaviour] | None = None  # in the place of the built-in one; it is told of trades, too


def reservation_spec(parts: Parts) -> Spec:
    """The one actor that a process needs before it may lead."""
    ttl_seconds = parts.market.settings.ai_db_reservation_ttl_seconds
    held: dict[str, Lease] = {}
    return Spec(
        RESERVATION,
        lambda: ReservationActor(parts.ledger.reservations, ttl_seconds, renews=parts.renews_leases, held=held),
        RESERVATION_LEVEL,
    )


def operator_spec(parts: Parts) -> Spec:
    """What takes a person's commands, from a process's first moment. Trading goes on without it."""
    settings, ledger, inbox = parts.market.settings, parts.ledger, parts.inbox
    key_of = None if inbox is None else inbox.key_of
    behaviour = partial(OperatorActor, settings, ledger, key_of)
    return Spec(OPERATOR, behaviour, UPPER_LEVEL, max_restarts=OPERATOR_RESTARTS, vital=False)


def crew_specs(parts: Parts) -> list[Spec]:
    """Every other actor. Platforms begin first: what they tell waits in the mailboxes of those above them."""
    observers = (*parts.observers, *((INBOX,) if parts.inbox is not None else ()))
    observers += (NOTIFIER,) if parts.notifier is not None else ()
    observers += (OPERATOR,) if parts.takes_commands else ()
    readers = (MONITOR, *(name for name in (INBOX, OPERATOR) if name in observers))
    specs = [
        Spec(platform_actor(name), _platform(parts, name, connector, observers), PLATFORM_LEVEL, PLATFORM_MAILBOX)
        for name, connector in parts.connectors.items()
    ]
    market, ledger = parts.market, parts.ledger
    moods, events = MoodBook(market.settings.feeds), EventBook(market.settings.feeds)
    turns = Turns(ledger, (account.name for account in market.settings.accounts))
    built_in = partial(AnalystActor, market.settings, parts.outlooks, moods, readers)
    specs += _feed_specs(parts)
    specs += [
        Spec(MONITOR, lambda: MonitorActor(market), UPPER_LEVEL),
        Spec(SCHEDULER, lambda: SchedulerActor(market.settings, ledger, market.times), UPPER_LEVEL),
        Spec(TRADER, lambda: TraderActor(market, ledger, events, turns), UPPER_LEVEL),
        Spec(ANALYST, parts.analyst or built_in, UPPER_LEVEL),
        Spec(HALT_WATCH, lambda: HaltWatchActor(market.settings, ledger), UPPER_LEVEL),
    ]
    inbox = parts.inbox
    if inbox is not None:
        specs.append(Spec(INBOX, lambda: InboxActor(market.settings, ledger, inbox), UPPER_LEVEL, vital=False))
    specs += [Spec(name, factory, UPPER_LEVEL) for name, factory in parts.observers.items()]
    if parts.notifier is not None:
        specs.append(Spec(NOTIFIER, parts.notifier, UPPER_LEVEL, vital=False))
    return specs


def _feed_specs(parts: Parts) -> Iterator[Spec]:
    """An actor for each source of sentiment that can be read here."""
    for feed in parts.market.settings.feeds.enabled:
        if (reader := parts.feeds.get(feed.name)) is not None:
            yield Spec(feed_actor(feed.name), partial(FeedActor, feed, reader), UPPER_LEVEL, vital=False)


def calendar_keeper_spec(parts: Parts, extension: Extension) -> Spec:
    """What builds later trading times in time; a replay knows from the beginning how far it goes."""
    times = parts.market.times
    return Spec(CALENDAR_KEEPER, lambda: CalendarKeeper(times, extension), UPPER_LEVEL, vital=False)


def caretaker_spec(parts: Parts) -> Spec:
    """The one actor that only a process of the present has: what a replay writes down, it keeps."""
    settings, retention = parts.market.settings, parts.ledger.retention
    keep_days = settings.journal_keep_days, settings.valuations_keep_days
    return Spec(CARETAKER, lambda: CaretakerActor(retention, *keep_days), UPPER_LEVEL)


def lead(system: System, parts: Parts) -> bool:
    """Try to become the leader of the crew; False while another process is, or the ledger cannot be asked.

    Needs the reservation actor.
    """
    try:
        return ask_to_lead(system, parts)
    except Refusal:
        return False


def ask_to_lead(system: System, parts: Parts, timeout_seconds: float = 5.0) -> bool:
    """As `lead`; but raises `Refusal`, with the ledger's own words, where that cannot be asked."""
    lease = system.ask(RESERVATION, Reserve(crew_resource(parts.market.settings.crew)), timeout_seconds)
    return isinstance(lease, Lease)


def journal_alert(ledger: Ledger, alert: Alert) -> None:
    """Keep an alert in the journal, where `why` and the views find it. For `System(on_alert=...)`.

    Said again by the same actor, it is counted in its line. Of an account's actor the line's platform tells that.
    """
    platform = platform_of(alert.actor)
    newest = ledger.journal.list(kind="alert", limit=1) if platform is None else []
    may_fold = platform is not None or any(line.detail.get("actor") == alert.actor for line in newest)
    said = {"actor": alert.actor, "said": alert.detail}
    ledger.journal.append(JournalEntry(alert.at, "alert", alert.reason, platform=platform, detail=said), fold=may_fold)


def _platform(parts: Parts, name: str, connector: Connector, observers: tuple[str, ...]) -> Callable[[], Behaviour]:
    """A new desk for every start of the actor: nothing of the old one is trusted."""
    watchers = (MONITOR, SCHEDULER, *([] if parts.analyst is None else [ANALYST]), *observers)
    return lambda: PlatformActor(
        Desk(name, connector, parts.ledger, parts.market, watchers, parts.waits), observers, parts.bar_keepers
    )
