"""What a PlatformActor has on its desk: the lease, the broker, the ledger, and the trades between them.

Every write to a trade goes through `Desk.advance`, which fences it, journals it, and tells whoever watches. When the
fence does not hold, another process leads this account: the desk concedes, and nothing more is sent from it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain

from actors.accounts import Market
from actors.changes import changes, log_transition
from actors.messages import AccountSnapshot, Lease, TradeChanged
from actors.past import is_remembered, past_adjustment, read_past
from actors.reservation_waits import ReservationWaits
from actors.system.alerts import is_worth_an_alert
from actors.system.context import Context
from actors.track_record import TrackRecord
from connectors.base import Connector
from persistence.errors import LedgerUnavailable, StaleToken
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.reservations import Fence
from trading.exit_memory import PastAdjustment
from trading.market import DAY, Account, Instant, Instrument, Position, Quote, quote_fault
from trading.order_numbers import prefix_of
from trading.quotes import unusable
from trading.settings import Settings
from trading.trade import ACTIVE, CloseReason, Trade, TradeState, arrow

BROKER_SECONDS_PER_MESSAGE = 20.0  # in all, and never more than a third of the reservation's TTL

UNWRITTEN_LINES = 1_000  # of the journal, that wait for the ledger to come back; beyond it the oldest are lost
ENDED_FOR = 10 * DAY
"""How long the broker may still change what came of a trade. Brokers correct within a few of their working days, and a
weekend with holidays around it may shut them, and us out, for five days on end."""

STILL_SUBMITTED = frozenset({TradeState.OPEN, TradeState.CLOSING, TradeState.CLOSED})
"""To come to one of these changes nothing of which submissions failed, and so nothing of the cooldown."""

SENT = frozenset({TradeState.SUBMITTED, TradeState.UNKNOWN})
"""Of a trade in one of these the ledger does not know whether the broker executed it."""


class Conceded(Exception):
    """The account's lease is gone: this process may not act on the account any more."""


@dataclass(slots=True)
class Absence:
    """An order that clean scans did not find."""

    since_elapsed: float
    clean_scans: int = 0


@dataclass(slots=True)
class ClosingAttempts:
    """How often a close was refused, and when the next attempt is due."""

    failures: int = 0
    next_elapsed: float = 0.0


@dataclass(slots=True)
class UnwrittenClose:
    """A close that left while the ledger was away. Its row still says OPEN; what is here is written when it is back."""

    reason: CloseReason
    price: float  # at which it was decided
    decided_at: Instant
    sends: int = 0
    answer: str = ""  # the broker's latest
    stands: bool = True  # False: the post was lost since, and whoever led meanwhile has decided anew


@dataclass(slots=True)
class Desk:
    """The state of one account in this process. Rebuilt from the ledger and the broker at every start."""

    platform: str
    connector: Connector
    ledger: Ledger
    market: Market
    watchers: tuple[str, ...]  # actors that are told of every change of a trade
    waits: ReservationWaits | None = None  # where the waiting for reservations is measured; None: nowhere

    lease: Lease | None = None
    connected: bool = False
    surveyed: bool = False  # a clean scan has been made since the post was taken: nothing is opened before that
    prefix: int = 0
    unaccounted: frozenset[int] = frozenset()  # positions of our prefix that no trade explains
    disowned: frozenset[int] = frozenset()  # magics of our prefix that an operator declared not ours
    external: dict[int, Position] = field(default_factory=dict)  # of strangers, by position: shown, and never touched
    external_seen: frozenset[int] = frozenset()  # those of the journal's newest line about them
    told_of_another_ledger: bool = False  # some bear our mark and another ledger's prefix, and it was said
    obstacles: set[str] = field(default_factory=set)  # codes for which orders were refused, as far as it was said
    merged: set[int] = field(default_factory=set)  # trades into whose position a stranger trades: it was said
    account: Account | None = None
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    quotes: dict[str, Quote] = field(default_factory=dict)  # the latest that was whole, by commodity
    bad_quotes: Counter[str] = field(default_factory=Counter)  # how many were discarded, by commodity
    trades: dict[str, Trade] = field(default_factory=dict)  # active ones, by commodity
    late: dict[int, Trade] = field(default_factory=dict)
    past: dict[int, tuple[PastAdjustment, ...]] = field(default_factory=dict)  # what rules have changed, by trade
    cooldown_until: dict[str, Instant] = field(default_factory=dict)
    record: TrackRecord = field(default_factory=TrackRecord)
    absences: dict[int, Absence] = field(default_factory=dict)
    attempts: dict[int, ClosingAttempts] = field(default_factory=dict)
    by_hand: set[int] = field(default_factory=set)  # trades being closed that a person wants closed, whatever began it
    left_open: set[int] = field(default_factory=set)  # trades whose market shut amid their closing, and it was said
    ended: dict[int, Trade] = field(default_factory=dict)  # closed or failed not long ago, by number
    audit_at: Instant = 0  # when the deals of the latest of them are due to be looked at again
    audit_all_at: Instant = 0  # and when those of all of them are
    last_end_at: Instant | None = None  # when a trade ended here, if one did since the post was taken
    ledger_away: bool = False  # it refused a write, and has not taken another one since
    believed: dict[int, Trade] = field(default_factory=dict)  # fills that the ledger did not take, by trade
    unwritten: dict[int, UnwrittenClose] = field(default_factory=dict)  # by trade; survives the loss of the post
    unwritten_lines: deque[JournalEntry] = field(default_factory=lambda: deque(maxlen=UNWRITTEN_LINES))
    deadline: float = 0.0  # elapsed; for all broker calls within the present message
    guards: bool = True  # as last known; False: the crew is halted
    paused: frozenset[str] = frozenset()  # commodities, as last read; an order's own transaction reads it again
    reload_due: bool = False  # the ledger refused a write whose fate is not known

    @property
    def settings(self) -> Settings:
        """The crew's settings."""
        return self.market.settings

    @property
    def is_at_ease(self) -> bool:
        """Whether the lease is held, the ledger written and believed, and no stranger is on the account."""
        lacks = self.lease is None or self.ledger_away or self.reload_due
        return not (lacks or self.believed or self.unwritten_lines or self.external or self.unaccounted)

    def begin_message(self, context: Context) -> None:
        """Set the deadline that all broker calls of this message share. None of them may outlive the lease.

        Only who guards without the ledger goes on beyond it: a close by ticket is harmless whoever else sends it.
        """
        third = self.settings.ai_db_reservation_ttl_seconds / 3
        self.deadline = context.elapsed() + min(BROKER_SECONDS_PER_MESSAGE, third)
        if self.lease is not None and (self.may_write(context) or not self.guards_without_ledger):
            self.deadline = min(self.deadline, self.lease.hold_until)

    def may_act(self, context: Context) -> bool:
        """True while the account's lease is held beyond doubt."""
        return self.lease is not None and context.elapsed() < self.lease.hold_until

    def may_write(self, context: Context) -> bool:
        """True while the lease is held beyond doubt, and the ledger takes what is written to it."""
        return self.may_act(context) and not self.ledger_away

    def may_watch(self, context: Context) -> bool:
        """True while prices may be watched and closes sent: with the ledger, or by ticket without it.

        Where a close by ticket is harmless, a lease that cannot be renewed ends nothing: only a definite word that it
        is another's, from the ledger or from the broker's side, makes this process stop guarding.
        """
        return self.may_act(context) or (self.lease is not None and self.guards_without_ledger)

    @property
    def guards_without_ledger(self) -> bool:
        """Whether repeating a close does no harm at this broker, so that no record of it has to come first."""
        capabilities = self.connector.capabilities
        return capabilities.closes_by_ticket and not capabilities.netting

    @property
    def token(self) -> int:
        """The account's fencing token. Raises `Conceded` without a lease."""
        if self.lease is None:
            raise Conceded(f"{self.platform}: the account's lease is not held")
        return self.lease.fence.token

    def is_ours(self, magic: int) -> bool:
        """Whether a position or an order with this magic is one of ours by its prefix, and nobody disowned it."""
        return prefix_of(magic) == self.prefix and magic not in self.disowned

    def may_guard(self) -> bool:
        """False while the crew is halted: then nothing is closed or adjusted by the rules.

        Asks the ledger; while that is away, what was last known holds.
        """
        if not self.ledger_away:
            try:
                self.guards = self.ledger.modes.of(self.settings.crew).mode.permits_guarding
            except LedgerUnavailable:
                self.miss_ledger()  # so that nobody waits for it a second time before a close leaves
        return self.guards

    def read_pauses(self) -> None:
        """What a person has paused of this account."""
        records = self.ledger.pauses.of(self.settings.crew)
        symbols = self.settings.account(self.platform).symbols if records else ()
        self.paused = frozenset(
            commodity for commodity in symbols if any(one.scope.covers(self.platform, commodity) for one in records)
        )

    def miss_ledger(self) -> None:
        """It refused. What was to be written may have been, so the trades are read again when it is back."""
        self.reload_due = True
        self.ledger_away = True

    def concede(self, reason: str, context: Context) -> None:
        """Stop acting on the account at once."""
        if self.lease is not None:
            self.lease = None
            context.alert("conceded", f"{self.platform}: {reason}")

    def entry(
        self,
        kind: str,
        reason: str,
        context: Context,
        trade: Trade | None = None,
        commodity: str | None = None,
        analysis_id: str | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> JournalEntry:
        """A journal line of this account."""
        return JournalEntry(
            at=context.now(),
            kind=kind,
            reason=reason,
            platform=self.platform,
            commodity=trade.commodity if trade is not None else commodity,
            trade_id=trade.trade_id if trade is not None else None,
            analysis_id=trade.analysis_id if trade is not None else analysis_id,
            detail=detail or {},
        )

    def advance(
        self, before: Trade, after: Trade, context: Context, *entries: JournalEntry, fired: str | None = None
    ) -> Trade:
        """Write ``after`` over ``before``, fenced, with a line for the transition; then tell the watchers.

        Raises `Conceded` when the fence does not hold, and whatever else the ledger raises; then nothing was written.
        """
        line = self.entry(
            "transition",
            arrow(before.state, after.state),
            context,
            after,
            detail={"before": before.state.value, "after": after.state.value, **changes(before, after)},
        )
        with self._fence_held(context) as fence:
            written = self.ledger.trades.advance(before, after, fence, line, *entries, fired=fired)
        if changed := tuple(past_adjustment(entry) for entry in entries if is_remembered(entry)):
            self.past[after.trade_id] = self.past.get(after.trade_id, ()) + changed
        if after.state is not before.state:
            self.absences.pop(after.trade_id, None)
            self.attempts.pop(after.trade_id, None)
            self.left_open.discard(after.trade_id)
        log_transition(before, written)
        self.remember(written, context)
        return written

    def write_line(self, line: JournalEntry, *, fold: bool = False) -> None:
        """Add to the journal (``fold`` as there); what cannot be written now waits for the ledger."""
        if self.ledger_away:
            self.unwritten_lines.append(line)
            return
        try:
            self.ledger.journal.append(line, fold=fold)
        except LedgerUnavailable:
            self.unwritten_lines.append(line)
            raise

    def catch_up(self, line: JournalEntry, context: Context) -> None:
        """Write ``line`` and all lines that waited, fenced: that it works shows that the ledger is back, and we lead.

        Raises `Conceded`, and whatever else the ledger raises; then everything still waits.
        """
        with self._fence_held(context) as fence:
            self.ledger.trades.advance_all([], fence, line, *self.unwritten_lines)
        self.unwritten_lines.clear()
        self.ledger_away = False

    def use_up(self, job_key: str, line: JournalEntry, context: Context) -> None:
        """Record that a scheduled job was judged and changes nothing. Raises `Conceded` and ``JobFired``."""
        with self._fence_held(context) as fence:
            self.ledger.trades.advance_all([], fence, line, fired=job_key)

    @contextmanager
    def _fence_held(self, context: Context) -> Iterator[Fence]:
        if self.lease is None:
            raise Conceded(f"{self.platform}: the account's lease is not held")
        fence = self.lease.fence
        try:
            yield fence
        except StaleToken as error:
            if not self.may_act(context) and self.ledger.reservations.holder(fence.resource) is None:
                # It could not be renewed, and nobody took it: doubt, and no word that another process leads.
                raise LedgerUnavailable(self.ledger.name, f"{error}, and nobody else does") from error
            self.concede(str(error), context)
            raise Conceded(str(error)) from error

    def remember(self, trade: Trade, context: Context) -> None:
        """Take the row as it now is, and tell the watchers."""
        self.late.pop(trade.trade_id, None)
        self.ended.pop(trade.trade_id, None)
        if trade.state in ACTIVE:
            self.trades[trade.commodity] = trade
        else:
            if (known := self.trades.get(trade.commodity)) is not None and known.trade_id == trade.trade_id:
                del self.trades[trade.commodity]
            self.past.pop(trade.trade_id, None)
            if trade.state is TradeState.LATE:
                self.late[trade.trade_id] = trade
            else:
                self.ended[trade.trade_id] = trade
                self.last_end_at = context.now()
        # Before anything that may fail: a trade that nobody watches has no stop.
        self._tell_watchers(trade, context)
        if trade.state not in STILL_SUBMITTED:
            self.refresh_cooldown(trade.commodity)
        if not self.record.note(trade):
            self.record.read(self.ledger, self.platform, context.now())

    def believe(self, trade: Trade, context: Context) -> None:
        """Take as true what the broker said and the ledger did not write, where it can be guarded without the row."""
        if self.guards_without_ledger:
            self.believed[trade.trade_id] = trade
            self.trades[trade.commodity] = trade
            self._tell_watchers(trade, context)

    def refresh_cooldown(self, commodity: str) -> None:
        """The cooldown ends a set time after the last submission that is not FAILED; the ledger alone knows it."""
        last = self.ledger.trades.last_submitted_at(self.platform, commodity)
        if last is None:
            self.cooldown_until.pop(commodity, None)
        else:
            self.cooldown_until[commodity] = last + round(self.settings.ai_per_account_cooldown_minutes * 60_000)

    def reload(self, context: Context) -> None:
        """Read the trades again from the ledger: memory is not to be trusted after a refused write.

        What the broker said of a fill stands until it is written. Where the ledger raises, memory stays as it was.
        """
        trades = {trade.commodity: trade for trade in self.ledger.trades.active(self.platform)}
        past = {trade.trade_id: read_past(self.ledger, trade) for trade in trades.values() if trade.state not in SENT}
        ended = self.ledger.trades.ended_since(self.platform, context.now() - ENDED_FOR)
        late = self.ledger.trades.list(platform=self.platform, states={TradeState.LATE})
        over = {*self._known_trades()} - {trade.trade_id for trade in (*trades.values(), *late)}
        left = [self.ledger.trades.get(trade_id) for trade_id in sorted(over)]
        self.record.read(self.ledger, self.platform, context.now())
        self.disowned = self.ledger.disowned.of(self.platform)
        self.guards = self.ledger.modes.of(self.settings.crew).mode.permits_guarding
        self.read_pauses()
        for commodity in self.settings.account(self.platform).symbols:
            self.refresh_cooldown(commodity)
        for filled in self.believed.values():
            row = trades.get(filled.commodity)
            if row is not None and row.trade_id == filled.trade_id and row.state in SENT:
                trades[filled.commodity] = filled
        self.trades, self.past = trades, past
        self.ended = {trade.trade_id: trade for trade in ended}
        self.late = {trade.trade_id: trade for trade in late}
        for trade in left:
            self._tell_watchers(trade, context)
        self.tell_trades(context)
        self.reload_due = False

    def tell_trades(self, context: Context) -> None:
        """Tell the watchers of every active trade."""
        for trade in self.trades.values():
            self._tell_watchers(trade, context)

    def known_rows(self) -> Iterator[Trade]:
        """The trades that are active, and those that ended not long ago."""
        return chain(self.trades.values(), self.ended.values())

    def _known_trades(self) -> Iterator[int]:
        return (trade.trade_id for trade in (*self.trades.values(), *self.late.values()))

    def _tell_watchers(self, trade: Trade, context: Context) -> None:
        for watcher in self.watchers:
            context.tell(watcher, TradeChanged(trade, self.past.get(trade.trade_id, ())))

    def take_quotes(self, quotes: Iterable[Quote], context: Context) -> dict[str, Quote]:
        """Keep the quotes that may be acted upon, and answer them; the others are counted, and never trigger."""
        valid = {}
        for quote in quotes:
            may_be_negative = self.market.commodities[quote.commodity].may_be_negative
            fault = quote_fault(quote, may_be_negative=may_be_negative)
            if fault is None:
                valid[quote.commodity] = quote
                continue
            self.bad_quotes[quote.commodity] += 1
            if is_worth_an_alert(number := self.bad_quotes[quote.commodity]):
                context.alert("bad_quote", f"{self.platform}:{quote.commodity}: {fault} (number {number})")
        self.quotes.update(valid)
        return valid

    def unusable(self, quote: Quote, context: Context) -> str | None:
        """Why nothing may be decided on this quote now, or None when it may."""
        may_be_negative = self.market.commodities[quote.commodity].may_be_negative
        return unusable(quote, context.now(), self.settings.quote_max_age_seconds, may_be_negative=may_be_negative)

    def snapshot(self, context: Context, trouble: str = "") -> AccountSnapshot:
        """What is known of the account now."""
        ready = self.connected and self.surveyed and self.may_write(context)
        return AccountSnapshot(
            platform=self.platform,
            at=context.now(),
            ready=ready,
            reason="" if ready else trouble or self.why_not_ready(context),
            netting=self.connector.capabilities.netting,
            account=self.account,
            quotes=dict(self.quotes),
            instruments=self.instruments,
            trades=dict(self.trades),
            cooldown_until=dict(self.cooldown_until),
            standing=self.record.standing,
            paused=self.paused,
            unaccounted=len(self.unaccounted),
            external=tuple(self.external.values()),
        )

    def why_not_ready(self, context: Context) -> str:
        """What is missing to open trades, in words."""
        if not self.may_act(context):
            return "the lease is about to end"
        if self.ledger_away:
            return "the ledger cannot be written"
        return "the broker does not answer" if not self.connected else "the broker was not looked through yet"
