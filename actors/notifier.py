"""NotifierActor: tells people what happened, through services that may be slow, dead, or full of nonsense.

It stands apart from the trading: it is told of trades and alerts, looks into the ledger seldom, and never waits for a
service. What is on its way is with a `Sender`, which is asked now and then how it goes.

A trade's notice is said at least once: the journal keeps what was said (lines of the kind `notification`), and after a
restart whatever happened in the last `give_up_seconds` of market time and has no such line is said. So a process that
is killed between the service's answer and the line says it twice. An alert is said by the process that it was raised
in, or not at all; and the daily summary at most once, by whichever process uses up its key first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from actors import daily_summary, notice_words
from actors.messages import AccountSnapshot, TradeChanged
from actors.names import platform_actor
from actors.notice_words import Terms
from actors.notices import (
    Alerted,
    Delivery,
    LookAround,
    LookAtSending,
    Notice,
    NotificationCounts,
    Parcel,
    Sender,
    SetOut,
    SummaryDue,
)
from actors.outbox import Folds, Outbox, Settled
from actors.system.alerts import Alert
from actors.system.context import Context, TimerHandle
from persistence.errors import JobFired, LedgerError, LedgerUnavailable
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.modes import KIND as MODE
from persistence.pauses import KIND as PAUSE
from trading.market import DAY, SECOND, Instant, iso
from trading.modes import Mode
from trading.settings import Settings
from trading.settings_notifications import Event
from trading.trade import HELD, Trade, TradeState

NOTIFICATION = "notification"  # the kind of the journal's lines
MODES = (MODE, PAUSE)  # the kinds of lines that tell of opens stopped and allowed again
SERVICE_FAILS, SERVICE_BACK = "notifications", "notifications_back"  # the reasons of its own alerts
NOT_MADE = "no_summary"
LOOK_SECONDS = 5.0  # between two looks at what is due
LEDGER_SECONDS = 15.0  # between two looks into the ledger
GATHERING_SECONDS = 1.0  # what happens together goes together: a process is started for each batch
SENDING_SECONDS = 0.25  # between two looks at what is on its way
SUMMARY_DELAY_SECONDS = 30.0  # after a start, for the accounts to say how they stand
LATEST_SUMMARY = DAY // 4  # a summary that is so late is not made any more
MOST_LINES = 500

log = logging.getLogger("watchbill.notifier")


class NotifierActor:
    """Told of trades, snapshots and alerts; asked by nobody."""

    def __init__(self, settings: Settings, ledger: Ledger, sender: Sender, counts: NotificationCounts) -> None:
        self._settings = settings
        self._chosen = settings.notifications
        self._ledger = ledger
        self._sender = sender
        self._outbox = Outbox(self._chosen, counts)
        self._folds = Folds(self._chosen.fold_seconds)
        self._counts = counts
        self._parcels: Sequence[Parcel] = ()  # on their way
        self._is_gathering = False
        self._snapshots: dict[str, AccountSnapshot] = {}
        self._unknown: set[int] = set()  # trades whose outcome is in doubt
        self._told: dict[int, TradeState] = {}  # by active trade: what was last seen of it
        self._mode_line = 0  # of the newest that was looked at
        self._modes: dict[str, str] = {}  # by subject: the state that the newest line tells of
        self._alerts = 0  # that were put into the outbox
        self._has_looked_back = False
        self._ledger_at_elapsed = 0.0
        self._summary: TimerHandle | None = None
        self._failing: set[int] = set()  # services that the operator was told of

    def start(self, context: Context) -> None:
        """Find what happened while nobody told it, and wait for the day's end."""
        self._sender.cancel()  # an earlier life's
        context.later(GATHERING_SECONDS, LookAround())
        if Event.DAILY_SUMMARY in self._chosen.events:
            newest = daily_summary.newest_due(context.now(), self._chosen.summary_offset)
            context.later(SUMMARY_DELAY_SECONDS, SummaryDue(newest))
        self._look_into_ledger(context)

    def stop(self, context: Context) -> None:
        """Leave no process behind. What waits is in the journal, or is lost with the alert that it was."""
        self._sender.cancel()

    def receive(self, message: object, context: Context) -> None:
        """Let it wait for its turn, and see to whatever is due."""
        match message:
            case AccountSnapshot():
                self._snapshots[message.platform] = message
                return
            case TradeChanged(trade):
                self._note(trade, context)
            case Alerted(alert):
                self._note_alert(alert, context)
            case LookAround():
                context.later(LOOK_SECONDS, LookAround())
                self._look_around(context)
            case SetOut():
                self._is_gathering = False
                self._send(context)
                return
            case LookAtSending():
                self._look_at_sending(context)
            case SummaryDue(due_at):
                self._summarise(due_at, context)
            case _:
                raise TypeError(f"the notifier does not take {type(message).__name__}")
        if not self._is_gathering and not self._parcels:
            self._is_gathering = True
            context.later(GATHERING_SECONDS, SetOut())

    # ---- what is said

    def _say(self, notice: Notice | None, context: Context) -> None:
        if notice is not None and notice.event in self._chosen.events:
            self._outbox.put(notice, context.elapsed())

    def _note(self, trade: Trade, context: Context) -> None:
        before = self._told.get(trade.trade_id)
        was_unknown = trade.trade_id in self._unknown
        self._told[trade.trade_id] = trade.state
        self._unknown.discard(trade.trade_id)
        if trade.state is TradeState.UNKNOWN:
            self._unknown.add(trade.trade_id)
        if trade.state in (TradeState.CLOSED, TradeState.FAILED):
            self._told.pop(trade.trade_id)
            for reason in notice_words.OF_CLOSING:  # the next trade there may be stuck, too
                self._folds.end(notice_words.alert_key(platform_actor(trade.platform), reason, trade.resource))
        happened_at = max(trade.submitted_at, trade.opened_at or 0, trade.closed_at or 0)
        if trade.state is before or self._is_old(happened_at, context):
            return
        terms = self._terms(trade.platform)
        self._say(notice_words.of_trade(trade, context.now(), terms, was_unknown=was_unknown), context)

    def _is_old(self, at: Instant, context: Context) -> bool:
        """Whether what happened then is no news any more."""
        return at < context.now() - round(self._chosen.give_up_seconds * SECOND)

    def _note_alert(self, alert: Alert, context: Context) -> None:
        notice = notice_words.of_alert(alert)
        if notice is None or notice.event not in self._chosen.events:
            return
        if self._folds.is_new(notice, context.elapsed()):
            self._put_alert(notice, context)
        else:
            self._counts.folded += 1

    def _put_alert(self, notice: Notice, context: Context) -> None:
        """Under a key of its own: by the fold it is not the same said again, whatever its market time."""
        self._alerts += 1
        self._outbox.put(replace(notice, key=f"{notice.key}:{context.elapsed()}:{self._alerts}"), context.elapsed())

    def _terms(self, platform: str) -> Terms:
        snapshot = self._snapshots.get(platform)
        if snapshot is None:
            return Terms()
        return Terms("" if snapshot.account is None else snapshot.account.currency, snapshot.instruments)

    # ---- what is looked at

    def _look_around(self, context: Context) -> None:
        for notice in self._folds.over(context.elapsed(), notice_words.folded):
            self._put_alert(notice, context)
        if context.elapsed() >= self._ledger_at_elapsed:
            self._look_into_ledger(context)

    def _look_into_ledger(self, context: Context) -> None:
        """Modes may be changed by any process; and what happened before this one began is in the ledger alone."""
        self._ledger_at_elapsed = context.elapsed() + LEDGER_SECONDS
        try:
            if not self._has_looked_back:
                self._look_back(context)
                self._has_looked_back = True
            self._note_modes(context)
        except LedgerError as error:
            log.debug("the ledger cannot be looked into: %s", error)  # the accounts' actors say so; asked again soon

    def _note_modes(self, context: Context) -> None:
        journal = self._ledger.journal
        lines = [line for kind in MODES for line in journal.list(kind=kind, limit=MOST_LINES // 10)]
        for line in sorted(lines, key=lambda line: line.id):
            notice = notice_words.of_mode(line)
            if notice is not None:
                known = self._modes.get(notice.subject, notice_words.OPENS)
                self._modes[notice.subject] = notice.state
                # The end of a halt is told by the halt watch, but not that it ended a pause from before it, too.
                is_said = line.detail.get("before") == Mode.HALTED and notice.state == known
                if line.id > self._mode_line and not is_said:
                    self._say(notice, context)
            self._mode_line = max(self._mode_line, line.id)

    def _look_back(self, context: Context) -> None:
        since = context.now() - round(self._chosen.give_up_seconds * SECOND)
        for line in self._ledger.journal.list(kind=NOTIFICATION, since=since, limit=MOST_LINES):
            if isinstance(key := line.detail.get("key"), str):
                self._outbox.remember(key)
        old_modes = [line for kind in MODES for line in self._ledger.journal.list(kind=kind, until=since, limit=1)]
        self._mode_line = max((line.id for line in old_modes), default=0)
        active = self._ledger.trades.active()
        self._say_of_leader(len([trade for trade in active if trade.state in HELD]), context)
        accounts = [account.name for account in self._settings.accounts if account.enabled]
        ended = [trade for name in accounts for trade in self._ledger.trades.ended_since(name, since)]
        for trade in (*active, *ended):
            self._note(trade, context)

    def _say_of_leader(self, held: int, context: Context) -> None:
        crew = self._settings.crew
        before = self._ledger.starts.before(context.owner, crew)
        if before is not None and (before.has_crashed or _process(before.owner) != _process(context.owner)):
            crashes = self._ledger.starts.crashes(crew)
            self._say(notice_words.of_takeover(before, context.owner, crew, crashes, context.now(), held), context)

    def _summarise(self, due_at: Instant, context: Context) -> None:
        """Make the summary of that day, unless it was made, or is too late; and wait for the next."""
        now = context.now()
        if now - LATEST_SUMMARY < due_at <= now:
            try:
                self._make_summary(due_at, context)
            except LedgerUnavailable:
                context.later(LEDGER_SECONDS, SummaryDue(due_at))
                return
            except LedgerError as error:
                context.alert(NOT_MADE, f"of {iso(due_at)}: {error}")
        next_due = max(due_at, daily_summary.newest_due(now, self._chosen.summary_offset)) + DAY
        if due_at > now:
            next_due = due_at  # the clock was set back
        if self._summary is not None:
            self._summary.cancel()
        self._summary = context.at(next_due, SummaryDue(next_due))

    def _make_summary(self, due_at: Instant, context: Context) -> None:
        if not self._ledger.journal.list(until=due_at, limit=1):
            return  # a crew that had not begun then has nothing to tell
        notice = daily_summary.summary(self._ledger, self._settings, self._snapshots, due_at)
        try:
            self._ledger.schedule.fire(notice.key, context.now())
        except JobFired:
            return  # whoever did it has told it
        self._say(notice, context)

    # ---- sending

    def _send(self, context: Context) -> None:
        if self._parcels:
            return
        self._parcels = tuple(self._outbox.take(context.elapsed(), context.now()))
        if self._parcels:
            self._sender.begin(self._parcels)
            context.later(SENDING_SECONDS, LookAtSending())

    def _look_at_sending(self, context: Context) -> None:
        if not self._parcels:
            return
        deliveries = self._sender.result()
        if deliveries is None:
            context.later(SENDING_SECONDS, LookAtSending())
            return
        parcels, self._parcels = self._parcels, ()
        settled, failed = self._outbox.settle(parcels, deliveries, context.elapsed())
        self._tell_of_services(deliveries, failed, context)
        self._write(settled, context)

    def _tell_of_services(self, deliveries: Sequence[Delivery], failed: Mapping[int, str], context: Context) -> None:
        """Once when a service begins to fail, and once when it takes something again."""
        names = {delivery.service: delivery.name for delivery in deliveries if delivery.name}
        for service, why in failed.items():
            if service not in self._failing:
                self._failing.add(service)
                what = f" ({names[service]})" if service in names else ""
                context.alert(SERVICE_FAILS, f"urls[{service}]{what} takes nothing: {why}; it is tried again")
        for service in {delivery.service for delivery in deliveries if not delivery.error} - failed.keys():
            if service in self._failing:
                self._failing.discard(service)
                context.alert(SERVICE_BACK, f"urls[{service}] ({names.get(service, '?')}) takes messages again")

    def _write(self, settled: Sequence[Settled], context: Context) -> None:
        lines = [_line(each, context.now()) for each in settled]
        if not lines:
            return
        try:
            self._ledger.journal.append(*lines)
        except LedgerError as error:
            context.alert(SERVICE_FAILS, f"what was said is not in the journal: {error}")


def _line(settled: Settled, at: Instant) -> JournalEntry:
    notice = settled.notice
    detail = {
        "key": notice.key,
        "title": notice.title,
        "said": notice.text,
        "outcome": settled.outcome,
        "services": list(settled.services),
    }
    about = notice.platform, notice.commodity, notice.trade_id
    return JournalEntry(at, NOTIFICATION, notice.event.value, *about, detail=detail)


def _process(owner: str) -> str:
    """The host and the number of the process of an owner ``host:pid:uuid``."""
    return owner.rpartition(":")[0]
