"""PlatformActor: one per account. It owns the connector and is the only writer of the account's trades.

Its mailbox is the lock inside the process: opens and closes of the account happen one after the other. It acts only
while it holds the account's lease, whose token fences every write and every order; it takes that post in `TakePost`,
raises the broker's own fence first, looks things up, and only then acts.
"""

from __future__ import annotations

from dataclasses import replace

from actors.adjusting import adjust
from actors.bar_feed import BarFeed
from actors.closing import begin_closing, rest_after_restart
from actors.desk import Conceded, Desk
from actors.lookup import scan
from actors.messages import (
    Adjust,
    Close,
    CloseIfProfitable,
    Lease,
    LeaseLost,
    LeaseRenewed,
    Open,
    OpenResult,
    Poll,
    Quotes,
    Reserve,
    RuleJudged,
    Scan,
    TakePost,
)
from actors.names import MONITOR, RESERVATION, SCHEDULER, TRADER
from actors.opening import open_trade, refused
from actors.rules import judge_rule
from actors.settling import is_settled, settle_all
from actors.system.context import Context, TimerHandle
from actors.system.errors import NotExecuted, OutcomeUnknown, Refusal
from connectors.base import ConnectorError, NotConnected, StaleToken
from persistence.errors import LedgerError, LedgerUnavailable, SlotTaken, TradeChanged
from persistence.reservations import account_resource
from trading.closings import ClosingJob
from trading.market import SECOND
from trading.trade import CloseReason, TradeState, prefix_of, sequence_of

RECONNECT_SECONDS = 5.0
FIRST_LOOK_SECONDS = 1.0
MOST_DOUBLINGS = 12  # of the time to the next look; the monitor's interval ends it sooner
RETRIES_PER_TTL = 6


class PlatformActor:
    """Serializes everything that happens on one account."""

    def __init__(self, desk: Desk, observers: tuple[str, ...] = ()) -> None:
        """``observers``: actors besides the trader that are told each snapshot."""
        self._desk = desk
        self._observers = (TRADER, *observers)
        self._rules: dict[str, ClosingJob] = {}
        self._bars = BarFeed()
        self._poll_interval = round(desk.settings.price_poll_seconds * SECOND)
        self._scan_interval = round(desk.settings.ai_monitor_interval_seconds * SECOND)
        self._trouble = "starting"
        self._ledger_fails = False
        self._is_cut_off = False  # the connection is gone, and has to be made again
        self._reconnect_at_elapsed = 0.0
        self._timers: dict[type, TimerHandle] = {}  # the one of each kind that is armed, or was last
        self._looks = 0  # scans in a row that left something unsettled
        self._looks_soon = False  # the next scan comes earlier than the interval

    def start(self, context: Context) -> None:
        """Take the post; what cannot be had yet is tried again."""
        self._take_post(context)

    def stop(self, context: Context) -> None:
        """Let go of the broker. The lease is given back by the reservation actor, which stops after this one."""
        self._desk.connector.disconnect()

    def receive(self, message: object, context: Context) -> None:
        """Handle one message; a lost lease or a refused write ends it without another order."""
        desk = self._desk
        desk.begin_message(context)
        try:
            self._handle(message, context)
        except Conceded as error:
            self._stand_by(str(error), context)
        except (TradeChanged, SlotTaken) as error:
            # Somebody wrote the row before us: memory was wrong. The next poll starts from the ledger's truth.
            desk.reload_due = True
            context.alert("reloaded", f"{desk.platform}: {error}")
        except LedgerUnavailable as error:
            self._lost_ledger(error, context)
        self._look_soon(context)

    def _handle(self, message: object, context: Context) -> None:
        match message:
            case Poll():
                # Armed first: whatever fails below, the next one comes.
                self._arm(context.at(context.now() + self._poll_interval, message), Poll)
                self._poll(context)
            case Scan():
                self._arm(context.at(context.now() + self._scan_interval, message), Scan)
                self._looks_soon = False
                self._scan(context)
            case Open():
                self._open(message, context)
                self._push(context)
            case Close():
                self._close(message, context)
            case Adjust():
                adjust(self._desk, message, context)
            case CloseIfProfitable():
                self._rules[message.job.key] = message.job
                self._judge_rules(context)
            case LeaseRenewed(lease):
                if self._desk.lease is not None and lease.fence == self._desk.lease.fence:
                    self._desk.lease = lease
            case LeaseLost(fence, reason):
                if self._desk.lease is not None and fence == self._desk.lease.fence:
                    self._desk.concede(reason, context)
                    self._stand_by(reason, context)
            case TakePost():
                self._take_post(context)
            case _:
                raise TypeError(f"a platform actor does not take {type(message).__name__}")

    # ------------------------------------------------------------ taking the post

    def _take_post(self, context: Context) -> None:
        desk = self._desk
        if desk.lease is not None:
            return
        desk.begin_message(context)
        try:
            lease = context.ask(RESERVATION, Reserve(account_resource(desk.platform)))
        except (NotExecuted, OutcomeUnknown, Refusal) as error:
            self._stand_by(f"the account's lease was not given: {error}", context)
            return
        if not isinstance(lease, Lease):
            self._stand_by("another process holds the account", context)
            return
        desk.lease = lease
        try:
            self._connect()
            self._recover(context)
        except ConnectorError as error:
            self._stand_by(f"{type(error).__name__}: {error}", context)
        except (LedgerUnavailable, TradeChanged, Conceded) as error:
            self._stand_by(str(error), context)
        else:
            self._trouble = ""
            desk.connected = True
            self._arm(context.at(context.now(), Poll()), Poll)
            self._arm(context.at(context.now(), Scan()), Scan)
            self._looks_soon = True

    def _connect(self) -> None:
        """First the place beside the broker, then a look at it: an older process can send nothing in between."""
        desk = self._desk
        desk.surveyed = False
        desk.connector.connect(desk.deadline)
        desk.connector.fence(desk.token, desk.deadline)
        desk.instruments = desk.connector.instruments(desk.deadline)
        self._is_cut_off = False

    def _recover(self, context: Context) -> None:
        """Idempotent: what is on disk and at the broker decides, and dying anywhere in here changes nothing."""
        desk = self._desk
        desk.absences.clear()
        desk.attempts.clear()
        desk.prefix = desk.ledger.trades.register_account(desk.platform)
        ours = [p.magic for p in desk.connector.positions(desk.deadline) if prefix_of(p.magic) == desk.prefix]
        ours += [o.magic for o in desk.connector.orders(0, desk.deadline) if prefix_of(o.magic) == desk.prefix]
        if ours:
            # A restored backup would hand out numbers that the broker has seen.
            desk.ledger.trades.raise_sequence(desk.platform, max(map(sequence_of, ours)))
        desk.reload(context)
        for trade in list(desk.trades.values()):
            if trade.state is TradeState.SUBMITTED:
                unknown = replace(trade, state=TradeState.UNKNOWN, detail="found after a restart")
                desk.advance(trade, unknown, context)
        rest_after_restart(desk, context)

    def _stand_by(self, reason: str, context: Context) -> None:
        desk = self._desk
        desk.lease = None
        desk.connected = False
        if reason != self._trouble:
            self._trouble = reason
            context.alert("standing_by", f"{desk.platform}: {reason}")
        self._push(context)
        again_in_seconds = desk.settings.ai_db_reservation_ttl_seconds / RETRIES_PER_TTL
        self._arm(context.later(again_in_seconds, TakePost()), TakePost)

    def _arm(self, timer: TimerHandle, kind: type) -> None:
        """Let this be the only timer of its kind: whoever loses the post and takes it again polls once, not twice."""
        before = self._timers.get(kind)
        if before is not None:
            before.cancel()
        self._timers[kind] = timer

    def _lost_ledger(self, error: LedgerUnavailable, context: Context) -> None:
        self._desk.reload_due = True
        if not self._ledger_fails:
            self._ledger_fails = True
            context.alert("ledger", f"{self._desk.platform}: {error}; nothing is opened, adjusted or closed without it")

    def _reload_if_due(self, context: Context) -> None:
        if self._desk.reload_due:
            self._desk.reload(context)
            self._ledger_fails = False

    # ------------------------------------------------------------ watching

    def _poll(self, context: Context) -> None:
        desk = self._desk
        if not desk.may_act(context):
            if desk.lease is not None:
                self._push(context)  # the renewal is late: nobody should choose this account meanwhile
            return
        self._reload_if_due(context)
        try:
            self._reconnect_if_due(context)
            fresh = desk.take_quotes(desk.connector.quotes(desk.deadline), context)
            # Before anything else that may fail: no stop waits for the account's figures, or for bars.
            context.tell(MONITOR, Quotes(desk.platform, context.now(), fresh))
            desk.account = desk.connector.account(desk.deadline)
            self._bars.send(desk, context)
        except StaleToken as error:
            desk.concede(str(error), context)
            raise Conceded(str(error)) from error
        except ConnectorError as error:
            self._lost_sight(error, context)
        else:
            self._found_sight(context)
        self._judge_rules(context)
        self._push(context)

    def _reconnect_if_due(self, context: Context) -> None:
        if self._is_cut_off and context.elapsed() >= self._reconnect_at_elapsed:
            self._reconnect_at_elapsed = context.elapsed() + RECONNECT_SECONDS
            self._connect()

    def _lost_sight(self, error: ConnectorError, context: Context) -> None:
        desk = self._desk
        self._is_cut_off = self._is_cut_off or isinstance(error, NotConnected)
        if desk.connected:
            desk.connected = False
            self._trouble = f"{type(error).__name__}: {error}"
            context.alert("broker", f"{desk.platform}: {self._trouble}; no opens until it answers again")

    def _found_sight(self, context: Context) -> None:
        desk = self._desk
        if not desk.connected:
            desk.connected = True
            self._trouble = ""
            context.alert("broker", f"{desk.platform}: the broker answers again")

    def _scan(self, context: Context) -> None:
        """Compare the ledger with the broker; only a clean scan changes anything."""
        desk = self._desk
        if not desk.may_act(context):
            return
        self._reload_if_due(context)
        try:
            found = scan(desk)
        except ConnectorError as error:
            self._is_cut_off = self._is_cut_off or isinstance(error, NotConnected)
            if desk.surveyed:
                desk.surveyed = False
                why = f"{type(error).__name__}: {error}"
                context.alert("broker", f"{desk.platform}: {why}; no opens until a clean scan")
            return
        if not desk.surveyed:
            desk.surveyed = True
            self._push(context)
        settle_all(desk, found, context)

    def _look_soon(self, context: Context) -> None:
        """While anything is unsettled, scan sooner than the interval asks for, and ever less soon."""
        desk = self._desk
        if desk.surveyed and is_settled(desk):
            self._looks = 0
        elif not self._looks_soon and desk.may_act(context):
            soon = min(FIRST_LOOK_SECONDS * 2.0**self._looks, desk.settings.ai_monitor_interval_seconds)
            self._arm(context.later(soon, Scan()), Scan)
            self._looks = min(self._looks + 1, MOST_DOUBLINGS)
            self._looks_soon = True

    # ------------------------------------------------------------ acting

    def _open(self, message: Open, context: Context) -> None:
        desk, analysis = self._desk, message.analysis
        ready = desk.connected and desk.surveyed and desk.may_act(context)
        try:
            if ready:
                result = open_trade(desk, message, context)
            else:
                result = refused(desk, message, self._trouble or desk.why_not_ready(context))
        except (Conceded, LedgerError) as error:
            row = desk.trades.get(analysis.commodity)
            trade = row if row is not None and row.analysis_id == analysis.id else None
            context.tell(TRADER, OpenResult(desk.platform, analysis.id, analysis.commodity, trade, str(error)))
            raise
        context.tell(TRADER, result)

    def _close(self, message: Close, context: Context) -> None:
        desk = self._desk
        trade = desk.trades.get(message.commodity)
        if trade is None or trade.trade_id != message.trade_id or trade.state is not TradeState.OPEN:
            return  # closed, or being closed: the message comes again only from those who do not know it yet
        quote = desk.quotes.get(trade.commodity)
        if quote is None or not desk.may_act(context):
            return  # whoever asked asks again: it is derived from the ledger on each pass
        if message.price is None and message.reason is not CloseReason.OPERATOR and desk.unusable(quote, context):
            return  # no rule closes without a price to close at; a person may have seen one elsewhere
        price = quote.closing_price(trade.side) if message.price is None else message.price
        begin_closing(desk, trade, message.reason, price, context)
        self._push(context)

    def _judge_rules(self, context: Context) -> None:
        for key, job in list(self._rules.items()):
            if context.now() >= job.window.ends_at:
                del self._rules[key]  # after the close the rule is over: nothing is still due at midnight
            elif self._desk.may_act(context) and judge_rule(self._desk, job, context):
                del self._rules[key]
                context.tell(SCHEDULER, RuleJudged(key))

    def _push(self, context: Context) -> None:
        snapshot = self._desk.snapshot(context, self._trouble)
        for observer in self._observers:
            context.tell(observer, snapshot)
