"""PlatformActor: one per account. It owns the connector and is the only writer of the account's trades.

Its mailbox is the lock inside the process: opens and closes of the account happen one after the other. It acts only
while it holds the account's lease, whose token fences every write and every order; it takes that post in `TakePost`,
raises the broker's own fence first, looks things up, and only then acts.
"""

from __future__ import annotations

from dataclasses import replace

from actors.closing import begin_closing, continue_closing
from actors.desk import Conceded, Desk
from actors.late import settle_late
from actors.lookup import compare_open, find_strangers, resolve_unknown, scan
from actors.messages import (
    Adjust,
    Bars,
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
from actors.names import ANALYST, MONITOR, RESERVATION, SCHEDULER, TRADER
from actors.opening import open_trade
from actors.rules import judge_rule
from actors.system.context import Context
from actors.system.errors import OutcomeUnknown
from connectors.base import ConnectorError, StaleToken
from persistence.errors import LedgerUnavailable, TradeChanged
from persistence.reservations import account_resource
from trading.closings import ClosingJob
from trading.exits import tightened
from trading.market import SECOND, Instant
from trading.trade import TradeState, prefix_of, sequence_of

HISTORY_BARS = 15_000  # of hours: the daily averages over 200 days have settled
RECENT_BARS = 24  # enough to bridge a short loss of the broker
RETRIES_PER_TTL = 6


class PlatformActor:
    """Serializes everything that happens on one account."""

    def __init__(self, desk: Desk, observers: tuple[str, ...] = ()) -> None:
        """``observers``: actors besides the trader that are told each snapshot."""
        self._desk = desk
        self._observers = (TRADER, *observers)
        self._rules: dict[str, ClosingJob] = {}
        self._next_bar_end: dict[str, Instant] = {}
        self._trouble = "starting"

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
        except TradeChanged as error:
            # Somebody wrote the row before us: memory was wrong. The next scan starts from the ledger's truth.
            desk.reload_due = True
            context.alert("reloaded", f"{desk.platform}: {error}")
        except LedgerUnavailable as error:
            desk.reload_due = True
            context.alert("ledger", f"{desk.platform}: {error}")

    def _handle(self, message: object, context: Context) -> None:
        match message:
            case Poll():
                context.at(context.now() + round(self._desk.settings.price_poll_seconds * SECOND), Poll())
                self._poll(context)
            case Scan():
                interval = round(self._desk.settings.ai_monitor_interval_seconds * SECOND)
                context.at(context.now() + interval, Scan())
                self._scan(context)
            case Open():
                result = open_trade(self._desk, message, context) if self._ready(context) else self._not_ready(message)
                context.tell(TRADER, result)
                self._push(context)
            case Close():
                self._close(message, context)
            case Adjust():
                self._adjust(message, context)
            case CloseIfProfitable():
                self._rules[message.job.key] = message.job
                self._judge_rules(context)
            case LeaseRenewed(lease):
                if self._desk.lease is not None and lease.fence == self._desk.lease.fence:
                    self._desk.lease = lease
            case LeaseLost(resource, reason):
                if self._desk.lease is not None and resource == self._desk.lease.fence.resource:
                    self._desk.concede(reason, context)
                    self._stand_by(reason, context)
            case TakePost():
                self._take_post(context)
            case _:
                raise TypeError(f"a platform actor does not take {type(message).__name__}")

    # ------------------------------------------------------------ taking the post

    def _take_post(self, context: Context) -> None:
        desk = self._desk
        desk.begin_message(context)
        if desk.lease is not None:
            return
        try:
            lease = context.ask(RESERVATION, Reserve(account_resource(desk.platform)))
        except OutcomeUnknown as error:
            self._stand_by(f"the reservation actor did not answer: {error}", context)
            return
        if not isinstance(lease, Lease):
            self._stand_by("another process holds the account", context)
            return
        try:
            desk.connector.connect(desk.deadline)
            # First the place beside the broker, then the look-up: an older process can send nothing in between.
            desk.connector.fence(lease.fence.token, desk.deadline)
            desk.instruments = desk.connector.instruments(desk.deadline)
            desk.lease = lease
            self._recover(context)
        except StaleToken as error:
            desk.lease = None
            self._stand_by(str(error), context)
        except ConnectorError as error:
            desk.lease = None
            self._stand_by(f"{type(error).__name__}: {error}", context)
        else:
            self._trouble = ""
            desk.connected = True
            context.at(context.now(), Poll())
            context.at(context.now(), Scan())

    def _recover(self, context: Context) -> None:
        """Idempotent: what is on disk and at the broker decides, and dying anywhere in here changes nothing."""
        desk = self._desk
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

    def _stand_by(self, reason: str, context: Context) -> None:
        desk = self._desk
        desk.lease = None
        if reason != self._trouble:
            self._trouble = reason
            context.alert("standing_by", f"{desk.platform}: {reason}")
        self._push(context)
        context.later(desk.settings.ai_db_reservation_ttl_seconds / RETRIES_PER_TTL, TakePost())

    def _ready(self, context: Context) -> bool:
        return self._desk.connected and self._desk.may_act(context)

    def _not_ready(self, message: Open) -> OpenResult:
        reason = self._trouble or "not connected"
        return OpenResult(self._desk.platform, message.analysis.id, message.analysis.commodity, None, reason)

    # ------------------------------------------------------------ watching

    def _poll(self, context: Context) -> None:
        desk = self._desk
        if not desk.may_act(context):
            return
        try:
            fresh = desk.take_quotes(desk.connector.quotes(desk.deadline), context)
            desk.account = desk.connector.account(desk.deadline)
            self._send_bars(context)
        except ConnectorError as error:
            self._lost_sight(error, context)
        else:
            self._found_sight(context)
            context.tell(MONITOR, Quotes(desk.platform, context.now(), fresh))
            self._judge_rules(context)
        self._push(context)

    def _send_bars(self, context: Context) -> None:
        """Tell the analyst of bars that the clock says are complete; the first time with their history."""
        desk = self._desk
        for commodity in desk.instruments:
            due = self._next_bar_end.get(commodity)
            if due is not None and context.now() < due:
                continue
            series = desk.connector.bars(commodity, HISTORY_BARS if due is None else RECENT_BARS, desk.deadline)
            # By the clock, not by the last bar: while the market is shut there is no new one to wait for.
            self._next_bar_end[commodity] = (context.now() // series.bar_length + 1) * series.bar_length
            if len(series) == 0:
                continue
            context.tell(ANALYST, Bars(desk.platform, series))

    def _lost_sight(self, error: ConnectorError, context: Context) -> None:
        desk = self._desk
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
        if desk.reload_due:
            desk.reload(context)
        try:
            found = scan(desk)
        except ConnectorError as error:
            self._lost_sight(error, context)
            return
        find_strangers(desk, found, context)
        for trade in list(desk.trades.values()):
            match trade.state:
                case TradeState.SUBMITTED:
                    # No order of this account is in flight while this message is handled: its fate was not written.
                    unknown = replace(trade, state=TradeState.UNKNOWN, detail="its outcome was not written")
                    resolve_unknown(desk, desk.advance(trade, unknown, context), found, context)
                case TradeState.UNKNOWN:
                    resolve_unknown(desk, trade, found, context)
                case TradeState.OPEN:
                    compare_open(desk, trade, found, context)
                case TradeState.CLOSING:
                    continue_closing(desk, trade, found, context)
        for trade in list(desk.late.values()):
            settle_late(desk, trade, found, context)

    def _close(self, message: Close, context: Context) -> None:
        trade = self._desk.trades.get(message.commodity)
        if trade is None or trade.trade_id != message.trade_id or trade.state is not TradeState.OPEN:
            return  # closed, or being closed: the message comes again only from those who do not know it yet
        quote = self._desk.quotes.get(trade.commodity)
        if quote is None or not self._ready(context):
            return  # whoever asked asks again: it is derived from the ledger on each pass
        price = quote.closing_price(trade.side) if message.price is None else message.price
        begin_closing(self._desk, trade, message.reason, price, context)
        self._push(context)

    def _adjust(self, message: Adjust, context: Context) -> None:
        """Write the new levels. The stop only tightens, whoever asks."""
        desk = self._desk
        trade = desk.trades.get(message.commodity)
        if trade is None or trade.trade_id != message.trade_id or trade.state is not TradeState.OPEN:
            return
        stop = tightened(trade, message.stop_price)
        if stop == trade.stop_price and message.target_price == trade.target_price:
            return
        adjusted = replace(trade, stop_price=stop, target_price=message.target_price)
        line = desk.entry(
            "adjustment",
            message.reason,
            context,
            trade,
            detail={
                "stop_before": trade.stop_price,
                "stop_after": stop,
                "target_before": trade.target_price,
                "target_after": message.target_price,
            },
        )
        desk.advance(trade, adjusted, context, line)

    def _judge_rules(self, context: Context) -> None:
        for key, job in list(self._rules.items()):
            if context.now() >= job.window.ends_at:
                del self._rules[key]  # after the close the rule is over: nothing is still due at midnight
            elif self._ready(context) and judge_rule(self._desk, job, context):
                del self._rules[key]
                context.tell(SCHEDULER, RuleJudged(key))

    def _push(self, context: Context) -> None:
        snapshot = self._desk.snapshot(context, self._trouble)
        for observer in self._observers:
            context.tell(observer, snapshot)
