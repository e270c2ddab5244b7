"""Looking things up at the broker: what became of an order, and whether the ledger still tells the truth.

Only a *clean* scan counts: every question of it was answered. "Not found" means nothing until enough clean scans over
a quarantine have said so, because a broker may execute late; and even then the order is watched for lateness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from actors.changes import as_open
from actors.desk import Absence, Desk
from actors.externals import show_externals
from actors.system.context import Context
from persistence.errors import LedgerUnavailable
from trading.market import DAY, HOUR, Deal, Entry, Instant, Order, Position
from trading.records import altered
from trading.shares import VOLUME_DECIMALS, Share, share_of, whole
from trading.trade import CloseReason, Trade, TradeState

QUARANTINE_SECONDS = 120.0
CLEAN_SCANS_TO_FAIL = 3
CLEAN_SCANS_TO_MISS = 2  # an OPEN position that is gone
CLEAN_SCANS_TO_ALERT = 6  # when it is gone, and no deals say how
HISTORY_MARGIN = HOUR  # brokers' clocks differ from ours a little
SEARCH_MARGIN = DAY  # and ours may have been wrong by time zones when the order was written down, and set since


@dataclass(frozen=True, slots=True)
class Findings:
    """What one clean scan saw."""

    positions: Sequence[Position]
    orders: Sequence[Order]
    deals: Sequence[Deal]
    netting: bool = False  # positions are everybody's, and only a share of one may be ours

    def position_of(self, trade: Trade) -> Position | None:
        """The trade's live position; on a netting account the trade's part of it, None when no part is left.

        That is found by its identifier, and before it is known by the order's number: on a netting account by the
        deals that carry the number, since the position shows that of whoever traded last.
        """
        if not self.netting:
            return position_of(trade, self.positions)
        share, ids = self.share_of(trade), self._position_ids(trade)
        position = next(
            (p for p in self.positions if (p.position_id in ids or p.magic == trade.magic) and p.side is trade.side),
            None,
        )
        if position is None or share.is_over:
            return None
        # Deals may be shown later than the position they made: until then the row says how much can be ours at most.
        volume_lots = min(position.volume_lots, share.volume_lots if share.deals else trade.volume_lots)
        part = volume_lots / position.volume_lots
        return replace(
            position,
            volume_lots=volume_lots,
            open_price=entry_price(share.deals, position.open_price),
            profit=position.profit * part,
            swap=position.swap * part,
        )

    def share_of(self, trade: Trade) -> Share:
        """The deals that make the trade's profit, and what is left of its volume.

        By the position's identifier, since a broker's own closing deal has no number of ours. The deal that opened it
        has: where that is another's, the identifier is one that another account has given again, and nothing is ours.
        """
        ids = self._position_ids(trade)
        deals = [deal for deal in self.deals if deal.position_id in ids]
        return share_of(trade.magic, deals) if self.netting else whole(trade.magic, deals)

    def _position_ids(self, trade: Trade) -> set[int]:
        if trade.position_id is not None:
            return {trade.position_id}
        return {deal.position_id for deal in self.deals if deal.magic == trade.magic}


def position_of(trade: Trade, positions: Sequence[Position]) -> Position | None:
    """The trade's position: by its identifier where that is known, by the order's magic where it is not yet."""
    if trade.position_id is not None:
        return next((position for position in positions if position.position_id == trade.position_id), None)
    return next((position for position in positions if is_its_order(trade, position)), None)


def is_its_order(trade: Trade, position: Position) -> bool:
    """Whether a position may have come of the trade's order. Another ledger may happen to have drawn our prefix."""
    return (position.magic, position.commodity, position.side) == (trade.magic, trade.commodity, trade.side)


def history_start(trade: Trade) -> Instant:
    """From where on the broker's history is asked for what belongs to this trade."""
    return trade.submitted_at - SEARCH_MARGIN


def scan(desk: Desk) -> Findings:
    """One clean scan. Raises `ConnectorError` when any question was not answered.

    The history is asked for where a position is missing; on a netting account always, for what is shown there does not
    say what of it is ours.
    """
    netting = desk.connector.capabilities.netting
    positions = desk.connector.positions(desk.deadline)
    doubtful = (*desk.trades.values(), *desk.late.values())
    missing = [trade for trade in doubtful if netting or position_of(trade, positions) is None]
    if not missing:
        return Findings(positions, (), (), netting)
    since = min(map(history_start, missing))
    orders, deals = desk.connector.orders(since, desk.deadline), desk.connector.deals(since, desk.deadline)
    return Findings(positions, orders, deals, netting)


def resolve_unknown(desk: Desk, trade: Trade, found: Findings, context: Context) -> Trade:
    """UNKNOWN becomes OPEN, CLOSED or FAILED when a clean scan proves it; otherwise it stays."""
    position = found.position_of(trade)
    if position is not None:
        return desk.advance(trade, opened_by(trade, position), context)
    share = found.share_of(trade)
    if share.is_over:
        return desk.advance(trade, closed_by_deals(trade, share.deals, reason_of(desk, trade, share)), context)
    orders = [order for order in found.orders if order.magic == trade.magic]
    if share.deals or any(order.accepted for order in orders):
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
        tell_of_merger(desk, trade, position, found, context)
        if position.ticket != trade.ticket or position.volume_lots != trade.volume_lots:
            changed = replace(trade, ticket=position.ticket, volume_lots=position.volume_lots)
            try:
                return desk.advance(trade, changed, context)
            except LedgerUnavailable:
                desk.believe(changed, context)  # no close names more than was seen, whatever the row says
                raise
        return trade
    absence = desk.absences.setdefault(trade.trade_id, Absence(since_elapsed=context.elapsed()))
    absence.clean_scans += 1
    if absence.clean_scans < CLEAN_SCANS_TO_MISS:
        return trade
    share = found.share_of(trade)
    if share.is_over:
        return desk.advance(trade, closed_by_deals(trade, share.deals, reason_of(desk, trade, share)), context)
    if absence.clean_scans == CLEAN_SCANS_TO_ALERT:
        context.alert("missing", f"{trade.resource}: position {trade.position_id} is gone, and no deals say how")
    return trade


def find_strangers(desk: Desk, found: Findings, context: Context) -> None:
    """Positions that no active trade explains.

    Of our prefix: an order that was given up came late; or the broker executed one order twice; or a row is missing.
    Of others: external.
    """
    explained = {
        position.position_id
        for trade in (*desk.trades.values(), *desk.late.values())
        if (position := found.position_of(trade)) is not None
    }
    unaccounted, external = set(), {}
    for position in found.positions:
        if position.position_id in explained:
            continue
        row = desk.ledger.trades.by_magic(position.magic) if desk.is_ours(position.magic) else None
        if not desk.is_ours(position.magic) or (row is not None and _is_left_by(row, position, found)):
            external[position.position_id] = position
        elif row is not None and row.state is TradeState.FAILED and (found.netting or is_its_order(row, position)):
            came_late(desk, row, found.position_of(row) or position, context)
        else:
            unaccounted.add(position.position_id)
    if unaccounted - desk.unaccounted:
        context.alert(
            "unaccounted",
            f"{desk.platform}: no trade in the ledger explains the positions {sorted(unaccounted)} of its own prefix; "
            "no opens on this account until they are gone",
        )
    desk.unaccounted = frozenset(unaccounted)
    if unaccounted:
        desk.disowned = desk.ledger.disowned.of(desk.platform)  # an operator may have declared them so by now
    show_externals(desk, external, context)


def _is_left_by(row: Trade, position: Position, found: Findings) -> bool:
    """True for what strangers still hold of a netting account's position after our share of it was closed.

    It may go on showing our number. On the other side of the trade it would be a close of ours that reversed it.
    """
    return found.netting and row.state is TradeState.CLOSED and position.side is row.side


def came_late(desk: Desk, failed: Trade, position: Position, context: Context) -> Trade:
    """An order that was given up has a position after all."""
    context.alert("late", f"{failed.resource}: order {failed.magic} was executed after it was given up")
    late = replace(
        failed,
        state=TradeState.LATE,
        position_id=position.position_id,
        ticket=position.ticket,
        volume_lots=position.volume_lots,
        entry_price=position.open_price,
        opened_at=position.open_time,
    )
    return desk.advance(failed, late, context)


def tell_of_merger(desk: Desk, trade: Trade, part: Position, found: Findings, context: Context) -> None:
    """Say once when a stranger trades into the position of a trade: only what is ours of it is ever closed."""
    merged = next(p for p in found.positions if p.position_id == part.position_id)
    if merged.volume_lots > part.volume_lots and trade.trade_id not in desk.merged:
        desk.merged.add(trade.trade_id)
        context.alert(
            "merged",
            f"{trade.resource}: position {merged.position_id} holds {merged.volume_lots:g} lots, and "
            f"{part.volume_lots:g} of them are ours; only these will be closed",
        )


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


def reason_of(desk: Desk, trade: Trade, share: Share) -> CloseReason:
    """Why a trade is over whose row does not say so: what was sent without the ledger, or else what the deals tell.

    A process that closed without the ledger and died has taken its reason with it. That it was ours shows in the
    number of the deal that closed; that it was the stop or the target, in its price.
    """
    unwritten = desk.unwritten.get(trade.trade_id)
    return reason_shown(trade, share) if unwritten is None else unwritten.reason


def reason_shown(trade: Trade, share: Share) -> CloseReason:
    """Why a trade is over, as far as its deals tell: by whose number closed it, and at which price."""
    ours = [deal for deal in share.deals if deal.magic == trade.magic and deal.entry is not Entry.IN]
    if not ours:
        return CloseReason.BROKER
    exit_price, sign = average_price(ours), trade.side.sign
    if sign * (exit_price - trade.stop_price) <= 0:
        return CloseReason.TRAILING_STOP if trade.trailed else CloseReason.STOP
    if trade.target_price is not None and sign * (exit_price - trade.target_price) >= 0:
        return CloseReason.TARGET
    return CloseReason.UNRECORDED


def closed_by_deals(trade: Trade, deals: Sequence[Deal], reason: CloseReason) -> Trade:
    """The trade as CLOSED: its profit is the sum of the broker's deals, to the cent, and nothing else.

    ``reason`` is what it was closed for when nobody here had a reason yet.
    """
    inward = [deal for deal in deals if deal.entry is Entry.IN and deal.volume_lots > 0]
    outward = [deal for deal in deals if deal.entry is not Entry.IN and deal.volume_lots > 0]
    if any(deal.magic == trade.magic for deal in inward) and all(deal.magic != trade.magic for deal in outward):
        without_us = CloseReason.BROKER  # it carried our number in, and none of ours took it out
    else:
        without_us = None
    return altered(
        trade,
        state=TradeState.CLOSED,
        position_id=inward[0].position_id,
        volume_lots=round(sum(deal.volume_lots for deal in inward), VOLUME_DECIMALS),
        entry_price=average_price(inward),
        opened_at=inward[0].time,
        exit_price=average_price(outward),
        closed_at=max(deal.time for deal in outward),
        close_reason=without_us or trade.close_reason or reason,
        profit=profit_of(deals),
        detail=f"broker: {outward[-1].reason}",
    )


def profit_of(deals: Sequence[Deal]) -> float:
    """What some deals brought together, to the cent: profit, swap, commission and fee."""
    return round(math.fsum(deal.net for deal in deals), 2)


def entry_price(deals: Sequence[Deal], otherwise: float) -> float:
    """The average price at which some deals went in; ``otherwise`` where none is known to."""
    inward = [deal for deal in deals if deal.entry is Entry.IN and deal.volume_lots > 0]
    return average_price(inward) if inward else otherwise


def average_price(deals: Sequence[Deal]) -> float:
    """The volume-weighted price of some deals."""
    if len(deals) == 1:
        return deals[0].price
    volume = sum(deal.volume_lots for deal in deals)
    return sum(deal.price * deal.volume_lots for deal in deals) / volume
