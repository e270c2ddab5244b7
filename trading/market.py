"""The value types that every room shares: sides, quotes, bars, positions, deals, instruments, accounts.

Every instant in the program is an ``Instant``: whole milliseconds since 1970-01-01 in UTC. Whole numbers compare
exactly, survive a database round trip, and cannot carry a forgotten time zone. Durations are in seconds and say so
in their names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

Instant: TypeAlias = int
"""Milliseconds since 1970-01-01T00:00:00Z."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def instant(moment: datetime) -> Instant:
    """The instant of an aware ``datetime``. Raises ``ValueError`` for a naive one: it names no moment."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone, so it names no instant")
    whole = moment.astimezone(UTC)
    return int(whole.replace(microsecond=0).timestamp()) * SECOND + whole.microsecond // 1_000


def moment(at: Instant) -> datetime:
    """The instant as an aware ``datetime`` in UTC."""
    seconds, milliseconds = divmod(at, SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1_000)


def iso(at: Instant) -> str:
    """The instant in ISO 8601, UTC, with a trailing Z; milliseconds only where there are any."""
    timespec = "milliseconds" if at % SECOND else "seconds"
    return moment(at).replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


class Side(StrEnum):
    """The direction of a trade."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The side that closes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


@dataclass(frozen=True, slots=True)
class Quote:
    """Both prices of one commodity on one account, in the commodity's price units."""

    commodity: str
    bid: float
    ask: float
    time: Instant

    @property
    def mid(self) -> float:
        """Half way between bid and ask."""
        return (self.bid + self.ask) / 2

    @property
    def spread(self) -> float:
        """Ask minus bid, in price units."""
        return self.ask - self.bid

    def opening_price(self, side: Side) -> float:
        """What a market order pays to open ``side``: the ask for a buy, the bid for a sell."""
        return self.ask if side is Side.BUY else self.bid

    def closing_price(self, side: Side) -> float:
        """What a position of ``side`` gets when it closes: the bid for a buy, the ask for a sell."""
        return self.bid if side is Side.BUY else self.ask


def quote_fault(quote: Quote, *, may_be_negative: bool = False) -> str | None:
    """Why this quote may never trigger anything, or None when it may.

    NaN, infinite and crossed quotes are faults; so is a price at or below zero, unless the commodity allows it.
    """
    if not (math.isfinite(quote.bid) and math.isfinite(quote.ask)):
        return "not finite"
    if quote.bid > quote.ask:
        return "crossed"
    if not may_be_negative and quote.bid <= 0:
        return "price at or below zero"
    return None


@dataclass(frozen=True, slots=True)
class Instrument:
    """The terms on which one account trades one commodity, as its broker states them."""

    commodity: str
    symbol: str  # the broker's own name for it
    digits: int  # decimals of a price
    contract_size: float  # units of the base in one lot
    volume_min_lots: float
    volume_max_lots: float
    volume_step_lots: float
    profit_currency: str  # the currency in which a price difference is paid
    leverage: float  # notional value over margin
    commission_per_lot: float  # per side, in account currency
    swap_long_per_lot: float  # per night, in account currency; negative is a charge
    swap_short_per_lot: float

    @property
    def point(self) -> float:
        """The smallest price step."""
        return 10.0**-self.digits


@dataclass(frozen=True, slots=True)
class Account:
    """An account as its broker shows it, in its own currency."""

    platform: str
    currency: str
    balance: float
    equity: float
    margin_used: float
    time: Instant

    @property
    def margin_free(self) -> float:
        """Equity that no position ties up."""
        return self.equity - self.margin_used


@dataclass(frozen=True, slots=True)
class Position:
    """A live position at a broker."""

    ticket: int  # may change in a broker's hands
    position_id: int  # never changes
    magic: int  # the order's number of ours; 0 when a person opened it
    commodity: str
    side: Side
    volume_lots: float
    open_price: float
    open_time: Instant
    swap: float
    profit: float  # unrealised, at the current closing price, without swap and commission
    comment: str


class Entry(StrEnum):
    """Whether a deal went into a position or out of it."""

    IN = "in"
    OUT = "out"
    IN_OUT = "in/out"  # netting accounts only: it closed the position and opened the opposite one with the rest


@dataclass(frozen=True, slots=True)
class Deal:
    """One execution at a broker. The profit of a trade is the sum of `net` over the deals of its position."""

    deal: int
    order: int
    position_id: int
    magic: int
    commodity: str
    side: Side
    entry: Entry
    volume_lots: float
    price: float
    profit: float
    swap: float
    commission: float
    fee: float
    time: Instant
    reason: str  # "expert", "client", "stop out", ... in the broker's words

    @property
    def net(self) -> float:
        """Profit + swap + commission + fee, in account currency."""
        return self.profit + self.swap + self.commission + self.fee


@dataclass(frozen=True, slots=True)
class Order:
    """One order in the broker's history, whatever became of it."""

    order: int
    magic: int
    commodity: str
    side: Side
    volume_lots: float
    accepted: bool  # False: the broker rejected it, so nothing came of it
    time: Instant
    reason: str
