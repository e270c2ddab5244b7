"""What a broker of our own remembers of one account, in memory. `paper_book.py` keeps the same on disk.

Everything that happens is one `Change`, recorded whole or not at all. The balance is the opening balance and the sum of
the deals, and nothing else ever touches it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeVar

from connectors.accounting import cents
from trading.market import Deal, Instant, Order, Side

Dated = TypeVar("Dated", Order, Deal)


@dataclass(frozen=True, slots=True)
class Holding:
    """A live position as the broker books it: what it is, without what it is worth at the moment."""

    ticket: int  # replaced when a netting account reverses the position
    position_id: int  # the number of the order that opened it; never changes
    magic: int
    commodity: str
    side: Side
    volume_lots: float
    open_price: float
    open_time: Instant
    swap: float  # booked so far, in account currency
    margin: float  # tied up, in account currency, fixed by the prices at which it was dealt
    comment: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to an account."""

    at: Instant
    orders: tuple[Order, ...] = ()
    deals: tuple[Deal, ...] = ()
    held: tuple[Holding, ...] = ()  # new or altered, as they stand afterwards
    gone: tuple[int, ...] = ()  # tickets
    magic: int | None = None  # sent with this, and never to be accepted again
    token: int | None = None  # the lowest one accepted from now on


class BookMoved(Exception):
    """Another process wrote the book: what was decided on the old state must be decided again on the new one."""


class AccountBook:
    """An account's balance, positions, history, magics, token, and the market instant up to which it is settled."""

    def __init__(self, opening_balance: float) -> None:
        self.balance = cents(opening_balance)
        self.token = 0  # the highest fencing token seen
        self.next_number = 1  # orders and deals are numbered from one sequence
        self.last_seen: Instant | None = None
        self.holdings: dict[int, Holding] = {}  # by ticket
        self.orders: list[Order] = []  # by time
        self.deals: list[Deal] = []  # by time
        self.magics: set[int] = set()

    def record(self, change: Change) -> None:
        """Make the change. Raises `BookMoved` where the book is shared and somebody else wrote it."""
        self._apply(change)

    def saw(self, at: Instant) -> None:
        """Note how far the market was followed, for a restart to go on from there. Raises `BookMoved` as `record`."""
        self.last_seen = at

    def reload(self) -> None:
        """Take the state from where it is kept. In memory there is no other place."""

    def close(self) -> None:
        """Let go of where it is kept."""

    def orders_since(self, since: Instant) -> Sequence[Order]:
        """The orders from ``since`` on, oldest first."""
        return _since(self.orders, since)

    def deals_since(self, since: Instant) -> Sequence[Deal]:
        """The deals from ``since`` on, oldest first."""
        return _since(self.deals, since)

    def holding_in(self, commodity: str) -> Holding | None:
        """The first position in a commodity, by ticket: on a netting account, the only one."""
        found = (holding for _, holding in sorted(self.holdings.items()) if holding.commodity == commodity)
        return next(found, None)

    def net_volume(self, commodity: str, before: Instant) -> float:
        """Lots bought minus lots sold that were held just before an instant, in this commodity."""
        held = sum(h.side.sign * h.volume_lots for h in self.holdings.values() if h.commodity == commodity)
        later = sum(
            deal.side.sign * deal.volume_lots for deal in self.deals_since(before) if deal.commodity == commodity
        )
        return held - later

    def _apply(self, change: Change) -> None:
        for order in change.orders:
            self.orders.append(order)
            self.next_number = max(self.next_number, order.order + 1)
        for deal in change.deals:
            self.deals.append(deal)
            self.next_number = max(self.next_number, deal.deal + 1)
            self.balance = cents(self.balance + deal.net)
        for holding in change.held:
            self.holdings[holding.ticket] = holding
        for ticket in change.gone:
            del self.holdings[ticket]
        if change.magic is not None:
            self.magics.add(change.magic)
        if change.token is not None:
            self.token = change.token
        self.last_seen = change.at


def _since(dated: list[Dated], since: Instant) -> Sequence[Dated]:
    return tuple(dated[bisect_left(dated, since, key=attrgetter("time")) :])
