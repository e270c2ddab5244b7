"""What of a position belongs to one order, told from the broker's deals.

On a hedging account every order has a position of its own: all of its deals, and all of its volume. On a netting
account the orders of everybody who trades the symbol are merged into one position, which shows one volume, one average
price, and the number of whoever came last. The deals alone still say who brought what:

- an order's share grows by its own deals in, and shrinks by its own deals out;
- what a stranger takes out comes from the strangers' part first, and only the rest of it from the order's share;
- a reversal ends every share: what it leaves belongs to whoever reversed, and what a close of ours opens that was
  overtaken by one belongs to no order;
- an order to open that meets a stranger's opposite position closes that first: only what it leaves open beyond is its
  share, and what the closing brought is the stranger's.

Of a deal that closes for several, each has profit and swap by its part of what was closed. Commission and fee are paid
by the order that caused them; a stranger's are shared where they closed a share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from trading.market import Deal, Entry

SAME_VOLUME_LOTS = 1e-9
VOLUME_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Share:
    """One order's part of a position, and the deals that made it what it is."""

    deals: tuple[Deal, ...]  # oldest first, each cut to what of it concerns the share; their net sum is what it brought
    volume_lots: float  # what is left of it
    with_others: bool = False  # somebody else traded into the position while the share lasted

    @property
    def is_over(self) -> bool:
        """True when something went in, and all of it came out again."""
        went_in = any(deal.entry is Entry.IN and deal.volume_lots > 0 for deal in self.deals)
        return went_in and abs(self.volume_lots) < SAME_VOLUME_LOTS


def whole(magic: int, deals: Iterable[Deal]) -> Share:
    """The share of the order ``magic``, which has its position for itself: ``deals`` are all those of the position.

    Where other orders alone opened it, it is another position of the same identifier, and nothing of it is ours.
    """
    ordered = _as_booked(deals)
    openers = {deal.magic for deal in ordered if deal.entry is Entry.IN and deal.volume_lots > 0}
    if openers and magic not in openers:
        return Share((), 0.0)
    inward = sum(deal.volume_lots for deal in ordered if deal.entry is Entry.IN)
    outward = sum(deal.volume_lots for deal in ordered if deal.entry is Entry.OUT)
    return Share(tuple(ordered), round(inward - outward, VOLUME_DECIMALS))


def share_of(magic: int, deals: Iterable[Deal]) -> Share:
    """The share of the order ``magic`` in a position that others may trade into: ``deals`` are all those of it."""
    count = _Count(magic)
    for deal in _as_booked(deals):
        count.add(deal)
    return Share(tuple(count.mine), round(count.ours, VOLUME_DECIMALS), count.with_others)


@dataclass(slots=True)
class _Count:
    """Goes through the deals of a merged position, oldest first."""

    magic: int
    ours: float = 0.0  # lots
    others: float = 0.0  # lots, on the same side
    with_others: bool = False
    mine: list[Deal] = field(default_factory=list)

    def add(self, deal: Deal) -> None:
        """One more deal. One without volume corrects money, and counts as long as nobody else has a share."""
        own = deal.magic == self.magic
        if deal.volume_lots <= 0:
            if self.mine and not self.with_others:
                self.mine.append(deal)
        elif own and deal.entry is Entry.IN and self.mine and deal.side is not self.mine[0].side:
            self._closes_too_late(deal)
        elif deal.entry is Entry.IN:
            self._goes_in(deal, own)
        elif own and not self.mine:
            self._opens_against(deal)
        elif deal.entry is Entry.OUT:
            self._goes_out(deal, own)
        else:
            self._reverses(deal, own)

    def _goes_in(self, deal: Deal, own: bool) -> None:
        if own:
            self.ours += deal.volume_lots
            self.mine.append(deal)
            self.with_others = self.with_others or self.others > SAME_VOLUME_LOTS
        else:
            self.others += deal.volume_lots
            self.with_others = self.with_others or self.ours > SAME_VOLUME_LOTS

    def _opens_against(self, deal: Deal) -> None:
        """Our order to open met a stranger's opposite position: the first deal of a share is never its close."""
        beyond = max(0.0, deal.volume_lots - self.others) if deal.entry is Entry.IN_OUT else 0.0
        opened = round(beyond, VOLUME_DECIMALS)
        self.others = 0.0 if deal.entry is Entry.IN_OUT else max(0.0, self.others - deal.volume_lots)
        self.ours, self.with_others = opened, True
        inward = replace(deal, entry=Entry.IN, volume_lots=opened or deal.volume_lots, profit=0.0, swap=0.0)
        self.mine.append(inward)
        if not opened:  # set off against the stranger's in the moment in which it was made, at the same price
            self.mine.append(replace(inward, magic=0, entry=Entry.OUT, commission=0.0, fee=0.0))

    def _closes_too_late(self, deal: Deal) -> None:
        """A close of ours met what a stranger had reversed meanwhile, and added to it: that was not our share."""
        self.others += deal.volume_lots
        self.mine.append(replace(deal, entry=Entry.OUT, volume_lots=0.0))

    def _goes_out(self, deal: Deal, own: bool) -> None:
        lots = deal.volume_lots
        taken = min(self.ours, lots) if own else min(self.ours, max(0.0, lots - self.others))
        self.others = max(0.0, self.others - (lots - taken))
        self.ours -= taken
        self._closed(deal, own, taken, lots)

    def _reverses(self, deal: Deal, own: bool) -> None:
        closed = self.ours + self.others
        self._closed(deal, own, self.ours, closed)
        self.others, self.ours = max(0.0, deal.volume_lots - closed), 0.0

    def _closed(self, deal: Deal, own: bool, taken: float, closed: float) -> None:
        """Keep of a deal that closed ``closed`` lots what concerns the ``taken`` of them that were ours."""
        if not own and taken <= SAME_VOLUME_LOTS:
            return
        gain = taken / closed if closed > SAME_VOLUME_LOTS else 0.0
        cost = 1.0 if own else taken / deal.volume_lots
        part = replace(
            deal,
            entry=Entry.OUT,
            volume_lots=round(taken, VOLUME_DECIMALS),
            profit=deal.profit * gain,
            swap=deal.swap * gain,
            commission=deal.commission * cost,
            fee=deal.fee * cost,
        )
        self.mine.append(part)


def _as_booked(deals: Iterable[Deal]) -> Sequence[Deal]:
    """In the order of the broker's numbers. Its clock can be set back, and then a close is dated before its open."""
    return sorted(deals, key=lambda deal: deal.deal)
