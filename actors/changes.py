"""What changes of a trade, in the words of the journal and of the log; and what a fill makes of it."""

from __future__ import annotations

import logging

from trading.market import Instant
from trading.records import altered
from trading.trade import Trade, TradeState

log = logging.getLogger("watchbill.platform")

NOTED = (
    "strategy",
    "stop_price",
    "target_price",
    "volume_lots",
    "entry_price",
    "exit_price",
    "close_reason",
    "profit",
    "detail",
)


def log_transition(before: Trade, after: Trade) -> None:
    """One line of the log for a change of state; adjustments stay in the journal."""
    if after.state is before.state or not log.isEnabledFor(logging.INFO):
        return
    said = [f"{after.resource} {after.side} {after.volume_lots:g} lots: {before.state} to {after.state}"]
    if after.state is TradeState.OPEN:
        said.append(f"at {after.entry_price}, stop {after.stop_price:.6g}")
    elif after.state is TradeState.CLOSED:
        said.append(f"by {after.close_reason} at {after.exit_price}, profit {after.profit:+.2f}")
    elif after.detail:
        said.append(after.detail)
    log.info(", ".join(said), extra={"trade_id": after.trade_id})


def changes(before: Trade, after: Trade) -> dict[str, object]:
    """The facts that a transition changed, for the journal."""
    found: dict[str, object] = {}
    for name in NOTED:
        value = getattr(after, name)
        if value != getattr(before, name) and value is not None:
            found[name] = value
    return found


def as_open(trade: Trade, *, position_id: int, ticket: int, price: float, volume_lots: float, at: Instant) -> Trade:
    """The trade with the broker's own facts. The agreed distances are laid from the real entry, once."""
    sign = trade.side.sign
    target = trade.target_price
    if trade.target_distance is not None:
        target = price + sign * trade.target_distance
    return altered(
        trade,
        state=TradeState.OPEN,
        position_id=position_id,
        ticket=ticket,
        entry_price=price,
        volume_lots=volume_lots,
        opened_at=at,
        stop_price=price - sign * trade.stop_distance,
        target_price=target,
        detail="",
    )
