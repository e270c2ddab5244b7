"""Writing a new stop, target or strategy of an open trade to the ledger. None of it is ever sent to a broker."""

from __future__ import annotations

import math
from dataclasses import replace

from actors.desk import Desk
from actors.messages import Adjust
from actors.system.context import Context
from trading.analysis import Strategy
from trading.exits import tightened
from trading.market import SECOND
from trading.settings_strategies import StrategySettings
from trading.trade import Trade, TradeState


def adjust(desk: Desk, message: Adjust, context: Context) -> None:
    """Write what differs. The stop only tightens, whoever asks; a target that is no number is not taken."""
    trade = desk.trades.get(message.commodity)
    if trade is None or trade.trade_id != message.trade_id or trade.state is not TradeState.OPEN:
        return
    stop, target = tightened(trade, message.stop_price), message.target_price
    if target is not None and not math.isfinite(target):
        target = trade.target_price
    adjusted = replace(trade, stop_price=stop, target_price=target)
    if message.strategy is not None:
        adjusted = under_strategy(adjusted, message.strategy, desk.settings.strategies[message.strategy])
    if adjusted == trade:
        return
    said: dict[str, object] = {
        "stop_before": trade.stop_price,
        "stop_after": stop,
        "target_before": trade.target_price,
        "target_after": target,
    }
    if adjusted.strategy is not trade.strategy:
        said |= {"strategy_before": trade.strategy.value, "strategy_after": adjusted.strategy.value}
    line = desk.entry("adjustment", message.reason, context, trade, detail=said)
    desk.advance(trade, adjusted, context, line)


def under_strategy(trade: Trade, strategy: Strategy, settings: StrategySettings) -> Trade:
    """The trade as this strategy ends its trades: its longest hold, its day end, its trailing.

    The hold counts from the opening, as if the strategy had been this one all along. The stop's distance stays the one
    agreed at entry, and a trailing stop follows at that distance.
    """
    opened_at = trade.submitted_at if trade.opened_at is None else trade.opened_at
    return replace(
        trade,
        strategy=strategy,
        time_stop_at=opened_at + round(settings.longest_hold_seconds * SECOND),
        closes_at_day_end=settings.closes_at_day_end,
        trailing_distance=trade.stop_distance if settings.trailing else None,
    )
