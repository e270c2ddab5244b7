"""Trades: every write fenced, every transition checked, every reason journalled in the same transaction.

A row changes by compare-and-set on the whole of it: the writer shows the trade as it believes it to be, and where the
row is anything else, nothing is written. State and token are a part of that, as the protocol asks; the rest is
compared too, because two adjustments of one open trade have the same state and the same token, and the second must
not put back the stop that the first has tightened.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import TypeAlias

from sqlalchemy import BigInteger, and_, bindparam, func, or_, select

from persistence import accounts, trade_rows
from persistence.database import Database
from persistence.errors import AnalysisSeen, UnknownTrade
from persistence.journal import Journal, JournalEntry
from persistence.modes import Modes
from persistence.pauses import Pauses
from persistence.prepared import prepared
from persistence.reservations import Fence, Reservations, account_resource
from persistence.schedule import Schedule
from persistence.tables import HAS_NOT_FAILED, IS_ACTIVE, trade
from persistence.tables import account as account_table
from trading.analysis import Regime, Strategy
from trading.market import Instant, Side
from trading.order_numbers import magic_number
from trading.standing import ClosedTrade
from trading.trade import CloseReason, Trade, TradeState, resource

TradeList: TypeAlias = list[Trade]
CountList: TypeAlias = "list[TradeCount]"
ResultList: TypeAlias = list[ClosedTrade]

_ON_THE_CREWS_ACCOUNTS = trade.c.platform.in_(
    select(account_table.c.platform).where(account_table.c.crew == bindparam("the_crew"))
)
_ACTIVE = trade_rows.SELECT.where(IS_ACTIVE)  # in no order: asked for one, SQLite reads the whole table
ACTIVE_OF_CREW = prepared(_ACTIVE.where(_ON_THE_CREWS_ACCOUNTS))
ACTIVE_OF_PLATFORM = prepared(_ACTIVE.where(trade.c.platform == bindparam("the_platform")))
_beginning = bindparam("the_beginning", type_=BigInteger)
ENDED_SINCE = prepared(
    trade_rows.SELECT.where(
        trade.c.platform == bindparam("the_platform"),
        or_(
            and_(trade.c.state == TradeState.CLOSED, trade.c.closed_at >= _beginning),
            and_(trade.c.state == TradeState.FAILED, trade.c.submitted_at >= _beginning),
        ),
    )
)
CLOSED_RESULTS = prepared(
    select(trade.c.closed_at, trade.c.trade_id, trade.c.profit)
    .where(
        trade.c.platform == bindparam("the_platform"),
        trade.c.state == TradeState.CLOSED,
        trade.c.closed_at.is_not(None),
        trade.c.profit.is_not(None),
    )
    .order_by(trade.c.closed_at, trade.c.trade_id)
)
BY_MAGIC = prepared(trade_rows.SELECT.where(trade.c.magic == bindparam("the_magic")))
# Without a limit, of which SQLite would make a new plan for each value that is bound to it.
SEEN = prepared(
    select(trade.c.trade_id).where(
        trade.c.analysis_id == bindparam("the_analysis"), trade.c.crew == bindparam("the_crew"), HAS_NOT_FAILED
    )
)
TWIN = prepared(
    select(trade.c.trade_id).where(
        trade.c.analysis_id == bindparam("the_analysis"),
        trade.c.crew == bindparam("the_crew"),
        trade.c.trade_id != bindparam("the_trade"),
        HAS_NOT_FAILED,
    )
)
LAST_SUBMITTED_AT = prepared(
    select(func.max(trade.c.submitted_at)).where(
        trade.c.platform == bindparam("the_platform"), trade.c.commodity == bindparam("the_commodity"), HAS_NOT_FAILED
    )
)
TALLY = prepared(
    select(trade.c.state, func.count().label("trades"), func.sum(trade.c.profit).label("profit"))
    .where(_ON_THE_CREWS_ACCOUNTS)
    .group_by(trade.c.state)
)
CLOSED = prepared(
    select(trade.c.platform, func.count().label("trades"))
    .where(_ON_THE_CREWS_ACCOUNTS, trade.c.state == TradeState.CLOSED)
    .group_by(trade.c.platform)
)
COUNTS = prepared(
    select(
        trade.c.platform,
        trade.c.state,
        trade.c.close_reason,
        func.count().label("trades"),
        func.sum(trade.c.profit).label("profit"),
    )
    .where(_ON_THE_CREWS_ACCOUNTS)
    .group_by(trade.c.platform, trade.c.state, trade.c.close_reason)
)
REALISED = prepared(
    select(trade.c.platform, func.sum(trade.c.profit).label("profit"))
    .where(_ON_THE_CREWS_ACCOUNTS, trade.c.profit.is_not(None))
    .group_by(trade.c.platform)
)
REALISED_SINCE = prepared(
    select(trade.c.platform, func.sum(trade.c.profit).label("profit"))
    .where(_ON_THE_CREWS_ACCOUNTS, trade.c.closed_at >= bindparam("the_instant"), trade.c.profit.is_not(None))
    .group_by(trade.c.platform)
)
LAST_SUBMISSIONS = prepared(
    select(trade.c.platform, func.max(trade.c.submitted_at).label("submitted_at"))
    .where(_ON_THE_CREWS_ACCOUNTS, HAS_NOT_FAILED)
    .group_by(trade.c.platform)
    .order_by(trade.c.platform)
)


@dataclass(frozen=True, slots=True)
class NewTrade:
    """What is known of a trade before its order has a number. The fields mean what they mean in `Trade`."""

    platform: str
    commodity: str
    side: Side
    strategy: Strategy
    regime: Regime
    analysis_id: str
    confidence: float
    volume_lots: float
    expected_price: float
    stop_distance: float
    target_distance: float | None
    trailing_distance: float | None
    stop_price: float
    target_price: float | None
    daily_volatility: float
    submitted_at: Instant
    time_stop_at: Instant
    closes_at_day_end: bool


_NEW = tuple(field.name for field in fields(NewTrade))
_of_new = attrgetter(*_NEW)


@dataclass(frozen=True, slots=True)
class TradeCount:
    """The trades of one account in one state, that are or were closed for one reason, counted."""

    platform: str
    state: TradeState
    close_reason: CloseReason | None
    trades: int
    profit: float  # net, in the account's currency, of those that are settled


@dataclass(frozen=True, slots=True)
class Tally:
    """All trades counted."""

    states: dict[TradeState, int]
    realised_profit: float  # net, in account currency, over all accounts

    @property
    def opened(self) -> int:
        """How many came to a position, as far as is known."""
        not_opened = (TradeState.SUBMITTED, TradeState.UNKNOWN, TradeState.FAILED)
        return sum(count for state, count in self.states.items() if state not in not_opened)


class Trades:
    """The tables of trades and of the accounts that number them."""

    def __init__(
        self,
        database: Database,
        reservations: Reservations,
        journal: Journal,
        schedule: Schedule,
        modes: Modes,
        pauses: Pauses,
        crew: str,
        rng: random.Random,
    ) -> None:
        """``crew``: whose trades these are. ``rng`` draws the prefixes of accounts."""
        self._database = database
        self._reservations = reservations
        self._journal = journal
        self._schedule = schedule
        self._modes = modes
        self._pauses = pauses
        self._crew = crew
        self._rng = rng

    def register_account(self, platform: str) -> int:
        """The prefix of the account's magic numbers: drawn at random once, never zero, and kept for good.

        The account, with its trades, is this crew's from now on: call it only for one whose lease is held.
        """
        with self._database.writing() as connection:
            return accounts.register(connection, platform, self._crew, self._rng)

    def raise_sequence(self, platform: str, at_least: int) -> None:
        """See to it that the next order's sequence is above ``at_least``. Raises `UnknownAccount`."""
        with self._database.writing() as connection:
            accounts.raise_sequence(connection, platform, at_least)

    def submit(self, new: NewTrade, account: Fence, commodity: Fence, *entries: JournalEntry) -> Trade:
        """Number the order and write its SUBMITTED row, with its journal entries, in one transaction.

        Only once this has returned may the order leave. Entries without a trade get this one's number. The crew's
        mode must permit opens, no pause may cover them, and none of both is committed before this is. Raises
        `StaleToken`, `OpensForbidden`, `AnalysisSeen`, `SlotTaken`, `NumbersUsedUp` or `UnknownAccount`, and then
        nothing was written and no number used.
        """
        _must_guard(account, account_resource(new.platform))
        _must_guard(commodity, resource(new.platform, new.commodity))
        with self._database.writing() as connection:
            self._reservations.require(connection, account)
            self._reservations.require(connection, commodity)
            self._modes.require_opens(connection, self._crew, new.submitted_at)
            self._pauses.require_opens(connection, self._crew, new.platform, new.commodity)
            if connection.execute(SEEN, self._analysis(new.analysis_id)).first() is not None:
                raise AnalysisSeen(f"a trade has come of the analysis {new.analysis_id} already")
            magic = magic_number(*accounts.next_number(connection, new.platform))
            unnumbered = submitted(new, magic, account, commodity)
            trade_id = trade_rows.insert_row(connection, unnumbered, self._crew)
            self._journal.write(connection, _about(trade_id, entries))
        return trade_rows.numbered(unnumbered, trade_id)

    def advance(
        self, before: Trade, after: Trade, account: Fence, *entries: JournalEntry, fired: str | None = None
    ) -> Trade:
        """Take one trade along an arrow, as `advance_all` does. Entries without a trade get this one's number."""
        return self.advance_all([(before, after)], account, *_about(before.trade_id, entries), fired=fired)[0]

    def advance_all(
        self,
        pairs: Sequence[tuple[Trade, Trade]],
        account: Fence,
        *entries: JournalEntry,
        fired: str | None = None,
    ) -> TradeList:
        """Take trades of one account from what they are to what they shall be, all in one transaction or none.

        ``fired`` is the key of the scheduled job that asks for it and is used up with it, at the first entry's time; a
        job may find no trades, but has to leave an entry. Answers the trades as written, which carry the fence's token.
        Raises `StaleToken`, `JobFired`, `UnknownTrade`, `TradeChanged`, `SlotTaken` (an order that came late),
        ``ForbiddenTransition`` where there is no such arrow, and ``ValueError`` for values that no trade can have.
        """
        for before, after in pairs:
            _must_guard(account, account_resource(before.platform))
            trade_rows.check_transition(before, after)
        if fired is not None and not entries:
            raise ValueError(f"the scheduled job {fired!r} comes without a journal entry to say when and why")
        token = account.token
        written = [after if after.account_token == token else replace(after, account_token=token) for _, after in pairs]
        with self._database.writing() as connection:
            self._reservations.require(connection, account)
            if fired is not None:
                self._schedule.claim(connection, fired, entries[0].at)
            for (before, _), after in zip(pairs, written, strict=True):
                trade_rows.must_still_be(connection, before)
                trade_rows.update_row(connection, after)
            self._journal.write(connection, entries)
        return written

    def get(self, trade_id: int) -> Trade:
        """The trade of this number. Raises `UnknownTrade`."""
        with self._database.reading_at_once() as connection:
            row = connection.execute(trade_rows.SELECT_ONE, {"the_trade": trade_id}).one_or_none()
        if row is None:
            raise UnknownTrade(f"there is no trade {trade_id} in the ledger")
        return Trade(*row)

    def by_magic(self, magic: int) -> Trade | None:
        """The trade whose order carries this magic number, None when it is no order of this ledger."""
        with self._database.reading_at_once() as connection:
            row = connection.execute(BY_MAGIC, {"the_magic": magic}).one_or_none()
        return None if row is None else Trade(*row)

    def active(self, platform: str | None = None) -> TradeList:
        """The active trades, of one account or of all that this crew has acted on last, oldest first."""
        query = ACTIVE_OF_CREW if platform is None else ACTIVE_OF_PLATFORM
        values = {"the_crew": self._crew} if platform is None else {"the_platform": platform}
        with self._database.reading_at_once() as connection:
            found = [Trade(*row) for row in connection.execute(query, values)]
        return sorted(found, key=lambda active: active.trade_id)

    def ended_since(self, platform: str, since: Instant) -> TradeList:
        """The trades of an account that were closed since then, and those submitted since then that failed."""
        values = {"the_platform": platform, "the_beginning": since}
        with self._database.reading_at_once() as connection:
            found = [Trade(*row) for row in connection.execute(ENDED_SINCE, values)]
        return sorted(found, key=lambda ended: ended.trade_id)

    def closed_results(self, platform: str) -> ResultList:
        """What each closed trade of an account brought, in the order of closing; without those not settled yet."""
        with self._database.reading_at_once() as connection:
            return [ClosedTrade(*row) for row in connection.execute(CLOSED_RESULTS, {"the_platform": platform})]

    def last_submitted_at(self, platform: str, commodity: str) -> Instant | None:
        """When the newest trade that did not fail was submitted in this slot. The cooldown counts from it."""
        slot = {"the_platform": platform, "the_commodity": commodity}
        with self._database.reading_at_once() as connection:
            at: Instant | None = connection.execute(LAST_SUBMITTED_AT, slot).scalar_one()
        return at

    def last_submissions(self) -> dict[str, Instant]:
        """When each account last submitted a trade that did not fail. An account that never did is absent."""
        with self._database.reading_at_once() as connection:
            return {row.platform: row.submitted_at for row in connection.execute(LAST_SUBMISSIONS, self._of_crew)}

    def tally(self) -> Tally:
        """How many trades there are in each state, and what the closed ones brought."""
        with self._database.reading_at_once() as connection:
            rows = connection.execute(TALLY, self._of_crew).all()
        return Tally({TradeState(row.state): row.trades for row in rows}, sum(row.profit or 0.0 for row in rows))

    def counts(self) -> CountList:
        """How many trades of each account there are in each state, by why they are closed; it reads every trade."""
        with self._database.reading_at_once() as connection:
            rows = connection.execute(COUNTS, self._of_crew).all()
        return [TradeCount(row.platform, row.state, row.close_reason, row.trades, row.profit or 0.0) for row in rows]

    def realised(self, since: Instant | None = None) -> dict[str, float]:
        """What the closed trades of each account brought, in its own currency; without accounts that closed none.

        ``since``: only those that closed at that instant or later.
        """
        with self._database.reading_at_once() as connection:
            if since is None:
                rows = connection.execute(REALISED, self._of_crew).all()
            else:
                rows = connection.execute(REALISED_SINCE, {**self._of_crew, "the_instant": since}).all()
        return {row.platform: row.profit for row in rows}

    def closed(self) -> dict[str, int]:
        """How many closed trades each account has; without accounts that closed none."""
        with self._database.reading_at_once() as connection:
            return {row.platform: row.trades for row in connection.execute(CLOSED, self._of_crew)}

    def knows_analysis(self, analysis_id: str) -> bool:
        """Whether a trade of this crew's that did not fail has come of this analysis."""
        with self._database.reading_at_once() as connection:
            return connection.execute(SEEN, self._analysis(analysis_id)).first() is not None

    def has_twin(self, one: Trade) -> bool:
        """Whether another trade of this crew's that did not fail has come of the same analysis."""
        values = {**self._analysis(one.analysis_id), "the_trade": one.trade_id}
        with self._database.reading_at_once() as connection:
            return connection.execute(TWIN, values).first() is not None

    def list(
        self,
        *,
        platform: str | None = None,
        commodity: str | None = None,
        states: Collection[TradeState] | None = None,
        analysis_id: str | None = None,
        submitted_since: Instant | None = None,
        before_id: int | None = None,
        limit: int | None = None,
        newest_first: bool = True,
    ) -> TradeList:
        """The trades that fit everything asked for; without a ``platform``, those on this crew's accounts.

        ``before_id``: those that were begun before this one.
        """
        query = trade_rows.SELECT.order_by(trade.c.trade_id.desc() if newest_first else trade.c.trade_id).limit(limit)
        query = query.where(_ON_THE_CREWS_ACCOUNTS if platform is None else trade.c.platform == platform)
        if commodity is not None:
            query = query.where(trade.c.commodity == commodity)
        if states is not None:
            query = query.where(trade.c.state.in_(sorted(states)))
        if analysis_id is not None:
            query = query.where(trade.c.analysis_id == analysis_id)
        if submitted_since is not None:
            query = query.where(trade.c.submitted_at >= submitted_since)
        if before_id is not None:
            query = query.where(trade.c.trade_id < before_id)
        with self._database.reading_at_once() as connection:
            return [Trade(*row) for row in connection.execute(query, self._of_crew if platform is None else {})]

    @property
    def _of_crew(self) -> dict[str, str]:
        return {"the_crew": self._crew}

    def _analysis(self, analysis_id: str) -> dict[str, str]:
        return {"the_analysis": analysis_id, "the_crew": self._crew}


def submitted(new: NewTrade, magic: int, account: Fence, commodity: Fence) -> Trade:
    """The trade that is about to be written, before the database has numbered it."""
    return trade_rows.checked(
        Trade(
            trade_id=0,
            state=TradeState.SUBMITTED,
            magic=magic,
            account_token=account.token,
            commodity_token=commodity.token,
            **dict(zip(_NEW, _of_new(new), strict=True)),
        )
    )


def _must_guard(fence: Fence, wanted: str) -> None:
    if fence.resource != wanted:
        raise ValueError(f"the fence is that of {fence.resource!r}; expected that of {wanted!r}")


def _about(trade_id: int, entries: Iterable[JournalEntry]) -> list[JournalEntry]:
    return [entry if entry.trade_id is not None else entry.about(trade_id) for entry in entries]
