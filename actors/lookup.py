"""Looking things up at the broker: what became of an order, and whether the ledger still tells the truth.

Only a *clean* scan counts: every question of it was answered. "Not found" means nothing until enough clean scans over
a quarantine have said so, because a broker may execute late; and even then the order is watched for lateness.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from actors.desk import Absence, Desk, as_open
from actors.system.context import Context
from trading.market import HOUR, Deal, Entry, Instant, Order, Position
from trading.trade import CloseReason, Trade, TradeState, prefix_of

QUARANTINE_SECONDS = 120.0
CLEAN_SCANS_TO_FAIL = 3
CLEAN_SCANS_TO_MISS = 2  # an OPEN position that is gone
CLEAN_SCANS_TO_ALERT = 6  # when it is gone, and no deals say how
HISTORY_MARGIN = HOUR  # brokers' clocks differ from ours a little


@dataclass(frozen=True, slots=True)
class Findings:
    """What one clean scan saw."""

    positions: Sequence[Position]
    orders: Sequence[Order]
    deals: Sequence[Deal]

    def position_of(self, trade: Trade) -> Position | None:
        """The trade's live position."""
        return position_of(trade, self.positions)

    def deals_of(self, trade: Trade) -> list[Deal]:
        """The deals of the trade's position: by its identifier, since a broker's own closing deal has no magic."""
        ids = {trade.position_id}
        if trade.position_id is None:
            ids = {deal.position_id for deal in self.deals if deal.magic == trade.magic}
        return [deal for deal in self.deals if deal.position_id in ids]


def position_of(trade: Trade, positions: Sequence[Position]) -> Position | None:
    """The trade's position: by its identifier where that is known, by the order's magic where it is not yet."""
    if trade.position_id is not None:
        return next((position for position in positions if position.position_id == trade.position_id), None)
    return next((position for position in positions if position.magic == trade.magic), None)


def history_start(trade: Trade) -> Instant:
    """From where on the broker's history is asked for what belongs to this trade."""
    return trade.submitted_at - HISTORY_MARGIN


def scan(desk: Desk) -> Findings:
    """One clean scan. Raises `ConnectorError` when any question was not answered."""
    positions = desk.connector.positions(desk.deadline)
    doubtful = (*desk.trades.values(), *desk.late.values())
    missing = [trade for trade in doubtful if position_of(trade, positions) is None]
    if not missing:
        return Findings(positions, (), ())
    since = min(map(history_start, missing))
    return Findings(positions, desk.connector.orders(since, desk.deadline), desk.connector.deals(since, desk.deadline))


def resolve_unknown(desk: Desk, trade: Trade, found: Findings, context: Context) -> Trade:
    """UNKNOWN becomes OPEN, CLOSED or FAILED when a clean scan proves it; otherwise it stays."""
    position = found.position_of(trade)
    if position is not None:
        return desk.advance(trade, opened_by(trade, position), context)
    deals = found.deals_of(trade)
    if is_flat(deals):
        return desk.advance(trade, closed_by_deals(trade, deals, CloseReason.BROKER), context)
    orders = [order for order in found.orders if order.magic == trade.magic]
    if deals or any(order.accepted for order in orders):
        return trade  # it was executed, or will be: the broker's answers do not agree yet
    if orders:
        return desk.advance(trade, replace(trade, state=TradeState.FAILED, detail="the broker rejected it"), context)
    absence = desk.absences.setdefault(trade.trade_id, Absence(since_elapsed=context.elapsed()))
    absence.clean_scans += 1
    waited = context.elapsed() - absence.since_elapsed
    if absence.clean_scans < CLEAN_SCANS_TO_FAIL or waited < QUARANTINE_SECONDS:
        return trade
    reason = f"absent in {absence.clean_scans} clean scans over {waited:.0f} s"
    return desk.advance(trade, replace(trade, state=TradeState.FAILED, detail=reason), context)


def compare_open(desk: Desk, trade: Trade, found: Findings, context: Context) -> Trade:
    """An OPEN trade follows its position's ticket and volume; gone in two clean scans, it was closed without us."""
    position = found.position_of(trade)
    if position is not None:
        desk.absences.pop(trade.trade_id, None)
        if position.ticket != trade.ticket or position.volume_lots != trade.volume_lots:
            changed = replace(trade, ticket=position.ticket, volume_lots=position.volume_lots)
            return desk.advance(trade, changed, context)
        return trade
    absence = desk.absences.setdefault(trade.trade_id, Absence(since_elapsed=context.elapsed()))
    absence.clean_scans += 1
    if absence.clean_scans < CLEAN_SCANS_TO_MISS:
        return trade
    deals = found.deals_of(trade)
    if is_flat(deals):
        return desk.advance(trade, closed_by_deals(trade, deals, CloseReason.BROKER), context)
    if absence.clean_scans == CLEAN_SCANS_TO_ALERT:
        context.alert("missing", f"{trade.resource}: position {trade.position_id} is gone, and no deals say how")
    return trade


def find_strangers(desk: Desk, found: Findings, context: Context) -> None:
    """Positions of our prefix that no active trade explains.

    An order that was given up came late; or the broker executed one order twice; or a row is missing.
    """
    explained = {
        position.position_id
        for trade in (*desk.trades.values(), *desk.late.values())
        if (position := found.position_of(trade)) is not None
    }
    unaccounted = set()
    for position in found.positions:
        if prefix_of(position.magic) != desk.prefix or position.position_id in explained:
            continue
        row = desk.ledger.trades.by_magic(position.magic)
        if row is None or row.state is not TradeState.FAILED:
            unaccounted.add(position.position_id)
        else:
            context.alert("late", f"{row.resource}: order {row.magic} was executed after it was given up")
            late = replace(
                row,
                state=TradeState.LATE,
                position_id=position.position_id,
                ticket=position.ticket,
                volume_lots=position.volume_lots,
                entry_price=position.open_price,
                opened_at=position.open_time,
            )
            desk.advance(row, late, context)
    if unaccounted - desk.unaccounted:
        context.alert(
            "unaccounted",
            f"{desk.platform}: no trade in the ledger explains the positions {sorted(unaccounted)} of its own prefix; "
            "no opens on this account until they are gone",
        )
    desk.unaccounted = frozenset(unaccounted)
    show_externals(desk, explained, found, context)


def show_externals(desk: Desk, explained: Collection[int], found: Findings, context: Context) -> None:
    """Say once of each position of other programs and of people that it is there: it uses margin of the account."""
    external = {
        position.position_id
        for position in found.positions
        if prefix_of(position.magic) != desk.prefix and position.position_id not in explained
    }
    if external - desk.external:
        context.alert(
            "external",
            f"{desk.platform}: the account holds {len(external)} positions of others: {sorted(external)}; "
            "they are never touched",
        )
    desk.external = frozenset(external)


def opened_by(trade: Trade, position: Position) -> Trade:
    """The trade as OPEN, with the facts of the position that was found."""
    return as_open(
        trade,
        position_id=position.position_id,
        ticket=position.ticket,
        price=position.open_price,
        volume_lots=position.volume_lots,
        at=position.open_time,
    )


def is_flat(deals: Sequence[Deal]) -> bool:
    """True when deals went in, and as much came out again."""
    inward = sum(deal.volume_lots for deal in deals if deal.entry is Entry.IN)
    outward = sum(deal.volume_lots for deal in deals if deal.entry is Entry.OUT)
    return inward > 0 and abs(inward - outward) < 1e-9


def closed_by_deals(trade: Trade, deals: Sequence[Deal], reason: CloseReason) -> Trade:
    """The trade as CLOSED: its profit is the sum of the broker's deals, to the cent, and nothing else.

    ``reason`` is what it was closed for when nobody here had a reason yet.
    """
    inward = [deal for deal in deals if deal.entry is Entry.IN]
    outward = [deal for deal in deals if deal.entry is Entry.OUT]
    if any(deal.magic == trade.magic for deal in inward) and all(deal.magic != trade.magic for deal in outward):
        without_us = CloseReason.BROKER  # it carried our number in, and none of ours took it out
    else:
        without_us = None
    return replace(
        trade,
        state=TradeState.CLOSED,
        position_id=inward[0].position_id,
        volume_lots=sum(deal.volume_lots for deal in inward),
        entry_price=average_price(inward),
        opened_at=inward[0].time,
        exit_price=average_price(outward),
        closed_at=max(deal.time for deal in outward),
        close_reason=without_us or trade.close_reason or reason,
        profit=round(sum(deal.net for deal in deals), 2),
        detail=f"broker: {outward[-1].reason}",
    )


def average_price(deals: Sequence[Deal]) -> float:
    """The volume-weighted price of some deals."""
    if len(deals) == 1:
        return deals[0].price
    volume = sum(deal.volume_lots for deal in deals)
    return sum(deal.price * deal.volume_lots for deal in deals) / volume
