"""What trades of one group of commodities lose together.

The catalogue puts commodities into groups that tend to move together: the pairs with the dollar, the crypto currencies.
Each trade bets on its group's common factor in one direction. Long EURUSD and long GBPUSD both lose when the dollar
rises; short USDJPY, written the other way round, loses then, too. In each direction the risks to the stop add up, and
the worse of the two is what a move of the common factor can cost.

What stands on the other side is not taken off. Two trades that should hedge each other may both lose, one after the
other, and a hedge that is closed first would leave the rest above the cap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from trading.commodities import Commodity
from trading.market import Side


def direction(commodity: Commodity, side: Side) -> int:
    """+1 where a trade gains when its group's common factor rises, -1 where it loses.

    The factor of a group that is named like a currency is that currency's value: a buy of a pair that is priced in it
    bets against it. In every other group the prices themselves rise and fall together.
    """
    bets_against = commodity.group == commodity.profit_currency != commodity.base_currency
    return -side.sign if bets_against else side.sign


def risk_in_direction(risks: Iterable[tuple[int, float]], wanted: int) -> float:
    """The risks to the stop (account currency) of the trades of one group that bet in this direction, +1 or -1."""
    return math.fsum(risk for trade_direction, risk in risks if trade_direction == wanted)


def free_group_budget(
    equity: float, group_risk_fraction: float, risks: Iterable[tuple[int, float]], wanted: int
) -> float:
    """What one more trade of the group in this direction may lose at its stop, in account currency, never below 0.

    ``risks``: direction and risk to the stop of each trade in being of the same group on the same account.
    """
    return max(0.0, equity * group_risk_fraction - risk_in_direction(risks, wanted))
