"""At what price an order fills when all that is known are the ticks of a bar.

Between two ticks of one bar the price is taken to have passed through every price in between: that is its *path*, from
the previous tick (not included: its time is over) to the current one (included). Between two bars there is a gap and
no path, so a bar's first tick has none.

**Closing.** A stop or a target lives in the application, which sees one price a tick and closes with the level as the
expected price. Where that level lies on the path, the market traded there on the way, and the close fills there:

- a stop inside a bar fills at the stop. It is not charged the bar's whole extreme, which comes after it on the path;
- a target inside a bar fills at the target. It is not given the bar's whole extreme either.

Where the path never touched the level, the close fills at the current tick. So a gap through a stop fills at the
open, which is worse than the stop, never at the stop; a gap through a target fills at the open, which is better; a
close without a level (time, day end, operator) expects the current price and gets it.

**Opening.** The expected price is what was seen when the open was decided. No level was resting in the market, so a
late order may not be filled at a price that has gone by: where the path touched the expected price, the fill is the
worse of that and the current tick.

Slippage is added last, always against us. Buying (opening a buy, closing a sell) happens on the path of the ask,
selling on the path of the bid. All prices here are whole points, so that nothing is rounded twice.
"""

from __future__ import annotations

import math

ON_GRID = 1e-6  # points; a price this near to a whole point is that point


def passed(previous: int | None, current: int, level: float) -> int | None:
    """The first point at or beyond ``level`` on the path from ``previous`` to ``current``; None where not touched.

    A level between two points is met at the next one in the direction of travel. One that is not finite is never met.
    """
    if previous is None or not math.isfinite(level):
        return None
    nearest = round(level)
    if abs(level - nearest) > ON_GRID:
        nearest = math.ceil(level) if current > previous else math.floor(level)
    if previous < nearest <= current or current <= nearest < previous:
        return nearest
    return None


def fill_points(
    previous: int | None, current: int, expected: float, *, buying: bool, opening: bool, slippage: int
) -> int:
    """The price of a fill, in points, as the module describes.

    ``previous`` and ``current`` are the asks (buying) or bids (selling) of two ticks of one bar; ``previous`` is None
    at a bar's first tick. ``slippage`` is at least zero.
    """
    met = passed(previous, current, expected)
    if met is None:
        price = current
    elif opening:
        price = max(met, current) if buying else min(met, current)
    else:
        price = met
    return price + slippage if buying else price - slippage
