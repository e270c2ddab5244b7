"""What an adjustment makes of a trade, whoever asked for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from trading.analysis import Strategy
from trading.exit_levels import tightened
from trading.market import SECOND
from trading.settings_strategies import StrategySettings
from trading.trade import Trade


def adjusted(
    trade: Trade,
    stop_price: float,
    target_price: float | None,
    strategy: Strategy | None,
    strategies: Mapping[Strategy, StrategySettings],
) -> Trade:
    """The trade with these levels, and under this strategy unless it is None.

    The stop only tightens; a stop or a target that is no number leaves the one in force.
    """
    if target_price is not None and not math.isfinite(target_price):
        target_price = trade.target_price
    changed = replace(trade, stop_price=tightened(trade, stop_price), target_price=target_price)
    return changed if strategy is None else under_strategy(changed, strategy, strategies[strategy])


def under_strategy(trade: Trade, strategy: Strategy, settings: StrategySettings) -> Trade:
    """The trade as this strategy ends its trades: its longest hold, its day end, its trailing.

    The hold counts from the order, as if the strategy had been this one all along. The stop's distance stays the one
    agreed at entry, and a trailing stop follows at that distance.
    """
    return replace(
        trade,
        strategy=strategy,
        time_stop_at=trade.submitted_at + round(settings.longest_hold_seconds * SECOND),
        closes_at_day_end=settings.closes_at_day_end,
        trailing_distance=trade.stop_distance if settings.trailing else None,
    )
