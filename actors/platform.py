"""PlatformActor: one per account. It owns the connector and is the only writer of the account's trades.

Its mailbox is the lock inside the process: opens and closes of the account happen one after the other. It acts only
while it holds the account's lease, whose token fences every write and every order; it takes that post in `TakePost`,
raises the broker's own fence first, looks things up, and only then acts.
"""

from __future__ import annotations

import logging

from actors.adjusting import adjust, grounds_detail
from actors.auditing import audit, deals_to_audit
from actors.bar_feed import BarFeed
from actors.blind_spots import BlindSpots
from actors.closing import begin_closing
from actors.desk import Conceded, Desk
from actors.guarding import close_without_ledger, look_without_ledger, write_what_was_sent
from actors.ledger_watch import LedgerWatch
from actors.lookup import scan
from actors.messages import (
    Adjust,
    Close,
    CloseIfProfitable,
    HeedPauses,
    HistoryWanted,
    Lease,
    LeaseLost,
    LeaseRenewed,
    Open,
    OpenResult,
    Poll,
    Quotes,
    Release,
    Reserve,
    Scan,
    TakePost,
    TellTrades,
    Valued,
)
from actors.names import BROKER_AWAY, BROKER_BACK, MONITOR, RESERVATION, STANDING_BY, TOOK_POST, TRADER
from actors.opening import open_trade, refused
from actors.recovery import Unexplained, recover, settle_what_was_left
from actors.risk_watch import RiskWatch
from actors.rules import DueRules
from actors.settling import is_settled, settle_all
from actors.system.context import Context, TimerHandle
from actors.system.errors import NotExecuted, OutcomeUnknown, Refusal
from actors.troubles import was_out_of_business, without_seconds
from actors.valuing import Valuations
from connectors.base import ConnectorError, NotConnected, StaleToken
from persistence.errors import LedgerError, LedgerUnavailable, SlotTaken, TradeChanged
from persistence.journal import JournalEntry
from persistence.reservations import account_resource
from trading.attention import EVERYTHING, Attention
from trading.market import SECOND, Instant
from trading.trade import CloseReason, Trade, TradeState

log = logging.getLogger("watchbill.platform")

RECONNECT_SECONDS = 5.0
FIRST_LOOK_SECONDS = 1.0
MOST_DOUBLINGS = 12  # of the time to the next look; the monitor's interval ends it sooner
RETRIES_PER_TTL = 6


class PlatformActor:
    """Serializes everything that happens on one account."""

    def __init__(self, desk: Desk, observers: tuple[str, ...] = (), bar_keepers: tuple[str, ...] = ()) -> None:
        """``observers``: actors besides the trader that are told each snapshot. ``bar_keepers``: those besides the
        analyst that are told each bar.
        """
        self._desk = desk
        self._observers = (TRADER, *observers)
        self._rules = DueRules(desk)
        self._bars = BarFeed(bar_keepers)
        self._blind_spots = BlindSpots()
        self._valuations = Valuations()
        self._poll_interval = round(desk.settings.price_poll_seconds * SECOND)
        self._scan_interval = round(desk.settings.ai_monitor_interval_seconds * SECOND)
        self._trouble = "starting"
        self._stood_by = False  # and said so
        self._ledger = LedgerWatch(desk)
        self._risk = RiskWatch(desk)
        self._is_cut_off = False  # the connection is gone, and has to be made again
        self._reconnect_at_elapsed = 0.0
        self._polled_at: Instant = 0
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
            self._ledger.lost(error, context)
        self._look_soon(context)
        self._mind_the_clock(context)

    def attention(self, now: Instant) -> Attention:
        """At rest, what its watch over the results waits for. Those who are told of quotes and bars speak for them."""
        desk = self._desk
        at_rest = desk.connected and desk.surveyed and is_settled(desk) and desk.is_at_ease
        waits = self._looks_soon or self._is_cut_off or self._valuations.are_waiting or self._blind_spots.are_there
        waits = waits or self._bars.is_waiting(desk)
        if not at_rest or waits or self._trouble or (self._rules.are_there and desk.trades):
            return EVERYTHING
        return self._risk.attention()

    def _handle(self, message: object, context: Context) -> None:
        match message:
            case Poll():
                # Armed first: whatever fails below, the next one comes.
                self._polled_at = context.now()
                self._arm(context.at(self._polled_at + self._poll_interval, message), Poll)
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
                if self._desk.may_guard() and self._desk.may_write(context):
                    adjust(self._desk, message, context)
            case Valued():
                self._valuations.keep(message)
            case HistoryWanted(commodity):
                self._bars.want_history(commodity)
            case HeedPauses():
                if self._desk.may_write(context):
                    self._desk.read_pauses()
                self._push(context)
            case TellTrades():
                self._desk.tell_trades(context)
            case CloseIfProfitable():
                self._rules.add(message.job)
                self._rules.judge(context)
            case LeaseRenewed(lease):
                self._renewed(lease, context)
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
            recover(desk, context)
            self._ledger.read_again(context)
            settle_what_was_left(desk, context)
            was_out = self._stood_by or was_out_of_business(desk)
        except ConnectorError as error:
            self._stand_by(f"{type(error).__name__}: {error}", context)
        except (LedgerUnavailable, TradeChanged, Conceded) as error:
            self._stand_by(str(error), context)
        except Unexplained as error:
            context.tell(RESERVATION, Release(lease.fence))  # whoever adopts or disowns them takes it
            self._stand_by(str(error), context)
        else:
            desk.obstacles.clear()
            if was_out:
                context.alert(TOOK_POST, f"{desk.platform}: this process leads the account")
            self._trouble, self._stood_by = "", False
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

    def _stand_by(self, reason: str, context: Context) -> None:
        desk = self._desk
        desk.lease = None
        desk.connected = False
        if without_seconds(reason) != without_seconds(self._trouble):
            self._trouble, self._stood_by = reason, True
            context.alert(STANDING_BY, f"{desk.platform}: {reason}")
        self._push(context)
        again_in_seconds = desk.settings.ai_db_reservation_ttl_seconds / RETRIES_PER_TTL
        self._arm(context.later(again_in_seconds, TakePost()), TakePost)

    def _mind_the_clock(self, context: Context) -> None:
        """Poll and scan now when the clock was set back: their timers would sleep until it is where it was.

        Noticed at the next message, and one comes with each renewal of the lease.
        """
        if self._desk.lease is not None and context.now() < self._polled_at - self._poll_interval:
            self._polled_at = context.now()
            self._arm(context.at(self._polled_at, Poll()), Poll)
            self._arm(context.at(self._polled_at, Scan()), Scan)

    def _arm(self, timer: TimerHandle, kind: type) -> None:
        """Let this be the only timer of its kind: whoever loses the post and takes it again polls once, not twice."""
        before = self._timers.get(kind)
        if before is not None:
            before.cancel()
        self._timers[kind] = timer

    def _renewed(self, lease: Lease, context: Context) -> None:
        desk = self._desk
        if desk.lease is None or lease.fence.resource != desk.lease.fence.resource:
            return
        if lease.fence.token > desk.lease.fence.token:
            # It had run out while the database was away, and nobody took it: the same post, under a new token.
            self._is_cut_off = True  # so the next poll connects, which raises the broker's fence
            self._reconnect_at_elapsed = context.elapsed()
            desk.reload_due = True
        elif lease.fence != desk.lease.fence:
            return
        desk.lease = lease
        self._ledger.may_be_back(context)

    # ------------------------------------------------------------ watching

    def _poll(self, context: Context) -> None:
        desk = self._desk
        if not desk.may_watch(context):
            if desk.lease is not None:
                self._push(context)  # the renewal is late: nobody should choose this account meanwhile
            return
        self._look_at_ledger(context)
        try:
            self._reconnect_if_due(context)
            quotes = desk.connector.quotes(desk.deadline)
            fresh = desk.take_quotes(quotes, context)
            # Before anything else that may fail: no stop waits for the account's figures, or for bars.
            currency = None if desk.account is None else desk.account.currency
            context.tell(MONITOR, Quotes(desk.platform, context.now(), fresh, desk.instruments, currency))
            desk.account = desk.connector.account(desk.deadline)
            self._blind_spots.look(desk, {quote.commodity for quote in quotes}, context)
            self._bars.send(desk, context)
        except StaleToken as error:
            desk.concede(str(error), context)
            raise Conceded(str(error)) from error
        except ConnectorError as error:
            self._lost_sight(error, context)
        else:
            self._found_sight(context)
        self._rules.judge(context)
        if desk.connected and not desk.ledger_away:
            self._risk.look(context)
        self._push(context)

    def _look_at_ledger(self, context: Context) -> None:
        desk = self._desk
        reload_was_due = desk.reload_due
        self._ledger.look(context)
        if desk.ledger_away:
            desk.begin_message(context)  # the broker's time is not spent on waiting for the ledger
        elif reload_was_due and not desk.reload_due:
            self._looks, self._looks_soon = 0, False  # what waited for the ledger is settled at once

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
            context.alert(BROKER_AWAY, f"{desk.platform}: {self._trouble}; no opens until it answers again")

    def _found_sight(self, context: Context) -> None:
        desk = self._desk
        if not desk.connected:
            desk.connected = True
            self._trouble = ""
            desk.obstacles.clear()  # who put the terminal right may have switched on what was off
            context.alert(BROKER_BACK, f"{desk.platform}: the broker answers again")

    def _scan(self, context: Context) -> None:
        """Compare the ledger with the broker; only a clean scan changes anything."""
        desk = self._desk
        if not desk.may_watch(context):
            return
        self._look_at_ledger(context)
        if not desk.may_write(context):
            self._look_without_ledger(context)
            return
        desk.read_pauses()
        try:
            found = scan(desk)
            history = deals_to_audit(desk, context)
        except ConnectorError as error:
            self._scanned_badly(error, context)
            return
        if not desk.surveyed:
            desk.surveyed = True
            log.info("%s: looked through, under token %d", desk.platform, desk.token)
            self._push(context)
        if desk.unwritten:
            write_what_was_sent(desk, context)
        self._risk.heed_pardon(context)
        settle_all(desk, found, context)
        audit(desk, found.positions, history, context)
        self._valuations.write(desk, context)

    def _look_without_ledger(self, context: Context) -> None:
        if self._desk.guards_without_ledger:
            try:
                look_without_ledger(self._desk, context)
            except ConnectorError as error:
                self._scanned_badly(error, context)

    def _scanned_badly(self, error: ConnectorError, context: Context) -> None:
        desk = self._desk
        if isinstance(error, StaleToken):
            desk.concede(str(error), context)
            raise Conceded(str(error)) from error
        self._is_cut_off = self._is_cut_off or isinstance(error, NotConnected)
        if desk.surveyed:
            desk.surveyed = False
            why = f"{type(error).__name__}: {error}"
            context.alert("unclean_scan", f"{desk.platform}: {why}; no opens until a clean scan")

    def _look_soon(self, context: Context) -> None:
        """While anything is unsettled, scan sooner than the interval asks for, and ever less soon."""
        desk = self._desk
        if desk.surveyed and is_settled(desk):
            self._looks = 0
        elif not self._looks_soon and desk.may_watch(context):
            soon = min(FIRST_LOOK_SECONDS * 2.0**self._looks, desk.settings.ai_monitor_interval_seconds)
            self._arm(context.later(soon, Scan()), Scan)
            self._looks = min(self._looks + 1, MOST_DOUBLINGS)
            self._looks_soon = True

    # ------------------------------------------------------------ acting

    def _open(self, message: Open, context: Context) -> None:
        desk, analysis = self._desk, message.analysis
        rows_before = {row.trade_id for row in desk.known_rows()}
        ready = desk.connected and desk.surveyed and desk.may_write(context)
        try:
            if ready:
                result = open_trade(desk, message, context)
            else:
                result = refused(desk, message, self._trouble or desk.why_not_ready(context))
        except Exception as error:  # also a defect: the decision is kept, and the error goes its way
            rows = [row for row in desk.known_rows() if row.trade_id not in rows_before]
            trade = max(rows, key=lambda row: row.trade_id, default=None)
            decision = message.decision if trade is None else None
            said = str(error) if isinstance(error, Conceded | LedgerError) else f"{type(error).__name__}: {error}"
            context.tell(TRADER, OpenResult(desk.platform, analysis.id, analysis.commodity, trade, said, decision))
            raise
        context.tell(TRADER, result)

    def _close(self, message: Close, context: Context) -> None:
        desk = self._desk
        trade = desk.trades.get(message.commodity)
        if trade is None or trade.trade_id != message.trade_id:
            return
        if message.reason is CloseReason.OPERATOR and trade.state is TradeState.CLOSING:
            desk.by_hand &= {known.trade_id for known in desk.trades.values()}
            desk.by_hand.add(trade.trade_id)  # a rule began it; neither a halt nor a shut market holds it up now
        if trade.state is not TradeState.OPEN:
            return  # closed, or being closed: the message comes again only from those who do not know it yet
        quote = desk.quotes.get(trade.commodity)
        if quote is None or not desk.may_watch(context):
            return  # whoever asked asks again: it is derived from the ledger on each pass
        if message.reason is not CloseReason.OPERATOR:
            if message.price is None and desk.unusable(quote, context):
                return  # no rule closes without a price to close at; a person may have seen one elsewhere
            if not desk.may_guard():
                return
        price = quote.closing_price(trade.side) if message.price is None else message.price
        said = {"price": price, **grounds_detail(message.grounds)}
        weighed = [desk.entry("exit", message.reason.value, context, trade, detail=said)] if message.grounds else []
        self._send_close(trade, message.reason, price, context, *weighed)
        self._push(context)

    def _send_close(
        self, trade: Trade, reason: CloseReason, price: float, context: Context, *weighed: JournalEntry
    ) -> None:
        """Through the ledger; by ticket alone where that is harmless and the ledger does not take the CLOSING row.

        ``weighed``: the lines about how it was decided; they are written with that row, or not at all.
        """
        desk = self._desk
        if desk.ledger_away:
            self._close_without_ledger(trade, reason, price, context)
            return
        try:
            begin_closing(desk, trade, reason, price, context, *weighed)
        except LedgerUnavailable as error:
            self._ledger.noticed()
            try:
                self._close_without_ledger(trade, reason, price, context)
            finally:
                self._ledger.lost(error, context)

    def _close_without_ledger(self, trade: Trade, reason: CloseReason, price: float, context: Context) -> None:
        believed = self._desk.trades.get(trade.commodity)
        if self._desk.guards_without_ledger and believed is not None and believed.state is TradeState.OPEN:
            self._desk.begin_message(context)  # the ledger was waited for, and the broker has not been asked yet
            close_without_ledger(self._desk, believed, reason, price, context)

    def _push(self, context: Context) -> None:
        snapshot = self._desk.snapshot(context, self._trouble)
        for observer in self._observers:
            context.tell(observer, snapshot)
