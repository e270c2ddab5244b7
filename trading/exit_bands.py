"""Between which prices an open trade is left alone, as long as nothing but its price can move the rules."""

from __future__ import annotations

import math

from trading.attention import Band
from trading.exit_decisions import ExitRules
from trading.exit_levels import TRAILING_STEP
from trading.trade import Trade

MARGIN_POINTS = 0.001  # so that no rounding of a level's arithmetic hides a price that reaches it


def quiet_band(trade: Trade, rules: ExitRules) -> Band:
    """Inside it neither the stop nor the target is reached, and a trailing stop does not move by a whole step."""
    sign, margin = trade.side.sign, MARGIN_POINTS * rules.point
    gains = [] if trade.target_price is None else [trade.target_price]
    if trade.trailing_distance is not None and rules.settings.trailing.enabled:
        step = max(TRAILING_STEP * trade.trailing_distance, rules.point)
        gains.append(trade.stop_price + sign * (trade.trailing_distance + step))
    stop = trade.stop_price + sign * margin
    if sign > 0:
        return Band(trade.platform, trade.commodity, trade.side, stop, min(gains, default=math.inf) - margin)
    return Band(trade.platform, trade.commodity, trade.side, max(gains, default=-math.inf) + margin, stop)
