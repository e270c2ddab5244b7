"""Lets go of what is old: journal lines that nothing refers to any more, the keys of jobs that cannot come again, and
requests that were settled long ago. A pause, like a mode, stays however old it is.

A few rows at a time, so that no order ever waits long for the write lock. Nothing here needs a fence: what is old for
one process of a crew is old for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, case, delete, func, or_, select

from persistence.database import Database
from persistence.journal import DECISION, DRAWDOWN_FORGIVEN, VALUATION
from persistence.tables import RequestState, journal, operator_request, scheduled, trade
from trading.market import DAY, Instant
from trading.trade import TradeState

LINES_AT_A_TIME = 500
LEAST_DAYS_OF_KEYS = 30
"""A job's key names its day. Nobody asks for that day again, unless a clock was set back: by less than this."""

SETTLED = (TradeState.CLOSED, TradeState.FAILED)

_before = bindparam("before", type_=BigInteger)
_valuations_before = bindparam("valuations_before", type_=BigInteger)
_after_id = bindparam("after_id", type_=BigInteger)
_until_id = bindparam("until_id", type_=BigInteger)
_unsettled = select(trade).where(trade.c.state.not_in(SETTLED))
_next_ids = select(journal.c.id).where(journal.c.id > _after_id).order_by(journal.c.id).limit(LINES_AT_A_TIME)
_window = (journal.c.id > _after_id, journal.c.id <= _until_id)


def _of_no(column: ColumnElement[object], unsettled: ColumnElement[object]) -> ColumnElement[bool]:
    return or_(column.is_(None), column.not_in(_unsettled.with_only_columns(unsettled)))


_later = journal.alias("later")
_newest_choice = select(func.max(_later.c.id)).where(
    _later.c.crew == journal.c.crew,
    _later.c.kind == DECISION,
    _later.c.platform == journal.c.platform,
    _later.c.commodity == journal.c.commodity,
)

LAST_OF_WINDOW = select(func.max(_next_ids.subquery().c.id))
OLD_IN_WINDOW = (
    select(func.count())
    .select_from(journal)
    .where(*_window, or_(journal.c.last_at < _before, journal.c.last_at < _valuations_before))
)
PRUNE_WINDOW = delete(journal).where(
    *_window,
    journal.c.crew == bindparam("the_crew"),
    journal.c.last_at < case((journal.c.kind == VALUATION, _valuations_before), else_=_before),
    journal.c.kind != DRAWDOWN_FORGIVEN,  # or the drawdown would be back
    # Or the account's turn would come before its time.
    or_(
        journal.c.kind != DECISION,
        journal.c.platform.is_(None),
        journal.c.id != _newest_choice.correlate(journal).scalar_subquery(),
    ),
    _of_no(journal.c.trade_id, trade.c.trade_id),
    _of_no(journal.c.analysis_id, trade.c.analysis_id),
)
PRUNE_KEYS = delete(scheduled).where(scheduled.c.at < _before)
PRUNE_REQUESTS = delete(operator_request).where(
    operator_request.c.crew == bindparam("the_crew"),
    operator_request.c.state != RequestState.UNRESOLVED,
    operator_request.c.updated < _before,
)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one step let go of, and where the next one begins."""

    lines: int
    keys: int
    next_id: int | None  # of the journal; None: there is nothing old beyond
    requests: int = 0


class Retention:
    """Prunes the journal and the tables of scheduled jobs and of requests, step by step."""

    def __init__(self, database: Database, crew: str) -> None:
        """``crew``: whose journal is pruned; others may keep theirs for longer."""
        self._database = database
        self._crew = crew

    def step(self, now: Instant, keep_days: int, after_id: int = 0, *, valuations_keep_days: int) -> Pruned:
        """Prune among the next few lines of the journal, the ones beyond ``after_id``: 0 for the oldest.

        A line goes when its newest entry is more than ``keep_days`` of market time older than ``now`` (a valuation's:
        more than ``valuations_keep_days``), and neither its trade nor its analysis's trade is still to be settled. The
        newest choice of each account for each commodity stays, however old it is.
        Lines stand in the journal almost in the order of time: the first few without an old one among them end it.
        Raises `LedgerError`.
        """
        before = {"before": now - keep_days * DAY, "valuations_before": now - valuations_keep_days * DAY}
        with self._database.writing() as connection:
            used = now - max(keep_days, LEAST_DAYS_OF_KEYS) * DAY
            keys = 0 if after_id else _prune_keys(connection, used)
            requests = 0 if after_id else _prune_requests(connection, self._crew, used)
            lines, next_id = _prune_window(connection, self._crew, before, after_id)
        return Pruned(lines, keys, next_id, requests)


def _prune_keys(connection: Connection, before: Instant) -> int:
    return connection.execute(PRUNE_KEYS, {"before": before}).rowcount


def _prune_requests(connection: Connection, crew: str, before: Instant) -> int:
    """An id is good for another request when nobody can be waiting for an answer to the old one any more."""
    return connection.execute(PRUNE_REQUESTS, {"the_crew": crew, "before": before}).rowcount


def _prune_window(
    connection: Connection, crew: str, before: Mapping[str, Instant], after_id: int
) -> tuple[int, int | None]:
    until_id = connection.execute(LAST_OF_WINDOW, {"after_id": after_id}).scalar_one()
    if until_id is None:
        return 0, None
    window = {**before, "after_id": after_id, "until_id": until_id}
    if connection.execute(OLD_IN_WINDOW, window).scalar_one() == 0:
        return 0, None
    return connection.execute(PRUNE_WINDOW, {**window, "the_crew": crew}).rowcount, until_id
