"""What an old copy of the ledger still has as under way in a slot, and the account's book knows to be over.

A restored backup has such a trade wherever a later one is to be adopted: each slot holds one at a time, so the ledger
that was lost had seen the end of the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from actors.changes import changes
from actors.lookup import Findings, closed_by_deals, reason_shown
from connectors.account_book import AccountBook, Holding
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.reservations import Fence
from trading.market import Instant
from trading.order_numbers import prefix_of, sequence_of
from trading.trade import Trade, TradeState, arrow


def settle_overtaken(
    ledger: Ledger, platform: str, later: Holding, book: AccountBook, fence: Fence, at: Instant
) -> list[Trade]:
    """End the active trade in the slot of ``later`` that the book knows to be over; answers what was ended.

    ``fence``: of the account's lease. ``at``: market time, for the journal. A trade that lives at the broker, or of
    which its book says too little, stays as it is. Raises `LedgerError`.
    """
    ended = []
    for row in ledger.trades.active(platform):
        if row.commodity != later.commodity:
            continue
        for step in _steps(row, later, book):
            detail = {"before": row.state.value, "after": step.state.value, **changes(row, step)}
            name = arrow(row.state, step.state)
            line = JournalEntry(at, "transition", name, platform, row.commodity, row.trade_id, row.analysis_id, detail)
            row = ledger.trades.advance(row, step, fence, line)
        if row.state in (TradeState.CLOSED, TradeState.FAILED):
            ended.append(row)
    return ended


def _steps(row: Trade, later: Holding, book: AccountBook) -> Iterator[Trade]:
    """The arrows to the end of the trade, one after the other; none where it is not known to be over."""
    if any(held.magic == row.magic or held.position_id == row.position_id for held in book.holdings.values()):
        return
    share = Findings((), book.orders, book.deals).share_of(row)
    if share.is_over:
        if row.state is TradeState.SUBMITTED:
            row = replace(row, state=TradeState.UNKNOWN, detail="found in an old copy of the ledger")
            yield row
        yield closed_by_deals(row, share.deals, reason_shown(row, share))
    elif row.position_id is None and not share.deals and _was_given_up(row, later, book):
        yield replace(row, state=TradeState.FAILED, detail=f"given up before order {later.magic} was sent in its slot")


def _was_given_up(row: Trade, later: Holding, book: AccountBook) -> bool:
    """Whether nothing came of an order: its slot would not have been free for a later one of the same account."""
    is_accepted = any(order.magic == row.magic and order.accepted for order in book.orders)
    is_later = prefix_of(later.magic) == prefix_of(row.magic) and sequence_of(later.magic) > sequence_of(row.magic)
    return is_later and not is_accepted
