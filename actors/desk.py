"""What a PlatformActor has on its desk: the lease, the broker, the ledger, and the trades between them.

Every write to a trade goes through `Desk.advance`, which fences it, journals it, and tells whoever watches. When the
fence does not hold, another process leads this account: the desk concedes, and nothing more is sent from it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from actors.accounts import Market
from actors.messages import AccountSnapshot, Lease, TradeChanged
from actors.system.alerts import is_worth_an_alert
from actors.system.context import Context
from connectors.base import Connector
from persistence.errors import StaleToken
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.reservations import Fence
from trading.market import Account, Instant, Instrument, Quote, quote_fault
from trading.quotes import unusable
from trading.settings import Settings
from trading.trade import ACTIVE, Trade, TradeState, arrow

log = logging.getLogger("watchbill.platform")

BROKER_SECONDS_PER_MESSAGE = 20.0  # in all, and never more than a third of the reservation's TTL

NOTED = ("stop_price", "target_price", "volume_lots", "entry_price", "exit_price", "close_reason", "profit", "detail")


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
class Desk:
    """The state of one account in this process. Rebuilt from the ledger and the broker at every start."""

    platform: str
    connector: Connector
    ledger: Ledger
    market: Market
    watchers: tuple[str, ...]  # actors that are told of every change of a trade

    lease: Lease | None = None
    connected: bool = False
    surveyed: bool = False  # a clean scan has been made since the post was taken: nothing is opened before that
    prefix: int = 0
    unaccounted: frozenset[int] = frozenset()  # positions of our prefix that no trade explains
    external: frozenset[int] = frozenset()  # positions of strangers: shown, and never touched
    account: Account | None = None
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    quotes: dict[str, Quote] = field(default_factory=dict)  # the latest that was whole, by commodity
    bad_quotes: Counter[str] = field(default_factory=Counter)  # how many were discarded, by commodity
    trades: dict[str, Trade] = field(default_factory=dict)  # active ones, by commodity
    late: dict[int, Trade] = field(default_factory=dict)
    cooldown_until: dict[str, Instant] = field(default_factory=dict)
    absences: dict[int, Absence] = field(default_factory=dict)
    attempts: dict[int, ClosingAttempts] = field(default_factory=dict)
    deadline: float = 0.0  # elapsed; for all broker calls within the present message
    reload_due: bool = False  # the ledger refused a write whose fate is not known

    @property
    def settings(self) -> Settings:
        """The crew's settings."""
        return self.market.settings

    def begin_message(self, context: Context) -> None:
        """Set the deadline that all broker calls of this message share. None of them may outlive the lease."""
        third = self.settings.ai_db_reservation_ttl_seconds / 3
        self.deadline = context.elapsed() + min(BROKER_SECONDS_PER_MESSAGE, third)
        if self.lease is not None:
            self.deadline = min(self.deadline, self.lease.hold_until)

    def may_act(self, context: Context) -> bool:
        """True while the account's lease is held beyond doubt."""
        return self.lease is not None and context.elapsed() < self.lease.hold_until

    @property
    def token(self) -> int:
        """The account's fencing token. Raises `Conceded` without a lease."""
        if self.lease is None:
            raise Conceded(f"{self.platform}: the account's lease is not held")
        return self.lease.fence.token

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
        if after.state is not before.state:
            self.absences.pop(after.trade_id, None)
            self.attempts.pop(after.trade_id, None)
        log_transition(before, written)
        self.remember(written, context)
        return written

    def use_up(self, job_key: str, line: JournalEntry, context: Context) -> None:
        """Record that a scheduled job was judged and changes nothing. Raises `Conceded` and ``JobFired``."""
        with self._fence_held(context) as fence:
            self.ledger.trades.advance_all([], fence, line, fired=job_key)

    @contextmanager
    def _fence_held(self, context: Context) -> Iterator[Fence]:
        if self.lease is None:
            raise Conceded(f"{self.platform}: the account's lease is not held")
        try:
            yield self.lease.fence
        except StaleToken as error:
            self.concede(str(error), context)
            raise Conceded(str(error)) from error

    def remember(self, trade: Trade, context: Context) -> None:
        """Take the row as it now is, and tell the watchers."""
        self.late.pop(trade.trade_id, None)
        if trade.state in ACTIVE:
            self.trades[trade.commodity] = trade
        else:
            if (known := self.trades.get(trade.commodity)) is not None and known.trade_id == trade.trade_id:
                del self.trades[trade.commodity]
            if trade.state is TradeState.LATE:
                self.late[trade.trade_id] = trade
        # Before anything that may fail: a trade that nobody watches has no stop.
        self._tell_watchers(trade, context)
        self.refresh_cooldown(trade.commodity)

    def refresh_cooldown(self, commodity: str) -> None:
        """The cooldown ends a set time after the last submission that is not FAILED; the ledger alone knows it."""
        last = self.ledger.trades.last_submitted_at(self.platform, commodity)
        if last is None:
            self.cooldown_until.pop(commodity, None)
        else:
            self.cooldown_until[commodity] = last + round(self.settings.ai_per_account_cooldown_minutes * 60_000)

    def reload(self, context: Context) -> None:
        """Read the trades again from the ledger: memory is not to be trusted after a refused write."""
        believed = {trade.trade_id for trade in (*self.trades.values(), *self.late.values())}
        self.trades = {trade.commodity: trade for trade in self.ledger.trades.active(self.platform)}
        late = self.ledger.trades.list(platform=self.platform, states={TradeState.LATE})
        self.late = {trade.trade_id: trade for trade in late}
        for commodity in self.instruments:
            self.refresh_cooldown(commodity)
        ended = believed - {trade.trade_id for trade in (*self.trades.values(), *self.late.values())}
        for trade in (*map(self.ledger.trades.get, sorted(ended)), *self.trades.values()):
            self._tell_watchers(trade, context)
        self.reload_due = False

    def _tell_watchers(self, trade: Trade, context: Context) -> None:
        for watcher in self.watchers:
            context.tell(watcher, TradeChanged(trade))

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
        ready = self.connected and self.surveyed and self.may_act(context)
        return AccountSnapshot(
            platform=self.platform,
            at=context.now(),
            ready=ready,
            reason="" if ready else trouble or self.why_not_ready(context),
            account=self.account,
            quotes=dict(self.quotes),
            instruments=self.instruments,
            trades=dict(self.trades),
            cooldown_until=dict(self.cooldown_until),
            unaccounted=len(self.unaccounted),
        )

    def why_not_ready(self, context: Context) -> str:
        """What is missing to open trades, in words."""
        if not self.may_act(context):
            return "the lease is about to end"
        return "the broker does not answer" if not self.connected else "the broker was not looked through yet"


def log_transition(before: Trade, after: Trade) -> None:
    """One line of the log for a change of state; adjustments stay in the journal."""
    if after.state is before.state:
        return
    said = [f"{after.resource} {after.side} {after.volume_lots:g} lots: {before.state} to {after.state}"]
    if after.state is TradeState.OPEN:
        said.append(f"at {after.entry_price}, stop {after.stop_price:.6g}")
    elif after.state is TradeState.CLOSED:
        said.append(f"by {after.close_reason} at {after.exit_price}, profit {after.profit:+.2f}")
    elif after.detail:
        said.append(after.detail)
    log.info(", ".join(said), extra={"trade_id": after.trade_id})


def changes(before: Trade, after: Trade) -> dict[str, object]:
    """The facts that a transition changed, for the journal."""
    found: dict[str, object] = {}
    for name in NOTED:
        value = getattr(after, name)
        if value != getattr(before, name) and value is not None:
            found[name] = value
    return found


def as_open(trade: Trade, *, position_id: int, ticket: int, price: float, volume_lots: float, at: Instant) -> Trade:
    """The trade with the broker's own facts. The agreed distances are laid from the real entry, once."""
    sign = trade.side.sign
    target = trade.target_price
    if trade.target_distance is not None:
        target = price + sign * trade.target_distance
    return replace(
        trade,
        state=TradeState.OPEN,
        position_id=position_id,
        ticket=ticket,
        entry_price=price,
        volume_lots=volume_lots,
        opened_at=at,
        stop_price=price - sign * trade.stop_distance,
        target_price=target,
        detail="",
    )
