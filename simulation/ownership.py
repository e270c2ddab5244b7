"""Whose a position of a netting account is, counted from what the broker really dealt.

The program has a count of its own (`trading/shares.py`), order by order. This one is for those who judge it, and goes
another way: it follows every lot from holder to holder. Strangers are one holder, with the number 0. What a close of
ours opened, since somebody else had closed before it, is held by the order's negative number: it belongs to no trade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from trading.market import Deal, Entry, Side

STRANGER = 0
NOTHING_LOTS = 1e-9
Leg: TypeAlias = tuple[float, float]  # lots and price


@dataclass(slots=True)
class Holder:
    """One order's part of a merged position, or that of all strangers together."""

    lots: float = 0.0  # held now
    inward: list[Leg] = field(default_factory=list)
    outward: list[Leg] = field(default_factory=list)
    money: float = 0.0  # what the part brought
    is_shared: bool = False  # somebody else held a part of the position as well, or lost one to it
    side: Side | None = None  # of its first deal

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is held now."""
        return self.lots <= NOTHING_LOTS


class Ownership:
    """Who holds what of one position. Deals are to be added oldest first."""

    def __init__(self, deals: Iterable[Deal], is_ours: Callable[[int], bool]) -> None:
        """``is_ours``: whether a number is of one of our orders."""
        self.holders: dict[int, Holder] = {}
        for deal in deals:
            self._add(deal, deal.magic if is_ours(deal.magic) else STRANGER)

    def of(self, number: int) -> Holder:
        """The part of one order; an empty one for an order that has no deal here."""
        return self.holders.get(number, Holder())

    @property
    def our_lots(self) -> float:
        """What all of our orders hold together."""
        return sum(holder.lots for number, holder in self.holders.items() if number != STRANGER)

    def _add(self, deal: Deal, number: int) -> None:
        if deal.volume_lots <= 0:
            for holder in self.holders.values():
                holder.money += 0.0 if holder.is_shared else deal.net
            return
        opens = number not in self.holders  # our orders to close come after the one that opened
        own = self.holders.setdefault(number, Holder(side=deal.side))
        closed = 0.0 if deal.entry is Entry.IN else self._take(deal, number)
        opened = deal.volume_lots - closed
        if opened > NOTHING_LOTS and number != STRANGER and deal.side is not own.side:
            self.holders.setdefault(-number, Holder()).lots += opened
        elif opened > NOTHING_LOTS:
            own.lots += opened
            own.inward.append((opened, deal.price))
        elif opens and number != STRANGER:  # set off in the moment in which it was made
            own.inward.append((closed, deal.price))
            own.outward.append((closed, deal.price))
        if number != STRANGER:
            own.money += deal.commission + deal.fee
            own.is_shared = own.is_shared or (opens and closed > NOTHING_LOTS)
        holding = [holder for holder in self.holders.values() if not holder.is_nothing]
        for holder in holding:
            holder.is_shared = holder.is_shared or len(holding) > 1

    def _take(self, deal: Deal, number: int) -> float:
        """Close with a deal what is held: of whoever sent it first, then of strangers, then of all of ours."""
        held = sum(holder.lots for holder in self.holders.values())
        closed = left = min(deal.volume_lots, held)
        for of in dict.fromkeys((number, STRANGER, *self.holders)):
            holder = self.of(of)
            taken = min(left, holder.lots)
            if taken <= NOTHING_LOTS:
                continue
            left -= taken
            holder.lots -= taken
            holder.outward.append((taken, deal.price))
            cost = (deal.commission + deal.fee) * taken / deal.volume_lots if number == STRANGER else 0.0
            holder.money += (deal.profit + deal.swap) * taken / closed + cost
        return closed


def average_price(legs: Iterable[Leg]) -> float | None:
    """The price of some lots, weighted by their volumes; None where there are none."""
    known = list(legs)
    lots = sum(volume for volume, _ in known)
    return sum(volume * price for volume, price in known) / lots if lots else None
