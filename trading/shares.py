"""What of a position belongs to one order, told from the broker's deals.

On a hedging account every order has a position of its own: all of its deals, and all of its volume. On a netting
account the orders of everybody who trades the symbol are merged into one position, which shows one volume, one average
price, and the number of whoever came last. The deals alone still say who brought what:

- an order's share grows by its own deals in, and shrinks by its own deals out;
- what a stranger takes out comes from the strangers' part first, and only the rest of it from the order's share;
- a reversal ends every share: what it leaves belongs to whoever reversed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trading.market import Deal, Entry

SAME_VOLUME_LOTS = 1e-9
VOLUME_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Share:
    """One order's part of a position, and the deals that made it what it is."""

    deals: tuple[Deal, ...]  # oldest first; their net sum is what the share brought
    volume_lots: float  # what is left of it
    with_others: bool = False  # somebody else traded into the position while the share lasted

    @property
    def is_over(self) -> bool:
        """True when something went in, and all of it came out again."""
        went_in = any(deal.entry is Entry.IN and deal.volume_lots > 0 for deal in self.deals)
        return went_in and abs(self.volume_lots) < SAME_VOLUME_LOTS


def whole(deals: Iterable[Deal]) -> Share:
    """The share of an order that has its position for itself: ``deals`` are all those of the position."""
    ordered = _by_time(deals)
    inward = sum(deal.volume_lots for deal in ordered if deal.entry is Entry.IN)
    outward = sum(deal.volume_lots for deal in ordered if deal.entry is Entry.OUT)
    return Share(tuple(ordered), round(inward - outward, VOLUME_DECIMALS))


def share_of(magic: int, deals: Iterable[Deal]) -> Share:
    """The share of the order ``magic`` in a position that others may trade into: ``deals`` are all those of it.

    A deal without volume corrects money: it counts for the share as long as nobody else has one.
    """
    ours = others = 0.0
    mine: list[Deal] = []
    with_others = False
    for deal in _by_time(deals):
        own, lots = deal.magic == magic, deal.volume_lots
        if lots <= 0:
            if mine and not with_others:
                mine.append(deal)
        elif deal.entry is Entry.IN:
            if own:
                ours += lots
                mine.append(deal)
                with_others = with_others or others > SAME_VOLUME_LOTS
            else:
                others += lots
                with_others = with_others or ours > SAME_VOLUME_LOTS
        elif deal.entry is Entry.OUT:
            taken = min(ours, lots) if own else min(ours, max(0.0, lots - others))
            others = max(0.0, others - (lots - taken))
            ours -= taken
            if own or taken > SAME_VOLUME_LOTS:
                mine.append(deal)
        else:
            if own or ours > SAME_VOLUME_LOTS:
                mine.append(deal)
            others, ours = max(0.0, lots - ours - others), 0.0
    return Share(tuple(mine), round(ours, VOLUME_DECIMALS), with_others)


def _by_time(deals: Iterable[Deal]) -> Sequence[Deal]:
    return sorted(deals, key=lambda deal: (deal.time, deal.deal))
