"""One trade and its row: how it is read, checked and written within the caller's transaction."""

from __future__ import annotations

import math
from dataclasses import fields
from operator import attrgetter

from sqlalchemy import BigInteger, Connection, Double, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from persistence.errors import AnalysisSeen, SlotTaken, TradeChanged, UnknownTrade
from persistence.prepared import prepared
from persistence.tables import ONE_ACTIVE_TRADE, ONE_TRADE_PER_ANALYSIS, trade
from trading.trade import Trade, TradeState, arrow

FIELDS = tuple(field.name for field in fields(Trade))
_values = attrgetter(*FIELDS)
FIXED = ("trade_id", "platform", "commodity", "side", "analysis_id", "magic", "commodity_token", "submitted_at")
"""What makes it this trade and no other."""

_DECIMALS = tuple(column.name for column in trade.columns if isinstance(column.type, Double))
_WHOLE_NUMBERS = tuple(column.name for column in trade.columns if isinstance(column.type, BigInteger))
_decimals = attrgetter(*_DECIMALS)
_whole_numbers = attrgetter(*_WHOLE_NUMBERS)
_fixed = attrgetter(*FIXED)
CHANGING = tuple(name for name in FIELDS if name not in FIXED)
INSERTED = tuple(name for name in FIELDS if name != "trade_id")  # the database numbers it
_changing = attrgetter(*CHANGING)
_inserted = attrgetter(*INSERTED)

SELECT = select(*(trade.c[name] for name in FIELDS))
SELECT_ONE = prepared(SELECT.where(trade.c.trade_id == bindparam("the_trade")))
SELECT_ONE_TO_CHANGE = prepared(
    SELECT_ONE.with_for_update()
)  # SQLite needs no such word: its one writer holds the whole file
INSERT = prepared(insert(trade).returning(trade.c.trade_id))
UPDATE = prepared(update(trade).where(trade.c.trade_id == bindparam("the_trade")))


def checked(row: Trade) -> Trade:
    """The trade itself. Raises ``ValueError`` for a number that no trade has: NaN, infinite, or beyond 63 bits."""
    for name, value in zip(_DECIMALS, _decimals(row), strict=True):
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name} of {row.resource} is {value}; expected a finite number")
    for name, value in zip(_WHOLE_NUMBERS, _whole_numbers(row), strict=True):
        if value is not None and not -(1 << 63) <= value < 1 << 63:
            raise ValueError(f"{name} of {row.resource} is {value}; expected a whole number of at most 63 bits")
    return row


def numbered(row: Trade, trade_id: int) -> Trade:
    """The trade with the number that the database gave it."""
    return Trade(trade_id, *_inserted(row))


def check_transition(before: Trade, after: Trade) -> None:
    """Raise ``ForbiddenTransition`` where there is no arrow, ``ValueError`` where ``after`` is not the same trade."""
    arrow(before.state, after.state)
    for name, was, wanted in zip(FIXED, _fixed(before), _fixed(after), strict=True):
        if was != wanted:
            raise ValueError(f"{name} of trade {before.trade_id} is {was!r} for good; got {wanted!r}")
    checked(after)


def must_still_be(connection: Connection, believed: Trade) -> None:
    """The comparison of the compare-and-set. Raises `TradeChanged` and `UnknownTrade`."""
    row = connection.execute(SELECT_ONE_TO_CHANGE, {"the_trade": believed.trade_id}).one_or_none()
    if row is None:
        raise UnknownTrade(f"there is no trade {believed.trade_id} in the ledger")
    if tuple(row) == _values(believed):
        return
    found = Trade(*row)
    differences = ", ".join(
        f"{name} is {getattr(found, name)!r} and not {getattr(believed, name)!r}"
        for name in FIELDS
        if getattr(found, name) != getattr(believed, name)
    )
    raise TradeChanged(f"trade {believed.trade_id} ({believed.resource}) has changed meanwhile: {differences}")


def insert_row(connection: Connection, submitted: Trade, crew: str) -> int:
    """The number that the row of a crew's trade got. Raises `SlotTaken` and `AnalysisSeen`."""
    values = dict(zip(INSERTED, _inserted(submitted), strict=True))
    try:
        trade_id: int = connection.execute(INSERT, {**values, "claims_analysis": True, "crew": crew}).scalar_one()
    except IntegrityError as error:
        raise_broken_promise(error, submitted)
        raise
    return trade_id


def update_row(connection: Connection, after: Trade) -> None:
    """Write everything that may change. Raises `SlotTaken` for an order that came late into an occupied slot."""
    values = dict(zip(CHANGING, _changing(after), strict=True))
    if after.state is TradeState.FAILED:
        values["claims_analysis"] = False
    try:
        connection.execute(UPDATE, {**values, "the_trade": after.trade_id})
    except IntegrityError as error:
        raise_broken_promise(error, after)
        raise


def raise_broken_promise(error: IntegrityError, row: Trade) -> None:
    """Raise what the violated index stands for; return when it is none of ours.

    PostgreSQL names the index, SQLite its columns.
    """
    said = str(error.orig)
    for index, promise in (
        (ONE_ACTIVE_TRADE, SlotTaken(f"{row.resource} has an active trade already")),
        (ONE_TRADE_PER_ANALYSIS, AnalysisSeen(f"a trade has come of the analysis {row.analysis_id} already")),
    ):
        columns = ", ".join(f"trade.{column.name}" for column in index.columns)
        if str(index.name) in said or said.endswith(columns):
            raise promise from error
